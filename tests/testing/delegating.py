"""A good repository that faults are planted into: it passes everything on to one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve

import client_access as ca
from client_access import ClientList

ALL = 1_000_000
Place = tuple[str, UUID]


class Delegating:
    """Every protocol, by a repository in memory."""

    in_host_transaction = False

    def __init__(self) -> None:
        self.good = ca.MemoryRepository()

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.good.get(client_id)

    def find_by_email(self, email_key: str) -> ca.Client | None:
        return self.good.find_by_email(email_key)

    def save(self, changes: Sequence[ca.Change]) -> None:
        self.good.save(changes)

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: Place | None,
    ) -> Sequence[ca.Client]:
        return self.good.page(practice_id, client_list, search=search, limit=limit, after=after)

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, ca.Client]:
        return self.good.get_many(client_ids)

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        return self.good.find_many_by_email(email_keys)

    def history(self, client_id: UUID) -> Sequence[ca.Event]:
        return self.good.history(client_id)

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        return self.good.service_counts(practice_id)

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return self.good.recall(command_id, at=at)

    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        self.good.save_once(command_id, change, at=at, until=until)

    def erase(self, client_id: UUID) -> None:
        self.good.erase(client_id)

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return self.good.claim(at=at, lease=lease, limit=limit)

    def delivered(self, claim: ca.Claim) -> bool:
        return self.good.delivered(claim)

    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        return self.good.failed(claim, retry_at=retry_at)

    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        return self.good.waiting(parked=parked, limit=limit)

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        return self.good.retry(notice_id, at=at)

    # ── What faults are made with ────────────────────────────────────────────────────────────────

    def whole_list(
        self, practice_id: str, client_list: ClientList, search: str = ""
    ) -> list[ca.Client]:
        found = self.good.page(practice_id, client_list, search=search, limit=ALL, after=None)
        return list(found)

    def force(
        self,
        changes: Sequence[ca.Change],
        fits: Callable[[ca.Client | None, ca.Client | None], bool],
    ) -> None:
        """Save, as if decided on what is stored, what was decided on something else that `fits`."""
        now: dict[UUID, ca.Client | None] = {}
        forced = []
        for change in changes:
            stored = now.get(change.after.id, self.good.get(change.after.id))
            before = stored if fits(stored, change.before) else change.before
            forced.append(evolve(change, before=before))
            now[change.after.id] = change.after
        self.good.save(forced)


FAULTS: list[tuple[type[Delegating], str]] = []
"""Every planted fault, with the check that is meant to catch it."""


def caught_by(*checks: str) -> Callable[[type[Delegating]], type[Delegating]]:
    """Plant a repository whose fault these checks are meant to catch."""

    def plant(fault: type[Delegating]) -> type[Delegating]:
        FAULTS.extend((fault, check) for check in checks)
        return fault

    return plant
