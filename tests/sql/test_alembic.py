"""A host's Alembic makes the tables, with the revision that docs/how-to/databases.md shows."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sql.shop import added, execute
from sqlalchemy import create_engine, inspect

from client_access import RepositoryError
from client_access.sql import SqlRepository, metadata

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "databases.md").read_text(encoding="utf-8")

ENVIRONMENT = """
from alembic import context

attributes = context.config.attributes
schema = attributes["schema"]
connection = attributes["connection"].execution_options(schema_translate_map={None: schema})
context.configure(connection=connection, version_table_schema=schema)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.fixture
def revisions(tmp_path: Path) -> Config:
    """A folder of a host's revisions, with the one of the page."""
    (revision,) = (
        code for code in re.findall("```py\n(.*?)```", PAGE, re.DOTALL) if "def up" in code
    )
    (tmp_path / "host" / "versions").mkdir(parents=True)
    (tmp_path / "host" / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "host" / "versions" / "ca0001_tables.py").write_text(revision)
    config = Config()
    config.set_main_option("script_location", str(tmp_path / "host"))
    config.set_main_option("path_separator", "os")
    return config


@pytest.mark.parametrize("in_schema", [False, True], ids=["default", "schema"])
def test_the_revision_of_the_page_upgrades_and_downgrades(
    database: str, revisions: Config, in_schema: bool
) -> None:
    engine = create_engine(database)
    if in_schema and engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no schemas")
    schema = f"alembic_{uuid4().hex}" if in_schema else None
    if schema:
        execute(engine, f"CREATE SCHEMA {schema}")

    def run(direction: str, to: str) -> None:
        with engine.begin() as connection:
            revisions.attributes.update(connection=connection, schema=schema)
            getattr(command, direction)(revisions, to)

    def tables() -> set[str]:
        with engine.connect() as connection:
            names = inspect(connection).get_table_names(schema)
        return {name for name in names if name.startswith("client_access")}

    for _ in ("up and down", "and again"):
        with pytest.raises(RepositoryError, match="missing"):
            SqlRepository.open(database, schema=schema, migrate=False)
        run("upgrade", "head")
        assert tables() == set(metadata.tables)
        with SqlRepository.open(database, schema=schema, migrate=False) as repository:
            change = added()
            repository.save([change])
            assert repository.get(change.after.id) == change.after
        run("downgrade", "base")
        assert tables() == set()
    if schema:
        execute(engine, f"DROP SCHEMA {schema} CASCADE")
    engine.dispose()


def test_alembic_finds_no_difference(database: str) -> None:
    """What a repository makes is what the metadata says."""
    SqlRepository.open(database).close()
    engine = create_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
