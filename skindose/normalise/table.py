"""Table positions: which item is which axis, its sense and zero, and whether the values look like a table's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skindose.model import Status
from skindose.normalise.distances import SOD
from skindose.normalise.labels import STEPPING
from skindose.normalise.profiles import Axis
from skindose.normalise.standin import ZERO_MM, within
from skindose.normalise.work import Span, Work, finite, where

POSITION = Span("length_mm", -6000.0, 6000.0)
SIDEWAYS, HEAD_FOOT, HEIGHT = (f"table_{name}_position_mm" for name in ("longitudinal", "lateral", "height"))
PLAUSIBLE_MEAN_SIDEWAYS_MM = 120.0
PLAUSIBLE_HEIGHT_MM = (40.0, 330.0)  # a patient's middle lies 8-20 cm above a pad of 4-10 cm
FLOOR_BASED_MM = (500.0, 1600.0)  # heights of a table above the floor
# No table goes farther from where it mostly stood than this: the number is not its position.
LONGEST_LIFT_MM = 500.0  # columns of angiography tables lift by about 300
FARTHEST_MM = {SIDEWAYS: 2000.0, HEAD_FOOT: 2000.0, HEIGHT: LONGEST_LIFT_MM}
_NAMED = {"table_longitudinal_position", "table_lateral_position", "table_height_position"}


@dataclass(frozen=True)
class Zeros:
    """Which zeros of the table's axes are known."""

    sideways: bool = False
    head_foot: bool = False
    height: bool = False


def read_table(work: Work) -> Zeros:
    """Fills the three table columns in our sense; missing ones are carried from other events of the file.

    Without a table (profile) they stay missing. Returns which zeros hold.
    """
    if not work.profile.has_table:
        return Zeros()
    table = work.profile.table
    for column, axis in ((SIDEWAYS, table.sideways), (HEAD_FOOT, table.head_foot), (HEIGHT, table.height)):
        _read_axis(work, column, axis)
        _drop_absurd(work, column)
        _read_end(work, column, axis)
    swapped = _axes_named_otherwise(work)
    height_known = _height(work, table.height)
    _height_from_source(work)
    _carry(work)
    _stepping(work)
    return Zeros(
        sideways=_sideways_known(work, replace_zero(table.sideways, swapped)),
        head_foot=table.head_foot.zero == "known" and not swapped,
        height=height_known,
    )


def replace_zero(axis: Axis, swapped: bool) -> Axis:
    """After a swap of axes the profile's statement about the zero no longer holds; plausibility decides."""
    return axis.model_copy(update={"zero": "plausible"}) if swapped else axis


def _read_axis(work: Work, column: str, axis: Axis) -> None:
    for event in range(len(work)):
        if _nothing_reported(work, event):
            continue
        value, reference = _first(work, event, axis.items)
        if np.isnan(value):
            continue
        zero = work.lookup(axis.zero_items, POSITION, event) if axis.zero_items else axis.zero_mm
        if np.isnan(zero):
            zero = axis.zero_mm
            how = f"{zero:g} mm of the profile is taken, {within(ZERO_MM, 'mm')}"
            work.notes.assume(f"zero of the {_words(column)} missing", how, event)
            work.put(column, event, axis.sign * (value - zero - axis.offset_mm), Status.ASSUMED, ZERO_MM)
            continue
        zero += axis.offset_mm
        plain = reference in _NAMED and zero == 0 and axis.sign == 1
        work.put(column, event, axis.sign * (value - zero), Status.REPORTED if plain else Status.DERIVED)


def _drop_absurd(work: Work, column: str) -> None:
    """Positions that no table can have reached from where it mostly stood count as missing, with a warning."""
    values = work.columns[column]
    usual = finite(values[work.dosed])
    if not len(usual):
        return
    middle = float(np.median(usual))
    for event in where(np.abs(values - middle) > FARTHEST_MM[column]):
        what = f"{_words(column)} lies {abs(values[event] - middle):.0f} mm from where the table mostly stood"
        work.notes.warn(what, "not used", event)
        work.put(column, event, np.nan, Status.MISSING)


def end_of(column: str) -> str:
    """The column of the position at the event's end."""
    return column.replace("_position_", "_end_position_")


