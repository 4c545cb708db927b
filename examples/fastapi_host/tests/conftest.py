"""A process of the host on a new database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from databases import empty_schema
from sqlalchemy import create_engine, text

from client_access.events import EVENTS

KEY = "the key of the tests: 16 or more bytes"


class Running:
    """The host, over HTTP.

    Parameters:
        host: its process.
        database: the URL of its database.
    """

    def __init__(self, host: Any, database: str) -> None:
        self.host = host
        self.database = database
        self.url = host.wait_for(r"Uvicorn running on (http://[\d.:]+)")[1]

    def journal(self) -> set[tuple[str, int, str]]:
        """Return the host's own rows: the client, its version, and what happened."""
        engine = create_engine(self.database)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT client_id, version, what FROM journal")).all()
        engine.dispose()
        return {(client_id, version, what) for client_id, version, what in rows}

    def rows_of(self, *client_ids: UUID) -> set[tuple[str, int, str]]:
        """Return the host's own rows about some clients."""
        wanted = set(map(str, client_ids))
        return {row for row in self.journal() if row[0] in wanted}

    def happened(self, *client_ids: UUID) -> set[tuple[str, int, str]]:
        """Return the events of some clients, as the host's own rows should have them."""
        return {
            (event["client_id"], event["version"], EVENTS[event["event"]].__name__)
            for client_id in client_ids
            for event in self.events(client_id)
        }

    def execute(self, statement: str) -> None:
        engine = create_engine(self.database)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def events(self, client_id: UUID) -> list[dict[str, Any]]:
        """Return the history of a client."""
        return self.get("platform/cs", f"clients/{client_id}/history")  # type: ignore[no-any-return]  # JSON

    def get(self, who: str, path: str, **params: Any) -> Any:
        answer = httpx.get(f"{self.url}/{path}", headers=bearer(who), params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, who: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = httpx.post(f"{self.url}/{path}", headers=bearer(who), json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()


def bearer(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {who}"} if who else {}


@pytest.fixture(scope="session")
def begin(start: Callable[..., Any]) -> Callable[[str], Running]:
    """Starts the host on a database."""

    def begin(database: str) -> Running:
        host = start("examples.fastapi_host", DATABASE_URL=database, LINKS_KEY=KEY, PORT="0")
        return Running(host, database)

    return begin


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def host(
    request: pytest.FixtureRequest,
    begin: Callable[[str], Running],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """A process of the host for all tests, on a database of each kind in turn."""
    if request.param == "sqlite":
        yield begin(f"sqlite:///{tmp_path_factory.mktemp('database') / 'clients.db'}")
        return
    with empty_schema(request.getfixturevalue("postgresql_server")) as database:
        running = begin(database)
        yield running
        running.host.stop()  # before its schema goes
