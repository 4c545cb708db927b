"""Django on two databases at once: a SQLite file, and a PostgreSQL server of the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import empty_schema, postgresql_server
from hypothesis import settings as hypothesis_settings
from sqlalchemy import make_url

HOST = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOST))
os.environ["DJANGO_SETTINGS_MODULE"] = "office.settings"

import django  # noqa: E402 (the settings come first)
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from office import settings as office  # noqa: E402

office.DATABASES["postgresql"] = office.POSTGRESQL
django.setup()

hypothesis_settings.register_profile("hosts", deadline=None, derandomize=True)
hypothesis_settings.load_profile("hosts")
__all__ = ["postgresql_server"]


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The alias of a SQLite file with the tables."""
    office.SQLITE["NAME"] = tmp_path_factory.mktemp("django") / "office.sqlite"
    call_command("migrate", verbosity=0)
    return "default"


@pytest.fixture(scope="session")
def postgresql(postgresql_server: str) -> Iterator[str]:
    """The alias of a schema on PostgreSQL with the tables."""
    with empty_schema(postgresql_server) as text:
        url = make_url(text)
        office.POSTGRESQL |= {
            "NAME": url.database,
            "USER": url.username,
            "PASSWORD": url.password,
            "HOST": url.host or url.query["host"],
            "PORT": url.port,
            "OPTIONS": {"options": url.query["options"]},
        }
        call_command("migrate", database="postgresql", verbosity=0)
        yield "postgresql"
        connections["postgresql"].close()


@pytest.fixture(params=["sqlite", "postgresql"])
def using(request: pytest.FixtureRequest) -> str:
    """The alias of each database in turn."""
    alias = request.getfixturevalue(request.param)
    assert isinstance(alias, str)
    return alias
