"""Events -> Quality: the beam quality of every event, with what had to be assumed for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skindose.model import BoolArray, Events, FloatArray
from skindose.physics import quality
from skindose.physics.quality import Quality

FALLBACK_KVP_KV = 80.0


class Found(NamedTuple):
    """Beam qualities, one per event, and what the result says of them."""

    quality: Quality
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def of_events(events: Events, used: BoolArray) -> Found:
    """The beam quality of every event.

    What is missing takes the median of the file's other events; without any, 80 kV and no added filter.

    used    (events,) events with a beam; only of them anything is said
    """
    kvp, al, cu = (
        _filled(values, fallback)
        for values, fallback in (
            (events.kvp_kv, FALLBACK_KVP_KV),
            (events.filter_al_mm, 0.0),
            (events.filter_cu_mm, 0.0),
        )
    )
    total_al = al + events.machine.inherent_filtration_mmal
    found = quality.quality(kvp, total_al, cu, events.machine.anode_angle_deg)
    notes = (
        *_note(events.kvp_kv, kvp, used, "tube voltage (kV)"),
        *_note(events.filter_al_mm, al, used, "added aluminium (mm)"),
        *_note(events.filter_cu_mm, cu, used, "added copper (mm)"),
    )
    return Found(found, notes, _warnings(quality.outside(kvp[used], total_al[used], cu[used])))


def _filled(values: FloatArray, fallback: float) -> FloatArray:
    known = np.isfinite(values)
    if known.all():
        return values
    return np.where(known, values, np.median(values[known]) if known.any() else fallback)


def _note(given: FloatArray, filled: FloatArray, used: BoolArray, what: str) -> tuple[str, ...]:
    missing = ~np.isfinite(given)
    count = int((missing & used).sum())
    if not count:
        return ()
    whence = "no event has one" if missing.all() else "the median of the other events"
    return (f"Beam quality: {what} is missing in {count} events and taken as {filled[missing][0]:g}: {whence}.",)


def _warnings(off_table: int) -> tuple[str, ...]:
    if not off_table:
        return ()
    return (f"{off_table} events have a tube voltage or filter outside the beam table and use its edge.",)
