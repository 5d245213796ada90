"""Hits x Factors -> DoseMap: the sum per cell, the peak over 1 cm2, and who made it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skindose.model import Beams, BoolArray, DoseMap, Factors, FloatArray, Hits, IntArray, Peak, Phantom

PATCH_MM2 = 100.0
# Relative standard deviation of K_true / K = 1 / (1 + e), e rectangular within +-0.35 [IEC 60601-2-43; physics.md]:
# mean ln(1.35 / 0.65) / 0.7, mean square 1 / (0.65 * 1.35).
DISPLAY_STANDARD_UNCERTAINTY = float(np.sqrt(1 / (0.65 * 1.35) - (np.log(1.35 / 0.65) / 0.7) ** 2))
_SEEDS = 64


def dose_map(parts: Iterable[tuple[Beams, Hits, Factors]], phantom: Phantom, keep_halo: bool = True) -> DoseMap:
    """Dose per cell: the air kerma of each hit's beam times its factors, of primary and scatter.

    The uncertainty is that of the displayed air kerma alone, the same for every event of a machine, hence additive.

    parts       the procedure's beams in their order, in blocks: of each only cell and dose of the hits are kept, the
                dose in 4 bytes, for it says who made the sum, which is added in full
    keep_halo   keep also the hits outside the primary beam, which are ten times as many and add a few per cent
    """
    dose_mgy: FloatArray = np.zeros(len(phantom.area_mm2))
    kept: dict[str, list[NDArray[Any]]] = {name: [] for name in ("count", "cell", "dose", "on_body", "nearest")}
    for beams, hits, factors in parts:
        added = hit_dose_mgy(beams, hits, factors)
        np.add.at(dose_mgy, hits.cell, added)  # hit by hit, so that blocks of any size give the same bits
        rows: Any = slice(None) if keep_halo else hits.primary
        own: tuple[NDArray[Any], ...] = (
            np.bincount(hits.beam()[rows], minlength=len(beams)),
            hits.cell[rows],
            added[rows].astype(np.float32),
            on_body_fraction(beams, hits, phantom),
            _nearest_mm(hits),
        )
        for column, values in zip(kept.values(), own, strict=True):
            column.append(values)
    # One column after the other: each one's parts are gone before the next is joined.
    count, cell, hit_dose, on_body, nearest = (np.concatenate(kept.pop(name)) for name in tuple(kept))
    return DoseMap(
        dose_mgy=dose_mgy,
        uncertainty_mgy=dose_mgy * DISPLAY_STANDARD_UNCERTAINTY,
        beam_start=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        cell=cell,
        hit_dose_mgy=hit_dose,
        on_body=on_body,
        nearest_mm=nearest,
        peak=find_peak(dose_mgy, phantom),
    )


def hit_dose_mgy(beams: Beams, hits: Hits, factors: Factors) -> FloatArray:
    """(hits,) what each hit adds to its cell."""
    kerma_mgy = beams.air_kerma_rp_mgy[hits.beam()]
    free_in_air_mgy = kerma_mgy * factors.calibration * factors.inverse_square * factors.transmission
    if factors.heel is not None:
        free_in_air_mgy = free_in_air_mgy * factors.heel
    return np.asarray(free_in_air_mgy * factors.medium * (hits.coverage + factors.scatter), dtype=np.float64)


def some_hits(hits: Hits, rows: BoolArray) -> Hits:
    """Some of the hits, of the same beams.

    rows   (hits,) which
    """
    before = np.concatenate([[0], np.cumsum(rows)])
    columns = {name: value for name, value in vars(hits).items() if name != "beam_start" and value is not None}
    return Hits(beam_start=before[hits.beam_start], **{name: value[rows] for name, value in columns.items()})


def _nearest_mm(hits: Hits) -> FloatArray:
    """(beams,) least distance of lit skin from the focal spot; infinite where there is none."""
    hit = np.flatnonzero(np.diff(hits.beam_start))
    nearest: FloatArray = np.full(len(hits.beam_start) - 1, np.inf)
    if len(hit):
        lit_mm = np.where(hits.primary, hits.distance_mm, np.inf)
        nearest[hit] = np.minimum.reduceat(lit_mm, hits.beam_start[hit])
    return nearest


def if_they_stood_mgy(beams: Beams, dosemap: DoseMap, runs: Iterable[int]) -> FloatArray:
    """(cells,) dose if each event of `runs` had come whole from one of its sub-beams, for each cell from the worst.

    An upper bound for runs whose way is not known: the true way, if it lies within the assumed one, gives no more.
    """
    upper = dosemap.dose_mgy.copy()
    start = dosemap.beam_start
    for event in runs:
        own = np.flatnonzero(beams.event == event)  # one after the other, so are their hits
        rows = slice(start[own[0]], start[own[-1] + 1]) if len(own) else slice(0)
        weight = np.repeat(beams.weight[own], np.diff(start)[own])
        cell, dose_mgy = dosemap.cell[rows], dosemap.hit_dose_mgy[rows]
        worst = np.zeros(len(upper))
        np.maximum.at(worst, cell, dose_mgy / weight)
        upper += worst - np.bincount(cell, weights=dose_mgy, minlength=len(upper))
    return upper


def find_peak(dose_mgy: FloatArray, phantom: Phantom) -> Peak | None:
    """The connected patch of 1 cm2 with the highest mean dose; None where nothing has dose.

    Patches grow from the cells with the highest dose averaged over their neighbours' neighbours. A patch takes the
    connected cell nearest to its centre until it has 1 cm2; of the last cell only the area still wanted counts.
    """
    if not dose_mgy.size or not dose_mgy.max() > 0.0:
        return None
    smooth = _neighbour_mean(_neighbour_mean(dose_mgy, phantom), phantom)
    among = np.flatnonzero(smooth >= np.partition(smooth, -min(_SEEDS, len(smooth)))[-min(_SEEDS, len(smooth))])
    seeds = among[np.argsort(-smooth[among], kind="stable")][:_SEEDS]
    patches = [(*_patch(int(seed), phantom), int(seed)) for seed in seeds if smooth[seed] > 0.0]
    means = [float(np.average(dose_mgy[cells], weights=share)) for cells, share, _ in patches]
    best = int(np.argmax(means))
    cells, _, cell = patches[best]
    x, y, z = (float(value) for value in phantom.centroid_mm[cell])
    region = phantom.region_names[phantom.region[cell]]
    return Peak(means[best], float(dose_mgy.max()), cell, cells, (x, y, z), region)


def patch_area_mm2(peak: Peak, phantom: Phantom) -> FloatArray:
    """(cells of the patch,) area that each cell gives to the peak's patch; the last one only what it lacks."""
    return _patch(peak.cell, phantom)[1]


