"""The procedure cast anew with the patient elsewhere: what each event gives to the places where the peak may be.

A rough map, of the primary beams with each beam's mean factors, finds the places; all factors are computed for the
patches there only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose import geometry
from skindose.config import Settings
from skindose.dose import hit_dose_mgy
from skindose.model import Beams, BoolArray, Events, FloatArray, Hits, IntArray, Phantom
from skindose.uncertainty.patches import Patches, around
from skindose.uncertainty.shift import Moves, moved

# Beams that are cast for one placement; a procedure of more is sampled by its air kerma.
MOST_BEAMS = 192
# Hits of which all factors are computed to learn the beams' mean factors.
_SAMPLE = 20_000
# Beams times cells that are cast in one go: up to about 60 MB of hits.
_BLOCK = 100_000_000
# Places that are looked at for each way that the factors may lie, and how far apart they are: a patch is 11 mm wide.
_PLACES, _APART_MM = 8, 9.0
_HOT = 0.35  # cells below this share of the highest dose are not looked at


@dataclass(frozen=True)
class Scene:
    """What the recasts share.

    beams       those that stand for the procedure, with the air kerma that they stand for
    weight      (beams,) mean of all factors but inverse square and coverage, with the patient where he is shown
    log_transmission  (beams,) mean of ln T, likewise
    physics     keyword arguments of `physics.factors`
    """

    events: Events
    beams: Beams
    body: Phantom
    settings: Settings
    physics: Mapping[str, Any]
    weight: FloatArray
    log_transmission: FloatArray


class Recast(NamedTuple):
    """What one placement gives to the candidates for the peak.

    dose_mgy           (places, events) mean over the patch of 1 cm2 there
    log_transmission   (places, events) mean of ln T, weighted with that dose
    cell               (places,) centre of the patch
    """

    dose_mgy: FloatArray
    log_transmission: FloatArray
    cell: IntArray


class Recasts(NamedTuple):
    """All of them, the first with the patient where he is shown, and how far the rough map varies.

    rough_mgy       (cells,) with the patient where he is shown
    variance_mgy2   (cells,) mean square of the other placements' differences from it
    """

    places: list[Recast]
    rough_mgy: FloatArray
    variance_mgy2: FloatArray


def thinned(beams: Beams, most: int = MOST_BEAMS) -> Beams:
    """At most `most` beams that stand for all: taken in their order at even steps of air kerma.

    A beam with more than a step's is kept with its own; the rest is represented by every so many, which in a procedure
    have neighbours like them.
    """
    if len(beams) <= most:
        return beams
    kerma = beams.air_kerma_rp_mgy
    large: BoolArray = np.zeros(len(kerma), dtype=np.bool_)
    step = float(kerma.sum()) / most
    while (kerma[~large] > step).any():  # those kept leave smaller steps for the others
        large |= kerma > step
        step = float(kerma[~large].sum()) / (most - int(large.sum()))
    passed = np.floor(np.cumsum(np.where(large, 0.0, kerma)) / max(step, 1e-300) + 0.5)
    rows = large | (np.diff(passed, prepend=0.0) > 0)
    return replace(geometry.only(beams, rows), air_kerma_rp_mgy=np.where(large, kerma, step)[rows])


def scene(events: Events, beams: Beams, body: Phantom, settings: Settings, physics: Mapping[str, Any]) -> Scene:
    """The scene, its beams' mean factors learnt from a sample of their hits."""
    beams = thinned(beams)
    hits, factors = sampled(events, beams, body, settings, physics)
    full = np.bincount(hits.beam(), weights=hit_dose_mgy(beams, hits, factors), minlength=len(beams))
    plain = np.bincount(
        hits.beam(),
        weights=beams.air_kerma_rp_mgy[hits.beam()] * factors.inverse_square * hits.coverage,
        minlength=len(beams),
    )
    through = np.bincount(hits.beam(), weights=np.log(factors.transmission), minlength=len(beams))
    count = np.bincount(hits.beam(), minlength=len(beams))
    mean = full.sum() / max(float(plain.sum()), 1e-300)
    return Scene(
        events,
        beams,
        body,
        settings,
        physics,
        weight=np.where(plain > 0, full / np.maximum(plain, 1e-300), mean),
        log_transmission=through / np.maximum(count, 1),
    )


