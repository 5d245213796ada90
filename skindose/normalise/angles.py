"""Angles of the gantry and of the table."""

from __future__ import annotations

import numpy as np

from skindose.model import Status
from skindose.normalise.labels import ROTATIONAL
from skindose.normalise.standin import default_spread, within
from skindose.normalise.work import Span, Work, where

ANGLE = Span("angle_deg", -360.0, 360.0)
TILT = Span("angle_deg", -180.0, 180.0)
NEAR_ARC_DEG = 15.0
STEEPEST_DEG = 40.0  # angiography tables tilt by up to 20 degrees, cradles by 25
EMPTY_END_DEG = 10.0  # a gantry that stood this far away did not end every event at 0
_POSITIONER = ("primary", "secondary")
_TABLE = ("table_head_tilt_angle", "table_horizontal_rotation_angle", "table_cradle_tilt_angle")


def read_angles(work: Work) -> None:
    """Positioner angles, their ends (rotational runs without: the profile's arc) and table angles.

    A missing angle is that of the last event before (else the next) of the plane, for the table of any plane; where no
    event has one, 0.
    """
    for which in _POSITIONER:
        for suffix in ("_angle", "_end_angle"):
            _positioner(work, f"positioner_{which}{suffix}", _sense(work, which))
    _empty_ends(work)
    _rotational(work)
    _nothing_known(work)
    for which in _POSITIONER:
        _missing_positioner(work, f"positioner_{which}_angle_deg", f"positioner {which} angle missing")
    _table_angles(work)


def _missing_positioner(work: Work, column: str, what: str) -> None:
    still = np.array([kind != ROTATIONAL for kind in work.event_type], dtype=np.bool_)
    for event, value, spread in work.carry(column, lambda other: work.plane[other], still):
        work.put(column, event, value, Status.ASSUMED, spread)
        how = f"the last one before it, else the next, of the plane is taken, {within(spread, 'degrees')}"
        work.notes.assume(what, how, event)
    spread = default_spread(column)
    for event in work.missing(column):
        work.put(column, event, 0.0, Status.ASSUMED, spread)
        work.notes.assume(what, f"0 (PA) is assumed, {within(spread, 'degrees')}", event)


def _nothing_known(work: Work) -> None:
    """A warning, not only an assumption, where no event with dose tells where the stand was."""
    columns = [work.columns[f"positioner_{which}_angle_deg"][work.dosed] for which in _POSITIONER]
    if work.dosed.any() and np.isnan(columns).all():
        work.notes.warn("no event tells the positioner's angles", "PA is assumed for all: the dose may lie elsewhere")


def _sense(work: Work, which: str) -> tuple[int, float]:
    """Sign and zero of an angle: ours is sign * (reported - zero)."""
    profile = work.profile
    if which == "primary":
        return profile.primary_sign, profile.primary_zero_deg
    return profile.secondary_sign, profile.secondary_zero_deg


def _positioner(work: Work, reference: str, sense: tuple[int, float]) -> None:
    """One angle of all events. Beyond 180 degrees a full turn is taken off, but not from runs, whose way it may be."""
    column = f"{reference}_deg"
    work.read(column, reference, ANGLE)
    for event in where(np.abs(work.columns[column]) > 180.0):
        if work.event_type[event] == ROTATIONAL:
            continue
        work.put(column, event, wrapped(float(work.columns[column][event])), Status.DERIVED)
        work.notes.assume(f"{reference.replace('_', ' ')} beyond 180 degrees", "a full turn is taken off", event)
    sign, zero_deg = sense
    work.columns[column] = sign * (work.columns[column] - zero_deg)
    if zero_deg:
        reported = work.status[column] == Status.REPORTED
        work.status[column] = np.where(reported, Status.DERIVED, work.status[column]).astype(np.uint8)
    work.reinstate()


def _empty_ends(work: Work) -> None:
    """End angles of events that are no runs are dropped where all of them are 0 though the gantry stood elsewhere."""
    still = np.array([kind != ROTATIONAL for kind in work.event_type], dtype=np.bool_)
    for which in _POSITIONER:
        start, end = (work.columns[f"positioner_{which}_{name}_deg"] for name in ("angle", "end_angle"))
        given = still & ~np.isnan(end)
        sign, zero_deg = _sense(work, which)
        if (
            not given.any()
            or np.any(end[given] != sign * (0.0 - zero_deg))
            or np.nanmax(np.abs(start[given]), initial=0.0) < EMPTY_END_DEG
        ):
            continue
        for event in where(given):
            work.put(f"positioner_{which}_end_angle_deg", event, np.nan, Status.MISSING)
            what = f"positioner {which} end angle is 0 in every event that is no run"
            work.notes.assume(what, "taken as not reported", event)


def wrapped(angle_deg: float) -> float:
    """The same angle within -180 to 180.

    >>> wrapped(183.0)
    -177.0
    """
    return float((angle_deg + 180.0) % 360.0 - 180.0)


