"""A process of the host on a new database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

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

    def journal(self) -> set[tuple[str, int]]:
        """Return the host's own rows."""
        engine = create_engine(self.database)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT client_id, version FROM journal")).all()
        engine.dispose()
        return {(client_id, version) for client_id, version in rows}

    def execute(self, statement: str) -> None:
        engine = create_engine(self.database)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def events(self, client_id: Any) -> list[dict[str, Any]]:
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


@pytest.fixture
def begin(start: Callable[..., Any], database: str) -> Callable[[], Running]:
    """Starts the host on the database, of each kind in turn."""

    def begin() -> Running:
        host = start("examples.fastapi_host", DATABASE_URL=database, LINKS_KEY=KEY, PORT="0")
        return Running(host, database)

    return begin


@pytest.fixture
def host(begin: Callable[[], Running]) -> Running:
    """A process of the host."""
    return begin()
