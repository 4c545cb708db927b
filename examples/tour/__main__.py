"""`python -m examples.tour`: open a database, play every scene, replay every client."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from client_access import ClientAccess, ClientAccessError, ClientList, replay
from client_access.cli import words
from client_access.cli.ending import Failure, ended
from client_access.cli.screen import HELPS, NO, YES
from client_access.cli.stores import opened, shown
from client_access.sql import SqlRepository
from examples.tour import beyond, clients, services
from examples.tour.screen import SENT, TourScreen
from examples.tour.stage import CATALOGUE, Cast, Stage, practice_of

CLIENTS = Path(__file__).with_name("clients.csv")
PROMPT = "Enter shows the next scene; Ctrl-C ends the tour."

Scene = Callable[[Stage, Cast], None]

SCENES: Mapping[Scene, tuple[Scene, ...]] = {
    clients.add_clients: (),
    clients.accept_invitation: (),
    clients.open_client: (clients.add_clients,),
    clients.change_contact_details: (clients.open_client,),
    clients.stop_managing: (clients.accept_invitation, clients.open_client),
    clients.remove_access: (clients.add_clients,),
    services.add_services: (clients.remove_access,),
    services.resend_activation: (clients.add_clients,),
    services.first_subscription: (clients.add_clients,),
    services.remove_service: (services.add_services,),
    services.change_payer: (services.first_subscription, services.remove_service),
    services.delete_client: (clients.add_clients, services.add_services),
    services.start_email: (clients.stop_managing, services.add_services),
    services.give_access: (clients.stop_managing,),
    beyond.change_accountant: (clients.add_clients,),
    beyond.client_pays: (clients.add_clients,),
    beyond.change_address: (beyond.client_pays,),
    beyond.withdraw_access: (clients.add_clients,),
    beyond.close_client: (clients.add_clients,),
    beyond.silent_practice: (clients.add_clients,),
    beyond.transfer_clients: (),
    beyond.next_invoice: (clients.remove_access, services.first_subscription),
    beyond.deliver_notices: (clients.stop_managing, services.first_subscription),
}
"""The procedures of rules §10, in its order, and the scenes that each needs before it."""


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
    parser.add_argument(
        "--only",
        metavar="N",
        type=int,
        choices=range(1, len(SCENES) + 1),
        help="play one scene, by its number; those that it needs are played unseen",
    )
    parser.add_argument(
        "--no-pause",
        dest="pause",
        action="store_false",
        help="do not wait between two scenes; a terminal waits for Enter",
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
        scenes = tuple(SCENES)
        _opening(stage, where)
        _play(
            stage,
            scenes if options.only is None else (scenes[options.only - 1],),
            pause=options.pause and sys.stdin.isatty() and sys.stdout.isatty(),
        )
        return 0 if _replays(repository, stage.screen) else 1


def _play(stage: Stage, seen: Sequence[Scene], *, pause: bool) -> None:
    """Play some scenes, and those that they need, unseen."""
    cast = Cast()
    unseen = _needed_by(seen).difference(seen)
    numbers = [str(number) for number, scene in enumerate(SCENES, 1) if scene in unseen]
    if numbers:
        stage.aside(f"Played before it, unseen: {words.listed(numbers)}.")
    for number, scene in enumerate(SCENES, 1):
        if scene in seen:
            if pause and scene is not seen[0]:
                _wait_for_enter()
            stage.number = number
            scene(stage, cast)
        elif scene in unseen:
            with stage.unseen():
                scene(stage, cast)


def _wait_for_enter() -> None:
    """Wait for a line of input, or for its end."""
    sys.stdout.write(f"\n   {PROMPT} ")
    sys.stdout.flush()
    sys.stdin.readline()


def _needed_by(scenes: Iterable[Scene]) -> set[Scene]:
    """Return the scenes that some scenes need, and those that these need in turn."""
    needed = {need for scene in scenes for need in SCENES[scene]}
    return needed | _needed_by(needed) if needed else needed


def _next_run(repository: SqlRepository) -> int:
    """Return the number of the first practice of the tour that has no clients yet."""
    access = ClientAccess(repository, catalogue=CATALOGUE)
    run = 1
    while any(
        access.clients(practice_of(run).practice_id, which, limit=1).rows for which in ClientList
    ):
        run += 1
    return run


def _opening(stage: Stage, where: str) -> None:
    """Print what the tour is about to do."""
    screen = stage.screen
    name = f"{CLIENTS.name}, an example" if stage.file == CLIENTS else str(stage.file)
    screen.gap()
    screen.paragraph("A practice and its clients", style="bold")
    screen.paragraph(
        "Every procedure of the guide, in its order, and what the guide leaves open. Everything"
        " happens on a database.",
        style="dim",
    )
    screen.gap()
    screen.facts(
        [
            ("database", where),
            ("clients", name),
            ("prices", "made up: an application brings its own"),
            ("signs", f"{YES} done  {NO} refused, and why  {HELPS} what helps  {SENT} who is told"),
            ("calls", "below each step, the call that made it"),
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
