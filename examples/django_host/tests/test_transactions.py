"""Commands in Django's transactions, and two processes at one client."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from clients.access import client_access, handle
from clients.models import Practice, StoredClient
from clients.repository import DjangoRepository
from django.conf import settings
from django.db import OperationalError, connections, transaction

import client_access as ca

US = ca.PracticeUser("north")


def _awaiting(using: str) -> UUID:
    """Add a client that awaits its activation, and return its id."""
    client_id = uuid4()
    email = f"{client_id}@example.com"
    access = client_access(using)
    access.handle(ca.AddClient(client_id, US, business_name="Acorn", email=email))
    access.handle(
        ca.Subscribe(
            client_id,
            US,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None},
        )
    )
    return client_id


def test_what_the_host_records_is_committed_with_the_command(using: str) -> None:
    """Notices are delivered after the commit."""
    client_id, practice = _awaiting(using), uuid4().hex
    heard: list[bool] = []

    def record(change: ca.Change) -> None:
        Practice.objects.using(using).create(pk=practice)
        transaction.on_commit(lambda: heard.append(True), using=using)
        assert not heard

    change = handle(ca.ResendActivation(client_id, US), record, using=using)
    assert heard
    assert DjangoRepository(using).get(client_id) == change.after
    assert Practice.objects.using(using).filter(pk=practice).exists()


def test_an_outer_atomic_that_is_undone_leaves_nothing_and_tells_nobody(
    using: str, caplog: pytest.LogCaptureFixture
) -> None:
    """So does a request under ATOMIC_REQUESTS that fails."""
    client_id = _awaiting(using)
    before = DjangoRepository(using).get(client_id)
    caplog.set_level(logging.INFO, "clients")
    with pytest.raises(RuntimeError), transaction.atomic(using=using):
        handle(ca.ResendActivation(client_id, US), lambda _: None, using=using)
        raise RuntimeError
    assert DjangoRepository(using).get(client_id) == before
    assert len(DjangoRepository(using).history(client_id)) == 2
    assert not caplog.records
    handle(ca.ResendActivation(client_id, US), lambda _: None, using=using)
    assert [record.getMessage() for record in caplog.records] == ["ActivationEmail to ToAddress"]


def test_a_conflict_is_decided_again_with_everything_that_the_host_records(using: str) -> None:
    """Nothing of the first attempt is kept."""
    client_id = _awaiting(using)
    attempts: list[str] = []

    def record(change: ca.Change) -> None:
        attempts.append(uuid4().hex)
        Practice.objects.using(using).create(pk=attempts[-1])
        if len(attempts) == 1:
            raise ca.StaleClient(client_id)

    handle(ca.ResendActivation(client_id, US), record, using=using)
    kept = Practice.objects.using(using).filter(pk__in=attempts)
    assert [practice.pk for practice in kept] == attempts[1:]
    assert len(DjangoRepository(using).history(client_id)) == 3


def test_in_atomic_the_service_leaves_repeating_to_the_host(using: str) -> None:
    repository = DjangoRepository(using)
    assert not repository.in_host_transaction
    with transaction.atomic(using=using):
        assert repository.in_host_transaction


def test_a_deadlock_of_postgresql_is_a_conflict(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLSTATE 40P01 and 40001 are StaleClient, so the service decides again; others are not."""
    client_id, repository = _awaiting(postgresql), DjangoRepository(postgresql)
    command = ca.ResendActivation(client_id, US)
    for state, error in (
        ("40001", ca.StaleClient),
        ("40P01", ca.StaleClient),
        ("53100", OperationalError),
    ):
        change = client_access(postgresql).preview(command)
        with connections[postgresql].cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
            )
            cursor.execute(
                "CREATE OR REPLACE TRIGGER failing BEFORE UPDATE ON clients_storedclient"
                f" FOR EACH ROW WHEN (NEW.id = '{client_id}') EXECUTE FUNCTION fail()"
            )
        with pytest.raises(error):
            repository.save([change])
    with connections[postgresql].cursor() as cursor:
        cursor.execute("DROP TRIGGER failing ON clients_storedclient")


WRITER = """
import sys
from uuid import UUID
import django
django.setup()
import client_access as ca
from clients.access import CATALOGUE
from clients.repository import DjangoRepository

class Waits(DjangoRepository):
    def save(self, changes):
        print("decided on version", changes[0].before.version, flush=True)
        sys.stdin.readline()
        super().save(changes)

access = ca.ClientAccess(Waits(), catalogue=CATALOGUE)
change = access.handle(ca.ResendActivation(UUID(sys.argv[1]), ca.PracticeUser("north")))
print("saved version", change.after.version)
"""


def test_two_processes_decide_on_one_client_and_the_second_decides_again(using: str) -> None:
    """Both have decided before either saves. Neither change is lost."""
    client_id = _awaiting(using)
    database = settings.DATABASES[using]
    environment = {
        "DJANGO_SETTINGS_MODULE": "office.settings",
        "PYTHONPATH": ":".join([str(Path(__file__).parents[1]), *sys.path]),
    }
    if using == "default":
        environment["DJANGO_HOST_SQLITE"] = str(database["NAME"])
    else:
        environment |= {
            "PGDATABASE": database["NAME"],
            "PGUSER": database["USER"],
            "PGPASSWORD": database["PASSWORD"] or "",
            "PGHOST": database["HOST"],
            "PGPORT": str(database["PORT"] or ""),
            "PGOPTIONS": database["OPTIONS"]["options"],
        }
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(client_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "decided on version 2\n"
    said = [writer.communicate("go\ngo\n", timeout=60)[0] for writer in writers]
    assert said == ["saved version 3\n", "decided on version 3\nsaved version 4\n"]
    history = DjangoRepository(using).history(client_id)
    assert StoredClient.objects.using(using).get(pk=client_id).client == ca.replay(history)
