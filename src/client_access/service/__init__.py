"""The service: it loads clients from a repository, decides on commands and saves the changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeGuard, final
from uuid import UUID

from client_access.change import Change
from client_access.client import Client
from client_access.commands import Command
from client_access.deciding import Actions, actions_of
from client_access.errors import EmailTaken, InvalidValue, StaleClient
from client_access.questions.billing import (
    BATCH,
    Invoice,
    InvoiceReading,
    invoice_of_client,
    total_of,
    total_of_counts,
)
from client_access.questions.deadlines import Deadline, DeadlineReading
from client_access.questions.lists import (
    Cursor,
    Page,
    PageQuery,
    StoredRow,
    next_after,
    place_of,
)
from client_access.questions.sign_in import (
    Opening,
    SignInDecision,
    opening_of,
    readable,
    sign_in_of,
)
from client_access.refusals import CommandRefused
from client_access.repository import (
    CommandMemory,
    Deadlines,
    Locks,
    Lookup,
    Repository,
    ServiceCounts,
    Sessions,
)
from client_access.service.clock import utc_now
from client_access.service.observing import Observer, Watch
from client_access.service.once import (
    LONGEST_MEMORY,
    NO_MEMORY,
    REMEMBER_FOR,
    recalled,
    to_command_id,
)
from client_access.service.retries import Retries
from client_access.service.unit import Needs, Outcomes, Unit, loaded, to_save
from client_access.values import (
    DEFAULT_POLICY,
    Actor,
    ClientList,
    PlatformUser,
    Policy,
    later,
    to_practice_id,
    to_utc,
)
from client_access.values.catalogue import Catalogue, InvoiceLine
from client_access.values.email_address import EmailAddress, parse_email
from client_access.values.validation import (
    check_callable,
    check_methods,
    check_sync,
    check_type,
    to_id,
    to_span,
    to_tuple,
)


@final
class ClientAccess:
    """Commands and questions of practices, clients and the platform, on a repository.

    It is cheap to make: a host may make one for each transaction.

    Parameters:
        repository: where clients are stored.
        catalogue: the services on offer, and those that clients still hold.
        policy: the platform's choices.
        clock: returns the present time, with a time zone.
        remember_for: how long the outcome of a command with a `command_id` is remembered; at most
            10,000 days.
        observe: is called with an :class:`~client_access.Observation` for each command that was
            handled, changed nothing, was refused or failed; not for previews. If it raises an
            error, that is logged by `client_access.service`, and the call goes on.

    Raises:
        InvalidValue: an argument is malformed.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        catalogue: Catalogue,
        policy: Policy = DEFAULT_POLICY,
        clock: Callable[[], datetime] = utc_now,
        remember_for: timedelta = REMEMBER_FOR,
        observe: Observer | None = None,
    ) -> None:
        check_methods("repository", repository, Repository)
        check_sync("repository", repository.get, "AsyncClientAccess")
        check_type("catalogue", catalogue, Catalogue)
        check_type("policy", policy, Policy)
        check_callable("clock", clock)
        if observe is not None:
            check_callable("observe", observe)
        self.repository = repository
        self.catalogue = catalogue
        self.policy = policy
        self.clock = clock
        self.observe = observe
        self.remember_for: timedelta = to_span("remember_for", remember_for, LONGEST_MEMORY)

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────

    def handle(self, command: Command, *, command_id: str | UUID | None = None) -> Change:
        """Decide on a command and save what it changes.

        Parameters:
            command: the command.
            command_id: the caller's own id of this request, at most 200 characters. If any process
                gives the same id again, the first outcome is returned and nothing changes. A
                refusal is not remembered: the command is decided on again. Each practice, each
                client and the platform have ids of their own.

        Returns:
            The change. The caller or its outbox delivers the notices.

        Raises:
            CommandRefused: a rule refuses the command; nothing has changed.
            InvalidValue: the command or `command_id` is malformed, `command_id` was given to
                another command, or the repository does not remember commands.
            StaleClient, EmailTaken: other writers were first at each of 20 attempts. Between them
                are random pauses that grow to a second.
            RepositoryError: the repository failed.
        """
        if command_id is not None:
            return self._handle_once(command, command_id)
        return self.handle_all((command,))[0]

    def handle_all(self, commands: Iterable[Command]) -> tuple[Change, ...]:
        """Decide on commands in order, and save all of their changes or none (S5).

        Each command sees what the commands before it leave.

        Raises:
            CommandRefused: the first refusal, with its command; nothing has changed.
            InvalidValue, StaleClient, EmailTaken, RepositoryError: as :meth:`handle`.
        """
        return self._save(to_tuple("commands", commands), Unit.decide_all)

    def handle_each(self, commands: Iterable[Command]) -> tuple[Change | CommandRefused, ...]:
        """Decide on commands in order, and save the changes of those that are accepted.

        Unlike :meth:`handle_all`, a refusal does not stop the other commands.

        Returns:
            For each command its change, or its refusal.

        Raises:
            InvalidValue, StaleClient, EmailTaken, RepositoryError: as :meth:`handle`; nothing has
                changed.
        """
        return self._save(to_tuple("commands", commands), Unit.decide_each)

    def preview(self, command: Command) -> Change:
        """Return what :meth:`handle` would return now, and save nothing (S2).

        Raises:
            CommandRefused, InvalidValue, RepositoryError: as :meth:`handle`.
        """
        return self._load(self.repository, Needs.of((command,)), self._now()).decide(command)

    def preview_all(self, commands: Iterable[Command]) -> tuple[Change, ...]:
        """Return what :meth:`handle_all` would return now, and save nothing (S8).

        Each command sees what the commands before it would leave.

        Raises:
            CommandRefused, InvalidValue, RepositoryError: as :meth:`handle_all`.
        """
        given = to_tuple("commands", commands)
        return self._load(self.repository, Needs.of(given), self._now()).decide_all(given)

    # ── Questions ────────────────────────────────────────────────────────────────────────────────

    def actions(self, client_id: UUID, by: Actor) -> Actions:
        """Return the commands that an actor could give for a client now, and why not the others.

        Raises:
            InvalidValue: an argument is malformed.
            RepositoryError: the repository failed.
        """
        return actions_of(
            self._get(client_id),
            by,
            at=self._now(),
            catalogue=self.catalogue,
            policy=self.policy,
        )

    def client(self, client_id: UUID, by: Actor) -> Client:
        """Return a client that the actor has.

        Raises:
            CommandRefused: `unknown_client`: the actor does not have the client, or is a practice
                that it has only invited (C3).
            InvalidValue: an argument is malformed.
            RepositoryError: the repository failed.
        """
        return readable(self._get(client_id), by)

    def opening(self, client_id: UUID, by: Actor) -> Opening:
        """Return what an actor can open of a client now, or why nothing (rules §8, S7).

        Raises:
            CommandRefused: `unknown_client`, as :meth:`client`.
            CatalogueIncomplete: the catalogue lacks a service that the client holds (S4).
            InvalidValue: an argument is malformed.
            RepositoryError: the repository failed.
        """
        client = self.client(client_id, by)
        return opening_of(client, by, at=self._now(), catalogue=self.catalogue)

    def clients(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str = "",
        limit: int = 50,
        after: Cursor | None = None,
    ) -> Page:
        """Return a page of one of a practice's lists (C1, C2).

        Parameters:
            practice_id: the practice.
            client_list: which of its lists.
            search: text that the business name or the address must contain, in any case; white
                space around it is ignored; empty for all rows.
            limit: the largest number of rows, from 1 to 1,000.
            after: the `next` of the page before; None for the first page.

        Raises:
            InvalidValue: an argument is malformed.
            CorruptRecord: the repository returned a page that does not come after the cursor.
            RepositoryError: the repository failed.
        """
        query = PageQuery.of(practice_id, client_list, search, limit, after)
        return query.page(
            self.repository.page(
                query.practice_id,
                query.client_list,
                search=query.search,
                limit=query.limit + 1,
                after=query.after,
            )
        )

    def sign_in(self, email: str | EmailAddress) -> SignInDecision:
        """Decide whether the client with an address can sign in.

        The host has checked the password before.

        Raises:
            InvalidValue: it is not an email address, or is a placeholder (E2).
            RepositoryError: the repository failed.
        """
        key = parse_email("email", email).key
        return sign_in_of(self.repository.find_by_email(key), at=self._now())

    def deadlines(
        self, since: datetime, until: datetime, *, practice_id: str | None = None
    ) -> tuple[Deadline, ...]:
        """Return the deadlines between two moments, ordered by moment, then by client id (N1).

        A client whose record cannot be read is left out. Its id is logged as an error.

        Parameters:
            since: the first moment, with a time zone.
            until: the moment after the last one, with a time zone.
            practice_id: the practice that manages the clients; None for all clients.

        Raises:
            InvalidValue: an argument is malformed, or the repository cannot find clients by their
                deadlines.
            RepositoryError: the repository failed.
        """
        repository = self.repository
        if not isinstance(repository, Deadlines):
            raise InvalidValue("repository", "has no with_deadlines: add the protocol Deadlines")
        since, until = to_utc("since", since), to_utc("until", until)
        practice_id = None if practice_id is None else to_practice_id(practice_id)
        reading = DeadlineReading(since, until)
        while rows := repository.with_deadlines(
            since, until, practice_id=practice_id, limit=BATCH, after=reading.after
        ):
            reading.take(rows)
        return reading.deadlines()

    # ── Invoices ─────────────────────────────────────────────────────────────────────────────────

    def next_invoice(self, practice_id: str) -> Invoice:
        """Return a practice's next monthly invoice (S6).

        See :meth:`invoice_lines` for what it holds if others write meanwhile.

        Raises:
            CatalogueIncomplete: the catalogue lacks a service that is held (S4).
            CorruptRecord: the record of a client, which the error names, cannot be read. An invoice
                never leaves a client out.
            InvalidValue: the id is malformed.
            RepositoryError: the repository failed.
        """
        return Invoice(tuple(self.invoice_lines(practice_id)), self.catalogue.currency)

    def invoice_lines(self, practice_id: str, *, limit: int | None = None) -> Iterator[InvoiceLine]:
        """Yield the lines of a practice's next invoice, a batch of clients at a time.

        They are ordered by folded business name, client id and service code. Memory holds the lines
        of the clients that have not activated yet, and the ids of the clients that were read.

        If others write meanwhile, each client has the lines that it has at some moment of the
        reading. No line comes twice, and a client that activates is not missed. Only a client that
        is renamed may be missed (C2).

        Parameters:
            practice_id: the practice.
            limit: how many lines are wanted, from 1; None for all. No more clients are loaded than
                these lines need.

        Raises:
            CatalogueIncomplete, CorruptRecord, InvalidValue, RepositoryError: as
                :meth:`next_invoice`.
        """
        practice_id = to_practice_id(practice_id)
        reading = InvoiceReading(practice_id, self.catalogue, limit)
        for row in self._listed(practice_id, ClientList.INACTIVE, reading.batch):
            if not reading.hold(row):
                break
        for row in self._listed(practice_id, ClientList.ACTIVE, reading.batch):
            yield from reading.up_to(row)
            if not reading.left:
                return
        yield from reading.rest()

    def next_invoice_total(self, practice_id: str) -> Decimal:
        """Return the total of a practice's next invoice.

        No client is loaded if the repository counts services itself.

        Raises:
            InvalidValue, RepositoryError: as :meth:`next_invoice`.
        """
        practice_id = to_practice_id(practice_id)
        if not isinstance(self.repository, ServiceCounts):
            return total_of(self.invoice_lines(practice_id))
        return total_of_counts(self.repository.service_counts(practice_id), self.catalogue)

    def next_invoice_of_client(self, client_id: UUID) -> Invoice:
        """Return a client's own next monthly invoice; without lines if it does not pay (S6).

        Raises:
            CommandRefused: `unknown_client`: there is no such client, or it was deleted.
            CatalogueIncomplete: the catalogue lacks a service that is held (S4).
            InvalidValue: the id is malformed.
            RepositoryError: the repository failed.
        """
        client = readable(self._get(client_id), PlatformUser())
        return invoice_of_client(client, self.catalogue)

    # ── Loading and saving ───────────────────────────────────────────────────────────────────────

    def _now(self) -> datetime:
        return to_utc("clock", self.clock())

    def _get(self, client_id: UUID) -> Client | None:
        return self.repository.get(to_id("client_id", client_id))

    def _listed(
        self, practice_id: str, client_list: ClientList, batch: int
    ) -> Iterator[Client | StoredRow[str]]:
        after = None
        while rows := self.repository.page(
            practice_id, client_list, search="", limit=batch, after=after
        ):
            yield from rows
            after = next_after(after, place_of(rows[-1]))

    def _load(self, repository: Repository, needs: Needs, at: datetime) -> Unit:
        if needs.many and isinstance(repository, Lookup):
            clients = repository.get_many(needs.client_ids)
            owners = repository.find_many_by_email(needs.email_keys)
        else:
            found = ((client_id, repository.get(client_id)) for client_id in needs.client_ids)
            clients = {client_id: client for client_id, client in found if client is not None}
            owners = {client.email_key: client.id for client in map(loaded, clients.values())}
            others = [key for key in needs.email_keys if key not in owners]
            holders = ((key, repository.find_by_email(key)) for key in others)
            owners |= {key: loaded(client).id for key, client in holders if client is not None}
        return Unit(clients, owners, at=at, catalogue=self.catalogue, policy=self.policy)

    def _save(
        self, commands: Sequence[Command], decide: Callable[[Unit, Sequence[Command]], Outcomes]
    ) -> Outcomes:
        needs = Needs.of(commands)

        def attempt(repository: Repository) -> Outcomes:
            outcomes = decide(self._load(repository, needs, self._now()), commands)
            if changes := to_save(outcomes):
                repository.save(changes)
            return outcomes

        with Watch(self.observe, commands) as watch:
            return self._repeat(needs, attempt, watch)

    def _handle_once(self, command: Command, given_id: str | UUID) -> Change:
        command_id = to_command_id(given_id, command)
        needs = Needs.of((command,))

        def attempt(memory: Repository) -> tuple[Change]:
            if not isinstance(memory, CommandMemory):
                raise InvalidValue("command_id", NO_MEMORY)
            at = self._now()
            outcome = memory.recall(command_id, at=at)
            watch.remembered = outcome is not None
            if outcome is not None:
                return (recalled(outcome, command),)
            change = self._load(memory, needs, at).decide(command)
            until = later(at, self.remember_for)
            memory.save_once(command_id, change, at=at, until=until)
            return (change,)

        with Watch(self.observe, (command,)) as watch:
            return self._repeat(needs, attempt, watch)[0]

    def _repeat(
        self, needs: Needs, attempt: Callable[[Repository], Outcomes], watch: Watch
    ) -> Outcomes:
        """Make an attempt, and again after a conflict with another writer."""
        repository = self.repository
        retries = Retries(repository)
        while True:
            watch.attempts = retries.attempts
            try:
                if retries.attempts > 1 and isinstance(repository, Locks):
                    outcomes = repository.locked(needs.client_ids, attempt)
                elif _has_sessions(repository):
                    outcomes = repository.in_session(attempt)
                else:
                    outcomes = attempt(repository)
            except (StaleClient, EmailTaken) as conflict:
                pause = retries.pause_after(conflict)
            else:
                watch.outcomes = outcomes
                return outcomes
            time.sleep(pause)


def _has_sessions(repository: Repository) -> TypeGuard[Sessions]:
    """Return whether the class of a repository has sessions.

    A `__getattr__` that passed on `in_session` would leave its class out, and isinstance is slow on
    Python 3.11.
    """
    return issubclass(type(repository), Sessions)
