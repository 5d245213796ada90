"""The shots: marks of the physicist beside the readings of the report's events."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skindose.commission.marks import Mark, Marks
from skindose.errors import InputError
from skindose.model import FloatArray, IntArray
from skindose.normalise import Readings

# A stand that turned by more during an exposure was not at the angle of the mark; rounding alone gives up to 1 degree.
MOST_TURNED_DEG = 1.5
AXES = ("sideways", "height", "head_foot")  # along X, Y and Z of the table frame
_ANGLES = ("primary", "secondary")


@dataclass(frozen=True, eq=False)
class Shots:
    """One array element per shot, in the order of the marks.

    event        (shots,) index of the event in time order
    marker_mm    (shots, 3) the marker in the table frame
    reading_mm   (shots, 3) readings of the profile's sideways, height and head-foot items less the file's own zero
    own_zero     (3,) whether the file has a zero of its own for those items
    stand_deg    (shots, 2) primary and secondary angle as reported
    table_deg    (shots, 3) horizontal rotation, head tilt and cradle as reported
    orientation  (shots,) registered; "hfs" where the file is silent, as in placing
    """

    event: IntArray
    marker_mm: FloatArray
    reading_mm: FloatArray
    own_zero: tuple[bool, ...]
    stand_deg: FloatArray
    table_deg: FloatArray
    orientation: tuple[str, ...]
    remark: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.event)

    def scaled(self, factor: float) -> Shots:
        """The same shots, had the marks been written in another unit."""
        return replace(self, marker_mm=factor * self.marker_mm)


def pick(readings: Readings, marks: Marks) -> Shots:
    """The events that the marks name, with where the marker lay.

    raises   InputError for a mark without its event, and for events that moved or lack an angle or a table position
    """
    if not len(readings):
        raise InputError("the report has no irradiation event", "", "Give the report of the shots.")
    if not readings.profile.has_table or np.isnan(readings.position_mm).all():
        remedy = "A machine without them cannot be commissioned: its maps are placed by anatomy."
        raise InputError("no event of the report has a table position", "", remedy)
    event = np.array([_event(mark, readings, marks) for mark in marks.marks], dtype=np.int32)
    for mark, index in zip(marks.marks, event.tolist(), strict=True):
        _usable(readings, index, f"{marks.name}, line {mark.line}")
    own = tuple(bool(np.isfinite(readings.own_zero_mm[event, axis]).any()) for axis in range(len(AXES)))
    fallback = [getattr(readings.profile.table, axis).zero_mm for axis in AXES]
    zero = np.where(np.isnan(readings.own_zero_mm[event]), fallback, readings.own_zero_mm[event])
    return Shots(
        event=event,
        marker_mm=np.array([(m.marker_left_mm, -m.marker_up_mm, -m.marker_head_mm) for m in marks.marks]),
        reading_mm=readings.position_mm[event] - np.where(own, zero, 0.0),
        own_zero=own,
        stand_deg=readings.stand_deg[event],
        table_deg=readings.table_deg[event],
        orientation=tuple(readings.orientation[i] or "hfs" for i in event.tolist()),
        remark=tuple(mark.remark for mark in marks.marks),
    )


def _event(mark: Mark, readings: Readings, marks: Marks) -> int:
    chosen = [i for i in range(len(readings)) if marks.numbering == "event" or not readings.fluoroscopy[i]]
    if mark.number > len(chosen):
        where = f"{marks.name}, line {mark.line}, column {marks.numbering}"
        what = f"there is no {marks.numbering} {mark.number}: the report has {len(chosen)}"
        raise InputError(what, where, "List them with `skindose commission REPORT --template FILE`.")
    return chosen[mark.number - 1]


def _usable(readings: Readings, event: int, where: str) -> None:
    gone = [f"table position ({axis.replace('_', '-')})" for axis, value in
            zip(AXES, readings.position_mm[event], strict=True) if np.isnan(value)]  # fmt: skip
    gone += [f"{which} angle" for which, value in
             zip(_ANGLES, readings.stand_deg[event], strict=True) if np.isnan(value)]  # fmt: skip
    remedy = "Leave the row out, or give the number of the right event."
    if gone:
        raise InputError(f"event {event + 1} has no {gone[0]}", where, remedy)
    if readings.turned_deg[event] > MOST_TURNED_DEG:
        what = f"the stand turned by {readings.turned_deg[event]:.0f} degrees during event {event + 1}"
        raise InputError(what, where, remedy)
