"""One commissioning from end to end: report and marks in, verdict, summary and profile out."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skindose import normalise
from skindose.commission import marks as marks_file
from skindose.commission import profile as profiles
from skindose.commission.marks import Marks
from skindose.commission.shots import AXES, Shots, pick
from skindose.commission.verdict import Verdict, judge
from skindose.config import Settings
from skindose.errors import CommissioningError, OutputError, SettingsError, SkindoseError, reason
from skindose.model import Procedure
from skindose.normalise import Profile, Readings

ACCURACY_MM = 2.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """A session judged."""

    procedure: Procedure
    readings: Readings
    marks: Marks
    shots: Shots
    verdict: Verdict
    accuracy_mm: float

    @property
    def refusal(self) -> CommissioningError | None:
        """Why no profile may be written, None where one may be."""
        return self.verdict.refusal

    @property
    def base(self) -> Profile:
        """The profile that the file would get anyway; what is not determined is inherited from it."""
        return self.readings.profile

    def profile_text(self, by: str, date: datetime.date) -> str:
        """The commissioned profile as TOML, proved on the shots.

        raises   CommissioningError where the shots do not allow one; SettingsError for a name that is none
        """
        if self.refusal is not None:
            raise self.refusal
        if not by.strip() or not by.isprintable() or len(by) > 100:
            raise SettingsError("the physicist's name is missing", "--by", "Give it: --by 'Name'.")
        made = profiles.build(self.base, self.shots, self.verdict, self.procedure, by.strip(), date)
        written = profiles.text(made, self.base, self.verdict)
        profiles.prove(self.procedure, written, self.shots, self.verdict, self.readings.usual)
        return written


def commission(
    procedure: Procedure, marks: Marks, settings: Settings | None = None, accuracy_mm: float = ACCURACY_MM
) -> Outcome:
    """Judge a session.

    settings      profile and profile_folder are used: what is not determined comes from the profile that they give
    accuracy_mm   standard deviation, per direction, with which a marker is put on the central ray
    raises        InputError for marks that do not go with the report; CommissioningError for too few
    """
    if not 0.1 <= accuracy_mm <= 20.0:
        remedy = "Give the mm within which a marker is centred: 0.1 to 20."
        raise SettingsError(f"{accuracy_mm:g} mm is no accuracy", "--accuracy-mm", remedy)
    name = procedure.inputs[0].name if procedure.inputs else ""
    try:
        readings = normalise.readings(procedure, settings)
        shots = pick(readings, marks)
        verdict = judge(shots, readings.profile, accuracy_mm)
    except SkindoseError as error:
        raise error.at(name) from None
    return Outcome(procedure, readings, marks, shots, verdict, accuracy_mm)


def form(procedure: Procedure | None, settings: Settings | None = None) -> str:
    """MARKS.csv to fill in; with a report one row for each of its acquisitions (its events, if it has none)."""
    if procedure is None:
        return marks_file.template()
    readings = normalise.readings(procedure, settings)
    acquisitions = [i for i in range(len(readings)) if not readings.fluoroscopy[i]]
    chosen, numbering = (acquisitions, "acquisition") if acquisitions else (list(range(len(readings))), "event")
    rows = [{"number": number, "remark": _said(readings, i)} for number, i in enumerate(chosen, 1)]
    return marks_file.template(rows, numbering)


def _said(readings: Readings, event: int) -> str:
    """What the report says of an event, for the one who looks for his shots."""
    angles = "/".join(_short(value) for value in readings.stand_deg[event])
    table = ", ".join(_short(value) for value in readings.position_mm[event])
    return f"{readings.started[event][11:19]} angles {angles}; table {table}".strip()


def _short(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"


def summary(outcome: Outcome) -> dict[str, Any]:
    """Everything that was found, for programs and for printing."""
    verdict, shots, header = outcome.verdict, outcome.shots, outcome.procedure.header
    found = verdict.found
    report = outcome.procedure.inputs[0]
    return {
        "report": {"file": report.name, "sha256": report.sha256},
        "marks": outcome.marks.name,
        "device": {"manufacturer": header.manufacturer, "model": header.model, "station": header.station},
        "inherits": {"name": outcome.base.name, "status": outcome.base.status},
        "accuracy_mm": outcome.accuracy_mm,
        "rms_mm": round(profiles.rms_mm(shots, verdict), 3),
        "scatter_mm": round(found.scatter_mm, 3),
        "shots": [_shot(outcome, i) for i in range(len(shots))],
        "table": {axis: _axis(outcome, j) for j, axis in enumerate(AXES)},
        "stand": {**found.fit.hypothesis.stand._asdict(), **_angle_zeros(outcome)},
        "determined": list(verdict.determined),
        "undetermined": [
            {"name": each.name, "words": each.words, "essential": each.essential, "tried": each.tried}
            for each in verdict.open
        ],
        "shots_to_add": [{"words": step.words, "needed": step.needed} for step in verdict.steps],
        "warnings": [*outcome.readings.warnings, *verdict.warnings, *_identity(outcome)],
        "refused": None if outcome.refusal is None else str(outcome.refusal),
    }


def _shot(outcome: Outcome, i: int) -> dict[str, Any]:
    shots, mark = outcome.shots, outcome.marks.marks[i]
    event, off = int(shots.event[i]), outcome.verdict.found.fit.residual_mm[i]
    return {
        "event": event + 1,
        "started": outcome.readings.started[event],
        "marker_left_mm": mark.marker_left_mm,
        "marker_head_mm": mark.marker_head_mm,
        "marker_up_mm": mark.marker_up_mm,
        "primary_deg": round(float(shots.stand_deg[i, 0]), 2),
        "secondary_deg": round(float(shots.stand_deg[i, 1]), 2),
        "off_left_mm": round(float(off[0]), 2),
        "off_head_mm": round(float(off[2]), 2),
        "off_up_mm": round(float(-off[1]), 2),
        "distance_mm": round(float(np.linalg.norm(off)), 2),
        "counts": i not in outcome.verdict.found.left_out,
        "remark": mark.remark,
    }


def _axis(outcome: Outcome, axis: int) -> dict[str, Any]:
    table, verdict = outcome.verdict.found.fit.hypothesis.table, outcome.verdict
    read: Any = getattr(outcome.base.table, AXES[table.axes[axis]])
    error = float(verdict.error_mm[axis])
    sign = table[1 + axis]
    return {
        "items": list(read.items),
        "sign": sign,
        "zero_mm": round(float(sign * verdict.found.fit.zeros_mm[axis]), 2),
        "beyond_own_zero": outcome.shots.own_zero[table.axes[axis]],
        "error_mm": round(error, 2) if np.isfinite(error) else None,
    }


def _angle_zeros(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {}
    zeros, errors = outcome.verdict.found.fit.angle_zeros_deg, outcome.verdict.error_deg
    for which, zero, error in zip(("primary", "secondary"), zeros, errors, strict=True):
        found[f"{which}_zero_deg"] = round(float(zero), 3)
        found[f"{which}_zero_error_deg"] = round(float(error), 3) if np.isfinite(error) else None
    return found


def _identity(outcome: Outcome) -> list[str]:
    header = outcome.procedure.header
    if header.device_serial_number.strip() or header.station.strip():
        return []
    return [
        "The report names neither serial number nor station: the profile would fit every machine of maker and model."
    ]


def refuse_existing(path: Path, force: bool, suffix: str) -> None:
    """Complain early about a file that is there, or a name with another suffix.

    raises   OutputError, SettingsError
    """
    if path.suffix.lower() != suffix:
        raise SettingsError(f"the file's name must end with {suffix}", path.name, "Choose another name.")
    if os.path.lexists(path) and (path.is_dir() or not force):
        remedy = "Choose another name." if path.is_dir() else "Choose another name, or replace it with --force."
        raise OutputError("it is there already", path.name, remedy)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    raises   OutputError
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True) if fresh.parent.is_dir() else None
        raise OutputError(f"cannot write: {reason(error)}", path.name, "Choose another name or folder.") from None
