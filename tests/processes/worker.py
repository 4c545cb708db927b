"""One process among several: python worker.py URL SEED.

Each line of standard input is a task. It prints one JSON object a line.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from client_access import (
    AcceptPracticeInvitation,
    Activate,
    AddClient,
    AddService,
    Catalogue,
    ChangeBusinessName,
    ChangeContactDetails,
    ChangeEmail,
    ChoosePayer,
    Client,
    ClientAccess,
    ClientUser,
    CloseClient,
    Command,
    CommandRefused,
    ContactDetails,
    DeleteClient,
    DisableAccess,
    EmailTaken,
    EnableAccess,
    GiveAccess,
    InvitePractice,
    Notice,
    Payer,
    PlatformUser,
    PracticeUser,
    RemoveService,
    ReopenClient,
    ResendActivation,
    Service,
    SignIn,
    StaleClient,
    StopManaging,
    Subscribe,
    WithdrawAccess,
)
from client_access.service import outbox
from client_access.sql import SqlRepository

PRACTICE = PracticeUser("practice")
CATALOGUE = Catalogue(
    [Service("payroll", "Payroll", Decimal(7)), Service("payslips", "Payslips", Decimal(3))]
)


def say(**facts: object) -> None:
    """Print one line that the test reads."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def contended_address(number: int) -> str:
    """Return the address that all processes claim in a round."""
    return f"only{number}@example.com"


def contended_client(number: int) -> UUID:
    """Return the client that all processes change in a round."""
    return UUID(int=2**100 + number)


def some_command(client_id: UUID, client: Client | None, chance: random.Random) -> Command:
    """Return a command that is likely to be accepted, for a client in any state."""
    client_user, platform = ClientUser(client_id), PlatformUser()
    email = f"c{chance.randrange(10**9)}@example.com"
    pending = client.activation if client else None
    choices: list[Command] = [
        Subscribe(
            client_id,
            PRACTICE,
            payer=Payer.PRACTICE,
            sign_in=chance.choice(list(SignIn)),
            services={"payroll": None},
        ),
        GiveAccess(client_id, PRACTICE, email=email, confirm_email=email),
        Activate(client_id, client_user, activation_id=pending.id if pending else uuid4()),
        AddService(client_id, platform, service="payslips"),
        RemoveService(client_id, platform, service="payslips"),
        ChangeEmail(client_id, platform, email=email),
        ChangeContactDetails(client_id, PRACTICE, contact=ContactDetails(name=email)),
        ChangeBusinessName(client_id, platform, business_name=f"Firm {chance.randrange(99)}"),
        ChoosePayer(client_id, PRACTICE, payer=chance.choice(list(Payer))),
        ResendActivation(client_id, platform),
        DisableAccess(client_id, PRACTICE),
        EnableAccess(client_id, PRACTICE),
        StopManaging(client_id, platform),
        WithdrawAccess(client_id, PRACTICE),
        CloseClient(client_id, PRACTICE),
        ReopenClient(client_id, PRACTICE),
        InvitePractice(client_id, client_user, practice_id="practice"),
        AcceptPracticeInvitation(client_id, PRACTICE),
    ]
    if chance.random() < 0.02:
        choices = [DeleteClient(client_id, PRACTICE)]
    return chance.choice(choices)


def claim(access: ClientAccess, seed: int, number: int) -> None:
    """Claim one address, which all processes claim, for a client of its own."""
    command = AddClient(
        UUID(int=number * 1000 + seed),
        PRACTICE,
        business_name=f"Claim {seed}",
        email=contended_address(number),
    )
    try:
        access.handle(command)
    except CommandRefused as refused:
        say(refused=refused.refusal.code.value)
    else:
        say(won=str(command.client_id))


def hammer(access: ClientAccess, seed: int, number: int) -> None:
    """Give one client random commands; print the versions of each accepted one."""
    chance, client_id = random.Random(f"{seed} {number}"), contended_client(number)
    for _ in range(25):
        command = some_command(client_id, access.repository.get(client_id), chance)
        if isinstance(command, DeleteClient):
            continue
        try:
            change = access.handle(command)
        except (CommandRefused, StaleClient, EmailTaken):
            continue
        if change.event is not None and change.before is not None:
            say(before=change.before.version, after=change.event.version)


def write(access: ClientAccess, seed: int) -> None:
    """Add clients and change them until killed."""
    chance = random.Random(seed)
    mine: list[UUID] = []
    for number in _forever():
        if len(mine) < 5 or chance.random() < 0.2:
            client_id = UUID(int=chance.getrandbits(128))
            mine.append(client_id)
            access.handle(AddClient(client_id, PRACTICE, business_name=f"Firm {seed} {number}"))
            continue
        client_id = chance.choice(mine)
        command = some_command(client_id, access.repository.get(client_id), chance)
        try:
            access.handle(command)
        except CommandRefused:
            continue


def relay(repository: SqlRepository) -> None:
    """Deliver due notices and print each, until none is waiting."""

    def deliver(notice: Notice) -> None:
        say(
            client=str(notice.client_id),
            version=notice.version,
            notice=str(notice.id),
            at=time.monotonic_ns(),
        )

    policy = outbox.RelayPolicy(lease=timedelta(seconds=1))
    while repository.waiting(parked=False, limit=1):
        outbox.relay(repository, deliver, policy=policy)


def _forever() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def main() -> None:
    """Do each task of standard input, and print when it is done."""
    url, seed = sys.argv[1], int(sys.argv[2])
    with SqlRepository.open(url) as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        say(done="start")
        for line in sys.stdin:
            match line.split():
                case ["claim", number]:
                    claim(access, seed, int(number))
                case ["hammer", number]:
                    hammer(access, seed, int(number))
                case ["write"]:
                    write(access, seed)
                case ["relay"]:
                    relay(repository)
            say(done=line)


if __name__ == "__main__":
    main()
