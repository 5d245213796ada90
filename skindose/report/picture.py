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
from skindose.report.typeset import FAINT, INK, PAPER, Sheet, font, png, width
from skindose.report.wording import say
from skindose.units import gy_to_mgy

Facts = Mapping[str, Any]

WIDTH_PX = 1600
FINER = 2  # drawn this much finer and reduced, so that edges and lines are smooth

_MARGIN, _GAP = 40, 44  # px at a width of 1600, as every size below
_TEXT, _SMALL, _HEAD = 34, 30, 56
_TALLEST = 1150
_THINNEST_MM = 160.0  # a view is at least this wide: a plane seen edge-on has no width
_TITLES = {"back": "Back", "front": "Front", "left": "Left side (L)", "right": "Right side (R)"}
_ENDS = {(0, 1): "L", (0, -1): "R", (1, 1): "back", (1, -1): "front"}  # axis and sense -> where a view's edge points
_RING_MM = 16.0
_RING, _HALO = "#0b3fb0", "#ffffff"
_OUTLINE = (105, 105, 105)
_STEP_MM = 14.0  # skin that lies this far behind its neighbour in the picture is parted from it by a line
_UNDOSED = 0.02  # relief is shown on skin below this share of the scale; above, colour means dose alone
_SHADE = 0.24
_HIDDEN_MM = 12.0


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
    painter = _Painter(facts, phantom, dose_mgy, scale)
    panels = _put_views(sheet, painter)
    _put_scale(sheet, scale, float(dose_mgy.max(initial=0.0)))
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


def plan(phantom: Phantom, dose_mgy: FloatArray, room_px: int, gap_px: int, tallest_px: int) -> tuple[Panel, ...]:
    """The four views side by side, all at one scale; legs that got nothing are cut off."""
    bottom_mm = lowest_shown_mm(phantom, dose_mgy)
    shown = phantom.vertices_mm[phantom.vertices_mm[:, 2] >= bottom_mm]
    spans = [_span(look_along(view, shown)[0]) for view in scene.VIEWS[:4]]
    top_mm = float(shown[:, 2].max()) + 6.0
    across_mm = sum(high - low for low, high in spans)
    px_per_mm = min((room_px - 3 * gap_px) / across_mm, tallest_px / (top_mm - bottom_mm))
    free_px = room_px - across_mm * px_per_mm
    panels, left_px = [], free_px / 2 - 1.5 * gap_px
    height_px = int(np.ceil((top_mm - bottom_mm) * px_per_mm))
    for view, (low, high) in zip(scene.VIEWS[:4], spans, strict=True):
        width_px = int((high - low) * px_per_mm)
        panels.append(Panel(Camera(view, (low, top_mm), px_per_mm, width_px, height_px), int(left_px), 0))
        left_px += width_px + gap_px
    return tuple(panels)


def _span(across_mm: FloatArray) -> tuple[float, float]:
    low, high = float(across_mm.min()) - 6.0, float(across_mm.max()) + 6.0
    lack = max(_THINNEST_MM - (high - low), 0.0) / 2
    return low - lack, high + lack


def lowest_shown_mm(phantom: Phantom, dose_mgy: FloatArray) -> float:
    """z below which nothing is drawn: legs without dose would take half the picture. Head and trunk are always shown.

    Without dose: below 1 % of the highest.
    """
    z_mm = phantom.vertices_mm[:, 2]
    low, high = float(z_mm.min()), float(z_mm.max())
    dosed = phantom.triangles[dose_mgy > 0.01 * dose_mgy.max(initial=0.0)]
    lowest = float(z_mm[dosed].min(initial=high)) - 0.06 * (high - low)
    cut = min(lowest, high - 0.56 * (high - low))
    return cut if cut - low > 0.15 * (high - low) else low - 6.0


# --- Paint


class _Painter(NamedTuple):
    """What every view needs."""

    facts: Facts
    phantom: Phantom
    dose_mgy: FloatArray
    scale: scene.Scale

    @property
    def end_mgy(self) -> float:
        return gy_to_mgy(self.scale.end) if self.scale.unit == "Gy" else self.scale.end


