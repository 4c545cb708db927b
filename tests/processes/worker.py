"""One process among several, told by its arguments what to do: python worker.py MODE URL SEED.

It says "ready", waits for a line on its standard input, works, and prints one JSON object a line.
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

from client_access.outbox import Outbox, RelayPolicy
from client_access.sql import SqlRepository

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
    ResendActivation,
    Service,
    SignIn,
    StaleClient,
    StopManaging,
    Subscribe,
)

PRACTICE = PracticeUser("practice")
CATALOGUE = Catalogue(
    [Service("payroll", "Payroll", Decimal(7)), Service("payslips", "Payslips", Decimal(3))]
)
ONE_CLIENT = UUID(int=1)
ONE_ADDRESS = "only@example.com"


def say(**facts: object) -> None:
    """Print one line that the test reads."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def some_command(client_id: UUID, client: Client | None, chance: random.Random) -> Command:
    """Return a command that may well be accepted, for a client wherever it stands."""
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
        InvitePractice(client_id, client_user, practice_id="practice"),
        AcceptPracticeInvitation(client_id, PRACTICE),
    ]
    if chance.random() < 0.02:
        choices = [DeleteClient(client_id, PRACTICE)]
    return chance.choice(choices)


def claim(access: ClientAccess, seed: int) -> None:
    """Claim the one address for a client of one's own."""
    command = AddClient(
        UUID(int=1000 + seed), PRACTICE, business_name=f"Claim {seed}", email=ONE_ADDRESS
    )
    try:
        access.handle(command)
    except CommandRefused as refused:
        say(refused=refused.refusal.code.value)
    else:
        say(won=str(command.client_id))


def hammer(access: ClientAccess, seed: int) -> None:
    """Give the one client random commands; tell the versions of every accepted one."""
    chance = random.Random(seed)
    for _ in range(25):
        seen = access.repository.get(ONE_CLIENT)
        command = some_command(ONE_CLIENT, seen, chance)
        if isinstance(command, DeleteClient):
            continue
        try:
            change = access.handle(command)
        except (CommandRefused, StaleClient, EmailTaken):
            continue
        if change.event is not None and change.before is not None:
            say(before=change.before.version, after=change.event.version)
    say(done=seed)


def write(access: ClientAccess, seed: int) -> None:
    """Add clients and change them without an end, until killed."""
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


def relay(repository: SqlRepository, seed: int) -> None:
    """Deliver what is due, telling of each notice, until nothing waits."""

    def deliver(notice: Notice) -> None:
        say(
            client=str(notice.client_id),
            version=notice.version,
            notice=str(notice.id),
            at=time.monotonic_ns(),
        )

    outbox = Outbox(repository, policy=RelayPolicy(lease=timedelta(seconds=1)))
    while repository.waiting(parked=False, limit=1):
        outbox.relay(deliver)
    say(done=seed)


def _forever() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def main() -> None:
    """Do what the arguments say."""
    mode, url, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    repository = SqlRepository.open(url)
    access = ClientAccess(repository, catalogue=CATALOGUE)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    match mode:
        case "claim":
            claim(access, seed)
        case "hammer":
            hammer(access, seed)
        case "write":
            write(access, seed)
        case "relay":
            relay(repository, seed)
    repository.close()


if __name__ == "__main__":
    main()
