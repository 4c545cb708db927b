"""A delivery that ends the process of its relay, each time, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest
from processes.worker import CATALOGUE, PRACTICE

import client_access as ca
from client_access.sql import SqlRepository

RELAY = Path(__file__).with_name("poisoned_relay.py")
POISON, OTHERS = UUID(int=5), [UUID(int=number) for number in (1, 2, 3, 4, 6, 7, 8)]


@pytest.mark.parametrize("batch", [1, 100])
def test_a_delivery_that_ends_its_process_is_counted_and_parked_and_starves_nobody(
    database: str, batch: int
) -> None:
    """A lease that ends without an answer is a failed delivery. The others are delivered at once,
    or, if the process that died had claimed them too, when their lease has ended."""
    with SqlRepository.open(database) as repository:
        access = ca.ClientAccess(repository, catalogue=CATALOGUE)
        for client_id in (POISON, *OTHERS):
            email = f"{client_id.int}@example.com"
            access.handle(ca.AddClient(client_id, PRACTICE, business_name="A", email=email))
            access.handle(
                ca.Subscribe(
                    client_id,
                    PRACTICE,
                    payer=ca.Payer.CLIENT,
                    sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                    services={"payroll": None},
                )
            )
        delivered: list[str] = []
        ends = []
        while not repository.outbox_state().parked:
            ended = subprocess.run(
                [sys.executable, str(RELAY), database, str(POISON), str(batch)],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
            )
            delivered += [json.loads(line) for line in ended.stdout.splitlines()]
            ends.append(ended.returncode)
            assert len(ends) < 100
            time.sleep(1)
        (parked,) = repository.waiting(parked=True, limit=9)
        assert (parked.notice.client_id, parked.attempts) == (POISON, 3)
        assert ends.count(1) == 3
        ca.relay(repository, lambda notice: delivered.append(str(notice.client_id)))
        assert sorted(delivered) == sorted(map(str, OTHERS))
        assert repository.outbox_state() == ca.OutboxState(0, 1, None)