def _rotational(work: Work) -> None:
    """Rotational acquisitions need both ends: the file's, else those of the profile's arc that fits the one given."""
    start, end = work.columns["positioner_primary_angle_deg"], work.columns["positioner_primary_end_angle_deg"]
    second, second_end = (work.columns[f"positioner_secondary_{name}_deg"] for name in ("angle", "end_angle"))
    for event in where(work.dosed):
        if work.event_type[event] != ROTATIONAL:
            continue
        turns_second = not _still(second[event], second_end[event])
        if np.isnan(end[event]) and turns_second:
            _stays(work, event, "primary")
        elif np.isnan(end[event]) or (np.isnan(start[event]) and not turns_second):
            _assume_arc(work, event)
        elif start[event] == end[event] and not turns_second:
            work.notes.warn("rotational acquisition ends where it began", "taken as a beam that stands", event)
        if np.isnan(second_end[event]):
            _stays(work, event, "secondary")


def _stays(work: Work, event: int, which: str) -> None:
    """An angle that does not turn ends where it began; where that is missing too, its stand-in holds for both."""
    start = float(work.columns[f"positioner_{which}_angle_deg"][event])
    if not np.isnan(start):
        work.put(f"positioner_{which}_end_angle_deg", event, start, Status.DERIVED)


def _still(start: float, end: float) -> bool:
    return bool(np.isnan(end) or np.isnan(start) or start == end)


def _assume_arc(work: Work, event: int) -> None:
    """The profile's arc, run in the sense in which its end is nearest to the one that the file gives.

    An end that the file gives near the arc's stays; one far from it is where the stand was parked.
    """
    names = ("positioner_primary_angle_deg", "positioner_primary_end_angle_deg")
    start, end = (float(work.columns[name][event]) for name in names)
    arcs = [pair for first, last in work.profile.rotational.arcs for pair in ((first, last), (last, first))]
    begin, finish = arcs[0]
    if not np.isnan(start):
        begin, finish = min(arcs, key=lambda pair: abs(pair[0] - start))
    elif not np.isnan(end):
        begin, finish = min(arcs, key=lambda pair: abs(pair[1] - end))
    for name, value in zip(names, (begin, finish), strict=True):
        if not abs(work.columns[name][event] - value) <= NEAR_ARC_DEG:
            work.put(name, event, value, Status.ASSUMED, default_spread(names[1]))
    lacks = "an end angle" if np.isnan(end) else "a start angle"
    how = f"the profile's arc from {begin:g} to {finish:g} degrees is assumed"
    work.notes.warn(f"rotational acquisition without {lacks}", how, event)


def _table_angles(work: Work) -> None:
    table = work.profile.table
    signs = (table.head_tilt_sign, table.horizontal_rotation_sign, table.cradle_tilt_sign)
    for reference, sign in zip(_TABLE, signs, strict=True):
        column = f"{reference}_deg"
        work.read(column, reference, TILT)
        work.columns[column] = sign * work.columns[column]
    for name, items, sign in (
        ("head", table.head_tilt_end_items, table.head_tilt_sign),
        ("cradle", table.cradle_tilt_end_items, table.cradle_tilt_sign),
    ):
        _tilt_ends(work, f"table_{name}_tilt", items, sign)
        _warn_of_steep(work, f"table_{name}_tilt_angle_deg")
    for reference in _TABLE:
        for event, value, spread in work.carry(f"{reference}_deg", lambda _: ()):
            work.put(f"{reference}_deg", event, value, Status.ASSUMED, spread)
            how = f"the last one before it, else the next, is taken, {within(spread, 'degrees')}"
            work.notes.assume(f"table's {_short(reference)} missing", how, event)
    for event in where(work.dosed):
        gaps = [reference for reference in _TABLE if np.isnan(work.columns[f"{reference}_deg"][event])]
        for reference in gaps:
            work.put(f"{reference}_deg", event, 0.0, Status.ASSUMED, default_spread(f"{reference}_deg"))
        if gaps and work.profile.has_table:
            how = f"0 is assumed, {within(default_spread(f'{gaps[0]}_deg'), 'degrees')}"
            work.notes.assume(f"table's {', '.join(map(_short, gaps))} missing", how, event)


def _short(reference: str) -> str:
    return reference.removeprefix("table_").replace("_", " ")


def _warn_of_steep(work: Work, column: str) -> None:
    """A table so steep that nobody stays on it is more likely a wrong number; which one is not for us to say."""
    values = work.columns[column]
    for event in where(work.dosed & (np.abs((values + 180.0) % 360.0 - 180.0) > STEEPEST_DEG)):
        what = f"{column.removesuffix('_deg').replace('_', ' ')} of more than {STEEPEST_DEG:g} degrees"
        work.notes.warn(what, "used as it stands, though hardly a patient lies so: check", event)


def _tilt_ends(work: Work, stem: str, items: tuple[str, ...], sign: int) -> None:
    """A tilt at the event's end, where the profile knows an item for it; without a start nothing is known to move."""
    for event, record in enumerate(work.records):
        values = [work.number(record, item, TILT, event) for item in items]
        end = next((value for value in values if not np.isnan(value)), np.nan)
        if not np.isnan(end) and not np.isnan(work.columns[f"{stem}_angle_deg"][event]):
            work.put(f"{stem}_end_angle_deg", event, sign * end, Status.REPORTED)