def cell_colours(dose_mgy: FloatArray, end_mgy: float) -> NDArray[np.uint8]:
    """(cells, 3) the scale's colour of each dose; above the scale's end its last."""
    table = np.array([[int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in scene.colour_scale(256)], dtype=np.uint8)
    return table[np.rint(255 * np.clip(dose_mgy / end_mgy, 0.0, 1.0)).astype(int)]


def _put_views(sheet: Sheet, painter: _Painter) -> tuple[Panel, ...]:
    k = sheet.image.width / WIDTH_PX
    flat = plan(painter.phantom, painter.dose_mgy, sheet.room_px, round(_GAP * k), round(_TALLEST * k))
    marks_px = round(2.6 * _TEXT * k)
    panels = tuple(
        panel._replace(left_px=panel.left_px + sheet.margin_px, top_px=sheet.y + marks_px) for panel in flat
    )
    pictures = [render(painter.phantom.vertices_mm, painter.phantom.triangles, p.camera.finer(FINER)) for p in panels]
    rings = _ring_styles(painter, panels, pictures)
    for panel, seen, ring in zip(panels, pictures, rings, strict=True):
        sheet.image.paste(_paint(painter, panel.camera, seen, ring), (panel.left_px, panel.top_px))
        _name_view(sheet, panel, sheet.y)
    sheet.y = panels[0].top_px + panels[0].camera.height_px + round(14 * k)
    if lowest_shown_mm(painter.phantom, painter.dose_mgy) > painter.phantom.vertices_mm[:, 2].min():
        sheet.put("Cut off below: the skin there has less than 1 % of the peak.", round(_SMALL * k), colour=FAINT)
    return panels


def _name_view(sheet: Sheet, panel: Panel, y_px: int) -> None:
    """The view's name over it, and under the name which side of the patient each of its edges is."""
    k = sheet.image.width / WIDTH_PX
    middle_px = panel.left_px + panel.camera.width_px / 2
    title, bold = _TITLES[panel.camera.view.name], font(round(_TEXT * k), bold=True)
    sheet.draw.text((middle_px - width(title, bold) / 2, y_px), title, INK, bold)
    axis = np.cross(panel.camera.view.up, panel.camera.view.eye)
    number = int(np.argmax(np.abs(axis)))
    for sense, left in ((-1, True), (1, False)):
        text = _ENDS[number, sense * int(axis[number])]
        letters = font(round((_HEAD if len(text) == 1 else _SMALL) * k), bold=len(text) == 1)
        x_px = panel.left_px if left else panel.left_px + panel.camera.width_px - width(text, letters)
        sheet.draw.text((x_px, y_px + round(1.35 * _TEXT * k)), text, INK, letters)


def _paint(painter: _Painter, camera: Camera, seen: Seen, ring: str) -> Image.Image:
    """One view: cells in the colour of their dose, lines where the body steps back, the peak's ring."""
    body = seen.cell >= 0
    colours = cell_colours(painter.dose_mgy, painter.end_mgy) * _relief(painter, camera)[:, None]
    rgb = np.full((*seen.cell.shape, 3), 255, dtype=np.uint8)
    rgb[body] = np.rint(colours).astype(np.uint8)[seen.cell[body]]
    rgb[_steps(seen)] = _OUTLINE
    image = Image.fromarray(rgb)
    if ring:
        _draw_ring(image, camera.finer(FINER), painter.facts["peak"]["position_mm"], dashed=ring == "hidden")
    return image.reduce(FINER)


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
    """Per view "seen" where the peak is in sight, else ""; in sight nowhere: "hidden" in the view that faces it most."""
    peak = painter.facts["peak"]
    if peak is None:
        return [""] * len(panels)
    facing = [float(painter.phantom.normal[peak["cell"]] @ np.array(p.camera.view.eye, dtype=float)) for p in panels]
    place = np.array(peak["position_mm"], dtype=float)[None]
    styles = [
        "seen" if turn > 0.15 and _in_sight(place, panel.camera.finer(FINER), seen)[0] else ""
        for turn, panel, seen in zip(facing, panels, pictures, strict=True)
    ]
    if not any(styles):
        styles[int(np.argmax(facing))] = "hidden"
    return styles


def _in_sight(points_mm: FloatArray, camera: Camera, seen: Seen) -> NDArray[np.bool_]:
    """(n,) whether skin points are in the picture and nothing stands before them."""
    x_px, y_px, near_mm = camera.project(points_mm).T
    column, row = x_px.astype(int), y_px.astype(int)
    inside = (column >= 0) & (row >= 0) & (column < camera.width_px) & (row < camera.height_px)
    front = seen.near_mm[np.clip(row, 0, camera.height_px - 1), np.clip(column, 0, camera.width_px - 1)]
    shown: NDArray[np.bool_] = inside & (near_mm >= front - _HIDDEN_MM)
    return shown


def _draw_ring(image: Image.Image, camera: Camera, at_mm: FloatArray, dashed: bool) -> None:
    """A dark ring in a white one around the peak; dashed where the body hides the place."""
    x_px, y_px, _ = camera.project(np.array(at_mm, dtype=float)[None])[0]
    ring(ImageDraw.Draw(image), (x_px, y_px), max(_RING_MM * camera.px_per_mm, 14.0 * FINER), 4 * FINER, dashed)


def ring(pen: ImageDraw.ImageDraw, at_px: tuple[float, float], radius_px: float, stroke_px: int, dashed: bool) -> None:
    """The mark of the peak."""
    x_px, y_px = at_px
    outer = radius_px + stroke_px / 2
    box = (x_px - outer, y_px - outer, x_px + outer, y_px + outer)
    wider = tuple(edge + sign * stroke_px * 0.5 for edge, sign in zip(box, (-1, -1, 1, 1), strict=True))
    pen.ellipse(wider, outline=_HALO, width=2 * stroke_px)
    for start in range(0, 360, 40 if dashed else 360):
        pen.arc(box, start, start + (22 if dashed else 360), _RING, stroke_px)


# --- Words and scale


def _headline(sheet: Sheet, facts: Facts) -> None:
    k, peak, text = sheet.image.width / WIDTH_PX, facts["peak"], say(dict(facts))
    size = round(_HEAD * k)
    if peak is None:
        sheet.put("No dose on the skin", size, bold=True)
    else:
        radius = round(0.3 * size)
        at = sheet.margin_px + radius + 4, sheet.y + round(0.62 * size)
        ring(sheet.draw, at, radius, max(round(5 * k), 2), dashed=False)
        sheet.put(f"Peak skin dose {text['peak']}", size, bold=True, indent_px=round(1.15 * size))
        interval = peak["interval_95_mgy"]
        spread = f"95 % interval {scene.format_interval_mgy(*interval)}" if interval else "interval not known"
        sheet.put(f"{spread}  \u00b7  {scene.words(peak['region'])}", round(1.1 * _TEXT * k))
    sheet.put(" \u00b7 ".join(filter(None, (text["subtitle"], text["signed"]))), round(_SMALL * k), colour=FAINT)
    sheet.y += round(18 * k)


def _put_scale(sheet: Sheet, scale: scene.Scale, max_mgy: float) -> None:
    """The colour bar from 0 to the scale's end, its numbers below."""
    k = sheet.image.width / WIDTH_PX
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
        text = ("\u2265 " if tick == scale.end and _over(scale, max_mgy) else "") + f"{tick:g}"
        sheet.draw.line((x_px, top + height, x_px, top + height + round(8 * k)), INK, max(round(2 * k), 1))
        sheet.draw.text((x_px - width(text, letters) / 2, top + height + round(10 * k)), text, INK, letters)
    sheet.y = top + height + round(56 * k)


def _over(scale: scene.Scale, max_mgy: float) -> bool:
    """Whether a fixed scale ends below the map's highest cell."""
    return scene.in_dose_unit(max_mgy, scale.unit) > scale.end


def _warnings(sheet: Sheet, facts: Facts) -> None:
    """What must be read beside the number, and what it is."""
    k = sheet.image.width / WIDTH_PX
    sheet.y += round(6 * k)
    for _, first, text in say(dict(facts))["banners"]:
        sheet.put(f"{first} {text}", round(_SMALL * k), bold=True)
    sheet.put(scene.DISCLAIMER, round(_SMALL * k), colour=FAINT)


_ = PAPER
