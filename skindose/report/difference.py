"""Two maps and their difference as one picture: A, B and B less A, each from the back, front, left and right."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from skindose.model import FloatArray, Phantom
from skindose.report import scene
from skindose.report.picture import Panel, lowest_shown_mm, plan
from skindose.report.raster import render
from skindose.report.typeset import INK, font, png, width
from skindose.units import gy_to_mgy

WIDTH_PX = 1600
_VIEWS_PX = 1100  # of the width, for the views; the rest for words and scale
_FINER = 2
_TEXT_PX, _SMALL_PX, _LINE_PX, _MARGIN_PX = 34, 26, 46, 40
_BAR_PX = (400, 36)
_SHADE, _FAINT = 0.24, 0.03  # relief of the body, where there is less than this share of the scale
_EDGE, _PAPER = (105, 105, 105), (255, 255, 255)
_NOWHERE = (150, 150, 150)  # skin that the other body does not have
_LONGEST = 22  # letters of a name in a line
# From B lower over no difference to B higher: ColorBrewer's RdBu turned round (Harrower & Brewer 2003), which the
# colour-blind tell apart; both ends are equally dark.
_LOWER_TO_HIGHER = (
    *("053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7"),
    *("fddbc7", "f4a582", "d6604d", "b2182b", "67001f"),
)


class Half(NamedTuple):
    """One of the two maps."""

    name: str
    phantom: Phantom
    dose_mgy: FloatArray


class _Row(NamedTuple):
    """One row of the picture.

    share    (cells,) of the scale's end; from -1 where signed; NaN: no value
    bottom_mm   nothing is drawn below
    """

    lines: tuple[str, ...]
    phantom: Phantom
    share: FloatArray
    scale: scene.Scale
    signed: bool
    bottom_mm: float


def difference_png(a: Half, b: Half, difference_mgy: FloatArray) -> bytes:
    """The picture, 1600 px wide; the same maps give the same bytes.

    difference_mgy   (cells of a,) b less a; NaN where b has no such place

    A and B share one scale from 0; that of the difference is symmetric, white where there is none.
    """
    scale = scene.dose_scale(float(max(a.dose_mgy.max(initial=0.0), b.dose_mgy.max(initial=0.0))))
    most = float(np.abs(np.nan_to_num(difference_mgy)).max(initial=0.0))
    off = scene.dose_scale(most or float(a.dose_mgy.max(initial=0.0)) / 100)
    low_mm = [lowest_shown_mm(half.phantom, half.dose_mgy) for half in (a, b)]
    rows = [
        _Row(("A", *_broken(a.name)), a.phantom, a.dose_mgy / _end_mgy(scale), scale, False, low_mm[0]),
        _Row(("B", *_broken(b.name)), b.phantom, b.dose_mgy / _end_mgy(scale), scale, False, low_mm[1]),
        _Row(("B less A", _most(most)), a.phantom, difference_mgy / _end_mgy(off), off, True, low_mm[0]),
    ]
    return png(_stacked([_drawn(row) for row in rows]))


def _end_mgy(scale: scene.Scale) -> float:
    return gy_to_mgy(scale.end) if scale.unit == "Gy" else scale.end


def _most(difference_mgy: float) -> str:
    return f"at most {scene.format_dose_mgy(difference_mgy)}" if difference_mgy else "no difference"


def _broken(name: str) -> list[str]:
    return [name[at : at + _LONGEST] for at in range(0, min(len(name), 3 * _LONGEST), _LONGEST)]


# --- Paint


@lru_cache
def _colours(signed: bool) -> NDArray[np.uint8]:
    """(256, 3) the colours of a scale."""
    texts = _LOWER_TO_HIGHER if signed else tuple(text[1:] for text in scene.colour_scale(256))
    stops = np.array([list(bytes.fromhex(text)) for text in texts], dtype=float)
    at = np.linspace(0, len(stops) - 1, 256)
    return np.rint([np.interp(at, np.arange(len(stops)), stop) for stop in stops.T]).astype(np.uint8).T


def _drawn(row: _Row) -> Image.Image:
    """A row: its views, and beside them the words and the scale."""
    panels = plan(row.phantom, row.bottom_mm, _VIEWS_PX)
    top_px = _MARGIN_PX + _LINE_PX
    image = Image.new("RGB", (WIDTH_PX, top_px + panels[0].camera.height_px), _PAPER)
    pen, small = ImageDraw.Draw(image), font(_SMALL_PX)
    for panel in panels:
        image.paste(_view(row, panel), (panel.left_px, top_px))
        name = panel.camera.view.name
        middle = panel.left_px + panel.camera.width_px / 2
        pen.text((middle - width(name, small) / 2, _MARGIN_PX), name, INK, small)
    _words_and_scale(pen, row, top_px)
    return image


def _view(row: _Row, panel: Panel) -> Image.Image:
    camera = panel.camera.finer(_FINER)
    cell = render(row.phantom.vertices_mm, row.phantom.triangles, camera).cell
    share = np.nan_to_num(row.share)
    table = _colours(row.signed)
    at = np.clip((share + 1) / 2 if row.signed else share, 0.0, 1.0)
    colours = table[np.rint(at * (len(table) - 1)).astype(int)].astype(float)
    colours[np.isnan(row.share)] = _NOWHERE
    facing = np.clip(row.phantom.normal @ np.array(camera.view.eye, dtype=float), 0.0, 1.0)
    faint = np.clip(1.0 - np.abs(share) / _FAINT, 0.0, 1.0)
    colours *= (1.0 - _SHADE * (1.0 - facing) * faint)[:, None]
    rgb = np.full((*cell.shape, 3), _PAPER, dtype=np.uint8)
    rgb[cell >= 0] = np.rint(colours).astype(np.uint8)[cell[cell >= 0]]
    rgb[_edge(cell >= 0)] = _EDGE
    return Image.fromarray(rgb).reduce(_FINER)


def _edge(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(height, width) the pixels of the body that touch what is not."""
    inside = np.pad(body, 1)
    around = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    edge: NDArray[np.bool_] = body & ~around
    return edge


