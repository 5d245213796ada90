"""Calibration records -> terminal: what a folder holds, and which records count for a report."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from skindose.calibration import Loaded, Why
from skindose.changes import numbered
from skindose.report.terminal import console, printable

_OWN = {
    "plane": "plane {}",
    "factor": "factor {}",
    "uncertainty_percent": "uncertainty {} %",
    "date": "date {}",
    "responsible": "by {}",
}


def to_dict(loaded: Loaded, today: datetime.date) -> dict[str, Any]:
    """A record and its state, for `--json`."""
    record = loaded.record
    machine = {key: value for key, value in record.machine.model_dump().items() if value}
    return {
        "file": loaded.file,
        "record": record.name,
        "kind": record.kind,
        "machine": machine,
        "date": record.date.isoformat(),
        "last_day": record.last_day.isoformat(),
        "measured_by": record.measured_by,
        "signed_by": record.signature.by if record.signature and loaded.signature == "signed" else None,
        "signature": loaded.signature,
        "in_force": loaded.signature == "signed" and record.date <= today <= record.last_day,
        "entries": len(record.scopes),
    }


def print_records(documents: Sequence[Mapping[str, Any]]) -> None:
    """The documents of `skindose calibrate list --json`, for people."""
    from rich.table import Table

    table = Table()
    for column in ("record", "kind", "machine", "from", "to", "signature", "in force"):
        table.add_column(column)
    for each in documents:
        machine = ", ".join(str(value) for key, value in each["machine"].items() if key != "only_one_of_this_model")
        signature = f"signed by {each['signed_by']}" if each["signed_by"] else each["signature"]
        row = (each["record"], each["kind"], machine, each["date"], each["last_day"], signature)
        table.add_row(*(printable(text) for text in row), "yes" if each["in_force"] else "no")
    console().print(table if documents else "No calibration record.")


def why_to_dict(why: Why) -> dict[str, Any]:
    """A record before a report: event numbers from 1 by reason; under "applied" those that it holds for."""
    reasons: dict[str, list[int]] = {}
    for event, reason in enumerate(why.reasons):
        reasons.setdefault(reason or "applied", []).append(event + 1)
    applied = reasons.pop("applied", [])
    values = [getattr(scope, "value", None) for scope in why.scope if scope is not None]
    return {
        "record": why.loaded.record.name,
        "kind": why.loaded.record.kind,
        "applied": applied,
        "factors": sorted({value for value in values if value is not None}),
        "not_applied": reasons,
    }


def print_why(name: str, document: Mapping[str, Any]) -> None:
    """The document of `skindose calibrate show --json`, for people."""
    out = console()
    out.print(f"{printable(name)}: {document['date'] or 'no date'}, {document['events']} events", style="bold")
    if not document["records"]:
        no_folder = "No folder of records is given (--calibrations, or calibration_folder with --config)."
        out.print("The folder has no record." if document["folder_given"] else no_folder)
    for each in document["records"]:
        factors = ", ".join(f"{value:g}" for value in each["factors"])
        shown = f" (x {factors})" if factors else ""
        events = _numbers(each["applied"]) if each["applied"] else "none"
        out.print(f"{printable(each['record'])}, {each['kind']}: applied to events {events}{shown}")
        for reason, numbers in each["not_applied"].items():
            out.print(f"  not to {_numbers(numbers)}: {printable(reason)}")
    if document["uncalibrated"]:
        out.print(f"Uncalibrated: events {_numbers(document['uncalibrated'])}")
    for own in document["reported"]:
        words = ", ".join(_OWN[key].format(value) for key, value in own.items() if value is not None)
        out.print(f"The report's own calibration, never applied: {printable(words)}")


def _numbers(events: Sequence[int]) -> str:
    """Numbers from 1, as in "1-4, 7"."""
    return ", ".join(numbered(number - 1 for number in events))
