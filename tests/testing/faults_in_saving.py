"""Faults planted into `get`, `find_by_email` and `save`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from uuid import UUID

from attrs import evolve
from testing.delegating import Delegating, caught_by

import client_access as ca
from client_access.refusals import RefusalCode, refuse

# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


@caught_by("get_finds_a_client_by_exactly_its_id")
class FindsAnybody(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.last = changes[-1].after

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.last


@caught_by("get_returns_none_where_an_id_was_never_used")
class ComparesHalfAnId(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.by_half: dict[int, UUID] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.by_half.update({change.after.id.int >> 64: change.after.id for change in changes})

    def get(self, client_id: UUID) -> ca.Client | None:
        found = self.good.get(client_id)
        return found or self.good.get(self.by_half.get(client_id.int >> 64, client_id))


@caught_by("get_returns_deleted_clients_too")
class HidesDeletedClients(Delegating):
    def get(self, client_id: UUID) -> ca.Client | None:
        client = super().get(client_id)
        return None if client and client.status is ca.Status.DELETED else client


class _Keys(Delegating):
    """Keeps every key that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, UUID] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.keys.update({change.after.email_key: change.after.id for change in changes})

    def lookup(self, key: str) -> ca.Client | None:
        return self.good.get(self.keys[key]) if key in self.keys else None


@caught_by("find_by_email_finds_a_client_by_exactly_its_key")
class FindsAddressesByPattern(_Keys):
    def find_by_email(self, email_key: str) -> ca.Client | None:
        pattern = re.escape(email_key).replace("%", ".*").replace("_", ".")
        return next((self.lookup(key) for key in self.keys if re.fullmatch(pattern, key)), None)


@caught_by("find_by_email_distinguishes_the_longest_addresses")
class CutsAddresses(_Keys):
    def find_by_email(self, email_key: str) -> ca.Client | None:
        keys = (key for key in self.keys if key[:100] == email_key[:100])
        return next((self.lookup(key) for key in keys), None)


@caught_by("find_by_email_distinguishes_the_longest_addresses")
class TakesOneCutAddressOnce(_Keys):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            for key, owner in self.keys.items():
                if key[:100] == change.after.email_key[:100] and owner != change.after.id:
                    raise ca.EmailTaken(change.after.id)
        super().save(changes)


@caught_by(
    "find_by_email_follows_a_changed_address",
    "find_by_email_forgets_the_address_of_a_deleted_client",
)
class FindsFormerAddresses(_Keys):
    def find_by_email(self, email_key: str) -> ca.Client | None:
        return super().find_by_email(email_key) or self.lookup(email_key)


@caught_by("find_by_email_finds_an_address_however_it_was_spelt")
class FindsAddressesAsTyped(Delegating):
    def find_by_email(self, email_key: str) -> ca.Client | None:
        client = super().find_by_email(email_key)
        return client if client and client.email.address == email_key else None


@caught_by("find_by_email_finds_placeholders")
class StoresNoPlaceholders(Delegating):
    def find_by_email(self, email_key: str) -> ca.Client | None:
        return None if email_key.endswith(".invalid") else super().find_by_email(email_key)


# ── Fields ───────────────────────────────────────────────────────────────────────────────────────


class _Lossy(Delegating):
    def lose(self, client: ca.Client) -> ca.Client:
        raise NotImplementedError

    def get(self, client_id: UUID) -> ca.Client | None:
        client = super().get(client_id)
        return client and self.lose(client)


@caught_by("save_keeps_moments_to_the_microsecond")
class LosesMicroseconds(_Lossy):
    def lose(self, client: ca.Client) -> ca.Client:
        if client.activation is None:
            return client
        sent_at = client.activation.sent_at.replace(microsecond=0)
        return evolve(client, activation=evolve(client.activation, sent_at=sent_at))


@caught_by("save_keeps_setups_with_their_services")
class ForgetsSetups(_Lossy):
    def lose(self, client: ca.Client) -> ca.Client:
        return evolve(client, services=tuple(ca.HeldService(s.code) for s in client.services))


@caught_by("save_keeps_text_to_the_last_character")
class NormalisesText(_Lossy):
    def lose(self, client: ca.Client) -> ca.Client:
        return evolve(client, business_name=unicodedata.normalize("NFC", client.business_name))


@caught_by("save_keeps_every_field_in_every_status")
class ForgetsDebts(_Lossy):
    def lose(self, client: ca.Client) -> ca.Client:
        owed = client.direct_debit
        return evolve(client, direct_debit=owed and evolve(owed, due=None))


@caught_by("save_frees_the_address_of_a_closed_client")
class KeepsTheAddressesOfClosedClients(_Keys):
    def find_by_email(self, email_key: str) -> ca.Client | None:
        former = self.lookup(email_key)
        closed = former is not None and former.status is ca.Status.CLOSED
        return former if closed else super().find_by_email(email_key)


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────


