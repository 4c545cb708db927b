"""Importing the rows that were read: those that are accepted, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from client_access.repository import Lookup, Repository
from client_access.service import ClientAccess
from client_access.values import Actor, PracticeUser
from client_access.values.validation import check_type

CHUNK = 2000
"""How many rows are decided on and saved together."""


class ImportResult(Enum):
    """What became of a row."""

    ADDED = "added"
    ALREADY_THERE = "already_there"
    LEFT_OUT = "left_out"


@final
@frozen
class ImportOutcome:
    """A row that was imported, or why not.

    Parameters:
        row: the row.
        result: what became of it. Who is there already is left as it is, whatever the row says.
        problems: why it was left out.
    """

    row: CsvRow
    result: ImportResult
    problems: tuple[Problem, ...]


def import_clients(
    access: ClientAccess, rows: Iterable[CsvRow], *, chunk: int = CHUNK
) -> Iterator[ImportOutcome]:
    """Import the rows that can be, and yield what became of each, in order.

    Rows are saved as the outcomes are asked for, a chunk in one transaction; a row that is left out
    stops no other. Should it break off, the same file imported again adds what is missing.

    A row that cannot be told from an earlier one is left out beside it only: in a file without the
    earlier row it counts as already there.

    Parameters:
        access: where to.
        rows: as :func:`read_clients_csv` yields them.
        chunk: how many rows are decided on and saved together.

    Raises:
        InvalidValue: an argument is malformed; what `rows` yields is told when it is come to, and
            nothing of its chunk is saved then.
        StaleClient, EmailTaken, RepositoryError: as :meth:`~client_access.ClientAccess.handle`.
    """
    check_type("access", access, ClientAccess)
    check_type("chunk", chunk, int)
    if chunk < 1:
        raise InvalidValue("chunk", "must be at least 1")
    try:
        each = iter(rows)
    except TypeError:
        raise InvalidValue("rows", "must be an iterable") from None
    return _outcomes(access, each, chunk)


def _outcomes(access: ClientAccess, rows: Iterator[CsvRow], chunk: int) -> Iterator[ImportOutcome]:
    while part := list(islice(rows, chunk)):
        for row in part:
            _check_row(row)
        commands = [row.command for row in part if row.command is not None]
        decided = access.handle_each(commands)
        exist = {
            command.client_id
            for command, outcome in zip(commands, decided, strict=True)
            if _is_refused(outcome, RefusalCode.CLIENT_EXISTS)
        }
        clients = _clients(access.repository, list(exist))
        # By their places and not by their ids, of which a chunk may hold one twice.
        outcomes = iter(decided)
        for row in part:
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
    """Return what became of a row: what was decided on its command, in the words of a batch."""
    if isinstance(outcome, Change):
        return ImportOutcome(row, ImportResult.ADDED, ())
    if not _is_refused(outcome, RefusalCode.CLIENT_EXISTS):
        message = "The address is in use already, and each client needs its own."
        problem = Problem(row.number, EMAIL, ProblemCode.EMAIL_TAKEN, message)
    elif _is_there(clients.get(command.client_id), command.by):
        return ImportOutcome(row, ImportResult.ALREADY_THERE, ())
    else:
        message = (
            "This client was there before and has been deleted, or its practice's access has ended:"
            " to add it again, give the row a reference of its own."
        )
        problem = Problem(row.number, None, ProblemCode.CLIENT_GONE, message)
    return ImportOutcome(row, ImportResult.LEFT_OUT, (problem,))


def _is_refused(outcome: Change | CommandRefused, code: RefusalCode) -> bool:
    return isinstance(outcome, CommandRefused) and outcome.refusal.code is code


def _is_there(client: Client | None, by: Actor) -> bool:
    """Tell whether a client is its practice's still."""
    return (
        client is not None and isinstance(by, PracticeUser) and client.practice_id == by.practice_id
    )


def _clients(repository: Repository, client_ids: Sequence[UUID]) -> Mapping[UUID, Client]:
    if isinstance(repository, Lookup):
        return repository.get_many(client_ids)
    found = {client_id: repository.get(client_id) for client_id in client_ids}
    return {client_id: client for client_id, client in found.items() if client is not None}
