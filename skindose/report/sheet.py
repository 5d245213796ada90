"""The skin of the trunk, or of head and neck, laid flat.

It is cut open along the middle of the front, the middle of the back comes to lie in the centre.

A point of the skin goes to

    across = way round the body from the middle of the back, at the point's height; positive to the patient's left
    height = z, the height in the patient frame

The way round is that along the outline r(angle) of the body's cross-section, seen from an axis inside it. Where arms
or legs are cut off the outline is that of the nearest height that has skin there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.model import BoolArray, FloatArray, IntArray, Phantom


class Part(NamedTuple):
    """A part of the body: its name, and the sections that make it, as regions are named."""

    name: str
    sections: tuple[str, ...]


TRUNK = Part("the trunk", ("thorax", "abdomen", "pelvis"))
HEAD = Part("head and neck", ("head", "neck"))
_ANGLES = 120  # nodes round the body: 3 degrees, 8 mm on an adult
_NEAR = 0.15  # of the way between two nodes; points of a cut as near to one stand for it
_LEVEL_MM = 8.0  # between two outlines
_STEEPEST = 3.0  # change of the outline over height; where it is steeper a fold is seen from its inside
_SMOOTH = 5  # outlines averaged, so that the sheet's edge is not ragged
_LEAST_SHARE = 0.05  # skin that would be drawn on less than this share of its area faces up or down: left out
_ROUNDING = 1e-9
_FLAT_MM = 1.0  # a surface without depth is a sheet already


@dataclass(frozen=True, eq=False)
class Sheet:
    """The flat skin.

    cell           (pieces,) the phantom's cell of each piece
    corners_mm     (pieces, 3, 2) across and height of its corners
    share          (pieces,) its area on the sheet over its area on the body
    side_mm        (levels, 3) across at the patient's left and right side (90 degrees from the back), and the height;
                   no levels where the surface is flat
    left_out       share of the skin of these regions that faces up or down too much to be drawn
    part           what it is the skin of; None where no region of the phantom belongs to it: this is all its skin
    """

    cell: IntArray
    corners_mm: FloatArray
    share: FloatArray
    side_mm: FloatArray
    left_out: float
    part: Part | None


class Outline(NamedTuple):
    """The way round: `across_mm` (levels, angles + 1) at the angles -180 to 180 degrees and the heights `z_mm`."""

    centre_mm: FloatArray  # x, y of the axis
    z_mm: FloatArray
    across_mm: FloatArray


def flatten(phantom: Phantom, part: Part = TRUNK) -> Sheet:
    """The skin of a part as a sheet; the whole surface of a phantom whose regions know no such part."""
    chosen = cells_of(part, phantom)
    whole = not chosen.any()
    cells = np.flatnonzero(chosen | whole).astype(np.int32)
    solid = phantom.vertices_mm[phantom.triangles[cells]]
    corners, side = _flat(solid) if np.ptp(solid[..., 1]) < _FLAT_MM else _unrolled(solid)
    area_mm2 = phantom.area_mm2[cells]
    share = _area_mm2(corners) / area_mm2
    drawn = share >= _LEAST_SHARE
    left_out = float(area_mm2[~drawn].sum() / area_mm2.sum())
    return Sheet(cells[drawn], corners[drawn], share[drawn], side, left_out, None if whole else part)


def cells_of(part: Part, phantom: Phantom) -> BoolArray:
    """(cells,) whether a cell lies on the part, by the name of its region."""
    named = np.array([lies_on(part, name) for name in phantom.region_names], dtype=bool)
    found: BoolArray = named[phantom.region]
    return found


def lies_on(part: Part, region: str) -> bool:
    """Whether a region's name ends in one of the part's sections.

    >>> lies_on(TRUNK, "posterior thorax, left"), lies_on(TRUNK, "left arm")
    (True, False)
    """
    return region.partition(",")[0].split(" ")[-1] in part.sections


def cuts(corners: FloatArray, values: FloatArray, level: float) -> FloatArray:
    """(n, 2, axes) where `values` at the corners of triangles cross `level`: one straight piece per triangle.

    corners   (triangles, 3, axes)
    values    (triangles, 3)
    """
    first, second, third = (values >= level).T
    mixed = np.flatnonzero((first != second) | (second != third))
    return _crossing(corners[mixed], values[mixed], np.full(len(mixed), level))


def _crossing(corners: FloatArray, values: FloatArray, level: FloatArray) -> FloatArray:
    """The same for triangles that are all crossed, each by a level of its own."""
    first, second, third = (values >= level[:, None]).T
    odd = np.where(second == third, 0, np.where(first == third, 1, 2))
    own = np.arange(len(corners))
    ends = []
    for other in ((odd + 1) % 3, (odd + 2) % 3):
        low, high = values[own, odd], values[own, other]
        along = ((level - low) / (high - low))[:, None]
        ends.append(corners[own, odd] * (1 - along) + corners[own, other] * along)
    return np.stack(ends, axis=1)


# --- Unrolling


def _flat(solid: FloatArray) -> tuple[FloatArray, FloatArray]:
    return solid[..., [0, 2]], np.zeros((0, 3))


def _unrolled(solid: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners (pieces, 3, 2) on the sheet, and the patient's sides (levels, 3)."""
    outline = _outline(solid)
    angle = np.arctan2(solid[..., 0] - outline.centre_mm[0], solid[..., 1] - outline.centre_mm[1])
    middle = solid.mean(axis=1) - [*outline.centre_mm, 0.0]
    own = np.arctan2(middle[:, 0], middle[:, 1])[:, None]
    turns = np.rint((angle - own) / (2 * np.pi))  # a cell across the cut stays with its middle
    across = _across(outline, angle - 2 * np.pi * turns, solid[..., 2])
    quarter = _ANGLES // 4
    side = np.column_stack([outline.across_mm[:, 3 * quarter], outline.across_mm[:, quarter], outline.z_mm])
    return np.stack([across, solid[..., 2]], axis=-1), side