def _neighbour_mean(values: FloatArray, phantom: Phantom) -> FloatArray:
    weight = np.append(phantom.area_mm2, 0.0)  # the last one stands for "no neighbour", index -1
    weighted = np.append(values * phantom.area_mm2, 0.0)
    one, two, three = phantom.neighbours.T  # added by name: numpy is slow at sums of three
    own: FloatArray = weighted[:-1] + ((weighted[one] + weighted[two]) + weighted[three])
    area: FloatArray = weight[:-1] + ((weight[one] + weight[two]) + weight[three])
    return own / np.maximum(area, np.finfo(float).tiny)


def _patch(centre: int, phantom: Phantom) -> tuple[IntArray, FloatArray]:
    """Cells of the patch around `centre`, and the area each gives to it in mm2; smaller on a smaller mesh."""
    centroid_mm, neighbours = phantom.centroid_mm, phantom.neighbours
    x, y, z = centroid_mm[centre].tolist()
    queue = [(0.0, centre)]
    seen = {centre}
    cells: list[int] = []
    areas: list[float] = []
    wanted = PATCH_MM2
    while queue and wanted > 0.0:
        _, cell = heapq.heappop(queue)
        cells.append(cell)
        areas.append(min(float(phantom.area_mm2[cell]), wanted))
        wanted -= areas[-1]
        for other in neighbours[cell].tolist():
            if other >= 0 and other not in seen:
                seen.add(other)
                to_x, to_y, to_z = centroid_mm[other].tolist()
                heapq.heappush(queue, ((to_x - x) ** 2 + (to_y - y) ** 2 + (to_z - z) ** 2, other))
    return np.array(cells, dtype=np.int32), np.array(areas)


def area_above_mm2(dose_mgy: FloatArray, phantom: Phantom, level_mgy: float) -> float:
    """Area of skin with at least `level_mgy`."""
    return float(phantom.area_mm2[dose_mgy >= level_mgy].sum())


def highest_by_region_mgy(dose_mgy: FloatArray, phantom: Phantom) -> dict[str, float]:
    """The highest cell of every region of the body that has any."""
    highest = np.full(len(phantom.region_names), -1.0)
    np.maximum.at(highest, phantom.region, dose_mgy)
    named = zip(phantom.region_names, highest.tolist(), strict=True)
    return {name: value for name, value in named if value >= 0}


def on_body_fraction(beams: Beams, hits: Hits, phantom: Phantom) -> FloatArray:
    """(beams,) share of each beam's field that meets the body, by area at the reference plane.

    A cell's area A cos / d^2 is a solid angle; at the reference plane it covers that times r^3 / d_ref, r being the
    distance from the focal spot to its place in that plane.
    """
    rows = np.flatnonzero(hits.primary)  # the halo, ten times as many hits, adds nothing
    beam = hits.beam()[rows]
    reference = beams.reference_distance_mm[beam]
    area_mm2, distance_mm = phantom.area_mm2[hits.cell[rows]], hits.distance_mm[rows]
    solid_angle = area_mm2 * hits.cos_incidence[rows] / distance_mm**2 * hits.coverage[rows]
    slant = np.sqrt(reference**2 + hits.u_mm[rows] ** 2 + hits.v_mm[rows] ** 2)
    lit = np.bincount(beam, weights=solid_angle * slant**3 / reference, minlength=len(beams))
    sides = (beams.field_mm[:, 1] - beams.field_mm[:, 0]) * (beams.field_mm[:, 3] - beams.field_mm[:, 2])
    return np.minimum(1.0, lit / np.where(beams.circular, sides * np.pi / 4, sides))
