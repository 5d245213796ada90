"""A result -> one picture of its map: back, front, left and right with scale and legend, for mails, PDF and README.

Letters are 30 px and more in a width of 1600: legible in a mail at 600 px and printed 17 cm wide, in black and white
too. Drawn by numpy and Pillow alone: it needs no display, no graphics card and no libGL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageStat

from skindose.errors import OutputError
from skindose.model import FloatArray, Phantom
from skindose.report import scene
from skindose.report.bodyview import (
    GAP_PX,
    SIDES,
    Isodose,
    Panel,
    Scene,
    cell_colours,
    isodoses,
    lowest_shown_mm,
    paint,
    plan,
    ring,
)
from skindose.report.strokes import inked
from skindose.report.typeset import FAINT, INK, Sheet, font, png, width
from skindose.report.wording import say

Facts = Mapping[str, Any]

WIDTH_PX = 1600
LEAST_PX = 400

_TEXT, _SMALL, _HEAD = 34, 30, 56  # heights of letters in a picture of 1600 px, as every size below
_TITLES = dict(zip((view.name for view in SIDES), ("Back", "Front", "Left side", "Right side"), strict=True))
_ENDS = {(0, 1): "L", (0, -1): "R", (1, 1): "back", (1, -1): "front"}  # axis and sense: what of the patient is there
_KINDS = {"trigger": " (trigger level)", "reaction": " (tissue reactions)", "share": ""}
_REMEDY = "Its totals and the triggers on them are in result.json."


def picture_png(
    facts: Facts,
    phantom: Phantom,
    dose_mgy: FloatArray | None,
    width_px: int = WIDTH_PX,
    end_mgy: float | None = None,
    legend: bool = True,
) -> bytes:
    """The picture as a PNG file; the same result gives the same bytes.

    facts       result.json
    dose_mgy    (cells,) of the phantom
    end_mgy     a fixed end of the scale, so that pictures of two patients compare; None: a round number above the map
    legend      False: the views and their scale alone, where headline and warnings stand beside the picture
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
    """The picture, and where its views stand in it; arguments as of `picture_png`."""
    if dose_mgy is None or (facts["peak"] is None and not facts["regions"]):
        raise OutputError(f"there is no dose map to draw: {facts['no_map_reason'] or 'no reason'}", remedy=_REMEDY)
    if width_px < LEAST_PX:
        raise OutputError(f"a picture {width_px} px wide cannot be read", remedy=f"Take {LEAST_PX} px or more.")
    highest_mgy = float(dose_mgy.max(initial=0.0))
    scale = scene.dose_scale(highest_mgy if end_mgy is None else end_mgy)
    lines = isodoses(phantom, dose_mgy, scene.isodose_levels(highest_mgy, facts["triggers"]))
    sheet = Sheet(width_px, width_px / WIDTH_PX)
    if legend:
        _put_headline(sheet, facts)
    shown = Scene(phantom, dose_mgy, scale, lines, facts["peak"])
    panels = _put_views(sheet, shown)
    _put_scale(sheet, scale, over=highest_mgy > shown.scale.end_mgy)
    _put_levels(sheet, lines)
    if legend:
        _put_warnings(sheet, facts)
    return sheet.finish(), panels


def _put_headline(sheet: Sheet, facts: Facts) -> None:
    """The peak with its interval and place; when, where and on what terms."""
    peak, text = facts["peak"], say(dict(facts))
    headline = f"Peak skin dose {text['peak']}" if peak else "No dose on the skin"
    if peak:
        after_px = sheet.margin_px + width(headline, font(sheet.px(_HEAD), True)) + sheet.px(_HEAD)
        ring(sheet.draw, (after_px, sheet.y + sheet.px(0.62 * _HEAD)), sheet.k)
    sheet.put(headline, _HEAD, bold=True)
    if peak:
        interval = peak["interval_95_mgy"]
        spread = f"95 % interval {scene.format_interval_mgy(*interval)}" if interval else "interval not known"
        sheet.put(f"{spread} \u00b7 {scene.words(peak['region'])}", 1.1 * _TEXT)
    stands = (text["subtitle"], facts["calibration"]["status"], text["signed"])
    sheet.put(" \u00b7 ".join(filter(None, stands)), _SMALL, colour=FAINT)
    sheet.y += sheet.px(18)


# --- Views


def _put_views(sheet: Sheet, shown: Scene) -> tuple[Panel, ...]:
    """The four views with their names; says what was cut off."""
    bottom_mm = lowest_shown_mm(shown.phantom, shown.dose_mgy)
    names_px = sheet.px(2.5 * _TEXT)
    planned = plan(shown.phantom, bottom_mm, sheet.image.width, sheet.k)
    panels = tuple(panel._replace(top_px=sheet.y + names_px) for panel in planned)
    sheet.make_room(names_px + panels[0].camera.height_px)
    for panel, picture in zip(panels, paint(shown, panels, sheet.k), strict=True):
        sheet.image.paste(picture, (panel.left_px, panel.top_px))
        _name_view(sheet, panel)
        if ImageStat.Stat(picture).extrema == [(255, 255)] * 3:  # a plane has no other side
            middle = panel.left_px + panel.camera.width_px / 2, panel.top_px + panel.camera.height_px / 2
            sheet.write("no skin here", *middle, font(sheet.px(_SMALL)), "middle", FAINT)
    sheet.y = panels[0].top_px + panels[0].camera.height_px + sheet.px(14)
    if bottom_mm > shown.phantom.vertices_mm[:, 2].min():
        sheet.put("Cut off below: the skin there has less than 1 % of the highest dose.", _SMALL, colour=FAINT)
    return panels


