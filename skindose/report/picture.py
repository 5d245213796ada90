"""A result -> one picture of its map: back, front, left and right with scale and legend, for mails, PDF and README.

1600 px wide, letters of 30 px and more: legible in a mail at 600 px and printed 17 cm wide, in black and white too.
Drawn by raster.py and Pillow alone, so that it needs no display, no graphics card and no libGL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from skindose.errors import OutputError
from skindose.model import FloatArray, Phantom
from skindose.report import scene
from skindose.report.raster import Camera, Seen, look_along, render
from skindose.report.shapes import isodose_lines, vertex_dose_mgy
from skindose.report.strokes import DASHES, evenly, inked, joined
from skindose.report.typeset import FAINT, INK, Sheet, font, png, width
from skindose.report.wording import say
from skindose.units import gy_to_mgy

Facts = Mapping[str, Any]

WIDTH_PX = 1600
FINER = 2  # drawn this much finer and reduced, so that edges and lines are smooth

_MARGIN, _GAP = 40, 44  # px at a width of 1600, as every size below
_TEXT, _SMALL, _HEAD = 34, 30, 56
_TALLEST = 1150
_THINNEST = 220  # a view is at least this wide, for its names: a plane seen edge-on has no width
_TITLES = {"back": "Back", "front": "Front", "left": "Left side", "right": "Right side"}
_KINDS = {"trigger": " (trigger level)", "reaction": " (tissue reactions)", "share": ""}
_ENDS = {(0, 1): "L", (0, -1): "R", (1, 1): "back", (1, -1): "front"}  # axis and sense -> where a view's edge points
_RING = 13
_RING_COLOUR, _HALO = "#0b3fb0", "#ffffff"
_OUTLINE = (105, 105, 105)
_STEP_MM = 14.0  # skin that lies this far behind its neighbour in the picture is parted from it by a line
_UNDOSED = 0.02  # relief is shown on skin below this share of the scale; above, colour means dose alone
_SHADE = 0.24
_HIDDEN_MM = 2.0
_ALWAYS = 0.6  # of the body from the crown down, to below the hands
_WORTH_CUTTING = 0.15
_LINE_STEP_MM = 1.0


def picture_png(
    facts: Facts,
    phantom: Phantom,
    dose_mgy: FloatArray,
    width_px: int = WIDTH_PX,
    end_mgy: float | None = None,
    legend: bool = True,
) -> bytes:
    """The picture as a PNG file; the same result gives the same bytes.

    facts       result.json
    dose_mgy    (cells,) of the phantom
    end_mgy     a fixed end of the scale, so that pictures of two patients compare; None: a round number above the map
    legend      False: the views and the scale alone, where headline and warnings stand beside the picture
    raises      OutputError where there is no map
    """
    return png(draw(facts, phantom, dose_mgy, width_px, end_mgy, legend)[0])


def draw(
    facts: Facts,
    phantom: Phantom,
    dose_mgy: FloatArray | None,
    width_px: int = WIDTH_PX,
    end_mgy: float | None = None,
    legend: bool = True,
) -> tuple[Image.Image, tuple[Panel, ...]]:
    """The picture, and where its views stand in it."""
    if dose_mgy is None or (facts["peak"] is None and not facts["regions"]):
        reason = facts["no_map_reason"] or "the result has no map"
        raise OutputError(f"there is no dose map to draw: {reason}", remedy="Totals and triggers are in result.json.")
    if not width_px >= 400:
        raise OutputError(f"a picture {width_px} px wide is too small to read", remedy="Take 400 px or more.")
    scale = scene.dose_scale(float(dose_mgy.max(initial=0.0)) if end_mgy is None else end_mgy)
    sheet = Sheet(width_px, round(_MARGIN * width_px / WIDTH_PX))
    if legend:
        _headline(sheet, facts)
    painter = _Painter(facts, phantom, dose_mgy, scale, _isodoses(facts, phantom, dose_mgy))
    panels = _put_views(sheet, painter)
    _put_scale(sheet, painter)
    _put_levels(sheet, painter.isodoses)
    if legend:
        _warnings(sheet, facts)
    return sheet.finish(), panels


# --- Where the views stand


class Panel(NamedTuple):
    """One view: its camera, and where its upper left corner stands in the picture."""

    camera: Camera
    left_px: int
    top_px: int

    def pixel(self, point_mm: FloatArray) -> tuple[int, int]:
        """Column and row of the picture where a point of the patient frame is."""
        x_px, y_px, _ = self.camera.project(np.asarray(point_mm, dtype=float)[None])[0]
        return self.left_px + int(x_px), self.top_px + int(y_px)


def plan(phantom: Phantom, bottom_mm: float, width_px: int) -> tuple[Panel, ...]:
    """The four views side by side and all at one scale, in a picture of this width; each has half the gap around it."""
    k = width_px / WIDTH_PX
    gap_px, thinnest_px = _GAP * k, _THINNEST * k
    room_px = width_px - 2 * _MARGIN * k - 3 * gap_px
    shown = phantom.vertices_mm[phantom.vertices_mm[:, 2] >= bottom_mm]
    across = [look_along(view, shown)[0] for view in scene.VIEWS[:4]]
    middle_mm, span_mm = np.array([((a.max() + a.min()) / 2, np.ptp(a)) for a in across]).T
    height_mm = float(shown[:, 2].max()) - bottom_mm
    px_per_mm = _fitting(span_mm, room_px, thinnest_px, _TALLEST * k / height_mm)
    width_of = np.maximum(span_mm * px_per_mm, thinnest_px) + gap_px
    left_px = (width_px - width_of.sum()) / 2 + np.append(0.0, np.cumsum(width_of[:-1]))
    corner_mm = middle_mm - width_of / 2 / px_per_mm
    size = int(np.ceil(height_mm * px_per_mm + gap_px / 2))
    top_mm = bottom_mm + size / px_per_mm
    return tuple(
        Panel(Camera(view, (float(corner), top_mm), px_per_mm, int(wide), size), round(left), 0)
        for view, corner, wide, left in zip(scene.VIEWS[:4], corner_mm, width_of, left_px, strict=True)
    )


def _fitting(span_mm: FloatArray, room_px: float, thinnest_px: float, most: float) -> float:
    """Pixels per mm at which the views fill the room, where those that would be too thin take the least width."""
    thin = np.zeros(len(span_mm), dtype=bool)
    while True:
        px_per_mm = min((room_px - thin.sum() * thinnest_px) / float(span_mm[~thin].sum()), most)
        thinner = span_mm * px_per_mm < thinnest_px
        if thinner.all() or (thinner <= thin).all():
            return px_per_mm
        thin = thin | thinner


def lowest_shown_mm(phantom: Phantom, dose_mgy: FloatArray) -> float:
    """z below which nothing is drawn: legs without dose would take half the picture. Head and trunk are always shown.

    Without dose: below 1 % of the highest.
    """
    z_mm = phantom.vertices_mm[:, 2]
    low, high = float(z_mm.min()), float(z_mm.max())
    dosed = phantom.triangles[dose_mgy > 0.01 * dose_mgy.max(initial=0.0)]
    lowest = float(z_mm[dosed].min(initial=high)) - 0.06 * (high - low)
    cut = min(lowest, high - _ALWAYS * (high - low))
    return cut if cut - low > _WORTH_CUTTING * (high - low) else low


# --- Paint


class Isodose(NamedTuple):
    """A level, its lines on the skin, its colour and its dashes."""

    level: scene.Level
    lines_mm: list[FloatArray]
    colour: str
    dash: tuple[float, ...]


def _isodoses(facts: Facts, phantom: Phantom, dose_mgy: FloatArray) -> tuple[Isodose, ...]:
    levels = scene.isodose_levels(float(dose_mgy.max(initial=0.0)), facts["triggers"])
    vertex_mgy = vertex_dose_mgy(phantom, dose_mgy)
    found = []
    for number, level in enumerate(levels):
        segments = isodose_lines(phantom.vertices_mm, phantom.triangles, vertex_mgy, level.mgy)
        lines = [evenly(line, _LINE_STEP_MM) for line in joined(segments)]
        colour = scene.LEVEL_COLOURS[number % len(scene.LEVEL_COLOURS)]
        found.append(Isodose(level, lines, colour, DASHES[number % len(DASHES)]))
    return tuple(found)


class _Painter(NamedTuple):
    """What every view needs."""

    facts: Facts
    phantom: Phantom
    dose_mgy: FloatArray
    scale: scene.Scale
    isodoses: tuple[Isodose, ...]

    @property
    def end_mgy(self) -> float:
        return gy_to_mgy(self.scale.end) if self.scale.unit == "Gy" else self.scale.end


def cell_colours(dose_mgy: FloatArray, end_mgy: float) -> NDArray[np.uint8]:
    """(cells, 3) the scale's colour of each dose; above the scale's end its last."""
    table = np.array([list(bytes.fromhex(text[1:])) for text in scene.colour_scale(256)], dtype=np.uint8)
    return table[np.rint(255 * np.clip(dose_mgy / end_mgy, 0.0, 1.0)).astype(int)]


def _put_views(sheet: Sheet, painter: _Painter) -> tuple[Panel, ...]:
    k = sheet.image.width / WIDTH_PX
    bottom_mm = lowest_shown_mm(painter.phantom, painter.dose_mgy)
    top_px = sheet.y + round(2.5 * _TEXT * k)
    panels = tuple(panel._replace(top_px=top_px) for panel in plan(painter.phantom, bottom_mm, sheet.image.width))
    pictures = [render(painter.phantom.vertices_mm, painter.phantom.triangles, p.camera.finer(FINER)) for p in panels]
    rings = _ring_styles(painter, panels, pictures)
    for panel, seen, ring in zip(panels, pictures, rings, strict=True):
        sheet.image.paste(_paint(painter, panel.camera, seen, ring, FINER * k), (panel.left_px, panel.top_px))
        _name_view(sheet, panel, sheet.y)
    sheet.y = panels[0].top_px + panels[0].camera.height_px + round(14 * k)
    if bottom_mm > painter.phantom.vertices_mm[:, 2].min():
        sheet.put("Cut off below: the skin there has less than 1 % of the peak.", round(_SMALL * k), colour=FAINT)
    return panels


def _name_view(sheet: Sheet, panel: Panel, y_px: int) -> None:
    """The view's name over it, and under the name which side of the patient each of its edges is."""
    k, view = sheet.image.width / WIDTH_PX, panel.camera.view
    inset = _GAP * k / 2
    left, right = panel.left_px + inset, panel.left_px + panel.camera.width_px - inset
    bold, small, large = font(round(_TEXT * k), True), font(round(_SMALL * k)), font(round(_HEAD * k), True)
    title = _TITLES[view.name]
    sheet.draw.text(((left + right - width(title, bold)) / 2, y_px), title, INK, bold)
    below = y_px + round(1.3 * _TEXT * k)
    axis = np.cross(view.up, view.eye)
    number = int(np.argmax(np.abs(axis)))
    ends = [_ENDS[number, sense * int(axis[number])] for sense in (-1, 1)]
    letters = large if ends[0] in "LR" else small
    sheet.draw.text((left, below), ends[0], INK, letters)
    sheet.draw.text((right - width(ends[1], letters), below), ends[1], INK, letters)
    if letters is small:  # seen from a side: its letter in the middle
        side = _ENDS[0, int(view.eye[0])]
        sheet.draw.text(((left + right - width(side, large)) / 2, below), side, INK, large)


