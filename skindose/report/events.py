"""Result -> events.csv: one row per irradiation event, every value beside where it comes from."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from skindose.dose import patch_area_mm2
from skindose.model import Beams, Events, FloatArray, IntArray, Result, Status

# Every float column of Events, in its order; a column added there turns up here.
FLOAT_COLUMNS = tuple(field.name for field in fields(Events) if field.type == "FloatArray")
_BEAM_NAMES = (
    *("source_x_mm", "source_y_mm", "source_z_mm", "axis_x", "axis_y", "axis_z"),
    *("u_x", "u_y", "u_z", "v_x", "v_y", "v_z"),
    *("u_min_mm", "u_max_mm", "v_min_mm", "v_max_mm", "reference_distance_mm"),
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_STATUS_WORDS = {int(status): status.name.lower() for status in Status}


def events_csv(result: Result) -> bytes:
    """events.csv as UTF-8 with \\n: empty cells where a value is missing or an event has no beam.

    The beam is the one of the event's middle sub-event (half of its air kerma before it), `beams` their number. Texts
    that a spreadsheet would take for a formula begin with an apostrophe.
    """
    columns = _columns(result)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().encode()


def _columns(result: Result) -> dict[str, list[str]]:
    """Column name -> its cells as text, in the file's order."""
    events = result.events
    columns = {
        "event": [str(number + 1) for number in range(len(events))],
        "irradiation_event_uid": _texts(events.uid),
        "started": _texts(events.started),
        "plane": _texts(events.plane),
        "event_type": _texts(events.event_type),
        "protocol": _texts(events.protocol),
        "mapped": ["yes" if mapped else "no" for mapped in mapped_events(result)],
        "unmapped_reason": _texts(unmapped_reasons(result)),
        "field_shape": _texts(events.field_shape),
    }
    for name in FLOAT_COLUMNS:
        columns[name] = _numbers(getattr(events, name))
        columns[f"{name}_status"] = status_words(events, name)
    for material, thickness_mm in events.filter_other_mm.items():
        name = f"filter_{material.lower()}_mm"
        columns |= {name: _numbers(thickness_mm), f"{name}_status": status_words(events, name)}
    columns |= _beam_columns(result)
    columns["peak_contribution_mgy"] = _numbers(peak_contribution_mgy(result))
    return columns


def mapped_events(result: Result) -> list[bool]:
    """(events,) whether the event is part of the map."""
    return [not reason for reason in unmapped_reasons(result)]


def unmapped_reasons(result: Result) -> list[str]:
    """(events,) why the event is not part of the map, "" where it is."""
    reasons = list(result.events.unmapped_reason)
    for index in np.flatnonzero(~result.events.mapped).tolist():
        reasons[index] = reasons[index] or "not mapped"
    for index, reason in result.excluded.items():
        reasons[index] = f"excluded: {reason}" if reason else "excluded"
    if result.dosemap is None:
        reasons = [reason or result.no_map_reason or "no map" for reason in reasons]
    return reasons


def status_words(events: Events, name: str) -> list[str]:
    """(events,) "reported", "derived", "assumed" or "missing" for one column; "" where no status is kept."""
    if name not in events.status:
        return [""] * len(events)
    return [_STATUS_WORDS[int(status)] for status in events.status[name]]


def middle_beams(beams: Beams | None, events: int) -> IntArray:
    """(events,) index of the beam that has half of its event's air kerma before it; -1 for an event without beam."""
    chosen: IntArray = np.full(events, -1, dtype=np.int32)
    if beams is None:
        return chosen
    for event in np.unique(beams.event):
        mine = np.flatnonzero(beams.event == event)
        passed = np.cumsum(beams.weight[mine])
        chosen[event] = mine[min(int(np.searchsorted(passed, passed[-1] / 2)), len(mine) - 1)]
    return chosen


def peak_contribution_mgy(result: Result) -> FloatArray:
    """(events,) what each event adds to the peak skin dose: its mean over the peak's patch; NaN without a peak.

    Sums to the peak skin dose.
    """
    own: FloatArray = np.full(len(result.events), np.nan)
    if result.dosemap is None or result.dosemap.peak is None or result.beams is None:
        return own
    area_mm2 = patch_area_mm2(result.dosemap.peak, result.phantom)
    share = np.zeros(len(result.phantom.area_mm2))
    share[result.dosemap.peak.patch] = area_mm2 / area_mm2.sum()
    dosemap = result.dosemap
    at_peak = np.flatnonzero(share[dosemap.cell])
    event = result.beams.event[np.searchsorted(dosemap.beam_start, at_peak, side="right") - 1]
    added = dosemap.hit_dose_mgy[at_peak] * share[dosemap.cell[at_peak]]
    own[:] = np.bincount(event, weights=added, minlength=len(own))
    return own


def _beam_columns(result: Result) -> dict[str, list[str]]:
    """The chosen beam of every event in the patient frame, empty where it has none, and the number of its beams."""
    beams, events = result.beams, len(result.events)
    if beams is None or not len(beams):
        return dict.fromkeys(_BEAM_NAMES, [""] * events) | {"beams": ["0"] * events}
    own = (beams.source_mm, beams.axis, beams.u, beams.v, beams.field_mm, beams.reference_distance_mm[:, None])
    chosen = middle_beams(beams, events)
    picked = np.where(chosen[:, None] >= 0, np.column_stack(own)[chosen], np.nan)
    columns = {name: _numbers(column) for name, column in zip(_BEAM_NAMES, picked.T, strict=True)}
    return columns | {"beams": [str(number) for number in np.bincount(beams.event, minlength=events).tolist()]}


def _numbers(values: FloatArray) -> list[str]:
    """Eight significant digits; "" for NaN and Infinity; rounding noise around 0 is 0."""
    given = values.tolist()
    written = {value: f"{round(value, 9) + 0.0:.8g}" if math.isfinite(value) else "" for value in given}
    return [written[value] for value in given]


def _texts(values: Iterable[str]) -> list[str]:
    """Texts on one line each; what a spreadsheet would run as a formula is quoted with an apostrophe."""
    lines = (" ".join(value.split()) for value in values)
    return [f"'{line}" if line.startswith(_FORMULA_STARTS) else line for line in lines]
