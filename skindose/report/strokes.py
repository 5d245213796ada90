"""Isodose lines as strokes: the pieces that cross cells joined to lines, and lines cut into dashes."""

from __future__ import annotations

import numpy as np

from skindose.model import BoolArray, FloatArray

# On and off along a line, in px of a picture 1600 wide; one for each level, from the lowest up. () is unbroken.
DASHES: tuple[tuple[float, ...], ...] = ((), (13, 7), (3.5, 5), (13, 5, 3.5, 5), (26, 7), (7, 4, 3, 4))
_JOIN_MM = 1e-3  # ends nearer than this are one point; cells have edges of millimetres


def joined(segments_mm: FloatArray) -> list[FloatArray]:
    """(segments, 2, 3) pieces -> lines, each (points, 3); a closed line ends where it began."""
    if not len(segments_mm):
        return []
    keys = np.rint(segments_mm.reshape(-1, 3) / _JOIN_MM).astype(np.int64)
    node = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1, 2).tolist()
    at: dict[int, list[int]] = {}
    for number, ends in enumerate(node):
        for end in ends:
            at.setdefault(end, []).append(number)
    lines, used = [], [False] * len(node)
    # first from the open ends, so that no line is begun in its middle; then what is left is closed
    begins = sorted(range(len(node)), key=lambda number: min(len(at[end]) for end in node[number]))
    for number in begins:
        if not used[number]:
            lines.append(_walk(segments_mm, node, at, used, number))
    return lines


def _walk(
    segments_mm: FloatArray, node: list[list[int]], at: dict[int, list[int]], used: list[bool], number: int
) -> FloatArray:
    """One line from a piece on, to its end."""
    side = 1 if len(at[node[number][1]]) < len(at[node[number][0]]) else 0
    points = [segments_mm[number, side]]
    following: int | None = number
    end = node[number][side]
    while following is not None:
        used[following] = True
        other = 1 if node[following][0] == end else 0
        points.append(segments_mm[following, other])
        end = node[following][other]
        following = next((piece for piece in at[end] if not used[piece]), None)
    return np.array(points)


def evenly(line_mm: FloatArray, step_mm: float) -> FloatArray:
    """The line with points at most a step apart."""
    length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(line_mm, axis=0), axis=1)))
    count = max(int(np.ceil(length[-1] / step_mm)) + 1, 2)
    places = np.linspace(0.0, length[-1], count)
    return np.stack([np.interp(places, length, line_mm[:, axis]) for axis in range(3)], axis=1)


def inked(points_px: FloatArray, dash_px: tuple[float, ...]) -> BoolArray:
    """(points - 1,) which pieces of a line (points, 2) have ink in this pattern of on and off."""
    length = np.linalg.norm(np.diff(points_px, axis=0), axis=1)
    if not dash_px:
        return np.ones(len(length), dtype=bool)
    middle = np.cumsum(length) - length / 2
    part = np.searchsorted(np.cumsum(dash_px), np.mod(middle, sum(dash_px)), side="right")
    return np.asarray(part % 2 == 0)
