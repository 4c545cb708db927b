"""The tables of the library's own SQL adapter."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from client_access.sql import bring_up_to_date, metadata
from clients.lending import sqlalchemy_connection


def make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with sqlalchemy_connection(schema_editor.connection.alias) as connection:
        bring_up_to_date(connection)


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with sqlalchemy_connection(schema_editor.connection.alias) as connection:
        metadata.drop_all(connection)


class Migration(migrations.Migration):
    dependencies = [("clients", "0001_initial")]
    operations = [migrations.RunPython(make, drop)]