def _words_and_scale(pen: ImageDraw.ImageDraw, row: _Row, top_px: int) -> None:
    left, y = _VIEWS_PX + _MARGIN_PX, top_px
    for number, line in enumerate(row.lines):
        pen.text((left, y), line, INK, font(_TEXT_PX if number == 0 else _SMALL_PX, bold=number == 0))
        y += _LINE_PX
    y += _LINE_PX // 2
    bar = Image.fromarray(np.broadcast_to(_colours(row.signed), (_BAR_PX[1], 256, 3)).copy()).resize(_BAR_PX)
    pen._image.paste(bar, (left, y))
    pen.rectangle((left, y, left + _BAR_PX[0], y + _BAR_PX[1]), outline=_EDGE)
    ticks = [-row.scale.end, 0.0, row.scale.end] if row.signed else list(row.scale.ticks)
    low = ticks[0]
    for tick in ticks:
        x = left + _BAR_PX[0] * (tick - low) / (row.scale.end - low)
        text = f"{tick:+g}".replace("-", "\u2212") if row.signed and tick else f"{tick:g}"
        pen.text((x - width(text, font(_SMALL_PX)) / 2, y + _BAR_PX[1] + 6), text, INK, font(_SMALL_PX))
    pen.text((left, y + _BAR_PX[1] + 10 + _LINE_PX), _unit(row), INK, font(_SMALL_PX))


def _unit(row: _Row) -> str:
    return f"B less A, {row.scale.unit}; blue: B lower" if row.signed else f"skin dose, {row.scale.unit}"


def _stacked(pictures: list[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (WIDTH_PX, sum(one.height for one in pictures) + _MARGIN_PX), _PAPER)
    y = 0
    for one in pictures:
        whole.paste(one, (0, y))
        y += one.height
    return whole