@caught_by("save_refuses_a_change_decided_on_an_older_version")
class ForgetsTheVersion(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(changes, lambda stored, before: bool(stored and before))


@caught_by("save_refuses_a_change_decided_on_a_later_version")
class ComparesVersionsByOrder(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(
            changes,
            lambda stored, before: bool(stored and before and before.version >= stored.version),
        )


@caught_by("save_refuses_two_changes_decided_on_one_version")
class ChecksVersionsOnceABatch(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        first = {change.after.id: self.good.get(change.after.id) for change in changes}
        self.force(
            changes,
            lambda stored, before: bool(stored and before and before == first[stored.id]),
        )


@caught_by("save_refuses_a_new_client_whose_id_exists", "save_refuses_two_new_clients_with_one_id")
class Upserts(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(changes, lambda stored, before: bool(stored) and before is None)


@caught_by("save_refuses_a_new_client_with_the_id_of_a_deleted_one")
class ReusesADeletedId(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(
            changes,
            lambda stored, before: (
                before is None and stored is not None and stored.status is ca.Status.DELETED
            ),
        )


@caught_by("save_refuses_a_change_to_a_client_that_is_not_there")
class InsertsWhatIsMissing(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(changes, lambda stored, before: stored is None and before is not None)


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────


@caught_by(
    "save_leaves_nothing_of_a_batch_whose_last_change_is_stale",
    "save_leaves_nothing_of_a_batch_whose_last_address_is_taken",
    "history_keeps_nothing_of_a_failed_save",
)
class SavesHalfABatch(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            super().save([change])


@caught_by("save_stores_changes_in_the_order_given")
class StoresTheLastFirst(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes[::-1])


@caught_by("save_stores_many_clients_at_once")
class StoresAThousand(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes[:1000])


@caught_by("save_of_nothing_changes_nothing")
class DeletesWhatIsNotInTheBatch(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        if not changes:
            self.good = ca.MemoryRepository()
        super().save(changes)


@caught_by("save_keeps_clients_apart")
class WritesWithoutAnId(Delegating):
    last: ca.Client | None = None

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.last = changes[-1].after

    def get(self, client_id: UUID) -> ca.Client | None:
        client = super().get(client_id)
        if client is None or self.last is None:
            return client
        return evolve(client, business_name=self.last.business_name)


@caught_by("save_works_on_after_it_has_failed", "the_hosts_transaction_outlives_a_failed_save")
class RollsBackTooMuch(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        try:
            super().save(changes)
        except ca.RepositoryError:
            self.good = ca.MemoryRepository()
            raise


@caught_by("in_host_transaction_is_a_boolean")
class IsNotSureOfItsHost(Delegating):
    in_host_transaction = None  # type: ignore[assignment]  # the fault


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────


class _OwnKeys(Delegating):
    """Makes its own key of an address."""

    def key(self, email: ca.EmailAddress) -> str:
        raise NotImplementedError

    def save(self, changes: Sequence[ca.Change]) -> None:
        rekeyed = []
        for change in changes:
            email = evolve(change.after.email) if change.after.email.is_mailable else None
            if email is not None:
                object.__setattr__(email, "key", self.key(email))
            after = evolve(change.after, email=email or change.after.email)
            rekeyed.append(evolve(change, after=after))
        super().save(rekeyed)


@caught_by("save_refuses_a_taken_address_in_another_spelling")
class DistinguishesCase(_OwnKeys):
    def key(self, email: ca.EmailAddress) -> str:
        return email.address


@caught_by(
    "save_keeps_addresses_with_different_keys_apart",
    "find_by_email_finds_a_client_by_exactly_its_key",
)
class IgnoresAccents(_OwnKeys):
    def key(self, email: ca.EmailAddress) -> str:
        return unicodedata.normalize("NFD", email.key).encode("ascii", "ignore").decode()


@caught_by(
    "save_refuses_a_new_client_with_a_taken_address",
    "save_refuses_to_change_to_a_taken_address",
    "save_refuses_two_new_clients_with_one_address",
)
class NamesTheOwner(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        try:
            super().save(changes)
        except ca.EmailTaken:
            last = changes[-1].after
            owner = self.good.find_by_email(last.email_key) or changes[0].after
            raise ca.EmailTaken(owner.id) from None


@caught_by("save_never_refuses_a_command")
class RefusesCommands(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        try:
            super().save(changes)
        except ca.EmailTaken:
            refusal = refuse(RefusalCode.EMAIL_TAKEN)
            raise ca.CommandRefused(changes[-1].command, refusal) from None


@caught_by("save_never_refuses_a_command", "of_writers_that_take_one_address_one_wins")
class SwallowsConflicts(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        try:
            super().save(changes)
        except ca.EmailTaken:
            return


@caught_by("save_frees_an_address_for_later")
class FreesNoAddress(_Keys):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            if self.keys.get(change.after.email_key, change.after.id) != change.after.id:
                raise ca.EmailTaken(change.after.id)
        super().save(changes)


@caught_by(
    "save_frees_an_address_for_the_changes_after_it", "save_swaps_addresses_by_way_of_a_third"
)
class ChecksAddressesBeforehand(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            owner = self.good.find_by_email(change.after.email_key)
            if owner and owner.id != change.after.id:
                raise ca.EmailTaken(change.after.id)
        super().save(changes)


@caught_by("save_refuses_an_address_that_is_freed_only_later")
class ChecksAddressesAtTheEnd(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        try:
            super().save(changes)
        except ca.EmailTaken:
            super().save(changes[::-1])


@caught_by("save_lets_a_client_keep_its_own_address")
class RefusesItsOwnAddress(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            changed = change.before and change.before.email != change.after.email
            if changed and self.good.find_by_email(change.after.email_key):
                raise ca.EmailTaken(change.after.id)
        super().save(changes)
