"""The database itself refuses to change or delete a row of the audit trail."""

from typing import Any, ClassVar

from django.db import migrations

_TABLE = "skindose_audit"
_SQLITE = [
    f"CREATE TRIGGER {_TABLE}_{what.lower()} BEFORE {what} ON {_TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END"
    for what in ("UPDATE", "DELETE")
]
_POSTGRES = [
    f"CREATE FUNCTION {_TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit trail is append only'; END $$",
    f"CREATE TRIGGER {_TABLE}_rows BEFORE UPDATE OR DELETE ON {_TABLE} FOR EACH ROW EXECUTE FUNCTION {_TABLE}_refuse()",
    f"CREATE TRIGGER {_TABLE}_all BEFORE TRUNCATE ON {_TABLE} FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_refuse()",
]


def _refuse(apps: Any, schema_editor: Any) -> None:
    postgres = schema_editor.connection.vendor == "postgresql"
    for statement in _POSTGRES if postgres else _SQLITE:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Triggers on the audit table."""

    dependencies: ClassVar = [("skindose", "0001_tables")]
    operations: ClassVar = [migrations.RunPython(_refuse, migrations.RunPython.noop)]
