"""Events x Beams x Hits -> Factors: what each hit's air kerma is multiplied by to become dose to the skin.

    dose = air_kerma_rp x calibration x inverse_square x transmission x heel x medium x (coverage + scatter)

docs/physics.md derives each factor and says how well it agrees with published tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skindose.calibration import Calibrations, uncalibrated
from skindose.config import Settings
from skindose.model import Beams, BoolArray, Events, Factors, FloatArray, Hits, Phantom
from skindose.physics import backscatter, beam, calibration, heel, medium, table
from skindose.physics.backscatter import Lit, lit
from skindose.physics.quality import Quality
from skindose.threads import workers

__all__ = ["Lit", "factors", "lit"]

BLOCK = 8192  # hits


def factors(
    events: Events,
    beams: Beams,
    hits: Hits,
    settings: Settings,
    calibrations: Calibrations | None = None,
    body: Phantom | Lit | None = None,
) -> Factors:
    """The factors of every hit.

    A correction that is not in `settings.corrections` is 1, scatter then 0; the inverse square always holds. The hits
    of the halo, outside the primary beam, have scatter alone.

    calibrations   which records hold for the events; None: uncalibrated
    body           whose cells were hit, for the lie and the extent of what scatters; where these are not all hits of
                   the beams, `lit` of all of them; None: flat, endless, across the ray
    raises         SettingsError for a support material or a measured transmission that is not there
    """
    known = uncalibrated(len(events)) if calibrations is None else calibrations
    used = events.mapped.copy()  # not those of `beams` alone, which may be a block of the procedure's
    used[beams.event] = True
    found = beam.of_events(events, used)
    parts = _Parts.of(events, beams, found.quality, settings, known)
    count = len(hits.cell)
    scattered = np.zeros(count)
    if "backscatter" in settings.corrections:
        scattered = backscatter.scatter(backscatter.kernels(found.quality), beams, hits, body)
    inverse, through, into = (np.empty(count) for _ in range(3))

    def fill(block: tuple[int, int]) -> None:
        rows = slice(hits.beam_start[block[0]], hits.beam_start[block[1]])
        inverse[rows], through[rows], into[rows] = _block(beams, hits, parts, block, scattered[rows])

    blocks = list(_blocks(hits.beam_start))
    with workers(None, len(blocks)) as work:  # numpy lets go of Python's lock in arrays of this size
        list(work(fill, blocks))
    calibrated = "calibration" in settings.corrections
    return Factors(
        inverse_square=inverse,
        scatter=scattered,
        medium=into,
        transmission=through,
        calibration=known.factor[beams.event][hits.beam()] if calibrated else np.ones(count),
        heel=_heel(events, beams, hits, found.quality) if "heel" in settings.corrections else None,
        assumptions=_assumptions(events, settings, known, used),
        warnings=found.warnings,
    )


def _heel(events: Events, beams: Beams, hits: Hits, found: Quality) -> FloatArray | None:
    """(hits,) the heel effect where the profile says on which side the anode lies; else None."""
    direction, angle = events.machine.anode_direction, events.machine.anode_angle_deg
    if not direction:
        return None
    beam_of_hit = hits.beam()
    place = heel.towards_anode(direction, hits.u_mm, hits.v_mm) / beams.reference_distance_mm[beam_of_hit]
    return heel.at(heel.curves(found, angle), beams.event[beam_of_hit], place, angle)


@dataclass(frozen=True)
class _Parts:
    """What is computed once per event or beam; None for a correction left out."""

    side_mm: FloatArray  # (beams,) equivalent square side at the reference plane
    medium: tuple[FloatArray, FloatArray] | None  # (events,) for incident and for backscattered photons
    support: table.Support | None
    normal: FloatArray  # (beams, 3) the table's normal along axis, u and v
    above_mm: FloatArray  # (beams,) height of the support's upper surface over the focal spot

    @classmethod
    def of(cls, events: Events, beams: Beams, found: Quality, settings: Settings, known: Calibrations) -> _Parts:
        chosen = settings.corrections
        with_table = "table" in chosen and bool(beams.support)
        normal = beams.table_rotation[:, 1]
        return cls(
            side_mm=backscatter.equivalent_side_mm(beams.field_mm, beams.circular),
            medium=medium.ratios(found, settings.medium) if "medium" in chosen else None,
            support=table.support(events.machine, found, beams.support, known) if with_table else None,
            normal=np.stack([(part * normal).sum(axis=1) for part in (beams.axis, beams.u, beams.v)], axis=1),
            above_mm=(normal * beams.source_mm).sum(axis=1) + beams.table_origin_mm[:, 1] - _upper_mm(beams),
        )


def _upper_mm(beams: Beams) -> float:
    """y of the support's upper surface in the table frame."""
    return min((layer.top_mm for layer in beams.support), default=0.0)


def _blocks(beam_start: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Runs of whole beams of about BLOCK hits: small enough for the cache, large enough for numpy."""
    edges = np.searchsorted(beam_start, np.arange(0, beam_start[-1] + BLOCK, BLOCK))
    edges = np.unique(np.clip(np.append(edges, len(beam_start) - 1), 0, len(beam_start) - 1))
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _block(
    beams: Beams, hits: Hits, parts: _Parts, block: tuple[int, int], scattered: FloatArray
) -> tuple[FloatArray, ...]:
    """Inverse square, transmission and medium of the hits of some consecutive beams."""
    first, last = block
    starts = hits.beam_start[first : last + 1]
    rows = slice(starts[0], starts[-1])
    which = np.repeat(np.arange(first, last), np.diff(starts))
    event = beams.event[which]
    distance, u, v = hits.distance_mm[rows], hits.u_mm[rows], hits.v_mm[rows]
    reference = beams.reference_distance_mm[which]
    to_plane = np.sqrt(reference**2 + u**2 + v**2)  # focal spot to the ray's point on the reference plane
    side = parts.side_mm[which] * distance / to_plane
    through = into = np.ones(len(distance))
    if parts.medium is not None:
        into = medium.at_skin(parts.medium[0][event], parts.medium[1][event], hits.coverage[rows], scattered)
    if parts.support is not None:
        along, across_u, across_v = parts.normal[which].T
        up = -(reference * along + u * across_u + v * across_v) / to_plane
        cosine = np.abs(up)
        gap = np.maximum(distance * up - parts.above_mm[which], 0.0) / np.maximum(cosine, 1e-6)
        side = table.contact_side_mm(parts.support, event, side, gap)
        through = table.transmission(parts.support, event, hits.path_mm[rows], cosine, side)
    return (reference / distance) ** 2, through, into


def _assumptions(events: Events, settings: Settings, known: Calibrations, used: BoolArray) -> tuple[str, ...]:
    chosen = settings.corrections
    notes: list[str] = []
    if "backscatter" in chosen:
        notes += backscatter.ASSUMPTIONS
    if "table" in chosen:
        notes += table.assumption(events.machine, known, used)
    with_heel = ("heel",) if events.machine.anode_direction else ()
    if with_heel and "heel" in chosen:
        notes.append("Heel effect: computed for the profile's anode, by self-absorption in the target; 1 on the axis.")
    if "calibration" in chosen:
        notes.append(calibration.assumption(known, used))
    left_out = [name for name in ("backscatter", "medium", "table", *with_heel, "calibration") if name not in chosen]
    if left_out:
        notes.append(f"Corrections left out (factor 1): {', '.join(left_out)}.")
    return tuple(notes)
