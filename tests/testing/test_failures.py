"""How the kit shows a failure: few commands, one line for each, and what came of it."""

from __future__ import annotations

import re
from contextlib import nullcontext
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from testing.delegating import Delegating

import client_access as ca
from client_access.testing import ConformanceError, example_clients, run_machine, strategies
from client_access.testing.checks.frame import expect_equal

QUICK = settings(
    max_examples=2000,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def printed(error: BaseException) -> str:
    """Return what Hypothesis prints of a failing test."""
    return "\n".join(getattr(error, "__notes__", ()))


def commands_in(text: str) -> list[str]:
    """Return the lines of a walk."""
    return re.findall(r"^ *\d+\. .* -> .*$", text, re.MULTILINE)


FAULTS: tuple[tuple[tuple[type[ca.Event], ...], int], ...] = (
    ((ca.ClientAdded, ca.BusinessNameChanged), 2),
    ((ca.CustomerRegistered, ca.PracticeInvited), 2),
    ((ca.Subscribed, ca.ServiceRemoved), 3),
)
"""Events that a faulty program cannot bear one after another, and the shortest such history."""


@pytest.mark.parametrize(("events", "shortest"), FAULTS)
def test_a_fault_of_two_commands_is_found_with_one_superfluous_command_at_most(
    events: tuple[type[ca.Event], ...], shortest: int
) -> None:
    """With two of three seeds. Shrinking is a search, so one may end with two superfluous ones."""
    _, usual, most = sorted(_commands_left(events, start) for start in (1, 2, 3))
    assert usual <= shortest + 1
    assert most <= shortest + 2


def _commands_left(events: tuple[type[ca.Event], ...], start: int) -> int:
    """Return how many commands Hypothesis prints for a fault."""

    @seed(start)
    @QUICK
    @given(strategies.histories())
    def sound(history: tuple[ca.Event, ...]) -> None:
        kinds = iter([type(event) for event in history])
        assert not all(any(kind is each for each in kinds) for kind in events)

    with pytest.raises(AssertionError) as failed:
        sound()
    return len(commands_in(printed(failed.value)))


def test_a_failing_client_is_printed_as_its_life() -> None:
    """One line for each command, with the fields that `repr` hides and with what came of it."""

    @QUICK
    @given(strategies.clients(), strategies.commands(kinds=[ca.ChangeBusinessName]))
    def sound(client: ca.Client, command: ca.Command) -> None:
        assert client.status is not ca.Status.PRACTICE_ONLY

    with pytest.raises(AssertionError) as failed:
        sound()
    text = printed(failed.value)
    first, second = commands_in(text)
    assert first.endswith("AddClient by practice north, business_name='Acme' -> inactive")
    assert "Subscribe by practice north, payer=practice" in second
    assert "-> practice_only, PracticeInvoiceChanged" in second
    assert re.search(
        r"command=ChangeBusinessName\(.*, business_name='Acme'\),$", text, re.MULTILINE
    )


class LosesContacts(Delegating):
    """Needs two commands: one that adds a client, and one that changes its contact details."""

    def get(self, client_id: UUID) -> ca.Client | None:
        client = super().get(client_id)
        if client is None or client.version == 1:
            return client
        return evolve(client, contact=ca.ContactDetails())


def test_the_machine_finds_a_fault_of_two_commands_with_one_superfluous_at_most() -> None:
    with pytest.raises(ConformanceError, match=r"contact\.\w+: '' found, '\w+.*' wanted") as failed:
        run_machine(lambda: nullcontext(LosesContacts()), examples=30)
    text = printed(failed.value)
    steps = re.findall(r"^-> (.*)$", text, re.MULTILINE)
    outcomes = [outcome for step in steps for outcome in step.split("; ")]
    assert 2 <= len(outcomes) <= 3, text


def test_what_differs_is_shown_field_by_field_in_a_few_lines() -> None:
    client = example_clients()["both_access"]
    other = evolve(client, contact=evolve(client.contact, phone="1"), services=client.services[:1])
    with pytest.raises(ConformanceError) as failed:
        expect_equal([other], [client], "Both must be the same.")
    assert str(failed.value).splitlines() == [
        "Both must be the same.",
        "  [0].contact.phone: '1' found, '+44 (0)20 7946 0000 ext. 9' wanted",
        "  [0].services: 1 found, 2 wanted",
    ]


def test_of_many_differences_only_the_first_are_shown() -> None:
    with pytest.raises(ConformanceError) as failed:
        expect_equal({n: n for n in range(9)}, dict.fromkeys(range(1, 10), "x" * 500), "Advice.")
    lines = str(failed.value).splitlines()
    assert lines[1] == f"  [1]: 1 found, '{'x' * 99}... wanted"
    assert len(lines) == 8
    assert lines[-1] == "  and 4 more"
    with pytest.raises(ConformanceError, match="the answer: None found, 1 wanted"):
        expect_equal(None, 1, "Advice.")
    with pytest.raises(ConformanceError, match="the answer: 1 found, 2 wanted"):
        expect_equal([1], [1, 2], "Advice.")


def test_a_line_names_each_kind_of_actor() -> None:
    @QUICK
    @given(
        strategies.commands(
            kinds=[ca.CloseClient],
            by=st.sampled_from([ca.ClientUser(UUID(int=1)), ca.PlatformUser()]),
        ),
        st.just(None),
    )
    def sound(command: ca.Command, _: None) -> None:
        assert not isinstance(command.by, ca.PlatformUser)

    with pytest.raises(AssertionError) as failed:
        sound()
    assert re.search(
        r"CloseClient\(.*, by=PlatformUser\(.*\)\),$", printed(failed.value), re.MULTILINE
    )
