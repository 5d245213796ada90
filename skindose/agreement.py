"""How near two maps of one body are, patch by patch: within 8 % in dose, or 3 mm in place."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skindose.dose import PATCH_MM2
from skindose.model import BoolArray, FloatArray, IntArray, Phantom

WITHIN, WITHIN_MM = 0.08, 3.0
"""How near the fast engine shall come, in dose or in place."""
LEAST_PATCH = 0.3  # patches smaller than this share of 1 cm2 are scraps between others


@dataclass(frozen=True)
class Patches:
    """Connected patches of about 1 cm2 that cover the skin.

    of_cell      (cells,) the patch of each cell, -1 for scraps
    centre_mm    (patches, 3)
    area_mm2     (patches,)
    pairs        (pairs, 2) patches that touch
    """

    of_cell: IntArray
    centre_mm: FloatArray
    area_mm2: FloatArray
    pairs: NDArray[np.int64]


def agree(where: Patches, fast: FloatArray, truth: FloatArray, uncertainty: FloatArray | float = 0.0) -> BoolArray:
    """Within 8 % of the truth, or the fast map has the true dose within 3 mm, going straight to a patch beside.

    The statistics of the truth widen the 8 % in quadrature, with two standard uncertainties.
    """
    first, second = where.pairs.T
    distance = np.linalg.norm(where.centre_mm[first] - where.centre_mm[second], axis=1)
    there = fast[first] + (fast[second] - fast[first]) * np.minimum(1.0, WITHIN_MM / np.maximum(distance, 1e-9))
    least, most = fast.copy(), fast.copy()
    np.minimum.at(least, first, there)
    np.maximum.at(most, first, there)
    near: BoolArray = (truth >= least) & (truth <= most)
    return near | (np.abs(fast - truth) <= np.hypot(WITHIN * truth, 2.0 * uncertainty))


def patches(body: Phantom) -> Patches:
    """Patches of about 1 cm2, each grown over neighbours around a cell that none had yet."""
    group = np.full(len(body.area_mm2), -1, dtype=np.int32)
    neighbours, area = body.neighbours.tolist(), body.area_mm2.tolist()
    sizes: list[float] = []
    taken = [False] * len(area)
    for seed in range(len(area)):
        if taken[seed]:
            continue
        queue, size = deque([seed]), 0.0
        taken[seed] = True
        while queue and size < PATCH_MM2:
            cell = queue.popleft()
            group[cell], size = len(sizes), size + area[cell]
            for other in neighbours[cell]:
                if other >= 0 and not taken[other]:
                    taken[other] = True
                    queue.append(other)
        for cell in queue:  # seen, but too much
            taken[cell] = False
        sizes.append(size)
    return _without_scraps(body, group, np.array(sizes))


def _without_scraps(body: Phantom, group: IntArray, sizes: FloatArray) -> Patches:
    kept = sizes >= LEAST_PATCH * PATCH_MM2
    number = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    of_cell = number[group]
    used = of_cell >= 0
    area = np.bincount(of_cell[used], weights=body.area_mm2[used]).astype(np.float64)
    centre = [np.bincount(of_cell[used], weights=(body.centroid_mm[:, k] * body.area_mm2)[used]) for k in range(3)]
    beside = np.where(body.neighbours >= 0, of_cell[body.neighbours], -1)
    pairs = np.stack([np.repeat(of_cell, 3), beside.ravel()], axis=1)
    pairs = pairs[(pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])]
    return Patches(of_cell, np.stack(centre, axis=1) / area[:, None], area, np.unique(pairs, axis=0))
