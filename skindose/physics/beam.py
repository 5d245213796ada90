"""Events -> Quality: the beam quality of every event."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skindose.model import BoolArray, Events, FloatArray
from skindose.physics import quality
from skindose.physics.quality import Quality

IDLE_KVP_KV = 80.0  # of events without a beam, whose quality nothing reads


class Found(NamedTuple):
    """Beam qualities, one per event, and what the result says of them."""

    quality: Quality
    warnings: tuple[str, ...]


def of_events(events: Events, used: BoolArray) -> Found:
    """The beam quality of every event: its voltage behind its filters and the tube's own.

    used     (events,) events with a beam; only of them anything is said
    raises   ValueError where one of them has no voltage or filter: `normalise` leaves none out;
             SettingsError for a filter material that is not known
    """
    kvp = _of_used(events.kvp_kv, used, IDLE_KVP_KV)
    total_al = _of_used(events.filter_al_mm, used, 0.0) + events.machine.inherent_filtration_mmal
    cu = _of_used(events.filter_cu_mm, used, 0.0)
    other = {name: _of_used(values, used, 0.0) for name, values in events.filter_other_mm.items()}
    for name, thickness_mm in events.machine.inherent_filters_mm.items():
        if name == "Al":
            total_al = total_al + thickness_mm
        elif name == "Cu":
            cu = cu + thickness_mm
        else:
            other[name] = other.get(name, np.zeros(len(events))) + thickness_mm
    found = quality.quality(kvp, total_al, cu, events.machine.anode_angle_deg, other)
    rows = {name: values[used] for name, values in other.items()}
    return Found(found, _warnings(quality.outside(kvp[used], total_al[used], cu[used], rows)))


def _of_used(values: FloatArray, used: BoolArray, idle: float) -> FloatArray:
    if not np.isfinite(values[used]).all():
        raise ValueError("an event with a beam has no tube voltage or filter")
    return np.where(used, values, idle)


def _warnings(off_table: int) -> tuple[str, ...]:
    if not off_table:
        return ()
    return (f"{off_table} events have a tube voltage or filter outside the beam table and use its edge.",)
