"""The tour from its first line to its last: the opening, the scenes, the proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID

from client_access import (
    ClientAccess,
    ClientAccessError,
    ClientList,
    Repository,
    replay,
)
from client_access.cli.catalogues import EXAMPLE
from client_access.cli.screen import HELPS, NO, SENT, YES, Screen
from client_access.cli.tour import clients, services
from client_access.cli.tour.cast import Cast
from client_access.cli.tour.stage import Stage, TourRepository, practice_name

SCENES: tuple[Callable[[Stage, Cast], None], ...] = (
    clients.add_clients,
    clients.accept_invitation,
    clients.meanwhile,
    clients.open_client,
    clients.change_contact_details,
    clients.stop_managing,
    clients.remove_access,
    services.add_services,
    services.first_subscription,
    services.resend_activation,
    services.remove_service,
    services.change_payer,
    services.delete_client,
    services.start_email,
    services.give_access,
    services.next_invoice,
    services.deliver_notices,
)
"""The procedures, in the guide's own order (rules §10)."""


def play(
    repository: TourRepository,
    *,
    file: Path,
    screen: Screen,
    about: Iterable[tuple[str, str]],
    every_client: Callable[[], Iterable[UUID]] | None = None,
) -> bool:
    """Walk through every procedure, then replay every client and compare.

    Parameters:
        repository: where the clients are, and their histories.
        file: the CSV file with the clients to import.
        screen: where to print.
        about: what to say beforehand of the database and the file.
        every_client: tells the id of every client that is stored; only those that were met on the
            walk are replayed, if it is None.

    Returns:
        Whether every client is what its history makes of it.
    """
    run = _next_run(repository)
    stage = Stage(repository, catalogue=EXAMPLE, screen=screen, file=file, run=run)
    _opening(stage, about)
    cast = Cast()
    for scene in SCENES:
        scene(stage, cast)
    return _proof(stage, repository, every_client)


def _next_run(repository: Repository) -> int:
    """Return the number of the first practice of ours that has no clients yet."""
    access = ClientAccess(repository, catalogue=EXAMPLE)
    run = 1
    while any(access.clients(practice_name(run), of, limit=1).rows for of in ClientList):
        run += 1
    return run


def _opening(stage: Stage, about: Iterable[tuple[str, str]]) -> None:
    screen = stage.screen
    screen.gap()
    screen.paragraph("A practice and its clients", style="bold")
    screen.paragraph("Every procedure of the guide, in its order, on a database.", style="dim")
    screen.gap()
    screen.facts(
        [
            *about,
            ("prices", "made up: what a service costs is the host's to say"),
            ("signs", f"{YES} done  {NO} refused, and why  {HELPS} what helps  {SENT} who is told"),
        ],
        indent=3,
    )
    if stage.run > 1:
        screen.gap()
        screen.paragraph(
            f"This is walk {stage.run} on this database. The clients of the walk before stay as"
            " they are. No two clients may have the same address, so this walk is another"
            f" practice's, {stage.practice.practice_id}, with +{stage.run} in every address. At the"
            " end all clients are replayed, the earlier ones too.",
            style="yellow",
            indent=3,
        )


def _proof(
    stage: Stage,
    repository: TourRepository,
    every_client: Callable[[], Iterable[UUID]] | None,
) -> bool:
    stage.screen.heading("Every client, replayed from its history")
    count, different = 0, []
    for client_id in every_client() if every_client else list(stage.touched):
        count += 1
        if difference := _difference(repository, client_id):
            different.append((client_id, difference))
    for client_id, difference in different[:10]:
        stage.screen.problem(f"{client_id}: {difference}")
    stage.screen.verdict(
        f"{count - len(different)} of {count} clients are what their histories make of them.",
        good=not different,
    )
    return not different


def _difference(repository: TourRepository, client_id: UUID) -> str | None:
    """Return what is wrong between a client and its history, or None."""
    try:
        stored, replayed = repository.get(client_id), replay(repository.history(client_id))
    except ClientAccessError as problem:
        return f"cannot be read: {problem}"
    return None if stored == replayed else "is stored otherwise than its history says"
