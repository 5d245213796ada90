"""The page's table of events: one row each, values with the letter of where they come from.

Written as HTML here, not in the template, because a long procedure has thousands of cells; every text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from skindose.model import Events, FloatArray, Result, Status
from skindose.report.events import peak_contribution_mgy, unmapped_reasons
from skindose.report.scene import NO_VALUE, three_digits
from skindose.units import mm_to_cm


class Cell(NamedTuple):
    """One value: its text and the letter of its status ("" where it has none)."""

    text: str
    status: str = ""


COLUMNS = (
    ("Event", ""),
    ("Start", ""),
    ("Plane", ""),
    ("Type", ""),
    ("Air kerma", "mGy"),
    ("KAP", "Gy·cm²"),
    ("Tube", "kV"),
    ("Filter", "mm"),
    ("Angles", "°"),
    ("Field at reference", "cm"),
    ("Table left, head, down", "cm"),
    ("At the peak", "mGy"),
)
_LETTERS = {
    Status.MISSING: "M",
    Status.REPORTED: "R",
    Status.DERIVED: "D",
    Status.ASSUMED: "A",
    Status.CORRECTED: "C",
}
_BADGES = {"": ""} | {letter: f'<b class="s {letter}">{letter}</b>' for letter in _LETTERS.values()}
# By Status: of several values in one cell the least certain shows, a user's change before all.
_RANK = np.array([3, 0, 1, 2, 4])


def events_html(result: Result) -> str:
    """The table element, in time order; a second row says why an event is not in the map."""
    rows = [_row(cells, reason) for cells, reason in zip(event_rows(result), unmapped_reasons(result), strict=True)]
    heads = "".join(
        f'<th scope="col">{name}{f"<br><small>{unit}</small>" if unit else ""}</th>' for name, unit in COLUMNS
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(cells: tuple[Cell, ...], reason: str) -> str:
    inside = "".join(f"<td>{escape(text)}{_BADGES[letter]}</td>" for text, letter in cells)
    if not reason:
        return f"<tr>{inside}</tr>\n"
    why = f'<tr class="out why"><td></td><td colspan="{len(COLUMNS) - 1}">not in the map: {escape(reason)}</td></tr>'
    return f'<tr class="out">{inside}</tr>{why}\n'


def event_rows(result: Result) -> list[tuple[Cell, ...]]:
    """(events,) the cells of each event, one per column of `COLUMNS`."""
    events = result.events
    columns = (
        [Cell(str(number + 1)) for number in range(len(events))],
        [Cell(_time(text)) for text in events.started],
        [Cell("" if plane == "single" else plane) for plane in events.plane],
        [Cell(kind) for kind in events.event_type],
        _cells(events, ("air_kerma_rp_mgy",), _one),
        _cells(events, ("kap_gycm2",), _one),
        _cells(events, ("kvp_kv",), _one),
        _filters(events),
        _cells(events, _ANGLES, _angles),
        _cells(events, _FIELD, _field),
        _cells(events, _TABLE, _table),
        [Cell(_one(value)) for value in peak_contribution_mgy(result).tolist()],
    )
    return list(zip(*columns, strict=True))


_ANGLES = (
    "positioner_primary_angle_deg",
    "positioner_secondary_angle_deg",
    "positioner_primary_end_angle_deg",
    "positioner_secondary_end_angle_deg",
)
_FIELD = ("field_u_min_mm", "field_u_max_mm", "field_v_min_mm", "field_v_max_mm")
_TABLE = (
    *("table_longitudinal_position_mm", "table_lateral_position_mm", "table_height_position_mm"),
    *("table_longitudinal_end_position_mm", "table_lateral_end_position_mm", "table_height_end_position_mm"),
)


def _cells(events: Events, names: tuple[str, ...], shown: Callable[..., str]) -> list[Cell]:
    """Cells of the columns `names`, put together by `shown`."""
    columns: list[FloatArray] = [getattr(events, name) for name in names]
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [Cell(shown(*row), letter) for row, letter in zip(values, _letters(events, names), strict=True)]


def _letters(events: Events, names: Sequence[str]) -> list[str]:
    """(events,) the letter of the least certain of these columns."""
    counted = [name for name in names if name in events.status and "_end_" not in name]
    if not counted:
        return [""] * len(events)
    status = np.stack([events.status[name] for name in counted])
    worst = np.take_along_axis(status, _RANK[status].argmax(axis=0)[None], axis=0)[0]
    return [_LETTERS[Status(int(value))] for value in worst]


def _filters(events: Events) -> list[Cell]:
    """The added filters of each event, whatever their materials."""
    stack = {"Cu": events.filter_cu_mm, "Al": events.filter_al_mm, **events.filter_other_mm}
    letters = _letters(events, [f"filter_{material.lower()}_mm" for material in stack])
    rows = np.stack(list(stack.values()), axis=-1).tolist()
    return [
        Cell(_filter(dict(zip(stack, row, strict=True))), letter) for row, letter in zip(rows, letters, strict=True)
    ]


def _time(started: str) -> str:
    """Time of day of an ISO 8601 text, without fractions."""
    return started.partition("T")[2].partition(".")[0]


def _one(value: float) -> str:
    return three_digits(value) if math.isfinite(value) else NO_VALUE


def _filter(stack_mm: dict[str, float]) -> str:
    parts = [f"{value:.3g} {name}" for name, value in stack_mm.items() if value > 0]
    if parts:
        return " + ".join(parts)
    return "none" if any(map(math.isfinite, stack_mm.values())) else NO_VALUE


def _angles(primary_deg: float, secondary_deg: float, primary_end_deg: float, secondary_end_deg: float) -> str:
    """As the cath lab says it: positive primary is LAO, positive secondary is cranial (DICOM)."""
    start = f"{_angle(primary_deg, 'LAO', 'RAO')}, {_angle(secondary_deg, 'CRA', 'CAU')}"
    moved = (primary_end_deg - primary_deg, secondary_end_deg - secondary_deg)
    if not any(math.isfinite(by) and abs(by) >= 1 for by in moved):
        return start
    return f"{start} to {_angle(primary_end_deg, 'LAO', 'RAO')}, {_angle(secondary_end_deg, 'CRA', 'CAU')}"


def _angle(value_deg: float, positive: str, negative: str) -> str:
    if not math.isfinite(value_deg):
        return NO_VALUE
    size = f"{abs(value_deg):.1f}".removesuffix(".0")
    return size if size == "0" else f"{positive if value_deg > 0 else negative} {size}"


def _field(u_min_mm: float, u_max_mm: float, v_min_mm: float, v_max_mm: float) -> str:
    sides = [mm_to_cm(high - low) for low, high in ((u_min_mm, u_max_mm), (v_min_mm, v_max_mm))]
    return " \u00d7 ".join(_one(side) for side in sides) if all(map(math.isfinite, sides)) else NO_VALUE


def _table(*position_mm: float) -> str:
    """Where the table stood; where it went, if it moved by a millimetre."""
    start, end = position_mm[:3], position_mm[3:]
    shown = ", ".join(map(_place, start))
    if not any(abs(b - a) >= 1 for a, b in zip(start, end, strict=True)):
        return shown
    went = ", ".join(_place(b if math.isfinite(b) else a) for a, b in zip(start, end, strict=True))
    return f"{shown} to {went}"


def _place(value_mm: float) -> str:
    return f"{mm_to_cm(value_mm):.1f}" if math.isfinite(value_mm) else NO_VALUE