def sampled(
    events: Events, beams: Beams, body: Phantom, settings: Settings, physics: Mapping[str, Any]
) -> tuple[Hits, Any]:
    """An even sample of the primary hits, and their factors."""
    from skindose import kernel
    from skindose.physics import factors

    hits = kernel.cast(beams, body)
    rows = np.zeros(len(hits.cell), dtype=np.bool_)
    rows[:: max(1, len(rows) // _SAMPLE)] = True
    hits = some(hits, rows)
    return hits, factors(events, beams, hits, settings, **physics)


def some(hits: Hits, rows: BoolArray) -> Hits:
    """Some of the hits, of the same beams."""
    before = np.concatenate([[0], np.cumsum(rows)])
    names = ("cell", "distance_mm", "cos_incidence", "u_mm", "v_mm", "edge_mm", "coverage", "path_mm", "primary")
    own: dict[str, Any] = {name: getattr(hits, name)[rows] for name in names}
    return Hits(beam_start=before[hits.beam_start], **own)


def recasts(scene: Scene, moves: Moves, corners: FloatArray) -> Recasts:
    """The procedure with each of the moves.

    corners   (corners, events) what the dose of each event may truly have to be multiplied by: the places with the
              highest dose under each of them are candidates
    """
    size = max(1, _BLOCK // (len(scene.body.area_mm2) * max(1, len(scene.beams))))
    shown, rough = _block(scene, moves, corners, np.zeros(1, dtype=np.int32), None)
    rows = np.arange(1, len(moves), dtype=np.int32)
    blocks = [rows[first : first + size] for first in range(0, len(rows), size)]
    if len(blocks) == 1 and len(rows) > 1:
        blocks = np.array_split(rows, 2)
    places, square = list(shown), np.zeros(len(rough))
    with ThreadPoolExecutor(max(1, min(_processors(), len(blocks)))) as pool:
        for found, deviation in pool.map(lambda block: _block(scene, moves, corners, block, rough), blocks):
            places += found
            square += deviation
    return Recasts(places, rough, square / max(1, len(rows)))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _block(
    scene: Scene, moves: Moves, corners: FloatArray, rows: IntArray, shown: FloatArray | None
) -> tuple[list[Recast], FloatArray]:
    """Some of the placements, and their rough maps' squared differences from `shown`; without it the first's map."""
    from skindose import kernel
    from skindose.physics import factors

    beams = moved(scene.beams, scene.events, moves, rows)
    hits = kernel.cast(beams, scene.body, threads=1)
    per_placement = hits.beam_start[:: len(scene.beams)]
    parts = [slice(*ends) for ends in zip(per_placement[:-1], per_placement[1:], strict=True)]
    dose = _rough_dose_mgy(scene, beams, hits)
    maps = np.zeros(len(scene.body.area_mm2))
    wanted: BoolArray = np.zeros(len(hits.cell), dtype=np.bool_)
    patches = []
    event = beams.event[hits.beam()]
    for part in parts:
        rough = np.bincount(hits.cell[part], weights=dose[part], minlength=len(maps))
        maps += rough if shown is None else (rough - shown) ** 2
        centre = _candidates(rough, (hits.cell[part], dose[part], event[part]), corners, scene.body)
        patches.append(around(centre, scene.body))
        wanted[part] = _among(patches[-1], len(maps))[hits.cell[part]]
    few = some(hits, wanted)
    found = factors(scene.events, beams, few, scene.settings, **scene.physics)
    full = hit_dose_mgy(beams, few, found)
    starts = few.beam_start[:: len(scene.beams)]
    rows_of = [slice(*ends) for ends in zip(starts[:-1], starts[1:], strict=True)]
    columns = (few.cell, beams.event[few.beam()], full, full * np.log(found.transmission))
    return [
        _recast(patch, tuple(column[part] for column in columns), len(scene.events))
        for patch, part in zip(patches, rows_of, strict=True)
    ], maps


def _rough_dose_mgy(scene: Scene, beams: Beams, hits: Hits) -> FloatArray:
    """(hits,) the dose of the primary beam with each beam's mean factors."""
    weight = np.tile(scene.weight, len(beams) // len(scene.beams))
    strength = beams.air_kerma_rp_mgy * weight * beams.reference_distance_mm**2
    found: FloatArray = np.repeat(strength, np.diff(hits.beam_start)) * hits.coverage / hits.distance_mm**2
    return found


def _among(patches: Patches, cells: int) -> BoolArray:
    found: BoolArray = np.zeros(cells + 1, dtype=np.bool_)
    found[patches.cell] = True  # -1 is the one beyond the last
    return found[:-1]


def _candidates(
    rough: FloatArray, hits: tuple[IntArray, FloatArray, IntArray], corners: FloatArray, body: Phantom
) -> IntArray:
    """Cells in the middle of the places with the highest rough dose under each of the corners.

    hits   cell, rough dose and event of each
    """
    hot = rough > _HOT * rough.max(initial=0.0)
    lit = np.flatnonzero(hot)
    if not len(lit):
        return np.zeros(0, dtype=np.int32)
    cell, dose, event = (column[hot[hits[0]]] for column in hits)
    found: dict[int, None] = {}
    for corner in corners:
        own = np.bincount(cell, weights=dose * corner[event], minlength=len(rough))
        found.update(dict.fromkeys(_highest(_smooth(own, lit, body), lit, body)))
    return np.array(list(found), dtype=np.int32)


def _smooth(dose: FloatArray, cells: NDArray[np.int64], body: Phantom) -> FloatArray:
    """(cells,) mean over the cell, its neighbours and theirs, of the dose per cell."""
    for _ in range(2):
        near = body.neighbours[cells]
        area = np.where(near >= 0, body.area_mm2[near], 0.0)
        own = body.area_mm2[cells]
        mean = (dose[cells] * own + (dose[near] * area).sum(axis=1)) / (own + area.sum(axis=1))
        dose = dose.copy()
        dose[cells] = mean
    return dose[cells]


def _highest(dose: FloatArray, cells: NDArray[np.int64], body: Phantom) -> list[int]:
    """The cells with the highest dose, each some way from those before."""
    left, place, found = dose.copy(), body.centroid_mm[cells], []
    for _ in range(_PLACES):
        best = int(np.argmax(left))
        if not left[best] > 0.0:
            break
        found.append(int(cells[best]))
        left[((place - place[best]) ** 2).sum(axis=1) < _APART_MM**2] = 0.0
    return found


def _recast(patches: Patches, hits: tuple[NDArray[Any], ...], events: int) -> Recast:
    """Each event's mean dose over each patch.

    hits   cell, event, dose, and dose times ln T of each
    """
    cells, place = np.unique(patches.cell, return_inverse=True)
    share = np.zeros((len(patches.cell), len(cells)))
    np.add.at(share, (np.arange(len(share))[:, None], place.reshape(patches.cell.shape)), patches.share)
    cell, event, dose, log_t = hits
    key = np.searchsorted(cells, cell) * events + event
    size = len(cells) * events
    mean, weighted = (
        share @ np.bincount(key, weights=column, minlength=size).reshape(len(cells), events) for column in (dose, log_t)
    )
    return Recast(mean, weighted / np.maximum(mean, 1e-300), patches.centre)
