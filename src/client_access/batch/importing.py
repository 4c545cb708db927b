"""Importing rows, a chunk at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import final
from uuid import UUID

from attrs import frozen

from client_access.batch.rows import EMAIL, CsvRow, Problem, ProblemCode
from client_access.change import Change
from client_access.client import Client
from client_access.commands import ImportClient
from client_access.errors import InvalidValue
from client_access.refusals import CommandRefused, RefusalCode
from client_access.repository import Lookup
from client_access.repository.awaited import AsyncLookup
from client_access.service import ClientAccess
from client_access.service.awaited import AsyncClientAccess
from client_access.values import Actor, PracticeUser, fold
from client_access.values.validation import check_type

CHUNK = 2000
"""How many rows are decided on and saved together, unless the caller says otherwise."""


class ImportResult(Enum):
    """The result of importing a row."""

    ADDED = "added"
    ALREADY_THERE = "already_there"
    LEFT_OUT = "left_out"


@final
@frozen
class ImportOutcome:
    """The result of importing a row, and the reasons.

    Parameters:
        row: the row.
        result: the result. A client that exists already is left unchanged. It is there if it has
            the row's address or its name; otherwise the row is left out.
        problems: why the row was left out; empty if it was not.
    """

    row: CsvRow
    result: ImportResult
    problems: tuple[Problem, ...]


def import_clients(
    access: ClientAccess, rows: Iterable[CsvRow], *, chunk: int = CHUNK
) -> Iterator[ImportOutcome]:
    """Import rows and yield the outcome of each, in order.

    Rows are saved while the outcomes are read, each chunk in one transaction. A row that is left
    out stops no other row. After a failure, importing the same file again adds the missing clients.
    A row like an earlier one is left out; in a file without the earlier one it is already there.

    Parameters:
        access: imports the clients.
        rows: as :func:`read_clients_csv` yields them.
        chunk: how many rows are decided on and saved together.

    Raises:
        InvalidValue: an argument is malformed. If `rows` yields something malformed, this is raised
            when its chunk is reached, and nothing of that chunk is saved.
        StaleClient, EmailTaken, RepositoryError: as :meth:`~client_access.ClientAccess.handle`.
    """
    check_type("access", access, ClientAccess)
    return _outcomes(access, _chunks(rows, chunk))


def import_clients_async(
    access: AsyncClientAccess, rows: Iterable[CsvRow], *, chunk: int = CHUNK
) -> AsyncIterator[ImportOutcome]:
    """Do as :func:`import_clients`, with a service that is awaited.

    Rows are read from their file in the event loop, a chunk at a time.
    """
    check_type("access", access, AsyncClientAccess)
    return _outcomes_async(access, _chunks(rows, chunk))


def _chunks(rows: Iterable[CsvRow], chunk: int) -> Iterator[_Chunk]:
    check_type("chunk", chunk, int)
    if chunk < 1:
        raise InvalidValue("chunk", "must be at least 1")
    try:
        each = iter(rows)
    except TypeError:
        raise InvalidValue("rows", "must be an iterable") from None
    return (_Chunk(part) for part in iter(lambda: list(islice(each, chunk)), []))


def _outcomes(access: ClientAccess, chunks: Iterator[_Chunk]) -> Iterator[ImportOutcome]:
    for part in chunks:
        decided = access.handle_each(part.commands)
        exist = part.existing(decided)
        repository = access.repository
        if isinstance(repository, Lookup):
            clients = repository.get_many(exist)
        else:
            clients = _found((key, repository.get(key)) for key in exist)
        yield from part.outcomes(decided, clients)


async def _outcomes_async(
    access: AsyncClientAccess, chunks: Iterator[_Chunk]
) -> AsyncIterator[ImportOutcome]:
    for part in chunks:
        decided = await access.handle_each(part.commands)
        exist = part.existing(decided)
        repository = access.repository
        if isinstance(repository, AsyncLookup):
            clients = await repository.get_many(exist)
        else:
            clients = _found([(key, await repository.get(key)) for key in exist])
        for outcome in part.outcomes(decided, clients):
            yield outcome


class _Chunk:
    """Rows that are decided on and saved together, and what is said of them, without I/O."""

    def __init__(self, rows: Sequence[CsvRow]) -> None:
        for row in rows:
            _check_row(row)
        self.rows = rows
        self.commands = [row.command for row in rows if row.command is not None]

    def existing(self, decided: Sequence[Change | CommandRefused]) -> Sequence[UUID]:
        """Return the ids of the clients that exist already."""
        exist = {
            command.client_id
            for command, outcome in zip(self.commands, decided, strict=True)
            if _is_refused(outcome, RefusalCode.CLIENT_EXISTS)
        }
        return list(exist)

    def outcomes(
        self, decided: Sequence[Change | CommandRefused], clients: Mapping[UUID, Client]
    ) -> Iterator[ImportOutcome]:
        """Yield the outcome of each row, given those of the commands and the existing clients."""
        # Outcomes are matched to rows by place, because two rows of a chunk may share an id.
        outcomes = iter(decided)
        for row in self.rows:
            if row.command is None:
                yield ImportOutcome(row, ImportResult.LEFT_OUT, row.problems)
            else:
                yield _outcome(row, row.command, next(outcomes), clients)


def _check_row(row: object) -> None:
    check_type("rows", row, CsvRow)
    assert isinstance(row, CsvRow)  # just checked
    if row.command is not None:
        check_type("rows", row.command, ImportClient)
        check_type("rows", row.command.by, PracticeUser)


def _outcome(
    row: CsvRow,
    command: ImportClient,
    outcome: Change | CommandRefused,
    clients: Mapping[UUID, Client],
) -> ImportOutcome:
    """Return what became of a row, given the outcome of its command."""
    if isinstance(outcome, Change):
        return ImportOutcome(row, ImportResult.ADDED, ())
    if not _is_refused(outcome, RefusalCode.CLIENT_EXISTS):
        message = "The address is in use already, and each client needs its own."
        problem = Problem(row.number, EMAIL, ProblemCode.EMAIL_TAKEN, message)
    else:
        client = clients.get(command.client_id)
        if client is None or not _manages(command.by, client):
            message = (
                "This client was deleted, or the practice's access to it has ended. To add it"
                " again, give the row a new reference."
            )
            problem = Problem(row.number, None, ProblemCode.CLIENT_GONE, message)
        elif _names(command, client):
            return ImportOutcome(row, ImportResult.ALREADY_THERE, ())
        else:
            message = (
                "A client was imported from such a row, and has another name and address now. If"
                " this is a different client, give the row a new reference; if it is the same"
                " client, remove the row."
            )
            problem = Problem(row.number, None, ProblemCode.DIFFERENT_CLIENT, message)
    return ImportOutcome(row, ImportResult.LEFT_OUT, (problem,))


def _is_refused(outcome: Change | CommandRefused, code: RefusalCode) -> bool:
    return isinstance(outcome, CommandRefused) and outcome.refusal.code is code


def _manages(by: Actor, client: Client) -> bool:
    """Return whether a client still belongs to the practice that imports it."""
    return isinstance(by, PracticeUser) and client.practice_id == by.practice_id


def _names(command: ImportClient, client: Client) -> bool:
    """Return whether a client has the address or the name of a row.

    A client may have changed both after it was imported, and the row may then be about another
    client: one that uses the address that was freed, or one of the same name.
    """
    same_email = command.email is not None and command.email.key == client.email_key
    return same_email or fold(command.business_name) == fold(client.business_name)


def _found(clients: Iterable[tuple[UUID, Client | None]]) -> Mapping[UUID, Client]:
    return {client_id: client for client_id, client in clients if client is not None}
