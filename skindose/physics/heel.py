"""Heel effect: towards the anode the beam is weaker, for its photons come out through more of the target.

Electrons make their photons in tungsten at an effective depth x; on its way out a photon crosses

    L = x |r| / (d tan(alpha) - t),      x = 1.25 um (kV / 100)^1.75

of it, with alpha the anode's angle, d the distance along the central ray, t that towards the anode and |r| the ray's
length: x cot(alpha) on the axis, ever more towards the anode's edge, where the beam ends. The factor is the air kerma
that is left of the event's spectrum behind L, over that on the axis:

    H = sum of k(E) exp(-mu(E) (L - x cot alpha))

It is 1 on the axis, since the displayed air kerma is defined at the reference point, which lies there. x is fitted to
spekpy's model of anodes, which has anisotropy and self-absorption of its own; docs/physics.md says how well.
                                                                                                [Poludniowski2021]
"""

from __future__ import annotations

import numpy as np

from skindose.model import Beams, Events, FloatArray, IntArray
from skindose.physics.beam import of_events
from skindose.physics.quality import Quality, tables
from skindose.units import mm_to_cm

DEPTH_MM, VOLTAGE_KV, POWER = 1.25e-3, 100.0, 1.75  # x
STEEPEST = 0.95  # of tan(alpha): nearer to the anode's edge than this the beam is as there
_FARTHEST = -0.5  # t / d on the cathode's side
_NODES = 65


def curves(found: Quality, anode_angle_deg: float) -> FloatArray:
    """(events, nodes) H at equal steps of t / d, from -0.5 to 0.95 tan(alpha)."""
    slope = np.tan(np.radians(anode_angle_deg))
    place = np.linspace(_FARTHEST, STEEPEST * slope, _NODES)
    longer = np.sqrt(1 + place**2) / (slope - place) - 1 / slope
    depth_mm = DEPTH_MM * (found.kvp_kv / VOLTAGE_KV) ** POWER
    mu = mm_to_cm(tables().filter_mu["W"])  # 1/cm -> 1/mm, the same tenth
    rows = [kerma @ np.exp(-np.outer(mu, x * longer)) for kerma, x in zip(found.kerma, depth_mm, strict=True)]
    return np.array(rows).reshape(len(depth_mm), _NODES)


def at(table: FloatArray, event: IntArray, place: FloatArray, anode_angle_deg: float) -> FloatArray:
    """(hits,) H at places t / d of events; linear between the nodes, clamped.

    table   `curves` of the same angle
    """
    last = STEEPEST * np.tan(np.radians(anode_angle_deg))
    step = (np.clip(place, _FARTHEST, last) - _FARTHEST) / (last - _FARTHEST) * (_NODES - 1)
    low = np.minimum(step.astype(np.int64), _NODES - 2)
    below, above = table[event, low], table[event, low + 1]
    found: FloatArray = below + (above - below) * (step - low)
    return found


def towards_anode(direction: str, u: FloatArray, v: FloatArray) -> FloatArray:
    """The coordinate towards the anode: `Machine.anode_direction` is u+, u-, v+ or v-."""
    chosen = u if direction[0] == "u" else v
    return chosen if direction[1] == "+" else -chosen


def relative_sd(events: Events, beams: Beams) -> FloatArray:
    """(events,) root mean square of H - 1 over the field, uniform in area: what leaving H out can be off by.

    The anode's side is not known then: it is taken along the longer side of the field, on the worse end. 0 where the
    profile gives `anode_direction`, since H is then applied, and for events without a beam.
    """
    worst = np.zeros(len(events))
    if events.machine.anode_direction:
        return worst
    used = np.zeros(len(events), dtype=np.bool_)
    used[beams.event] = True
    angle = events.machine.anode_angle_deg
    table = curves(of_events(events, used).quality, angle)
    sides = beams.field_mm / beams.reference_distance_mm[:, None]
    longer = np.where((sides[:, 1] - sides[:, 0] > sides[:, 3] - sides[:, 2])[:, None], sides[:, :2], sides[:, 2:])
    place = longer[:, :1] + (longer[:, 1:] - longer[:, :1]) * (np.arange(32) + 0.5) / 32
    for sign in (1.0, -1.0):
        off = at(table, beams.event[:, None], sign * place, angle) - 1.0
        np.maximum.at(worst, beams.event, np.sqrt((off**2).mean(axis=1)))
    return worst
