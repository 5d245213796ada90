"""Events x Beams x Hits -> Factors: what each hit's air kerma is multiplied by to become dose to the skin.

    dose = air_kerma_rp x calibration x inverse_square x transmission x backscatter x medium x coverage

docs/physics.md derives each factor and says how well it agrees with published tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skindose.config import Settings
from skindose.model import Beams, Events, Factors, FloatArray, Hits
from skindose.physics import backscatter, calibration, medium, quality, table
from skindose.physics.quality import Quality

__all__ = ["factors"]

FALLBACK_KVP_KV = 80.0


def factors(events: Events, beams: Beams, hits: Hits, settings: Settings) -> Factors:
    """The factors of every hit.

    A correction that is not in `settings.corrections` is 1; the inverse square always holds. Outside the primary beam
    backscatter is 0: the scatter halo is not modelled yet.

    raises   SettingsError for a support material or a measured transmission that is not there
    """
    kvp, al, cu, notes = _filled(events)
    found = quality.quality(kvp, al, cu, events.machine.anode_angle_deg)
    made = _PerHit.empty(hits)
    parts = _Parts.of(events, beams, found, settings)
    for beam in np.flatnonzero(np.diff(hits.beam_start)):
        made.fill(int(beam), beams, hits, parts)
    calibrated = calibration.factor(events.machine) if "calibration" in settings.corrections else 1.0
    return Factors(
        inverse_square=made.inverse_square,
        backscatter=np.where(hits.primary, made.backscatter, 0.0),
        medium=parts.medium[beams.event][hits.beam()],
        transmission=made.transmission,
        calibration=np.full(len(hits.cell), calibrated),
        assumptions=notes + _assumptions(events, settings),
        warnings=_warnings(kvp, al, cu, found),
    )


@dataclass(frozen=True)
class _Parts:
    """What is computed once per event or beam; None for a correction left out."""

    side_mm: FloatArray  # (beams,) equivalent square side at the reference plane
    curves: FloatArray | None  # (events, sides)
    medium: FloatArray  # (events,)
    support: table.Support | None

    @classmethod
    def of(cls, events: Events, beams: Beams, found: Quality, settings: Settings) -> _Parts:
        chosen = settings.corrections
        with_table = "table" in chosen and bool(beams.support)
        return cls(
            side_mm=backscatter.equivalent_side_mm(beams.field_mm, beams.circular),
            curves=backscatter.curves(found) if "backscatter" in chosen else None,
            medium=medium.ratio(found, settings.medium) if "medium" in chosen else np.ones(len(events)),
            support=table.support(events, found, beams.support) if with_table else None,
        )


@dataclass(frozen=True)
class _PerHit:
    """The arrays that are filled beam by beam: a beam's hits stay in the cache and its numbers need no gathering."""

    inverse_square: FloatArray
    backscatter: FloatArray
    transmission: FloatArray

    @classmethod
    def empty(cls, hits: Hits) -> _PerHit:
        return cls(*(np.ones(len(hits.cell)) for _ in range(3)))

    def fill(self, beam: int, beams: Beams, hits: Hits, parts: _Parts) -> None:
        rows = slice(hits.beam_start[beam], hits.beam_start[beam + 1])
        event, reference = beams.event[beam], beams.reference_distance_mm[beam]
        distance, u, v = hits.distance_mm[rows], hits.u_mm[rows], hits.v_mm[rows]
        to_plane = np.sqrt(reference**2 + u**2 + v**2)  # focal spot to the ray's point on the reference plane
        side = parts.side_mm[beam] * distance / to_plane
        self.inverse_square[rows] = (reference / distance) ** 2
        if parts.curves is not None:
            self.backscatter[rows] = np.interp(side, backscatter.SIDES_MM, parts.curves[event])
        path = hits.path_mm[rows]
        if parts.support is not None and path.any():
            cosine = _table_cosine(beam, beams, u, v) / to_plane
            self.transmission[rows] = table.transmission(parts.support, event, path, cosine, side)


def _table_cosine(beam: int, beams: Beams, u: FloatArray, v: FloatArray) -> FloatArray:
    """(hits,) |component along the table's normal| of the vector from the focal spot to the reference plane, mm."""
    normal = beams.table_rotation[beam][1]
    along = beams.reference_distance_mm[beam] * (beams.axis[beam] @ normal)
    found: FloatArray = np.abs(along + u * (beams.u[beam] @ normal) + v * (beams.v[beam] @ normal))
    return found


def _filled(events: Events) -> tuple[FloatArray, FloatArray, FloatArray, tuple[str, ...]]:
    """Tube voltage, total aluminium and copper without gaps, and what was assumed for them."""
    notes: list[str] = []
    kvp = _fill(events.kvp_kv, FALLBACK_KVP_KV, "tube voltage", "kV", notes)
    al = _fill(events.filter_al_mm, 0.0, "added aluminium", "mm", notes)
    cu = _fill(events.filter_cu_mm, 0.0, "added copper", "mm", notes)
    return kvp, al + events.machine.inherent_filtration_mmal, cu, tuple(notes)


def _fill(values: FloatArray, fallback: float, what: str, unit: str, notes: list[str]) -> FloatArray:
    """Gaps take the median of the file's other events, else the fallback."""
    missing = ~np.isfinite(values)
    if not missing.any():
        return values
    known = values[~missing]
    value = float(np.median(known)) if known.size else fallback
    whence = "the median of the other events" if known.size else "no event has one"
    notes.append(f"Beam quality: {what} is missing in {missing.sum()} events, taken as {value:g} {unit} ({whence}).")
    return np.where(missing, value, values)


def _assumptions(events: Events, settings: Settings) -> tuple[str, ...]:
    chosen = settings.corrections
    notes: list[str] = []
    if "backscatter" in chosen:
        notes += backscatter.ASSUMPTIONS
    if "table" in chosen:
        notes.append(table.assumption(events.machine))
    if "calibration" in chosen:
        notes.append(calibration.assumption(events.machine))
    left_out = [name for name in ("backscatter", "medium", "table", "calibration") if name not in chosen]
    if left_out:
        notes.append(f"Corrections left out (factor 1): {', '.join(left_out)}.")
    return tuple(notes)


def _warnings(kvp: FloatArray, al: FloatArray, cu: FloatArray, found: Quality) -> tuple[str, ...]:
    notes: list[str] = []
    if count := quality.outside(kvp, al, cu):
        notes.append(
            f"{count} events have a tube voltage or filter outside the beam table (40 to 150 kV) and use its edge."
        )
    if count := backscatter.outside(found):
        notes.append(
            f"{count} events have a beam quality outside the backscatter data (50 to 150 kV) and use its edge."
        )
    return tuple(notes)