def _name_view(sheet: Sheet, panel: Panel) -> None:
    """The view's name over it, and under the name which side of the patient each of its edges is."""
    view, inset = panel.camera.view, sheet.px(GAP_PX / 2)
    left, right = panel.left_px + inset, panel.left_px + panel.camera.width_px - inset
    small, large = font(sheet.px(_SMALL)), font(sheet.px(_HEAD), True)
    sheet.write(_TITLES[view.name], (left + right) / 2, sheet.y, font(sheet.px(_TEXT), True), "middle")
    below = sheet.y + sheet.px(1.3 * _TEXT)
    axis = np.cross(view.up, view.eye)
    number = int(np.argmax(np.abs(axis)))
    ends = [_ENDS[number, sense * int(axis[number])] for sense in (-1, 1)]
    letters = large if ends[0] in "LR" else small
    sheet.write(ends[0], left, below, letters)
    sheet.write(ends[1], right, below, letters, "right")
    if letters is small:  # seen from a side: its letter stands in the middle
        sheet.write(_ENDS[0, int(view.eye[0])], (left + right) / 2, below, large, "middle")


# --- Scale and words


def _put_scale(sheet: Sheet, scale: scene.Scale, over: bool) -> None:
    """The colour bar from 0 to the scale's end, its numbers below; `over`: the map goes beyond it."""
    letters, height = font(sheet.px(_SMALL)), sheet.px(38)
    title = f"Skin dose in {scale.unit}"
    left = sheet.margin_px + width(title, letters) + sheet.px(30)
    length = sheet.image.width - sheet.margin_px - sheet.px(40) - left
    sheet.make_room(sheet.px(108))
    top = sheet.y + sheet.px(14)
    sheet.write(title, sheet.margin_px, top, letters)
    bar = cell_colours(np.linspace(0.0, 1.0, length), 1.0)
    sheet.image.paste(Image.fromarray(np.repeat(bar[None], height, axis=0)), (left, top))
    sheet.draw.rectangle((left - 1, top - 1, left + length, top + height), outline=INK)
    for tick in scale.ticks:
        x_px = left + round(tick / scale.end * (length - 1))
        text = f"\u2265 {tick:g}" if over and tick == scale.end else f"{tick:g}"
        sheet.draw.line((x_px, top + height, x_px, top + height + sheet.px(8)), INK, max(sheet.px(2), 1))
        sheet.write(text, x_px, top + height + sheet.px(10), letters, "middle")
    sheet.y = top + height + sheet.px(56)


def _put_levels(sheet: Sheet, lines: tuple[Isodose, ...]) -> None:
    """What each isodose line means: a piece of it, its dose, and why that dose."""
    letters, sample, gap, row = font(sheet.px(_SMALL)), sheet.px(90), sheet.px(12), sheet.px(1.35 * _SMALL)
    x_px = sheet.margin_px
    for isodose in lines:
        text = isodose.level.label + _KINDS[isodose.level.kind]
        long = sample + gap + width(text, letters)
        if x_px > sheet.margin_px and x_px + long > sheet.image.width - sheet.margin_px:
            x_px, sheet.y = sheet.margin_px, sheet.y + row
        sheet.make_room(row)
        _draw_sample(sheet, isodose, x_px, sample)
        sheet.write(text, x_px + sample + gap, sheet.y, letters)
        x_px += long + sheet.px(36)
    sheet.y += sheet.px(1.5 * _SMALL) if lines else 0


def _draw_sample(sheet: Sheet, isodose: Isodose, x_px: int, long_px: int) -> None:
    y_px = sheet.y + sheet.px(0.65 * _SMALL)
    along = np.stack([np.arange(long_px + 1.0), np.zeros(long_px + 1)], axis=1)
    for step in np.flatnonzero(inked(along, tuple(part * sheet.k for part in isodose.dash))).tolist():
        sheet.draw.line((x_px + step, y_px, x_px + step + 1, y_px), isodose.colour, max(sheet.px(4), 1))


def _put_warnings(sheet: Sheet, facts: Facts) -> None:
    """What must be read beside the number, and what it is."""
    sheet.y += sheet.px(6)
    for _, first, text in say(dict(facts))["banners"]:
        sheet.put(text, _SMALL, lead=first)
    sheet.put(scene.DISCLAIMER, _SMALL, colour=FAINT)