def _read_end(work: Work, column: str, axis: Axis) -> None:
    """Where the table stood at the event's end, as the start is read; ends that are all 0 are no ends."""
    items = (*axis.end_items, *(item.replace("_position", "_end_position") for item in axis.items if item in _NAMED))
    found = {event: _first(work, event, items)[0] for event in range(len(work)) if not _nothing_reported(work, event)}
    found = {event: value for event, value in found.items() if not np.isnan(value)}
    starts = [_first(work, event, axis.items)[0] for event in found]
    if not any(found.values()) and np.any(np.nan_to_num(starts) != 0):
        return
    for event, value in found.items():
        zero = work.lookup(axis.zero_items, POSITION, event) if axis.zero_items else axis.zero_mm
        _put_end(work, column, event, axis.sign * (value - (axis.zero_mm if np.isnan(zero) else zero) - axis.offset_mm))


def _put_end(work: Work, column: str, event: int, value: float) -> None:
    """An end that no table reaches from where it stood is not used; one without a start is where it stood."""
    start = work.columns[column][event]
    if np.isnan(start):
        work.put(column, event, value, Status.DERIVED)
    elif abs(value - start) > FARTHEST_MM[column]:
        what = f"{_words(end_of(column))} lies {abs(value - start):.0f} mm from the start"
        work.notes.warn(what, "not used", event)
    else:
        work.put(end_of(column), event, value, Status.REPORTED)


def _first(work: Work, event: int, references: tuple[str, ...]) -> tuple[float, str]:
    for reference in references:
        value = work.number(work.records[event], reference, POSITION, event)
        if not np.isnan(value):
            return value, reference
    return np.nan, ""


def _nothing_reported(work: Work, event: int) -> bool:
    """Events that are all zero, distances too, report nothing: their table is not at 0."""
    record = work.records[event]
    distances = ("distance_source_to_isocenter", "distance_source_to_detector")
    given = [value for reference in distances for item in record.all(reference) for value in item.values]
    table = [value for reference in sorted(_NAMED) for item in record.all(reference) for value in item.values]
    return bool(given) and not any(given) and not any(table)


def _axes_named_otherwise(work: Work) -> bool:
    """Swaps head-foot and sideways where only that makes the sideways travel possible; says so.

    No table moves sideways by more than about 0.3 m. Where the profile's sideways axis does and the other does not, the
    names are meant the other way round; but what was measured on the machine is not overruled.
    """
    limit = work.profile.table.sideways_limit_mm
    sideways, head_foot = _reach(work, SIDEWAYS), _reach(work, HEAD_FOOT)
    if not sideways > limit:
        return False
    if np.isnan(head_foot) or head_foot > limit or work.profile.status == "commissioned":
        what = f"the table moves sideways by up to {sideways:.0f} mm, which no table does"
        work.notes.warn(what, "check the profile's axes; the sideways zero is not relied on")
        return False
    stores: tuple[dict[str, Any], ...] = (work.columns, work.status, work.spread)
    for store in stores:
        for one, other in ((SIDEWAYS, HEAD_FOOT), (end_of(SIDEWAYS), end_of(HEAD_FOOT))):
            store[one], store[other] = store[other], store[one]
    reported = work.status[SIDEWAYS] == Status.REPORTED
    work.status[SIDEWAYS] = np.where(reported, Status.DERIVED, work.status[SIDEWAYS]).astype(np.uint8)
    work.status[HEAD_FOOT] = np.where(
        work.status[HEAD_FOOT] == Status.REPORTED, Status.DERIVED, work.status[HEAD_FOOT]
    ).astype(np.uint8)
    what = f"the table would move sideways by up to {sideways:.0f} mm"
    how = "longitudinal and lateral are taken as named the other way round"
    insists = work.profile.table.sideways.zero == "known"
    (work.notes.warn if insists else work.notes.assume)(what, how)
    return True


def _reach(work: Work, column: str) -> float:
    values = finite(np.where(work.dosed, work.columns[column], np.nan))
    return float(np.max(np.abs(values))) if len(values) else np.nan


def _mean(work: Work, column: str) -> float:
    """Mean position weighted with air kerma (all alike without it)."""
    values, weights = work.columns[column], np.nan_to_num(work.columns["air_kerma_rp_mgy"])
    usable = ~np.isnan(values) & work.dosed
    if not usable.any():
        return np.nan
    total = weights[usable].sum()
    return float(np.average(values[usable], weights=weights[usable] if total > 0 else None))


