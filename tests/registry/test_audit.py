"""Nothing can be changed, deleted or added behind the program's back without `verify` naming it."""

import contextlib

import pytest

from skindose.errors import RegistryError
from skindose.registry import open_registry
from tests.registry import made

# Table -> a column of it, and what a forger would put there.
FORGED = {
    "site": "software = 'x'",
    "blob": "kind = 'x'",
    "patient": "pseudonym = 'x'",
    "identifier": "number = 'x'",
    "machine": "station = 'x'",
    "procedure": "purpose = 'test'",
    "report": "sop_instance_uid = 'x'",
    "computation": "peak_skin_dose_mgy = 0.5",
    "finding": "fired = NULL",
    "quarantined": "reason = 'x'",
}


@pytest.fixture
def filled(home):
    """An open registry with a row in each table of `FORGED`."""
    data = made.report()
    with open_registry(plain=True) as registry:
        from skindose.registry import check, store

        store.receive(registry, made.incoming(data), made.stored(data))
        store.quarantine(registry, "f" * 64, "a.dcm", "empty")
        assert check.verify(registry) == []
        yield registry


def sql(*statements):
    """As somebody with the database's own tools would; foreign keys do not stop him."""
    from django.db import connection

    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica" if postgres else "PRAGMA foreign_keys = OFF")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin" if postgres else "PRAGMA foreign_keys = ON")


def without_triggers():
    from django.db import connection

    names = ("rows", "all") if connection.vendor == "postgresql" else ("update", "delete")
    on = " ON skindose_audit" if connection.vendor == "postgresql" else ""
    sql(*(f"DROP TRIGGER skindose_audit_{name}{on}" for name in names))


def faults(registry, **options):
    from skindose.registry import check

    return [f"{fault.where}: {fault.what}" for fault in check.verify(registry, **options)]


@contextlib.contextmanager
def undone():
    """What is done inside is seen inside only."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_an_altered_row_of_any_table_is_named(filled):
    for table, forged in FORGED.items():
        with undone():
            sql(f"UPDATE skindose_{table} SET {forged}")
            found = faults(filled)
        assert found, table
        assert all(fault.startswith(f"{table} ") and "altered" in fault for fault in found), table
    assert faults(filled) == []


def test_a_deleted_row_of_any_table_is_named(filled):
    for table in FORGED:
        with undone():
            sql(f"DELETE FROM skindose_{table}")
            found = faults(filled)
        assert found, table
        assert all(fault.startswith(f"{table} ") and "deleted" in fault for fault in found), table
    assert faults(filled) == []


def test_every_table_but_those_that_are_filled_elsewhere_is_tried(filled):
    from skindose.registry.models import AUDITED

    elsewhere = {"ruleset", "calibration", "alert", "outgoing", "told", "acknowledgement", "followup"}
    elsewhere |= {"sum", "sumfinding", "correction", "signoff"}
    assert {table._meta.db_table.removeprefix("skindose_") for table in AUDITED} == set(FORGED) | elsewhere


def test_a_row_that_was_slipped_in_is_named(filled):
    sql("INSERT INTO skindose_patient (pseudonym, issuer_stated, since) VALUES ('x', '1', '2026-01-01 00:00:00+00:00')")
    (found,) = faults(filled)
    assert found.startswith("patient ")
    assert "does not know it" in found


def test_bytes_that_were_changed_are_named(filled):
    from skindose.registry.models import Blob

    for row in Blob.objects.all():
        forged = bytearray(row.content)
        forged[len(forged) // 2] ^= 1
        row.content = bytes(forged)
        row.save()
    found = faults(filled)
    assert len(found) == Blob.objects.count()
    assert all("bytes" in fault for fault in found)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE skindose_audit SET who = 'x'", "DELETE FROM skindose_audit", "DELETE FROM skindose_audit WHERE seq = 2"],
)
def test_the_database_refuses_to_change_the_trail(filled, statement):
    from django.db import connection

    from skindose.registry.guard import guarded

    with pytest.raises(RegistryError, match="only ever grows"), guarded(), connection.cursor() as cursor:
        cursor.execute(statement)
    if connection.vendor == "postgresql":
        with pytest.raises(RegistryError, match="only ever grows"), guarded(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE skindose_audit")
    assert faults(filled) == []


def test_a_trail_that_was_forged_without_the_triggers_is_named(filled):
    without_triggers()
    sql("UPDATE skindose_audit SET who = 'somebody else' WHERE seq = 2")
    assert faults(filled) == ["audit row 2: altered: its content does not fit its digest"]


def test_a_gap_in_the_trail_is_named(filled):
    without_triggers()
    sql("DELETE FROM skindose_audit WHERE seq = 2")
    assert "audit row 3: before it, row 2 is deleted" in faults(filled)


def test_a_trail_cut_off_together_with_its_rows_is_found_by_a_noted_head(filled):
    from skindose.registry import reading

    noted = reading.status()["audit"]
    without_triggers()
    sql("DELETE FROM skindose_audit WHERE seq = 3", "DELETE FROM skindose_quarantined")
    assert faults(filled) == []
    assert "cut off" in faults(filled, head=(noted["rows"], noted["digest"]))[0]


def test_a_chain_made_without_the_key_does_not_fit(filled):
    """Somebody who knows the program but has not the site's key."""
    from skindose.registry import audit
    from skindose.registry.models import Audit, Quarantined

    without_triggers()
    row = Quarantined.objects.get()
    row.reason = "nothing"
    row.save()
    last = Audit.objects.get(seq=3)
    last.rows = audit.canonical([["skindose_quarantined", str(row.pk), audit.row_digest(row)]])
    last.digest = audit.chained(b"guessed", last)
    last.save()
    assert faults(filled) == ["audit row 3: altered: its content does not fit its digest"]


def test_who_what_and_when_are_told(filled):
    from skindose.registry.models import Audit

    rows = list(Audit.objects.order_by("seq"))
    assert [row.what for row in rows] == ["registry made", "report received", "file quarantined"]
    assert {row.who for row in rows} == {"skindose", filled.who}
    assert rows[1].former == rows[0].digest


def test_a_write_that_fails_leaves_no_audit_row(filled):
    from skindose.registry import audit
    from skindose.registry.models import Audit, Patient

    with contextlib.suppress(ZeroDivisionError), audit.writing(filled.key_of("audit"), "me", "half") as entry:
        entry.add(Patient(pseudonym="y", issuer_stated=True, since=audit.now()))
        _ = 1 / 0
    assert Audit.objects.count() == 3
    assert faults(filled) == []


def test_what_others_write_meanwhile_is_no_fault(home, monkeypatch):
    with open_registry() as registry:
        from skindose.registry import check, store
        from skindose.registry.models import Machine

        data, more = made.report(), made.report("b", number="2")
        store.receive(registry, made.incoming(data), made.stored(data))
        whole, once = check._rows, [lambda: store.receive(registry, made.incoming(more), made.stored(more))]

        def meanwhile(*arguments):
            if once:
                once.pop()()
            return whole(*arguments)

        monkeypatch.setattr(check, "_rows", meanwhile)
        assert check.verify(registry) == []
        once.append(lambda: store.quarantine(registry, "0" * 64, "x", "y"))
        Machine.objects.update(station="X")
        assert [fault.where for fault in check.verify(registry)] == ["machine 1"], "a fault stays one"