def _paint(painter: _Painter, camera: Camera, seen: Seen, ring: str, stroke_px: float) -> Image.Image:
    """One view: cells in the colour of their dose, lines where the body steps back, the peak's ring."""
    body = seen.cell >= 0
    colours = cell_colours(painter.dose_mgy, painter.end_mgy) * _relief(painter, camera)[:, None]
    rgb = np.full((*seen.cell.shape, 3), 255, dtype=np.uint8)
    rgb[body] = np.rint(colours).astype(np.uint8)[seen.cell[body]]
    rgb[_steps(seen)] = _OUTLINE
    image = Image.fromarray(rgb)
    fine = camera.finer(FINER)
    for isodose in painter.isodoses:
        _draw_isodose(image, fine, seen, isodose, stroke_px)
    if ring:
        _draw_ring(image, fine, painter.facts["peak"]["position_mm"], stroke_px, dashed=ring == "hidden")
    return image.reduce(FINER)


def _draw_isodose(image: Image.Image, camera: Camera, seen: Seen, isodose: Isodose, stroke_px: float) -> None:
    """The level's lines where they are in sight: dashes on a thin white ground, dark or light as the colour below."""
    pen = ImageDraw.Draw(image)
    dash = tuple(part * stroke_px for part in isodose.dash)
    for line in isodose.lines_mm:
        points = camera.project(line)[:, :2]
        sight = in_sight(line, camera, seen)
        shown = sight[1:] & sight[:-1]
        inks = shown & inked(points, dash)
        pieces = np.concatenate([points[:-1], points[1:]], axis=1)
        for piece in pieces[shown].tolist():
            pen.line(piece, _HALO, round(4 * stroke_px))
        for piece in pieces[inks].tolist():
            pen.line(piece, isodose.colour, round(2.4 * stroke_px))


