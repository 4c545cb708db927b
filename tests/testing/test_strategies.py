"""The Hypothesis strategies of the kit reach what they promise."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import client_access as ca
from client_access.commands import COMMANDS
from client_access.events import EVENTS
from client_access.testing import CATALOGUE, strategies


def test_walks_end_in_the_status_given_and_reach_almost_every_event() -> None:
    """A walk replays to its last client; all walks together have at least 20 kinds of event."""
    seen: set[type] = set()
    for status in ca.Status:

        @settings(max_examples=20)
        @given(strategies.walks(status=status, max_details=4), st.just(status))
        def walk(changes: tuple[ca.Change, ...], status: ca.Status) -> None:
            client = changes[-1].after
            assert client.status is status
            assert ca.replay([change.event for change in changes if change.event]) == client
            seen.update(type(change.event) for change in changes)

        walk()
    assert len(set(EVENTS.values()) & seen) >= 20


def test_histories_reach_every_status_and_event_often() -> None:
    """Of 500, some share for each; only answers to invitations other than yes are rare."""
    statuses: Counter[ca.Status] = Counter()
    events: Counter[type] = Counter()
    pairs: set[tuple[type, type]] = set()

    @settings(max_examples=500, derandomize=True)
    @given(strategies.histories())
    def visit(history: tuple[ca.Event, ...]) -> None:
        kinds = [type(event) for event in history]
        statuses[ca.replay(history).status] += 1
        events.update(set(kinds))
        pairs.update(pairwise(kinds))

    visit()
    rare = {ca.PracticeInvitationDeclined, ca.PracticeInvitationWithdrawn}
    assert min(statuses[status] for status in ca.Status) >= 10, statuses
    assert min(events[kind] for kind in set(EVENTS.values()) - rare) >= 4, events
    assert len(pairs) >= 100


@settings(max_examples=20)
@given(strategies.walks(max_details=1))
def test_walks_end_anywhere_by_default(changes: tuple[ca.Change, ...]) -> None:
    """Every change of a walk has an event, and begins where the one before ended."""
    assert all(change.event is not None for change in changes)
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]


@pytest.mark.parametrize("status", ca.Status)
def test_clients_and_histories_end_in_the_status_given(status: ca.Status) -> None:
    @settings(max_examples=5)
    @given(strategies.clients(status=status), strategies.histories(status=status))
    def arrive(client: ca.Client, events: tuple[ca.Event, ...]) -> None:
        assert client.status is status
        assert ca.replay(events).status is status

    arrive()


@settings(max_examples=30)
@given(st.data())
def test_walks_take_any_catalogue_and_policy(data: st.DataObject) -> None:
    catalogue = data.draw(strategies.catalogues())
    policy = data.draw(strategies.policies())
    client = data.draw(strategies.clients(catalogue=catalogue, policy=policy))
    assert {held.code for held in client.services} <= {s.code for s in catalogue.services}


@settings(max_examples=30)
@given(st.data())
def test_accepted_commands_are_accepted(data: st.DataObject) -> None:
    """A deleted client accepts no command."""
    client = data.draw(strategies.clients())
    at = datetime(2040, 1, 1, tzinfo=UTC)
    commands = strategies.accepted_commands(client, at=at)
    if client.status is ca.Status.DELETED:
        assert commands.is_empty
    else:
        command = data.draw(commands)
        assert ca.decide(client, command, at=at, catalogue=CATALOGUE).command == command


@pytest.mark.parametrize("kind", COMMANDS.values())
def test_there_are_commands_of_every_kind(kind: type[ca.Command]) -> None:
    @settings(max_examples=5)
    @given(strategies.commands(client_id=UUID(int=1), kinds=[kind]))
    def ask(command: ca.Command) -> None:
        assert type(command) is kind
        assert command.client_id == UUID(int=1)

    ask()


@settings(max_examples=20)
@given(st.data())
def test_commands_are_about_the_client_and_of_the_kinds_given(data: st.DataObject) -> None:
    client = data.draw(strategies.clients())
    about = data.draw(strategies.commands(client=client, by=st.just(ca.PlatformUser())))
    assert (about.client_id, about.by) == (client.id, ca.PlatformUser())
    kinds = (ca.Subscribe, ca.Activate)
    assert isinstance(data.draw(strategies.commands(kinds=kinds)), kinds)


@settings(max_examples=20)
@given(st.data())
def test_held_services_are_some_of_those_on_offer_with_the_setup_they_need(
    data: st.DataObject,
) -> None:
    held = data.draw(strategies.held_services(CATALOGUE))
    assert held
    for each in held:
        service = CATALOGUE.held(each.code)
        assert service.offered
        assert (each.setup is not None) == service.needs_setup


@given(strategies.email_addresses(any_domain=False), strategies.email_addresses())
def test_addresses_are_mailable(known: ca.EmailAddress, any_domain: ca.EmailAddress) -> None:
    assert known.is_mailable
    assert any_domain.is_mailable
