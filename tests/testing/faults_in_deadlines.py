"""Faults planted into `with_deadlines`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from attrs import evolve, frozen
from testing.delegating import ALL, Delegating, caught_by

import client_access as ca

Place = tuple[datetime, UUID]
_MOMENT = timedelta(microseconds=1)


def place_of(client: ca.Client) -> Place:
    """Return the deadline and the id of a client that has a deadline."""
    (deadline,) = ca.deadlines_of(client)
    return deadline.at, client.id


@frozen
class Asked:
    """The arguments of `with_deadlines`."""

    since: datetime
    until: datetime
    practice_id: str | None
    limit: int
    after: Place | None


class _Dated(Delegating):
    """Passes the arguments of `with_deadlines` as one object to `answer`, which faults override."""

    def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: Place | None,
    ) -> Sequence[ca.Client]:
        return self.answer(Asked(since, until, practice_id, limit, after))

    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return self.good.with_deadlines(
            asked.since,
            asked.until,
            practice_id=asked.practice_id,
            limit=asked.limit,
            after=asked.after,
        )

    def everybody(self, asked: Asked) -> Sequence[ca.Client]:
        """Return all clients with a deadline in the range, whoever manages them."""
        return _Dated.answer(self, evolve(asked, practice_id=None, limit=ALL, after=None))


@caught_by("with_deadlines_orders_by_moment_then_by_id")
class OrdersById(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return sorted(super().answer(asked), key=lambda client: client.id)


@caught_by("with_deadlines_orders_by_moment_then_by_id")
class OrdersByMomentOnly(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        backwards = reversed(super().answer(asked))
        return sorted(backwards, key=lambda client: place_of(client)[0])


@caught_by("with_deadlines_orders_by_moment_then_by_id", "erased_clients_keep_their_deadlines")
class GivesThinClients(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return [evolve(client, contact=ca.ContactDetails("A")) for client in super().answer(asked)]


@caught_by("with_deadlines_begins_at_the_first_moment_and_ends_before_the_last")
class IncludesTheLastMoment(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, until=asked.until + _MOMENT))


@caught_by("with_deadlines_begins_at_the_first_moment_and_ends_before_the_last")
class ExcludesTheFirstMoment(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, since=asked.since + _MOMENT))


@caught_by("with_deadlines_compares_moments")
class ComparesLocalTime(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        since, until = (each.replace(tzinfo=UTC) for each in (asked.since, asked.until))
        return super().answer(evolve(asked, since=since, until=until))


@caught_by("with_deadlines_returns_no_more_than_the_limit")
class IgnoresTheLimit(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, limit=ALL))


@caught_by("with_deadlines_goes_on_after_a_place")
class SkipsEqualDeadlines(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        after = asked.after
        found = super().answer(evolve(asked, after=None))
        return [client for client in found if after is None or place_of(client)[0] > after[0]]


@caught_by("with_deadlines_goes_on_after_a_place")
class ComparesMomentAndIdApart(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        after = asked.after
        found = super().answer(evolve(asked, after=None))
        return [c for c in found if after is None or (c.id > after[1] and place_of(c) > after)]


@caught_by("with_deadlines_goes_on_after_a_place")
class BeginsAtTheCursor(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        if asked.after is None:
            return super().answer(asked)
        return super().answer(evolve(asked, since=asked.after[0]))


@caught_by("with_deadlines_keeps_practices_apart")
class MixesPractices(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, practice_id=None))


@caught_by("with_deadlines_keeps_practices_apart")
class FindsManagedClientsOfOnePracticeOnly(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, practice_id=asked.practice_id or ""))


@caught_by("with_deadlines_shows_no_practice_a_client_that_only_invites_it")
class GoesByTheListing(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return [
            client
            for client in self.everybody(asked)
            if asked.practice_id is None
            or (client.listing and client.listing.practice_id == asked.practice_id)
        ]


@caught_by("with_deadlines_shows_no_practice_a_client_that_only_invites_it")
class FindsManagedClientsOnly(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return [client for client in super().answer(asked) if client.managed]


@caught_by("with_deadlines_has_the_deadline_of_every_client")
class KnowsActivationsOnly(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return [client for client in super().answer(asked) if client.activation]


class _Former(_Dated):
    """Keeps the deadlines that clients had."""

    def __init__(self) -> None:
        super().__init__()
        self.former: dict[UUID, list[datetime]] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        for change in changes:
            found = ca.deadlines_of(change.after)
            self.former.setdefault(change.after.id, []).extend(each.at for each in found)

    def now(self, client_id: UUID) -> ca.Client:
        client = self.good.get(client_id)
        assert client is not None  # it was saved
        return client

    def deadline(self, client: ca.Client, former: Sequence[datetime]) -> datetime | None:
        raise NotImplementedError

    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        clients = {self.now(client_id): former for client_id, former in self.former.items()}
        found = [(self.deadline(client, former), client) for client, former in clients.items()]
        return [client for at, client in found if at and asked.since <= at < asked.until]


@caught_by("with_deadlines_has_the_deadline_of_every_client")
class KeepsTheFirstDeadline(_Former):
    """An activation that is sent again moves its end."""

    def deadline(self, client: ca.Client, former: Sequence[datetime]) -> datetime | None:
        return former[0] if former and ca.deadlines_of(client) else None


@caught_by("with_deadlines_has_the_deadline_of_every_client")
class KeepsUsedDeadlines(_Former):
    def deadline(self, client: ca.Client, former: Sequence[datetime]) -> datetime | None:
        return former[-1] if former else None


@caught_by("erased_clients_keep_their_deadlines")
class ForgetsTheDeadlinesOfErasedClients(_Dated):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return [client for client in super().answer(asked) if not client.erasures]


@caught_by("with_deadlines_keeps_practices_apart")
class KeepsDeadlinesWithTheFirstPractice(_Dated):
    """A client that is transferred takes its deadline with it."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[UUID, str | None] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        for change in changes:
            self.first.setdefault(change.after.id, change.after.practice_id)

    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        practice_id = asked.practice_id
        return [
            client
            for client in self.everybody(asked)
            if practice_id in (None, self.first[client.id])
        ]