def _relief(painter: _Painter, camera: Camera) -> FloatArray:
    """(cells,) how bright skin is: darker where it turns away, but only without dose."""
    facing = np.clip(painter.phantom.normal @ np.array(camera.view.eye, dtype=float), 0.0, 1.0)
    undosed = np.clip(1.0 - painter.dose_mgy / (_UNDOSED * painter.end_mgy), 0.0, 1.0)
    bright: FloatArray = 1.0 - _SHADE * (1.0 - facing) * undosed
    return bright


def _steps(seen: Seen) -> NDArray[np.bool_]:
    """(height, width) pixels at the body's edge, or where skin lies in front of other skin."""
    near = np.where(seen.cell >= 0, seen.near_mm, -1e6)
    step = np.zeros(near.shape, dtype=bool)
    for axis in (0, 1):
        jump = np.diff(near, axis=axis)
        nearer = (slice(None),) * axis
        step[*nearer, 1:] |= jump > _STEP_MM
        step[*nearer, :-1] |= jump < -_STEP_MM
    wide = step.copy()
    wide[1:] |= step[:-1]
    wide[:, 1:] |= step[:, :-1]
    return wide & (seen.cell >= 0)


# --- The peak


def _ring_styles(painter: _Painter, panels: tuple[Panel, ...], pictures: list[Seen]) -> list[str]:
    """Per view "seen" where the peak is in sight, else ""; if nowhere, "hidden" in the view that faces it most."""
    peak = painter.facts["peak"]
    if peak is None:
        return [""] * len(panels)
    facing = [float(painter.phantom.normal[peak["cell"]] @ np.array(p.camera.view.eye, dtype=float)) for p in panels]
    place = np.array(peak["position_mm"], dtype=float)[None]
    styles = [
        "seen" if turn > 0.15 and in_sight(place, panel.camera.finer(FINER), seen)[0] else ""
        for turn, panel, seen in zip(facing, panels, pictures, strict=True)
    ]
    if not any(styles):
        styles[int(np.argmax(facing))] = "hidden"
    return styles


