"""`python -m examples.tour`: open a database, play every scene, replay every client."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from client_access import ClientAccess, ClientAccessError, ClientList, replay
from client_access.cli.ending import Failure, ended
from client_access.cli.screen import HELPS, NO, YES
from client_access.cli.stores import opened, shown
from client_access.sql import SqlRepository
from examples.tour import clients, services
from examples.tour.screen import SENT, TourScreen
from examples.tour.stage import CATALOGUE, Cast, Stage, practice_id

CLIENTS = Path(__file__).with_name("clients.csv")

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
"""The procedures, in the guide's order (rules §10)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tour.

    Returns:
        The exit status: 0; 1 if a client differs from its history; 2 if the tour failed.
    """
    return ended(lambda: _tour(_options(arguments)))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.tour", description="Run the tour.")
    parser.add_argument(
        "--database", metavar="URL", help="keep the tour's database; default: a temporary one"
    )
    parser.add_argument(
        "--clients",
        metavar="FILE.csv",
        type=Path,
        default=CLIENTS,
        help="import your own clients; default: an example",
    )
    return parser.parse_args(arguments)


def _tour(options: argparse.Namespace) -> int:
    file: Path = options.clients
    with ExitStack() as stack:
        url = options.database
        if url is None:
            directory = stack.enter_context(TemporaryDirectory(prefix="client-access-"))
            url = f"sqlite:///{Path(directory, 'tour.db')}"
            where = "temporary; keep one with --database sqlite:///tour.db"
        else:
            where = shown(url)
        repository = stack.enter_context(opened(url, make=True))
        if not file.is_file():
            raise Failure(f"There is no file {file}.")
        stage = Stage(repository, screen=TourScreen(), file=file, run=_next_run(repository))
        _opening(stage, where)
        cast = Cast()
        for scene in SCENES:
            scene(stage, cast)
        return 0 if _replays(repository, stage.screen) else 1


def _next_run(repository: SqlRepository) -> int:
    """Return the number of the first practice of the tour that has no clients yet."""
    access = ClientAccess(repository, catalogue=CATALOGUE)
    run = 1
    while any(access.clients(practice_id(run), which, limit=1).rows for which in ClientList):
        run += 1
    return run


def _opening(stage: Stage, where: str) -> None:
    """Print what the tour is about to do."""
    screen = stage.screen
    name = f"{CLIENTS.name}, an example" if stage.file == CLIENTS else str(stage.file)
    screen.gap()
    screen.paragraph("A practice and its clients", style="bold")
    screen.paragraph("Every procedure of the guide, in its order, on a database.", style="dim")
    screen.gap()
    screen.facts(
        [
            ("database", where),
            ("clients", name),
            ("prices", "made up: an application brings its own"),
            ("signs", f"{YES} done  {NO} refused, and why  {HELPS} what helps  {SENT} who is told"),
        ],
        indent=3,
    )
    if stage.run > 1:
        screen.gap()
        screen.paragraph(
            f"This is run {stage.run} on this database. The clients of earlier runs stay as they"
            " are. No two clients may have the same address, so this run belongs to another"
            f" practice, {stage.practice.practice_id}, and has +{stage.run} in every address. At"
            " the end all clients are replayed, the earlier ones too.",
            style="yellow",
            indent=3,
        )


def _replays(repository: SqlRepository, screen: TourScreen) -> bool:
    """Replay every client from its events, and return whether all equal the stored ones."""
    screen.heading("Every client, replayed from its history")
    differences = {
        client_id: _difference(repository, client_id) for client_id in repository.client_ids()
    }
    wrong = [(client_id, why) for client_id, why in differences.items() if why]
    for client_id, why in wrong[:10]:
        screen.problem(f"{client_id}: {why}")
    screen.verdict(
        f"{len(differences) - len(wrong)} of {len(differences)} clients equal what is replayed from"
        " their histories.",
        good=not wrong,
    )
    return not wrong


def _difference(repository: SqlRepository, client_id: UUID) -> str | None:
    """Return how a client differs from its history, or None."""
    try:
        stored, replayed = repository.get(client_id), replay(repository.history(client_id))
    except ClientAccessError as problem:
        return f"cannot be read: {problem}"
    return None if stored == replayed else "differs from its history"


if __name__ == "__main__":
    sys.exit(main())
