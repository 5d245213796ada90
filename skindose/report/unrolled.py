"""The unrolled map, for paper: dose in the scale's colours, isodose lines, the peak, both axes in cm.

It shows the trunk; head and neck where the peak lies there.

Seen from outside with the head up and the middle of the back in the centre: the patient's left is on the left.
"""

from __future__ import annotations

import math
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.model import BoolArray, FloatArray, Phantom
from skindose.report import scene, svg
from skindose.report.shapes import vertex_dose_mgy
from skindose.report.sheet import HEAD, TRUNK, Sheet, cuts, flatten, lies_on, raster
from skindose.units import cm_to_mm, mm_to_cm

Facts = dict[str, Any]

_PIXELS = 420  # along the longer side: 2.6 mm of an adult's skin
_TALLEST = 460.0
_STEPS = 128  # colours of the picture
_WIDTH, _LEFT, _TOP, _BOTTOM, _LEGEND = 760.0, 46.0, 44.0, 42.0, 84.0
_DASHES = ("none", "7 3", "2 2.5", "9 3 2 3", "4 2", "1 2")
_RING = 7.0
_TICK_CM = 10.0


class Drawing(NamedTuple):
    """A picture and what must be said with it."""

    svg: str
    caption: str


class _Frame(NamedTuple):
    """From the sheet (across to the patient's left, height; mm) to the drawing."""

    corner_mm: FloatArray  # across and height of the upper left
    scale: float
    pixel: float
    width: float
    height: float

    def place(self, across_mm: FloatArray | float, z_mm: FloatArray | float) -> FloatArray:
        """(..., 2) x and y in the drawing."""
        x = _LEFT + (self.corner_mm[0] - across_mm) * self.scale
        return np.stack([x, _TOP + (self.corner_mm[1] - z_mm) * self.scale], axis=-1)


def unrolled_svg(facts: Facts, phantom: Phantom, dose_mgy: FloatArray) -> str:
    """The picture alone; see `unrolled`."""
    return unrolled(facts, phantom, dose_mgy).svg


def unrolled(facts: Facts, phantom: Phantom, dose_mgy: FloatArray) -> Drawing:
    """The skin of the trunk as a flat map, and its caption; that of head and neck where the peak lies there.

    facts      what `summary.summary` returns, or result.json
    dose_mgy   (cells,)

    A phantom whose regions have no trunk is shown whole.
    """
    on_head = facts["peak"] and lies_on(HEAD, facts["peak"]["region"])
    sheet = flatten(phantom, HEAD if on_head else TRUNK)
    values = vertex_dose_mgy(phantom, dose_mgy)[phantom.triangles[sheet.cell]]
    scale = scene.dose_scale(float(dose_mgy.max(initial=0.0)))
    pixel_mm = float(np.ptp(sheet.corners_mm, axis=(0, 1)).max()) / _PIXELS
    picture, corner = raster(sheet, values, pixel_mm)
    frame = _framed(picture.shape, pixel_mm, corner)
    levels = _crossed(scene.isodose_levels(float(dose_mgy.max(initial=0.0)), facts["triggers"]), values)
    peak = _peak_place(facts, sheet, frame)
    name = f"Skin dose on the unrolled {_what(sheet)}: {_peak_words(facts)}"
    parts = (
        _picture(picture, scale, frame),
        _grid(sheet, frame),
        _lines(sheet, values, levels, frame, peak),
        _peak_mark(facts, peak, frame),
        _sides(sheet, frame),
        _arms(sheet, picture, frame),
        _axes(frame, len(sheet.side_mm) > 0),
        _legend(scale, levels, frame),
    )
    return Drawing(
        svg.drawing(_WIDTH, _TOP + frame.height + _BOTTOM, name, *parts),
        " ".join(_caption(facts, phantom, sheet, dose_mgy)),
    )


def _what(sheet: Sheet) -> str:
    return f"skin of {sheet.part.name}" if sheet.part else "surface of the phantom"


def _framed(shape: tuple[int, ...], pixel_mm: float, corner_mm: FloatArray) -> _Frame:
    rows, columns = shape
    pixel = min((_WIDTH - _LEFT - _LEGEND) / columns, _TALLEST / rows)
    return _Frame(corner_mm, pixel / pixel_mm, pixel, columns * pixel, rows * pixel)


# --- Picture and lines


def _picture(picture: FloatArray, scale: scene.Scale, frame: _Frame) -> str:
    step = np.clip(np.nan_to_num(picture) / scale.end_mgy * _STEPS, 0, _STEPS - 1).astype(np.uint8)
    index = np.where(np.isnan(picture), 0, step + 1).astype(np.uint8)
    return svg.tag(
        "image",
        href=svg.png(index, scene.colour_scale(_STEPS)),
        x=_LEFT,
        y=_TOP,
        width=frame.width,
        height=frame.height,
        preserveAspectRatio="none",
    )