def in_sight(points_mm: FloatArray, camera: Camera, seen: Seen) -> NDArray[np.bool_]:
    """(n,) whether skin points are in the picture and nothing stands before them."""
    x_px, y_px, near_mm = camera.project(points_mm).T
    inside = (x_px >= 0) & (y_px >= 0) & (x_px < camera.width_px) & (y_px < camera.height_px)
    row = np.clip(y_px.astype(int), 0, camera.height_px - 1)
    column = np.clip(x_px.astype(int), 0, camera.width_px - 1)
    shown: NDArray[np.bool_] = inside & (near_mm >= seen.near_mm[row, column] - _HIDDEN_MM)
    return shown & (seen.cell[row, column] >= 0)


def _draw_ring(image: Image.Image, camera: Camera, at_mm: FloatArray, stroke_px: float, dashed: bool) -> None:
    """A dark ring in a white one around the peak; dashed where the body hides the place."""
    x_px, y_px, _ = camera.project(np.array(at_mm, dtype=float)[None])[0]
    ring(ImageDraw.Draw(image), (x_px, y_px), _RING * stroke_px, max(round(4 * stroke_px), 2), dashed)


def ring(pen: ImageDraw.ImageDraw, at_px: tuple[float, float], radius_px: float, stroke_px: int, dashed: bool) -> None:
    """The mark of the peak."""
    x_px, y_px = at_px
    outer = radius_px + stroke_px / 2
    box = (x_px - outer, y_px - outer, x_px + outer, y_px + outer)
    wider = tuple(edge + sign * stroke_px * 0.5 for edge, sign in zip(box, (-1, -1, 1, 1), strict=True))
    pen.ellipse(wider, outline=_HALO, width=2 * stroke_px)
    for start in range(0, 360, 40 if dashed else 360):
        pen.arc(box, start, start + (22 if dashed else 360), _RING_COLOUR, stroke_px)


# --- Words and scale


