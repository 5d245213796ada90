"""Beams with the patient elsewhere, and with other values where the file's were missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from skindose.model import Beams, Events, FloatArray, IntArray, Placement
from skindose.uncertainty.design import even, normal

# Standard deviation of where the patient lies, mm, by axis: where anatomy decided it, and on a commissioned machine by
# its table [physics.md]. A table that is documented but not commissioned is taken to lie half way between.
ANATOMY_MM = {"left": 15.0, "up": 15.0, "head": 30.0}
COMMISSIONED_MM = 5.0
_AXIS = {"left": 0, "up": 1, "head": 2}
# Columns of `Events.spread` that move beams -> which of them share one draw.
_TABLE = {
    "table_longitudinal_position_mm": 0,
    "table_height_position_mm": 1,
    "table_lateral_position_mm": 2,
}
_PER_BEAM = tuple(one.name for one in fields(Beams) if one.name not in ("support_mm", "support"))
_SMALLEST = 0.3  # no edge comes nearer to the field's middle than this share of its way,
_LEAST_LEFT = 0.3  # and no focal spot by more than this share of the way to the reference plane


def placement_sd_mm(placement: Placement, profile_status: str) -> dict[str, float]:
    """Standard deviation along "left", "up" and "head", by how that axis was decided."""
    found = {}
    for axis, anatomy in ANATOMY_MM.items():
        by_table = placement.axes[axis].startswith("table")
        table = {"commissioned": COMMISSIONED_MM, "documented": 0.5 * (anatomy + COMMISSIONED_MM)}
        found[axis] = table.get(profile_status, anatomy) if by_table else anatomy
    return found


def placement_words(placement: Placement, profile_status: str) -> str:
    """These, in words."""
    names = {"left": "sideways", "up": "height", "head": "head to foot"}
    return ", ".join(
        f"{names[axis]} {sd:g} mm ({placement.axes[axis].partition(':')[0]})"
        for axis, sd in placement_sd_mm(placement, profile_status).items()
    )


@dataclass(frozen=True)
class Moves:
    """Draws of everything that moves beams; row 0 is what is shown.

    patient_mm     (draws, 3) how the patient moves on the table, table axes
    isocentre_mm   (draws, 3) how the isocentre moves over both
    standin        (draws, columns) standard normal numbers for `spread`
    spread         column -> (events,) standard uncertainty of what stands in for a missing value
    """

    patient_mm: FloatArray
    isocentre_mm: FloatArray
    standin: FloatArray
    spread: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.patient_mm)

    def only_standins(self) -> Moves:
        """The same with the patient where he is shown."""
        return replace(self, patient_mm=np.zeros_like(self.patient_mm), isocentre_mm=np.zeros_like(self.isocentre_mm))

    def first(self, count: int) -> Moves:
        """The shown one and `count` draws."""
        rows = slice(count + 1)
        return replace(
            self, patient_mm=self.patient_mm[rows], isocentre_mm=self.isocentre_mm[rows], standin=self.standin[rows]
        )


def draw(placement: Placement, events: Events, count: int, seed: int) -> Moves:
    """`count` placements after the one that is shown.

    The patient rests on the pad, so an error of height is one of the table's zero: it moves him and the table. Sideways
    and head-foot he lies elsewhere on the table where the table decided; where anatomy did, it is the table's zero.
    """
    spread = _moving(events)
    sd = placement_sd_mm(placement, events.machine.profile_status)
    numbers = np.vstack([np.zeros(3 + len(spread)), normal(even(count, 3 + len(spread), seed))])
    patient, isocentre = np.zeros((count + 1, 3)), np.zeros((count + 1, 3))
    for column, (axis, index) in enumerate(_AXIS.items()):
        on_table = axis != "up" and placement.axes[axis].startswith("table")
        (patient if on_table else isocentre)[:, index] = sd[axis] * numbers[:, column]
    return Moves(patient, isocentre, numbers[:, 3:], spread)


def _moving(events: Events) -> dict[str, FloatArray]:
    """The stand-ins that move beams, the two distances of the focal spot as one."""
    known = {name: np.nan_to_num(values) * events.mapped for name, values in events.spread.items()}
    isocentre, reference = (
        known.get(f"distance_source_to_{point}_mm", np.zeros(len(events))) for point in ("isocenter", "reference_point")
    )
    found = {
        "distance": np.maximum(isocentre, reference),
        "primary": known.get("positioner_primary_angle_deg", np.zeros(0)),
        "secondary": known.get("positioner_secondary_angle_deg", np.zeros(0)),
        "field_u": known.get("field_u_max_mm", np.zeros(0)),
        "field_v": known.get("field_v_max_mm", np.zeros(0)),
        **{name: known.get(name, np.zeros(0)) for name in _TABLE},
    }
    return {name: values for name, values in found.items() if values.any()}


def moved(beams: Beams, events: Events, moves: Moves, rows: IntArray) -> Beams:
    """The beams once for each of the draws `rows`, one draw's after the other's."""
    found = joined([beams] * len(rows))
    draw_of = np.repeat(rows, len(beams))
    patient = moves.patient_mm[draw_of]
    shift = moves.isocentre_mm[draw_of] - patient
    to_isocentre = events.distance_source_to_isocenter_mm[found.event]
    for column, (name, spread) in enumerate(moves.spread.items()):
        by = moves.standin[draw_of, column] * spread[found.event]
        if name in _TABLE:
            shift[:, _TABLE[name]] -= by  # where the table stands further, the isocentre lies the other way
        else:
            found = _CHANGES[name](found, by, to_isocentre)
    return replace(
        found,
        source_mm=found.source_mm + np.einsum("bij,bi->bj", found.table_rotation, shift),
        table_origin_mm=found.table_origin_mm + patient,
    )


def _farther(beams: Beams, by_mm: FloatArray, to_isocentre_mm: FloatArray) -> Beams:
    """The focal spot farther from isocentre and reference plane."""
    by_mm = np.maximum(by_mm, -_LEAST_LEFT * beams.reference_distance_mm)
    return replace(
        beams,
        source_mm=beams.source_mm - by_mm[:, None] * beams.axis,
        reference_distance_mm=beams.reference_distance_mm + by_mm,
    )


def _primary(beams: Beams, by_deg: FloatArray, to_isocentre_mm: FloatArray) -> Beams:
    return _swung(beams, beams.v, by_deg, to_isocentre_mm)


def _secondary(beams: Beams, by_deg: FloatArray, to_isocentre_mm: FloatArray) -> Beams:
    return _swung(beams, beams.u, by_deg, to_isocentre_mm)


def _swung(beams: Beams, about: FloatArray, by_deg: FloatArray, to_isocentre_mm: FloatArray) -> Beams:
    """The stand turned about an axis through the isocentre."""
    out = to_isocentre_mm[:, None] * beams.axis
    axis, u, v = _turned(np.stack([beams.axis, beams.u, beams.v]), about, np.radians(by_deg))
    source = beams.source_mm + out - to_isocentre_mm[:, None] * axis
    return replace(beams, axis=axis, u=u, v=v, source_mm=source)


def _wider_u(beams: Beams, by_mm: FloatArray, to_isocentre_mm: FloatArray) -> Beams:
    return replace(beams, field_mm=_wider(beams.field_mm, 0, by_mm))


def _wider_v(beams: Beams, by_mm: FloatArray, to_isocentre_mm: FloatArray) -> Beams:
    return replace(beams, field_mm=_wider(beams.field_mm, 2, by_mm))


_CHANGES = {
    "distance": _farther,
    "primary": _primary,
    "secondary": _secondary,
    "field_u": _wider_u,
    "field_v": _wider_v,
}


def joined(parts: Sequence[Beams]) -> Beams:
    """All parts' beams, one part's after the other's."""
    own: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _PER_BEAM}
    return replace(parts[0], **own)


def _wider(field_mm: FloatArray, first: int, by: FloatArray) -> FloatArray:
    """The two edges of a side further apart, each by `by`; never nearer than a share of the half side."""
    found = field_mm.copy()
    half = 0.5 * (field_mm[:, first + 1] - field_mm[:, first])
    by = np.maximum(by, (_SMALLEST - 1.0) * half)
    found[:, first] -= by
    found[:, first + 1] += by
    return found


def _turned(vectors: FloatArray, around: FloatArray, angle_rad: FloatArray) -> FloatArray:
    """Vectors (..., beams, 3) turned about unit vectors (beams, 3) [Rodrigues]."""
    cosine, sine = np.cos(angle_rad)[:, None], np.sin(angle_rad)[:, None]
    along = (vectors * around).sum(axis=-1, keepdims=True) * around
    found: FloatArray = along + cosine * (vectors - along) + sine * np.cross(around, vectors)
    return found