def _crossed(levels: tuple[scene.Level, ...], values: FloatArray) -> tuple[scene.Level, ...]:
    """Those that have a line on this map."""
    return tuple(level for level in levels if level.mgy < values.max(initial=0.0))


class _Style(NamedTuple):
    level: scene.Level
    stroke: dict[str, str | float]


def _styles(levels: tuple[scene.Level, ...]) -> list[_Style]:
    """How each line is drawn: told apart by its dashes, not by colour alone."""
    looks = zip(levels, cycle(scene.LEVEL_COLOURS), cycle(_DASHES), strict=False)
    return [_Style(level, {"stroke": c, "stroke_width": 1.4, "stroke_dasharray": dash}) for level, c, dash in looks]


def _lines(
    sheet: Sheet, values: FloatArray, levels: tuple[scene.Level, ...], frame: _Frame, peak: FloatArray | None
) -> str:
    corners = frame.place(sheet.corners_mm[..., 0], sheet.corners_mm[..., 1])
    drawn, labels = [], []
    taken = [] if peak is None else [peak]
    for level, stroke in _styles(levels):
        chains = joined(cuts(corners, values, level.mgy))
        for chain in chains:
            drawn.append(svg.path(chain, stroke="#ffffff", stroke_width=2.8, stroke_opacity=0.8))
            drawn.append(svg.path(chain, **stroke))
        if chains:
            at = _free_place(max(chains, key=len), taken)
            taken.append(at)
            labels.append(svg.words(at[0], at[1] + 3.5, level.label, size=10.0, halo="yes", text_anchor="middle"))
    return "".join(drawn + labels)


def joined(pieces: FloatArray) -> list[FloatArray]:
    """Straight pieces (n, 2, 2) put together to lines (points, 2), closed ones ending where they began."""
    ends = np.round(pieces, 2)
    known: dict[tuple[float, float], list[int]] = {}
    for k, (a, b) in enumerate(ends.tolist()):
        known.setdefault(tuple(a), []).append(k)
        known.setdefault(tuple(b), []).append(k)
    free, lines = set(range(len(ends))), []
    # Open lines from their ends first, or they would begin in the middle.
    starts = [k for k, (a, b) in enumerate(ends.tolist()) if len(known[tuple(a)]) == 1 or len(known[tuple(b)]) == 1]
    for first in [*starts, *range(len(ends))]:
        if first in free:
            lines.append(_walk(first, ends, known, free))
    return lines


def _walk(first: int, ends: FloatArray, known: dict[tuple[float, float], list[int]], free: set[int]) -> FloatArray:
    free.discard(first)
    a, b = (tuple(end) for end in ends[first].tolist())
    points = [b, a] if len(known[b]) == 1 else [a, b]
    while (following := next((k for k in known[points[-1]] if k in free), None)) is not None:
        free.discard(following)
        a, b = (tuple(end) for end in ends[following].tolist())
        points.append(b if a == points[-1] else a)
    return np.array(points)