def _headline(sheet: Sheet, facts: Facts) -> None:
    k, peak, text = sheet.image.width / WIDTH_PX, facts["peak"], say(dict(facts))
    size = round(_HEAD * k)
    if peak is None:
        sheet.put("No dose on the skin", size, bold=True)
    else:
        words = f"Peak skin dose {text['peak']}"
        after_px = sheet.margin_px + width(words, font(size, True)) + size
        ring(sheet.draw, (after_px, sheet.y + round(0.62 * size)), round(0.3 * size), max(round(5 * k), 2), False)
        sheet.put(words, size, bold=True)
        interval = peak["interval_95_mgy"]
        spread = f"95 % interval {scene.format_interval_mgy(*interval)}" if interval else "interval not known"
        sheet.put(f"{spread}  \u00b7  {scene.words(peak['region'])}", round(1.1 * _TEXT * k))
    stands = (text["subtitle"], facts["calibration"]["status"], text["signed"])
    sheet.put(" \u00b7 ".join(filter(None, stands)), round(_SMALL * k), colour=FAINT)
    sheet.y += round(18 * k)


def _put_scale(sheet: Sheet, painter: _Painter) -> None:
    """The colour bar from 0 to the scale's end, its numbers below, the isodose levels on it."""
    k, scale = sheet.image.width / WIDTH_PX, painter.scale
    over = float(painter.dose_mgy.max(initial=0.0)) > painter.end_mgy
    letters, height = font(round(_SMALL * k)), round(38 * k)
    title = f"Skin dose in {scale.unit}"
    left = sheet.margin_px + width(title, letters) + round(30 * k)
    length = sheet.image.width - sheet.margin_px - round(40 * k) - left
    top = sheet.y + round(14 * k)
    sheet.draw.text((sheet.margin_px, top), title, INK, letters)
    bar = cell_colours(np.linspace(0.0, 1.0, length), 1.0)
    sheet.image.paste(Image.fromarray(np.repeat(bar[None], height, axis=0)), (left, top))
    sheet.draw.rectangle((left - 1, top - 1, left + length, top + height), outline=INK)
    for tick in scale.ticks:
        x_px = left + round(tick / scale.end * (length - 1))
        text = ("\u2265 " if tick == scale.end and over else "") + f"{tick:g}"
        sheet.draw.line((x_px, top + height, x_px, top + height + round(8 * k)), INK, max(round(2 * k), 1))
        sheet.draw.text((x_px - width(text, letters) / 2, top + height + round(10 * k)), text, INK, letters)
    sheet.y = top + height + round(56 * k)


def _put_levels(sheet: Sheet, isodoses: tuple[Isodose, ...]) -> None:
    """What each isodose line means: a piece of it, its dose, and why that dose."""
    k = sheet.image.width / WIDTH_PX
    letters, sample = font(round(_SMALL * k)), round(90 * k)
    x_px = sheet.margin_px
    for isodose in isodoses:
        text = isodose.level.label + _KINDS[isodose.level.kind]
        long = sample + round(12 * k) + width(text, letters)
        if x_px > sheet.margin_px and x_px + long > sheet.image.width - sheet.margin_px:
            x_px, sheet.y = sheet.margin_px, sheet.y + round(1.35 * _SMALL * k)
        _sample(sheet, isodose, x_px, sheet.y + round(0.65 * _SMALL * k), sample)
        sheet.draw.text((x_px + sample + round(12 * k), sheet.y), text, INK, letters)
        x_px += long + round(36 * k)
    sheet.y += round(1.5 * _SMALL * k) if isodoses else 0


def _sample(sheet: Sheet, isodose: Isodose, x_px: int, y_px: int, long_px: int) -> None:
    k = sheet.image.width / WIDTH_PX
    along = np.stack([np.arange(long_px + 1.0), np.zeros(long_px + 1)], axis=1)
    for step in np.flatnonzero(inked(along, tuple(part * k for part in isodose.dash))).tolist():
        sheet.draw.line((x_px + step, y_px, x_px + step + 1, y_px), isodose.colour, max(round(4 * k), 1))


def _warnings(sheet: Sheet, facts: Facts) -> None:
    """What must be read beside the number, and what it is."""
    k = sheet.image.width / WIDTH_PX
    sheet.y += round(6 * k)
    for _, first, text in say(dict(facts))["banners"]:
        sheet.put(text, round(_SMALL * k), lead=first)
    sheet.put(scene.DISCLAIMER, round(_SMALL * k), colour=FAINT)
