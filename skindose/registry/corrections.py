"""Corrections of cases: kept in one transaction with the result that they make, never deleted, only taken back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any

from skindose.corrected import Correction
from skindose.errors import RegistryError
from skindose.registry import models, store
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.guard import guarded
from skindose.registry.models import lengthy, short
from skindose.registry.records import Computed, Registry


def fresh_key() -> str:
    """A name for a new correction."""
    return secrets.token_hex(8)


def active(procedure: int) -> tuple[Correction, ...]:
    """The corrections of a procedure that hold, oldest first.

    raises   RegistryError
    """
    return active_of([procedure]).get(procedure, ())


def active_of(procedures: Iterable[int] | None = None) -> dict[int, tuple[Correction, ...]]:
    """The same of several, None: of all that have any."""
    with guarded():
        rows = models.Correction.objects.filter(undone_at=None).order_by("pk")
        found: dict[int, tuple[Correction, ...]] = {}
        for row in rows if procedures is None else rows.filter(procedure_id__in=list(procedures)):
            found[row.procedure_id] = (*found.get(row.procedure_id, ()), _ours(row))
    return found


def _ours(row: models.Correction) -> Correction:
    document = json.loads(row.document)
    events = tuple(document["events"])
    return Correction(row.key, document["settings"], document["whole"], events, document["of"], row.by, row.reason)


def add(registry: Registry, procedure: int, correction: Correction, result: Computed) -> int | None:
    """Keep a correction with the result that it makes, or neither; returns the result's version.

    None: reports or corrections of the procedure are no longer those that the result was made with.
    raises   RegistryError
    """
    document = {
        "settings": correction.settings,
        "whole": correction.whole,
        "events": list(correction.events),
        "of": correction.of,
    }

    def first(entry: Entry, row: models.Procedure) -> None:
        kept = models.Correction(
            procedure=row,
            key=correction.key,
            document=canonical(document),
            by=short(correction.by),
            reason=lengthy(correction.reason),
            at=now(),
        )
        entry.add(kept)
        entry.details |= {"correction": correction.key, "by": short(correction.by)}

    return store.put(registry, procedure, result, first=first)


def take_back(registry: Registry, procedure: int, key: str, by: str, reason: str, result: Computed) -> int | None:
    """Take a correction back, with the result that comes out without it; as `add`."""

    def first(entry: Entry, row: models.Procedure) -> None:
        kept = models.Correction.objects.get(procedure=row, key=key)
        kept.undone_by, kept.undone_reason, kept.undone_at = short(by), lengthy(reason), now()
        entry.change(kept)
        entry.details |= {"taken_back": key, "by": short(by)}

    return store.put(registry, procedure, result, first=first)


def last(procedure: int) -> Correction:
    """The newest one that holds.

    raises   RegistryError where there is none
    """
    found = active(procedure)
    if not found:
        raise RegistryError("no correction of this case is left to take back", "registry", "`show` has its history.")
    return found[-1]


def history(procedure: int) -> list[dict[str, Any]]:
    """Every correction that a procedure ever had, oldest first."""
    with guarded():
        rows = list(models.Correction.objects.filter(procedure_id=procedure).order_by("pk"))
    return [
        {
            "key": row.key,
            "settings": json.loads(row.document)["settings"],
            "by": row.by,
            "reason": row.reason,
            "at": row.at.isoformat(timespec="seconds"),
            "taken_back_by": row.undone_by or None,
            "taken_back_because": row.undone_reason or None,
            "taken_back_at": row.undone_at.isoformat(timespec="seconds") if row.undone_at else None,
        }
        for row in rows
    ]
