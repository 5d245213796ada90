"""`verify`: walks the audit trail's chain, and holds every row and every stored object against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from django.db import models

from skindose.registry import audit
from skindose.registry.guard import guarded
from skindose.registry.models import AUDITED, Audit, Blob
from skindose.registry.reading import unpacked
from skindose.registry.records import Fault, Registry

_CHUNK = 200  # rows held at once
_PASSES = 5  # at most, while others write

Expected = dict[tuple[str, str], str | None]


def verify(registry: Registry, head: tuple[int, str] | None = None) -> list[Fault]:
    """Everything that was changed, deleted or added behind the program's back; [] where all is as it was written.

    head     number and digest of an audit row that somebody noted elsewhere: it must still be there, which shows that
             the end of the trail was not cut off
    raises   RegistryError
    """
    with guarded():
        seen, faults = _last(), _passed(registry, head)
        for _ in range(_PASSES):
            if not faults or seen == (now := _last()):
                break
            seen, again = now, set(_passed(registry, head))  # somebody wrote meanwhile: what is a fault stays one
            faults = [fault for fault in faults if fault in again]
    return faults


def _last() -> int:
    return int(Audit.objects.aggregate(last=models.Max("seq"))["last"] or 0)


def _passed(registry: Registry, head: tuple[int, str] | None) -> list[Fault]:
    faults, expected = _chain(registry.key_of("audit"), head)
    for table in AUDITED:
        try:
            faults += _rows(table, expected)
        except (ValueError, TypeError):  # what stands in a column is none of its kind any more
            faults.append(Fault(table._meta.db_table.removeprefix("skindose_"), "altered: it cannot be read"))
    faults += _objects()
    lost = [key for key, digest in expected.items() if digest is not None]
    return [*faults, *(Fault(_named(*key), "deleted: the audit trail has it, its table does not") for key in lost)]


def _chain(key: bytes, head: tuple[int, str] | None) -> tuple[list[Fault], Expected]:
    faults: list[Fault] = []
    expected: Expected = {}
    former, seq = audit.FIRST, 0
    anchor = None
    for row in Audit.objects.order_by("seq").iterator(_CHUNK):
        where = f"audit row {row.seq}"
        if row.seq != seq + 1:
            which = f"row {seq + 1} is" if row.seq == seq + 2 else f"rows {seq + 1} to {row.seq - 1} are"
            faults.append(Fault(where, f"before it, {which} deleted"))
        elif row.former != former:
            faults.append(Fault(where, "it does not follow the row before it: one of the two was replaced"))
        if row.digest != audit.chained(key, row):
            faults.append(Fault(where, "altered: its content does not fit its digest"))
        with suppress(ValueError, TypeError):  # a row that is no JSON any more is told above
            expected |= {(table, pk): digest for table, pk, digest in json.loads(row.rows)}
        former, seq = row.digest, row.seq
        anchor = row.digest if head and row.seq == head[0] else anchor
    if head and anchor != head[1]:
        faults.append(Fault(f"audit row {head[0]}", "not the one that was noted: the trail was cut off or replaced"))
    return faults, expected


def _rows(table: type[models.Model], expected: Expected) -> Iterator[Fault]:
    """Compare a table's rows, and tick them off."""
    name = table._meta.db_table
    binary = [field.name for field in table._meta.concrete_fields if isinstance(field, models.BinaryField)]
    for row in table.objects.defer(*binary).order_by("pk").iterator(_CHUNK):
        key = (name, str(row.pk))
        digest = expected.pop(key, None)
        if digest is None:
            yield Fault(_named(*key), "the audit trail does not know it, or knows that it was deleted")
        elif digest != audit.row_digest(row):
            yield Fault(_named(*key), "altered: it is not what the audit trail says was written")


def _objects() -> Iterator[Fault]:
    for row in Blob.objects.order_by("pk").iterator(20):
        data = unpacked(row)
        if data is None or len(data) != row.size:
            yield Fault(_named(Blob._meta.db_table, row.pk), f"altered: the bytes of this {row.kind} are not its own")


def _named(table: str, key: str) -> str:
    return f"{table.removeprefix('skindose_')} {key[:12]}"
