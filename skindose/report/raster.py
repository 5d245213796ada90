"""Which cell of a body a picture shows at each pixel: a plain z-buffer in numpy, seen along a standard view.

Pictures are made unattended, for mails and archives, on servers without a graphics card, an X server or libGL: a body
of 107,000 cells takes 0.2 s a view here, where importing vtk and opening its window takes 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skindose.model import BoolArray, FloatArray, IntArray
from skindose.report.scene import View

Numbers = NDArray[np.int64]

_BLOCK = 8192  # triangles at a time: what they make fits the processor's cache
_LEAST_PX2 = 1e-9  # twice the area of a triangle seen edge-on, which has no slope and covers no pixel


@dataclass(frozen=True)
class Camera:
    """A view without perspective: what is at `corner_mm` (across, up) is the picture's upper left corner.

    view         from where it looks and what is up
    px_per_mm    scale of the picture
    width_px, height_px    its size
    """

    view: View
    corner_mm: tuple[float, float]
    px_per_mm: float
    width_px: int
    height_px: int

    def project(self, points_mm: FloatArray) -> FloatArray:
        """(n, 3) in the patient frame -> (n, 3): pixels to the right, pixels down, mm towards the camera."""
        across, up, near = look_along(self.view, points_mm)
        left, top = self.corner_mm
        return np.stack([(across - left) * self.px_per_mm, (top - up) * self.px_per_mm, near], axis=-1)

    def finer(self, times: int) -> Camera:
        """The same picture with `times` as many pixels each way."""
        return Camera(self.view, self.corner_mm, self.px_per_mm * times, self.width_px * times, self.height_px * times)


def look_along(view: View, points_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n,) each, mm: across the picture (to its right), up in it, and towards the camera."""
    axes = np.array([np.cross(view.up, view.eye), view.up, view.eye], dtype=float)
    across, up_mm, near = axes @ points_mm.T
    return across, up_mm, near


@dataclass(frozen=True)
class Seen:
    """What a camera sees: per pixel (height, width) the cell (-1: nothing) and how near it is, mm (-inf: nothing)."""

    cell: IntArray
    near_mm: NDArray[np.float32]


def render(vertices_mm: FloatArray, triangles: IntArray, camera: Camera) -> Seen:
    """The nearest triangle behind each pixel's centre; only triangles that face the camera are drawn."""
    corners = camera.project(vertices_mm)[triangles]
    facing = np.flatnonzero(_turned_to_camera(corners))
    shape = camera.height_px, camera.width_px
    depth, cell = np.full(shape, -np.inf, dtype=np.float32).ravel(), np.full(shape, -1, dtype=np.int32).ravel()
    for start in range(0, len(facing), _BLOCK):
        cells = facing[start : start + _BLOCK]
        owner, place, near = _fragments(corners[cells], camera.width_px, camera.height_px)
        np.maximum.at(depth, place, near)
        nearest = near >= depth[place]
        cell[place[nearest]] = cells[owner[nearest]]
    return Seen(cell.reshape(shape), depth.reshape(shape))


def _turned_to_camera(corners: FloatArray) -> BoolArray:
    """Counter-clockwise as seen; rows run downwards, so the area's sign is the other way round."""
    (ax, ay), (bx, by) = ((corners[:, k, :2] - corners[:, 0, :2]).T for k in (1, 2))
    facing: BoolArray = ax * by - ay * bx < -_LEAST_PX2
    return facing


def _fragments(corners: FloatArray, width_px: int, height_px: int) -> tuple[Numbers, Numbers, NDArray[np.float32]]:
    """Triangle, place in the picture (row by row) and nearness of every pixel centre inside a triangle."""
    top = np.clip(np.ceil(corners[:, :, 1].min(axis=1) - 0.5), 0, height_px).astype(np.int64)
    below = np.clip(np.ceil(corners[:, :, 1].max(axis=1) - 0.5), 0, height_px).astype(np.int64)
    triangle, row = _runs(top, below)
    y_px = row.astype(np.float64) + 0.5
    left, right = _row_ends(corners, triangle, y_px)
    first = np.clip(np.ceil(left - 0.5), 0, width_px).astype(np.int64)
    last = np.clip(np.ceil(right - 0.5), 0, width_px).astype(np.int64)
    line, column = _runs(first, last)
    at_zero, slope = _planes(corners, triangle, y_px)
    near = (at_zero[line] + slope[line] * (column + 0.5)).astype(np.float32)
    return triangle[line], (row * width_px)[line] + column, near


def _runs(start: Numbers, stop: Numbers) -> tuple[Numbers, Numbers]:
    """Every whole number of every half-open interval: (which interval, the number)."""
    count = np.maximum(stop - start, 0)
    which = np.repeat(np.arange(len(count)), count)
    return which, np.arange(len(which)) - (np.cumsum(count) - count - start)[which]


def _row_ends(corners: FloatArray, triangle: Numbers, y_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where the line y cuts its triangle: left and right end. An edge gives both its triangles the same number."""
    order = np.argsort(corners[:, :, 1], axis=1, kind="stable")
    x, y = (np.take_along_axis(corners[:, :, k], order, axis=1) for k in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # a level edge has no slope and cuts no line
        slope = (x[:, [1, 2, 2]] - x[:, [0, 1, 0]]) / (y[:, [1, 2, 2]] - y[:, [0, 1, 0]])
    short = (y_px >= y[triangle, 1]).astype(np.int64)  # from the top to the middle corner, or on to the lowest
    bent = x[triangle, short] + (y_px - y[triangle, short]) * slope[triangle, short]
    straight = x[triangle, 0] + (y_px - y[triangle, 0]) * slope[triangle, 2]
    return np.minimum(bent, straight), np.maximum(bent, straight)


def _planes(corners: FloatArray, triangle: Numbers, y_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How near its triangle's plane is along a line y: at x = 0, and the change per pixel."""
    x, y, z = corners[:, 0].T
    (ax, ay, az), (bx, by, bz) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    area = ax * by - ay * bx
    slope_x, slope_y = (az * by - bz * ay) / area, (bz * ax - az * bx) / area
    return (z - slope_x * x - slope_y * y)[triangle] + slope_y[triangle] * y_px, slope_x[triangle]