def _free_place(chain: FloatArray, taken: list[FloatArray]) -> FloatArray:
    """The point of a line that is furthest from the labels already set, counted in label sizes."""
    step = max(1, len(chain) // 48)
    candidates = chain[::step]
    if not taken:
        return np.asarray(candidates[candidates[:, 1].argmin()])
    gap = (candidates[:, None] - np.array(taken)) / (44.0, 14.0)
    return np.asarray(candidates[np.abs(gap).max(axis=-1).min(axis=1).argmax()])


# --- The peak


def _peak_place(facts: Facts, sheet: Sheet, frame: _Frame) -> FloatArray | None:
    """Where the peak is in the drawing; None where there is none or it is not on the sheet."""
    piece = _peak_piece(facts, sheet)
    if piece is None:
        return None
    across, z = sheet.corners_mm[piece].mean(axis=0).tolist()
    return frame.place(across, z)


def _peak_piece(facts: Facts, sheet: Sheet) -> int | None:
    found = np.flatnonzero(sheet.cell == facts["peak"]["cell"]) if facts["peak"] else np.zeros(0, np.int64)
    return int(found[0]) if len(found) else None


def _peak_words(facts: Facts) -> str:
    if not facts["peak"]:
        return "no dose"
    bound = "≥ " if facts["peak"]["lower_bound_reason"] else ""
    return f"peak {bound}{scene.format_dose_mgy(facts['peak']['skin_dose_mgy'])}"


def _peak_mark(facts: Facts, at: FloatArray | None, frame: _Frame) -> str:
    if at is None:
        away = f"The peak is not on this map: {scene.words(facts['peak']['region'])}" if facts["peak"] else "No dose"
        text = f"{away}, {_peak_words(facts)}" if facts["peak"] else away
        return svg.words(_LEFT + 8, _TOP + frame.height - 10, text, size=12.0, halo="yes", font_weight="700")
    x, y = (float(value) for value in at)
    rings = (("#ffffff", 4.0), ("#0a58ca", 2.0))
    drawn = [svg.tag("circle", cx=x, cy=y, r=_RING, fill="none", stroke=c, stroke_width=w) for c, w in rings]
    right = x < _LEFT + frame.width * 0.75
    edge = x + (60.0 if right else -60.0)
    drawn.append(svg.line(x + (_RING if right else -_RING), y, edge, y, stroke="#0a58ca", stroke_width=1.2))
    drawn.append(
        svg.words(
            edge + (3 if right else -3),
            y + 4,
            _peak_words(facts),
            size=12.0,
            halo="yes",
            font_weight="700",
            text_anchor="start" if right else "end",
        )
    )
    return "".join(drawn)


# --- What stands around


def _sides(sheet: Sheet, frame: _Frame) -> str:
    """Left and right of the patient, and where the back, the sides and the front are."""
    left, right = _LEFT, _LEFT + frame.width
    drawn = [
        svg.words(left, 14, "◀ patient's LEFT", size=13.0, font_weight="700"),
        svg.words(right, 14, "patient's RIGHT ▶", size=13.0, font_weight="700", text_anchor="end"),
        svg.words((left + right) / 2, 14, "▲ head", size=12.0, text_anchor="middle", fill=svg.SOFT),
    ]
    if not len(sheet.side_mm):
        return "".join(drawn)
    names = [(_LEFT, "front", "start"), (right, "front", "end")]
    middle = np.median(sheet.side_mm[:, :2], axis=0)
    for across, name in ((middle[0], "left side"), (0.0, "BACK"), (middle[1], "right side")):
        names.append((float(frame.place(across, 0.0)[0]), name, "middle"))
    drawn += [svg.words(x, _TOP - 8, name, text_anchor=anchor, fill=svg.SOFT) for x, name, anchor in names]
    return "".join(drawn)


def _arms(sheet: Sheet, picture: FloatArray, frame: _Frame) -> str:
    """A word in the gaps at the sides, where the arms are cut off."""
    drawn = []
    for column in range(2 if sheet.part == TRUNK and len(sheet.side_mm) else 0):
        at = frame.place(sheet.side_mm[:, column], sheet.side_mm[:, 2])
        x, y = ((at - (_LEFT, _TOP)) / frame.pixel).astype(np.int64).T
        skin = np.isfinite(picture[np.clip(y, 0, len(picture) - 1), np.clip(x, 0, picture.shape[1] - 1)])
        gap = _longest(~skin)
        if len(gap) > 2:
            middle = at[gap].mean(axis=0)
            drawn.append(svg.words(middle[0], middle[1] + 4, "arm", text_anchor="middle", fill=svg.SOFT))
    return "".join(drawn)


def _longest(chosen: BoolArray) -> NDArray[np.int64]:
    """Where the longest run of true values is."""
    runs = np.split(np.arange(len(chosen)), np.flatnonzero(np.diff(chosen)) + 1)
    return max((run for run in runs if chosen[run[0]]), key=len, default=np.zeros(0, np.int64))


def _grid(sheet: Sheet, frame: _Frame) -> str:
    """The middle of the back and the sides as thin lines."""
    if not len(sheet.side_mm):
        return ""
    z = sheet.side_mm[:, 2]
    style: dict[str, str | float] = {"stroke": svg.SOFT, "stroke_width": 0.7, "stroke_dasharray": "1 4"}
    across = (sheet.side_mm[:, 0], sheet.side_mm[:, 1], np.zeros(len(z)))
    return "".join(svg.path(frame.place(column, z), **style) for column in across)


def _axes(frame: _Frame, round_body: bool) -> str:
    """Both axes in cm: from the middle of the back to either side, and below the crown."""
    bottom, right = _TOP + frame.height, _LEFT + frame.width
    drawn = [
        svg.line(_LEFT, bottom, right, bottom, stroke=svg.SOFT),
        svg.line(_LEFT, _TOP, _LEFT, bottom, stroke=svg.SOFT),
    ]
    ends_cm = mm_to_cm(frame.corner_mm[0] - np.array([frame.width / frame.scale, 0.0]))
    for value in _round_cm(*ends_cm.tolist()):
        x = float(frame.place(cm_to_mm(value), 0.0)[0])
        drawn += [
            svg.line(x, bottom, x, bottom + 4, stroke=svg.SOFT),
            svg.words(x, bottom + 15, svg.number(abs(value)), text_anchor="middle"),
        ]
    title = f"cm {'round the body ' if round_body else ''}from the middle of the back"
    drawn.append(svg.words((_LEFT + right) / 2, bottom + 32, title, text_anchor="middle"))
    top_cm = -mm_to_cm(frame.corner_mm[1])
    low_cm = top_cm + mm_to_cm(frame.height / frame.scale)
    for value in _round_cm(top_cm, low_cm):
        y = float(frame.place(0.0, -cm_to_mm(value))[1])
        drawn += [
            svg.line(_LEFT - 4, y, _LEFT, y, stroke=svg.SOFT),
            svg.words(_LEFT - 7, y + 4, svg.number(value), text_anchor="end"),
        ]
    y = _TOP + frame.height / 2
    drawn.append(
        svg.words(12, y, "cm below the crown", text_anchor="middle", transform=f"rotate(-90 12 {svg.number(y)})")
    )
    return "".join(drawn)


def _round_cm(low_cm: float, high_cm: float) -> list[float]:
    """The ticks between two ends."""
    return [_TICK_CM * k for k in range(math.ceil(low_cm / _TICK_CM), math.floor(high_cm / _TICK_CM) + 1)]


def _legend(scale: scene.Scale, levels: tuple[scene.Level, ...], frame: _Frame) -> str:
    """The colours with the scale's ticks, and on them the lines of the map."""
    x, width = _LEFT + frame.width + 24, 14.0
    top, height = _TOP + 14, min(frame.height - 28, 260.0)
    colours = scene.colour_scale(33)
    step = height / len(colours)
    drawn = [
        svg.tag("rect", x=x, y=top + height - (k + 1) * step, width=width, height=step + 0.3, fill=colour)
        for k, colour in enumerate(colours)
    ]
    drawn.append(svg.words(x + width + 30, top - 10, f"dose, {scale.unit}", text_anchor="end"))
    for tick in scale.ticks:
        y = top + height * (1 - tick / scale.end)
        drawn += [
            svg.line(x + width, y, x + width + 4, y, stroke=svg.SOFT),
            svg.words(x + width + 7, y + 4, f"{tick:g}"),
        ]
    for level, stroke in _styles(levels):
        y = top + height * (1 - scene.in_dose_unit(level.mgy, scale.unit) / scale.end)
        drawn.append(svg.line(x - 9, y, x + width, y, stroke="#ffffff", stroke_width=2.8))
        drawn.append(svg.line(x - 9, y, x + width, y, **stroke))
    return "".join(drawn)


# --- What must be said with it


def _caption(facts: Facts, phantom: Phantom, sheet: Sheet, dose_mgy: FloatArray) -> list[str]:
    said = [
        f"The {_what(sheet)}"
        + (
            ", cut open along the middle of the front and laid flat, seen from outside with the head up"
            if len(sheet.side_mm)
            else ", seen from outside with the head up"
        )
        + "; the patient's left is on the left. Lines: equal dose."
    ]
    said += _distortion(facts, phantom, sheet)
    off = np.ones(len(dose_mgy), dtype=bool)
    off[sheet.cell] = False
    if off.any() and dose_mgy[off].max() > 0:
        cell = np.flatnonzero(off)[dose_mgy[off].argmax()]
        where = scene.words(phantom.region_names[phantom.region[cell]])
        here = facts["peak"] and not np.isin(facts["peak"]["cell"], sheet.cell)
        said.append(
            ("The peak is not on this map. " if here else "")
            + f"Not shown: the rest of the body, with at most {scene.format_dose_mgy(float(dose_mgy[cell]))} ({where})."
        )
    return said


def _distortion(facts: Facts, phantom: Phantom, sheet: Sheet) -> list[str]:
    """By how much areas are wrong: for 95 % of the skin shown, and at the peak."""
    order = np.argsort(sheet.share, kind="stable")
    passed = np.cumsum(phantom.area_mm2[sheet.cell][order])
    ends = sheet.share[order][np.searchsorted(passed, passed[-1] * np.array([0.025, 0.975]))]
    low, high = (scene.three_digits(float(value)) for value in ends)
    text = f"Areas are distorted: 1 cm² of skin is drawn as {low} to {high} cm² (95 % of the skin shown)"
    piece = _peak_piece(facts, sheet)
    if piece is not None:
        text += f", as {scene.three_digits(float(sheet.share[piece]))} cm² at the peak"
    said = [text + "; areas in the tables are those on the body."]
    if sheet.left_out >= 0.001:
        said.append(f"{scene.percent(sheet.left_out)} of it faces up or down and cannot be drawn.")
    return said
