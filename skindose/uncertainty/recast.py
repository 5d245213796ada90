"""The procedure cast anew with the patient elsewhere: what each event gives to the places where the peak may be.

A rough map, of the primary beams with each beam's mean factors, finds the places; all factors are computed for the
patches there only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose import geometry
from skindose.config import Settings
from skindose.dose import hit_dose_mgy, some_hits
from skindose.model import Beams, BoolArray, Events, Factors, FloatArray, Hits, IntArray, Phantom
from skindose.threads import workers
from skindose.uncertainty.patches import Patches, around
from skindose.uncertainty.shift import Moves, joined, moved

# Beams that are cast for one placement; a procedure of more is sampled by its air kerma.
MOST_BEAMS = 96
# Hits of which all factors are computed to learn the beams' mean factors.
_SAMPLE = 20_000
# Beams times cells that are cast in one go: up to about 10 MB of hits, of which each thread has its own.
BLOCK = 10_000_000
# Of so few moves the factors are computed in one go.
_FEW = 16
# Places that are looked at for each way that the factors may lie, and how far apart they are: a patch is 11 mm wide.
_PLACES, _APART_MM = 8, 9.0
_HOT = 0.35  # cells below this share of the highest dose are not looked at,
_NEARLY = 0.8  # and under each way those below this share: the rough map is right to 20 %
_COLUMNS = (
    "cell",
    "distance_mm",
    "cos_incidence",
    "u_mm",
    "v_mm",
    "edge_mm",
    "coverage",
    "path_mm",
    "primary",
    "thickness_mm",
)


@dataclass(frozen=True)
class Scene:
    """What the recasts share.

    beams       those that stand for the procedure, with the air kerma that they stand for
    weight      (beams,) mean of all factors but inverse square and coverage, with the patient where he is shown
    hits, factors   a sample of the primary hits, and their factors
    lit         what of the body all their primary hits are on
    """

    events: Events
    beams: Beams
    body: Phantom
    settings: Settings
    calibrations: Any
    weight: FloatArray
    hits: Hits
    factors: Factors
    lit: Any


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


def scene(events: Events, beams: Beams, body: Phantom, settings: Settings, calibrations: Any) -> Scene:
    """The scene, its beams' mean factors learnt from an even sample of their primary hits."""
    from skindose import kernel
    from skindose.physics import factors, lit

    beams = thinned(beams)
    hits = kernel.cast(beams, body, thickness=True)
    whole = lit(beams, hits, body)
    rows: BoolArray = np.zeros(len(hits.cell), dtype=np.bool_)
    rows[:: max(1, len(rows) // _SAMPLE)] = True
    hits = some_hits(hits, rows)
    found = factors(events, beams, hits, settings, calibrations, whole)
    beam = hits.beam()
    full = np.bincount(beam, weights=hit_dose_mgy(beams, hits, found), minlength=len(beams))
    free = beams.air_kerma_rp_mgy[beam] * found.inverse_square * hits.coverage
    plain = np.bincount(beam, weights=free, minlength=len(beams))
    mean = full.sum() / max(float(plain.sum()), 1e-300)
    weight = np.where(plain > 0, full / np.maximum(plain, 1e-300), mean)
    return Scene(events, beams, body, settings, calibrations, weight, hits, found, whole)


def recasts(scene: Scene, moves: Moves, corners: FloatArray) -> Recasts:
    """The procedure with each of the moves.

    corners   (corners, events) what the dose of each event may truly have to be multiplied by: the places with the
              highest dose under each of them are candidates
    """
    from skindose.physics import factors

    size = max(1, BLOCK // (len(scene.body.area_mm2) * max(1, len(scene.beams))))
    count = max(2, -(-len(moves) // size))
    rows = np.arange(1, len(moves), dtype=np.int32)
    blocks = [block for block in np.array_split(rows, count) if len(block)]
    first = _block(scene, moves, corners, np.zeros(1, dtype=np.int32), np.zeros(len(scene.body.area_mm2)))
    rough = np.sqrt(first.square)

    def complete(block: _Block) -> list[Recast]:
        found = factors(scene.events, block.beams, block.hits, scene.settings, scene.calibrations, block.lit)
        return _by_event(scene, block, found)

    with workers(None, count) as work:
        done = [first, *work(lambda rows: _block(scene, moves, corners, rows, rough), blocks)]
        places = [one for part in work(complete, _joined(done, 1 if len(moves) <= _FEW else 2)) for one in part]
    square = np.sum([block.square for block in done[1:]], axis=0)
    return Recasts(places, rough, square / max(1, len(moves) - 1))


class _Block(NamedTuple):
    """Some placements' beams, their hits in the patches that are candidates, and those patches.

    lit      what of the body all hits are on, for those in the patches alone do not show its extent
    square   (cells,) sum of the squared differences between their rough maps and the one shown
    """

    beams: Beams
    hits: Hits
    lit: Any
    patches: list[Patches]
    square: FloatArray


def _joined(blocks: list[_Block], count: int) -> list[_Block]:
    """The blocks in `count` larger ones: what all events have in common is then worked out so many times only."""
    found = []
    for some_of in np.array_split(np.arange(len(blocks)), min(count, len(blocks))):
        parts = [blocks[index] for index in some_of]
        columns = {name: np.concatenate([getattr(part.hits, name) for part in parts]) for name in _COLUMNS}
        counts = np.concatenate([[0], *(np.diff(part.hits.beam_start) for part in parts)])
        hits = Hits(beam_start=np.cumsum(counts), **columns)
        patches = [patch for part in parts for patch in part.patches]
        lit = replace(parts[0].lit, whole=np.concatenate([part.lit.whole for part in parts]))
        found.append(_Block(joined([part.beams for part in parts]), hits, lit, patches, parts[0].square))
    return found


def _block(scene: Scene, moves: Moves, corners: FloatArray, rows: IntArray, shown: FloatArray) -> _Block:
    """Some of the placements."""
    from skindose import kernel
    from skindose.physics import lit

    beams = moved(scene.beams, scene.events, moves, rows)
    hits = kernel.cast(beams, scene.body, threads=1, thickness=True)
    dose = rough_dose_mgy(scene, beams, hits)
    square = np.zeros(len(shown))
    wanted: BoolArray = np.zeros(len(hits.cell), dtype=np.bool_)
    event = beams.event[hits.beam()]
    patches = []
    for part in placements(hits, len(scene.beams)):
        rough = _per_cell(hits.cell[part], dose[part], len(shown))
        square += (rough - shown) ** 2
        centre = candidates(rough, (hits.cell[part], dose[part], event[part]), corners, scene.body)
        patches.append(around(centre, scene.body))
        wanted[part] = _among(patches[-1], len(shown))[hits.cell[part]]
    return _Block(beams, some_hits(hits, wanted), lit(beams, hits, scene.body), patches, square)


def placements(hits: Hits, beams: int) -> list[slice]:
    """The hits of each placement."""
    starts = hits.beam_start[::beams]
    return [slice(*ends) for ends in pairwise(starts.tolist())]


def _by_event(scene: Scene, block: _Block, factors: Factors) -> list[Recast]:
    hits, beams = block.hits, block.beams
    dose = hit_dose_mgy(beams, hits, factors)
    columns = (hits.cell, beams.event[hits.beam()], dose, dose * np.log(factors.transmission))
    return [
        _recast(patches, tuple(column[part] for column in columns), len(scene.events))
        for patches, part in zip(block.patches, placements(hits, len(scene.beams)), strict=True)
    ]


def rough_dose_mgy(scene: Scene, beams: Beams, hits: Hits) -> FloatArray:
    """(hits,) the dose of the primary beam with each beam's mean factors."""
    weight = np.tile(scene.weight, len(beams) // len(scene.beams))
    strength = beams.air_kerma_rp_mgy * weight * beams.reference_distance_mm**2
    found: FloatArray = np.repeat(strength, np.diff(hits.beam_start)) * hits.coverage / hits.distance_mm**2
    return found


def _per_cell(cell: IntArray, dose: FloatArray, cells: int) -> FloatArray:
    found: FloatArray = np.bincount(cell, weights=dose, minlength=cells).astype(np.float64, copy=False)
    return found


def _among(patches: Patches, cells: int) -> BoolArray:
    found: BoolArray = np.zeros(cells + 1, dtype=np.bool_)
    found[patches.cell] = True  # -1 is the one beyond the last
    return found[:-1]


def candidates(
    rough: FloatArray, hits: tuple[IntArray, FloatArray, IntArray], corners: FloatArray, body: Phantom
) -> IntArray:
    """Cells in the middle of the places with the highest rough dose under each of the corners.

    hits   cell, rough dose and event of each
    """
    hot = rough > _HOT * rough.max(initial=0.0)
    lit = np.flatnonzero(hot)
    if not len(lit):
        return np.zeros(0, dtype=np.int32)
    rows = np.flatnonzero(hot[hits[0]])
    place = np.zeros(len(rough) + 1, dtype=np.int32)
    place[lit] = np.arange(1, len(lit) + 1)  # 0 is any cell that is not hot
    near = place[body.neighbours[lit]]
    cell, dose, event = place[hits[0][rows]], hits[1][rows], hits[2][rows]
    found: dict[int, None] = {}
    for corner in corners:
        own = _per_cell(cell, dose * corner[event], len(lit) + 1)
        found.update(dict.fromkeys(_highest(_smooth(_smooth(own, near), near)[1:], lit, body)))
    return np.array(list(found), dtype=np.int32)


def _smooth(dose: FloatArray, near: IntArray) -> FloatArray:
    """Mean over each cell and its neighbours, of which the first is none at all."""
    found = np.zeros(len(dose))
    one, two, three = near.T
    found[1:] = 0.25 * (dose[1:] + ((dose[one] + dose[two]) + dose[three]))
    return found


def _highest(dose: FloatArray, cells: NDArray[np.int64], body: Phantom) -> list[int]:
    """The cells with the highest dose, each some way from those before."""
    high = np.flatnonzero(dose >= _NEARLY * dose.max())
    left, cells = dose[high], cells[high]
    place, found = np.ascontiguousarray(body.centroid_mm[cells].T), []
    for _ in range(_PLACES):
        best = int(np.argmax(left))
        if not left[best] > 0.0:
            break
        found.append(int(cells[best]))
        x, y, z = (place - place[:, best : best + 1]) ** 2
        left[x + y + z < _APART_MM**2] = 0.0
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