def _outline(solid: FloatArray) -> Outline:
    """The body's outline at even heights, as the way round it."""
    low, high = float(solid[..., 2].min()), float(solid[..., 2].max())
    count = max(2, int(np.ceil((high - low) / _LEVEL_MM)))
    margin = (high - low) / count / 2
    z = np.linspace(low + margin, high - margin, count)
    x, y = solid[..., 0], solid[..., 1]
    middle_x = 0.0 if x.min() < 0 < x.max() else (x.min() + x.max()) / 2
    centre = np.array([middle_x, (y.min() + y.max()) / 2])
    radius = _calm(_filled(_radius(solid, z, centre)), _STEEPEST * 2 * margin)
    angle = np.linspace(-np.pi, np.pi, _ANGLES + 1)
    around = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
    step = np.linalg.norm(np.diff(around, axis=1), axis=-1)
    way = np.concatenate([np.zeros((count, 1)), np.cumsum(step, axis=1)], axis=1)
    return Outline(centre, z, _smooth(way - way[:, [_ANGLES // 2]]))


def _radius(solid: FloatArray, z_mm: FloatArray, centre: FloatArray) -> FloatArray:
    """(levels, angles + 1) the outermost distance from the axis at each height; NaN where no skin is."""
    low, high = (
        np.searchsorted(z_mm, end, side="right") for end in (solid[..., 2].min(axis=1), solid[..., 2].max(axis=1))
    )
    cell, step = counted(high - low)
    level = low[cell] + step
    piece = _crossing(solid[cell], solid[cell, :, 2], z_mm[level])[..., :2] - centre
    first, last = (_node(piece[:, end]) for end in (0, 1))
    passed = np.abs((last - first + _ANGLES / 2) % _ANGLES - _ANGLES / 2)  # nodes, the short way round
    points = np.ceil(4 * passed).astype(np.int64) + 2
    own, step = counted(points)
    along = (step / (points[own] - 1))[:, None]
    point = piece[own, 0] * (1 - along) + piece[own, 1] * along
    place = _node(point)
    node = np.rint(place).astype(np.int64)
    near = np.flatnonzero(np.abs(place - node) <= _NEAR)
    radius = np.full((len(z_mm), _ANGLES), -np.inf)
    np.maximum.at(radius, (level[own[near]], node[near] % _ANGLES), np.linalg.norm(point[near], axis=1))
    radius[np.isinf(radius)] = np.nan
    return np.column_stack([radius, radius[:, 0]])


def _node(point: FloatArray) -> FloatArray:
    """(n,) where a point (n, 2) seen from the axis lies among the nodes."""
    return np.asarray((np.arctan2(point[:, 0], point[:, 1]) / (2 * np.pi) + 0.5) * _ANGLES)


def counted(count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For things of which each comes `count` times: which thing, and the how manieth of it.

    >>> [column.tolist() for column in counted(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    own = np.repeat(np.arange(len(count)), count)
    return own, np.arange(len(own)) - np.repeat(np.cumsum(count) - count, count)


def _filled(radius: FloatArray) -> FloatArray:
    """Without gaps: first from the nearest height, then from the angles beside."""
    levels, filled = np.arange(len(radius)), radius.copy()
    for column in filled.T:
        known = np.isfinite(column)
        if known.any():
            nearest = np.abs(levels[:, None] - levels[known]).argmin(axis=1)
            column[:] = column[known][nearest]
    angles = np.arange(filled.shape[1])
    for row in filled:
        known = np.isfinite(row)
        row[:] = np.interp(angles, angles[known], row[known], period=filled.shape[1] - 1)
    return filled


def _calm(rows: FloatArray, most_mm: float) -> FloatArray:
    """From the middle outwards each row within `most_mm` of the one before."""
    calm, middle = rows.copy(), len(rows) // 2
    for order in (range(middle + 1, len(rows)), range(middle - 1, -1, -1)):
        for k in order:
            before = calm[k - 1 if k > middle else k + 1]
            calm[k] = np.clip(calm[k], before - most_mm, before + most_mm)
    return calm


def _smooth(rows: FloatArray) -> FloatArray:
    """The mean of neighbouring rows; the first and last count as often as needed."""
    reach = _SMOOTH // 2
    padded = np.concatenate([rows[:1].repeat(reach, axis=0), rows, rows[-1:].repeat(reach, axis=0)])
    return np.asarray(sum(padded[k : k + len(rows)] for k in range(_SMOOTH)) / _SMOOTH)


def _across(outline: Outline, angle: FloatArray, z_mm: FloatArray) -> FloatArray:
    """The way round at any angle and height; an angle beyond 180 degrees is as far beyond the cut."""
    turn = np.floor((angle + np.pi) / (2 * np.pi))
    column = ((angle + np.pi) / (2 * np.pi) - turn) * _ANGLES
    row = np.interp(z_mm, outline.z_mm, np.arange(len(outline.z_mm)))
    way = _between(outline.across_mm, row, column)
    girth = np.interp(z_mm, outline.z_mm, outline.across_mm[:, -1] - outline.across_mm[:, 0])
    return way + turn * girth


def _between(table: FloatArray, row: FloatArray, column: FloatArray) -> FloatArray:
    """Linear in both directions."""
    i = np.minimum(row.astype(np.int64), table.shape[0] - 2)
    j = np.minimum(column.astype(np.int64), table.shape[1] - 2)
    a, b = row - i, column - j
    upper = table[i, j] * (1 - b) + table[i, j + 1] * b
    lower = table[i + 1, j] * (1 - b) + table[i + 1, j + 1] * b
    found: FloatArray = upper * (1 - a) + lower * a
    return found


def _area_mm2(corners: FloatArray) -> FloatArray:
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2


# --- Values on the sheet


def raster(sheet: Sheet, values: FloatArray, pixel_mm: float) -> tuple[FloatArray, FloatArray]:
    """The sheet as pixels: (rows, columns) the value, NaN off the skin; and across and height (2,) of its upper left.

    values   (pieces, 3) at the corners; between them linear; where skin lies over skin the higher one shows

    Rows go down, columns towards the patient's right.
    """
    corner = np.array([sheet.corners_mm[..., 0].max(), sheet.corners_mm[..., 1].max()])
    places = (corner - sheet.corners_mm) / pixel_mm  # (pieces, 3, 2): column, row
    columns, rows = (np.ceil(places.max(axis=(0, 1))) + 1).astype(np.int64)
    own, x, y = _pixels_of(places)
    a, b, c = _barycentric(places, own, x + 0.5, y + 0.5)
    inside = np.flatnonzero(np.minimum(np.minimum(a, b), c) >= -_ROUNDING)
    corner_values = values[own[inside]]
    value = sum(weight[inside] * corner_values[:, k] for k, weight in enumerate((a, b, c)))
    picture = np.full((rows, columns), -np.inf)
    np.maximum.at(picture, (y[inside], x[inside]), value)
    picture[np.isinf(picture)] = np.nan
    return picture, corner


def _pixels_of(places: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Every pixel of every piece's box: piece, column, row."""
    first, second, third = (places[:, k] for k in range(3))
    low = np.floor(np.minimum(np.minimum(first, second), third)).astype(np.int64)
    size = np.floor(np.maximum(np.maximum(first, second), third)).astype(np.int64) - low + 1
    own, step = counted(size[:, 0] * size[:, 1])
    return own, low[own, 0] + step % size[own, 0], low[own, 1] + step // size[own, 0]


def _barycentric(
    corners: FloatArray, own: NDArray[np.int64], x: NDArray[Any], y: NDArray[Any]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n,) each: the weights of the corners (pieces, 3, 2) at a point of a piece each; all >= 0 inside."""
    (x0, y0), (x1, y1), (x2, y2) = (corners[:, k].T for k in range(3))
    double = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    right, down = x - x2[own], y - y2[own]
    first = ((y1 - y2) / double)[own] * right + ((x2 - x1) / double)[own] * down
    second = ((y2 - y0) / double)[own] * right + ((x0 - x2) / double)[own] * down
    return first, second, 1 - first - second
