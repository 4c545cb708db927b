"""Faults planted into `erase`: it erases too little, too much, or beside a concurrent writer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve
from testing.delegating import ALL, Delegating, caught_by, same_version

import client_access as ca
from client_access.testing.clock import START

# ── The client ───────────────────────────────────────────────────────────────────────────────────


class _Saved(Delegating):
    """Records which client last had each address."""

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, UUID] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.owners.update({change.after.email_key: change.after.id for change in changes})

    def is_erased(self, client_id: UUID) -> bool:
        client = self.good.get(client_id)
        return client is not None and client.erasures > 0


@caught_by("erase_is_seen_by_lookups")
class LooksUpErasedAddresses(_Saved):
    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        keys = list(email_keys)
        owners = {key: self.owners[key] for key in keys if key in self.owners}
        erased = {key: owner for key, owner in owners.items() if self.is_erased(owner)}
        return {**super().find_many_by_email(keys), **erased}


@caught_by("erase_is_seen_by_lookups")
class LooksUpNoErasedClients(_Saved):
    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, ca.Client]:
        found = super().get_many(client_ids)
        return {one: client for one, client in found.items() if not self.is_erased(one)}


@caught_by("erase_leaves_what_is_invoiced")
class CountsNoErasedClients(_Saved):
    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        counts = dict(super().service_counts(practice_id))
        for client_id in set(self.owners.values()):
            client = self.good.get(client_id)
            if client and client.erasures and client.practice_id == practice_id:
                for held in client.services:
                    counts[held.code] -= 1
        return counts


@caught_by("erase_takes_out_what_is_new_since_the_last_time")
class ErasesOnce(Delegating):
    def erase(self, client_id: UUID) -> None:
        stored = self.good.get(client_id)
        if stored and not stored.erasures:
            super().erase(client_id)


@caught_by("erase_takes_out_what_is_new_since_the_last_time")
class ComparesWhetherErased(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(
            changes,
            lambda stored, before: bool(
                stored
                and before
                and stored.version == before.version
                and bool(stored.erasures) == bool(before.erasures)
            ),
        )


@caught_by("erase_does_not_go_by_the_name")
class RecognisesErasedByTheName(Delegating):
    def erase(self, client_id: UUID) -> None:
        stored = self.good.get(client_id)
        if stored and stored.business_name != "(erased)":
            super().erase(client_id)


@caught_by("erasing_beside_a_writer_loses_nothing")
class ErasesWithoutALock(Delegating):
    """Reads, waits, and writes what it has read."""

    def __init__(self) -> None:
        super().__init__()
        self.overwritten: dict[UUID, ca.Client] = {}

    def erase(self, client_id: UUID) -> None:
        read = self.good.get(client_id)
        time.sleep(0.01)
        super().erase(client_id)
        stored = self.good.get(client_id)
        if read and stored:
            self.overwritten[client_id] = evolve(stored, version=read.version)

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.overwritten.get(client_id) or super().get(client_id)


@caught_by("erasing_beside_a_writer_loses_nothing")
class BringsBackDuringAnErasure(Delegating):
    """Compares only versions, so a change decided before an erasure is saved after it."""

    def save(self, changes: Sequence[ca.Change]) -> None:
        time.sleep(0.01)
        self.force(
            changes,
            same_version,
        )


# ── Its notices ──────────────────────────────────────────────────────────────────────────────────


@caught_by("erase_takes_the_person_out_of_notices")
class ErasesNoParkedNotice(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.unerased: dict[UUID, ca.Notice] = {}

    def erase(self, client_id: UUID) -> None:
        parked = self.good.waiting(parked=True, limit=ALL)
        self.unerased.update({claim.notice.id: claim.notice for claim in parked})
        super().erase(client_id)

    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        return [
            evolve(claim, notice=self.unerased.get(claim.notice.id, claim.notice))
            for claim in super().waiting(parked=parked, limit=limit)
        ]


@caught_by("erase_takes_the_person_out_of_notices")
class ErasesEveryNotice(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.erased: set[UUID] = set()

    def erase(self, client_id: UUID) -> None:
        super().erase(client_id)
        self.erased.add(client_id)

    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        found = super().waiting(parked=parked, limit=limit)
        return [claim for claim in found if claim.notice.client_id not in self.erased]


@caught_by("erase_leaves_notices_leased_and_parked")
class FreesWhatItErases(Delegating):
    """Inserts erased notices as new ones, without their lease."""

    def __init__(self) -> None:
        super().__init__()
        self.leased: list[ca.Claim] = []
        self.freed: list[ca.Claim] = []

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        self.leased = [*super().claim(at=at, lease=lease, limit=limit), *self.freed]
        return self.leased

    def erase(self, client_id: UUID) -> None:
        super().erase(client_id)
        self.freed = self.leased


@caught_by("erase_leaves_notices_leased_and_parked")
class UnparksWhatItErases(Delegating):
    def erase(self, client_id: UUID) -> None:
        super().erase(client_id)
        for claim in self.good.waiting(parked=True, limit=ALL):
            self.good.retry(claim.notice.id, at=START)
