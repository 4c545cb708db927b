"""The kit is tested too: each check catches the faults that are planted for it."""

from __future__ import annotations

import inspect
import re
from contextlib import nullcontext

import pytest
from testing import (  # noqa: F401  # importing plants the faults
    faults_in_deadlines,
    faults_in_erasing,
    faults_in_feeding,
    faults_in_locking,
    faults_in_more,
    faults_in_outbox,
    faults_in_paging,
    faults_in_saving,
    faults_in_saving_once,
    faults_in_sessions,
    faults_in_settling,
    sabotages,
)
from testing.delegating import FAULTS, Delegating, offering

from client_access import repository as protocols
from client_access.testing import CHECKS, Check, ConformanceError, run_checks
from client_access.testing.checks import writers


@pytest.mark.parametrize(
    ("fault", "name"), FAULTS, ids=[f"{fault.__name__}-{name}" for fault, name in FAULTS]
)
def test_a_check_catches_the_fault_that_is_planted_for_it(
    fault: type[Delegating], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check raises ConformanceError, with some advice, for each fault that names it."""
    monkeypatch.setattr(writers, "PATIENCE", 0.5)
    with pytest.raises(ConformanceError) as caught:
        CHECKS[name](fault())
    assert len(str(caught.value)) > 40


@pytest.mark.parametrize("sabotage", sabotages.ADVICE, ids=lambda sabotage: sabotage.__name__)
def test_a_typical_mistake_is_caught_by_a_check_that_says_what_to_do(
    sabotage: type[Delegating],
) -> None:
    """Six mistakes that adapters make; run_checks() reports each with its mend."""
    name, advice = sabotages.ADVICE[sabotage]
    report = run_checks(lambda: nullcontext(sabotage()), only=[name])
    assert not report.conforms
    assert advice in " ".join(str(report).split())


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_a_check_passes_with_the_protocols_that_it_names_and_no_others(check: Check) -> None:
    """It passes twice on one repository, because it creates everything that it needs."""
    repository = offering(*check.protocols)
    assert check.applies(repository)
    check(repository)
    check(repository)


def test_every_check_has_a_fault_that_it_catches() -> None:
    """A check that has never failed proves nothing."""
    assert set(CHECKS) - {name for _, name in FAULTS} == set()


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_a_check_quotes_the_contract(check: Check) -> None:
    """Its docstring begins with a name, `History.history:`, and quotes the docstring there."""
    cited = re.match(r'(\w+)(?:\.(\w+))?: (?:.|\n)*?"', check.contract)
    assert cited, f"{check.name} quotes no sentence"
    protocol = getattr(protocols, cited[1])
    documented = [inspect.getdoc(protocol) or ""]
    documented += [inspect.getdoc(getattr(protocol, cited[2])) or ""] if cited[2] else []
    text = re.sub(r"\s+", " ", " ".join(documented))
    for sentence in re.findall(r'"([^"]+)"', check.contract):
        assert sentence.rstrip(".") in text, f"{check.name} misquotes {cited[0]}"


def test_there_are_at_least_110_different_faults() -> None:
    assert len({fault for fault, _ in FAULTS}) >= 110
