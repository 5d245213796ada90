"""What the window says: one line for each thing, of the same words and numbers as the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skindose.model import FloatArray, Peak, Phantom, Result
from skindose.report.event_table import COLUMNS, event_rows
from skindose.report.scene import format_dose_mgy, format_interval_mgy, words
from skindose.viewer.edits import AXES, UNITS, Offset

HELP = (
    "1-6 back, front, left, right, head, feet   Left/Right, Home/End: event   Space: play, pause   "
    "D: dose so far or of the whole case   B: beam   T: table   I: isodose lines",
    "Tab: choose a slider   + -: move it by 1   F: move from this event on   W: move the whole case   "
    "X: leave out or take in this event   U: undo   S: save   H: help   Q: quit",
)


def place(at_mm: Sequence[float]) -> str:
    """A point of the patient frame as a reader finds it on the patient.

    >>> place((-34.2, -8.0, -412.0))
    '34 mm right of the middle, 412 mm below the crown, 8 mm in front of the back'
    """
    left, back, head = (round(float(value)) for value in at_mm)
    side = f"{abs(left)} mm {'right' if left < 0 else 'left'} of the middle"
    depth = f"{abs(back)} mm {'in front of' if back <= 0 else 'behind'} the back"
    return f"{side}, {abs(head)} mm {'below' if head <= 0 else 'above'} the crown, {depth}"


def reading(phantom: Phantom, dose_mgy: FloatArray, uncertainty_mgy: FloatArray | None, cell: int) -> str:
    """The dose of one cell, with its standard uncertainty where that is known, its region and place."""
    dose = format_dose_mgy(float(dose_mgy[cell]))
    if uncertainty_mgy is not None and uncertainty_mgy[cell] > 0:
        dose += f" \u00b1 {format_dose_mgy(float(uncertainty_mgy[cell]))}"
    region = words(phantom.region_names[phantom.region[cell]])
    return f"{dose}, {region}: {place(phantom.centroid_mm[cell])}"


def headline(peak: Peak | None, lower_bound: bool, interval_mgy: Sequence[float] | None) -> str:
    """How high and where.

    lower_bound    the map lacks some dose
    interval_mgy   that holds the peak with 95 %, where it is known
    """
    if peak is None:
        return "No dose on the skin"
    within = f" (95 %: {format_interval_mgy(*interval_mgy)})" if interval_mgy else ""
    least = "\u2265 " if lower_bound else ""
    dose = f"{least}{format_dose_mgy(peak.skin_dose_mgy)}{within}"
    return f"Peak {dose}, {words(peak.region)}: {place(peak.position_mm)}"


def event_lines(result: Result) -> list[str]:
    """(events,) each event in one line: when, what, from where, how much."""
    lines, names = [], [name for name, _ in COLUMNS]
    for row in event_rows(result):
        cell = {name: value.text for name, value in zip(names, row, strict=True)}
        plane = f"plane {cell['Plane']}" if cell["Plane"] else ""
        kerma = f"{cell['Air kerma']} mGy at the reference point"
        parts = (cell["Start"], plane, cell["Type"], cell["Angles"], kerma)
        lines.append(f"Event {cell['Event']} of {len(result.events)}: {', '.join(filter(None, parts))}")
    return lines


def move_line(first: int, offset: Offset, further: bool = False) -> str:
    """What the sliders move, and by how much.

    further   the stored result has moves already
    """
    which = f"From event {first + 1} on" if first else "Whole case"
    moved = [f"{value:g} {unit} {axis}" for axis, unit, value in zip(AXES, UNITS, offset, strict=True) if value]
    return f"{which}: {', '.join(moved) or 'not moved'}{' (beyond the moves stored)' if further else ''}"


def differs(stored_mgy: FloatArray, now_mgy: FloatArray, limit: float) -> str:
    """What to say where this version computes the stored case otherwise; "" where it does not.

    limit   largest difference in a cell that is rounding, as a share of the largest dose
    """
    if len(stored_mgy) != len(now_mgy):
        return f"This version makes the body with {len(now_mgy)} cells, not {len(stored_mgy)}: corrections will differ."
    off_mgy = float(np.abs(now_mgy - stored_mgy).max(initial=0.0))
    if off_mgy <= limit * float(stored_mgy.max(initial=0.0)):
        return ""
    return (
        f"This version computes the stored case otherwise, by up to {format_dose_mgy(off_mgy)} in a cell: "
        "shown is what is stored until something is changed."
    )
