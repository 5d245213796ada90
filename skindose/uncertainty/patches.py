"""Many patches of 1 cm2 at once, as dose.find_peak grows them one by one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skindose.dose import PATCH_MM2
from skindose.model import FloatArray, IntArray, Phantom

_ROOM = 3.0  # rings are added until they have this times the patch's area: then its nearest cells are among them
_MOST_RINGS = 12


class Patches(NamedTuple):
    """Patches around some cells, one row each.

    centre  (patches,) the cells
    cell    (patches, width) cells, the nearest to the centre first; -1 where the row is shorter
    share   (patches, width) share of the patch's area, summing to 1
    """

    centre: IntArray
    cell: IntArray
    share: FloatArray


def around(centre: IntArray, phantom: Phantom) -> Patches:
    """The patch of 1 cm2 around each of the cells; smaller on a smaller mesh.

    The nearest cells among those around the centre: what growing from cell to cell gives but for folds of the skin.
    """
    found = centre[:, None].astype(np.int32)
    for _ in range(_MOST_RINGS):
        area = np.where(found >= 0, phantom.area_mm2[found], 0.0)
        if area.sum(axis=1).min(initial=np.inf) >= _ROOM * PATCH_MM2:
            break
        ring = np.where(found[:, :, None] >= 0, phantom.neighbours[found], -1).reshape(len(found), -1)
        found = _unique(np.concatenate([found, ring], axis=1))
    there = found >= 0
    gap = phantom.centroid_mm[found] - phantom.centroid_mm[centre][:, None]
    x, y, z = np.moveaxis(gap**2, 2, 0)
    gap_mm2 = np.where(there, x + y + z, np.inf)
    order = np.argsort(gap_mm2, axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)
    area = np.where(found >= 0, phantom.area_mm2[found], 0.0)
    given = np.clip(PATCH_MM2 - (np.cumsum(area, axis=1) - area), 0.0, area)
    width = max(1, int((given > 0).sum(axis=1).max(initial=1)))
    given = given[:, :width]
    return Patches(centre, np.where(given > 0, found[:, :width], -1), given / given.sum(axis=1, keepdims=True))


def _unique(rows: IntArray) -> IntArray:
    """Each row's different cells, in order; -1 fills up."""
    rows = np.sort(rows, axis=1)
    twice = np.zeros(rows.shape, dtype=np.bool_)
    twice[:, 1:] = rows[:, 1:] == rows[:, :-1]
    rows = -np.sort(-np.where(twice, -1, rows), axis=1)
    return rows[:, : max(1, int((rows >= 0).sum(axis=1).max(initial=1)))]