def _sideways_known(work: Work, axis: Axis) -> bool:
    if not _reach(work, SIDEWAYS) <= work.profile.table.sideways_limit_mm:
        return False
    if axis.zero == "plausible":
        return abs(_mean(work, SIDEWAYS)) <= PLAUSIBLE_MEAN_SIDEWAYS_MM
    return axis.zero == "known"


def _height(work: Work, axis: Axis) -> bool:
    """Whether the height's zero is the isocentre; heights above the floor are turned over for their differences."""
    mean = _mean(work, HEIGHT)
    if np.isnan(mean):
        return False
    _warn_of_lift(work)
    if FLOOR_BASED_MM[0] <= mean <= FLOOR_BASED_MM[1] and axis.sign == 1 and not axis.zero_items:
        work.columns[HEIGHT], work.columns[end_of(HEIGHT)] = -work.columns[HEIGHT], -work.columns[end_of(HEIGHT)]
        work.status[HEIGHT][~np.isnan(work.columns[HEIGHT])] = Status.DERIVED
        how = "only its changes are used (up is positive)"
        work.notes.warn(f"the table's height ({mean:.0f} mm) counts from the floor", how)
        return False
    low, high = PLAUSIBLE_HEIGHT_MM
    if axis.zero == "plausible" and low <= mean <= high:
        how = "its zero is taken to be the isocentre"
        work.notes.assume(f"the table's height looks like a depth below the isocentre ({mean:.0f} mm)", how)
        return True
    if axis.zero == "known" and not -50.0 <= mean <= 500.0:
        what = f"the table's top would lie {mean:.0f} mm below the isocentre"
        work.notes.warn(what, "check the profile's zero; the height's zero is not relied on")
        return False
    return axis.zero == "known"


def _warn_of_lift(work: Work) -> None:
    """Heights farther apart than a table lifts: some are wrong, and placing by their mean puts all beams wrongly."""
    lift = float(np.ptp(finite(work.columns[HEIGHT][work.dosed])))
    if lift > LONGEST_LIFT_MM:
        what = f"the table's height changes by {lift:.0f} mm, which no table does: the dose of all events is in doubt"
        work.notes.warn(what, "correct or exclude the wrong ones (events.csv, --correct, --exclude)")


def _height_from_source(work: Work) -> None:
    """Height from Distance Source to Table Plane (113792) for beams that are nearly vertical, where it is missing."""
    primary = np.abs(work.columns["positioner_primary_angle_deg"])
    secondary = np.abs(work.columns["positioner_secondary_angle_deg"])
    for event in work.missing(HEIGHT):
        span = Span("length_mm", 100.0, 3000.0, True)
        plane = work.number(work.records[event], "distance_source_to_table_plane", span, event)
        if np.isnan(plane) or primary[event] > 10 or secondary[event] > 10 or np.isnan(work.columns[SOD][event]):
            continue
        spread = work.spread[SOD][event]
        work.put(HEIGHT, event, float(work.columns[SOD][event] - plane), Status.DERIVED, spread)
        work.notes.assume("table height missing", "taken from the distance source to table plane", event)


def _carry(work: Work) -> None:
    for column in (SIDEWAYS, HEAD_FOOT, HEIGHT):
        for event, value, spread in work.carry(column, lambda _: ()):
            work.put(column, event, value, Status.ASSUMED, spread)
            how = f"the last one before it, else the next, is taken, {within(spread, 'mm')}"
            work.notes.assume(f"{_words(column)} missing", how, event)
        for event in work.missing(column):
            work.notes.assume(
                f"{_words(column)} missing",
                "no event of the file has it: along it the patient is placed by anatomy",
                event,
            )


def _stepping(work: Work) -> None:
    """A stepping acquisition without an end is taken to stand: its dose in one place is rather too high."""
    ends = [work.columns[end_of(column)] for column in (SIDEWAYS, HEAD_FOOT, HEIGHT)]
    for event in where(work.dosed & np.all(np.isnan(ends), axis=0)):
        if work.event_type[event] == STEPPING:
            how = "taken as a table that stands: the dose lies in one place and is rather too high there"
            work.notes.warn("stepping acquisition without the table's end position", how, event)


def _words(column: str) -> str:
    return column.removesuffix("_mm").replace("_", " ")
