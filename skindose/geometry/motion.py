"""Events that moved: sub-events in time, and where table and stand were at a time."""

from __future__ import annotations

import numpy as np

from skindose.model import Events, FloatArray, IntArray

# A sub-event covers at most this much of a movement.
STEP_DEG = 2.0
STEP_MM = 5.0
_POSITIONS = ("table_longitudinal", "table_lateral", "table_height")


def along(events: Events, name: str, event: IntArray, time: FloatArray) -> FloatArray:
    """A quantity that has an end, e.g. "table_height_position_mm", at the share `time` of each event.

    Movement is even in time; where the end is missing nothing moved.
    """
    start, end = _ends(events, name)
    found: FloatArray = start[event] + time * (end - start)[event]
    return found


def _ends(events: Events, name: str) -> tuple[FloatArray, FloatArray]:
    start: FloatArray = getattr(events, name)
    stem, _, unit = name.rpartition("_")
    stem, _, kind = stem.rpartition("_")
    end: FloatArray | None = getattr(events, f"{stem}_end_{kind}_{unit}", None)
    return start, start if end is None else or_else(end, start)


def or_else(end: FloatArray, start: FloatArray) -> FloatArray:
    """Ends; where one is missing it did not move."""
    return np.where(np.isnan(end), start, end)


def table_travel_mm(events: Events) -> FloatArray:
    """(events,) how far the table went during each event; 0 where no end is known."""
    found: FloatArray = np.linalg.norm(np.nan_to_num(_table_ways(events)), axis=0)
    return found


def _table_ways(events: Events) -> list[FloatArray]:
    return [np.subtract(*_ends(events, f"{name}_position_mm")) for name in _POSITIONS]


def sub_events(events: Events, usable: IntArray, turned_deg: FloatArray) -> tuple[IntArray, FloatArray]:
    """Index of the event and time, the share of the event that has passed, of every sub-event: all of equal weight.

    usable       indices of the events
    turned_deg   (events,) how far the stand turned
    """
    tilted = [np.subtract(*_ends(events, f"table_{name}_tilt_angle_deg")) for name in ("head", "cradle")]
    parts = [turned_deg / STEP_DEG, *(by / STEP_DEG for by in tilted), *(by / STEP_MM for by in _table_ways(events))]
    most = np.max(np.abs(np.nan_to_num(parts)), axis=0)[usable]
    steps = np.maximum(1, np.ceil(most - 1e-9)).astype(np.int64)
    first = np.repeat(np.cumsum(steps) - steps, steps)
    time = (np.arange(int(steps.sum())) - first + 0.5) / np.repeat(steps, steps)
    return np.repeat(usable, steps).astype(np.int32), time
