"""The kit proves itself: each planted fault is caught by the check that is meant to catch it."""

from __future__ import annotations

import inspect
import re

import pytest
from testing import (  # noqa: F401  # importing them plants the faults
    faults_in_erasing,
    faults_in_more,
    faults_in_outbox,
    faults_in_paging,
    faults_in_saving,
    faults_in_saving_once,
)
from testing.delegating import FAULTS, Delegating

import client_access as ca
from client_access import repository as protocols
from client_access.testing import CHECKS, Check, ConformanceError
from client_access.testing.checks import writers


@pytest.mark.parametrize(
    ("fault", "name"), FAULTS, ids=[f"{fault.__name__}-{name}" for fault, name in FAULTS]
)
def test_a_planted_fault_is_caught_by_the_check_that_is_meant_to(
    fault: type[Delegating], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "PATIENCE", 0.5)
    with pytest.raises(ConformanceError) as caught:
        CHECKS[name](fault())
    assert len(str(caught.value)) > 40  # it says what to do


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_where_nothing_is_planted_nothing_is_caught(check: Check) -> None:
    repository = Delegating()
    assert check.applies(repository)
    check(repository)
    check(repository)  # it makes everything of its own


def test_every_check_has_a_fault_that_it_catches() -> None:
    """A check that was never seen to fail proves nothing."""
    assert set(CHECKS) - {name for _, name in FAULTS} == set()


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_a_check_cites_the_contract_word_for_word(check: Check) -> None:
    cited = re.match(r'(\w+)(?:\.(\w+))?: (?:.|\n)*?"', check.contract)
    assert cited, f"{check.name} cites no sentence"
    protocol = getattr(protocols, cited[1])
    documented = [inspect.getdoc(protocol) or ""]
    documented += [inspect.getdoc(getattr(protocol, cited[2])) or ""] if cited[2] else []
    text = re.sub(r"\s+", " ", " ".join(documented))
    for sentence in re.findall(r'"([^"]+)"', check.contract):
        assert sentence.rstrip(".") in text, f"{check.name} cites what {cited[0]} does not say"


def test_faults_are_many_and_different() -> None:
    assert len({fault for fault, _ in FAULTS}) >= 110


def test_what_a_fault_is_planted_into_is_good() -> None:
    assert isinstance(Delegating().good, ca.MemoryRepository)
