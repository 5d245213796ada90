"""Two maps and their difference as one picture: A, B and B less A, each from the back, front, left and right."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from skindose.model import FloatArray, Phantom
from skindose.report import scene
from skindose.report.bodyview import FINER, Panel, Scene, lowest_shown_mm, paint, plan
from skindose.report.raster import render
from skindose.report.typeset import INK, font, png, printable, width, wrapped

WIDTH_PX = 1600
_VIEWS_PX = 1100  # of the width, for the views; the rest for words and scale
_SMALL_PX, _LINE_PX, _MARGIN_PX = 28, 46, 40
_BAR_PX = (400, 36)
_SHADE, _FAINT = 0.24, 0.03  # relief of the body, where there is less than this share of the scale
_LEAST = 0.01  # of A's highest dose: the scale's end where nothing differs
_EDGE, _PAPER = (105, 105, 105), (255, 255, 255)
_NOWHERE = (178, 178, 178)  # skin that the other body does not have
_MOST_LINES = 4  # of a name
_K = _VIEWS_PX / WIDTH_PX
# From B lower over no difference to B higher: ColorBrewer's RdBu turned round (Harrower & Brewer 2003), which the
# colour-blind tell apart; both ends are equally dark.
_LOWER_TO_HIGHER = (
    *("053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7"),
    *("fddbc7", "f4a582", "d6604d", "b2182b", "67001f"),
)


class Half(NamedTuple):
    """One of the two maps, and where its peak is, as result.json has it: position_mm, cell."""

    name: str
    phantom: Phantom
    dose_mgy: FloatArray
    peak: Mapping[str, Any]


class _Row(NamedTuple):
    """One row of the picture: the views and their pictures, the words beside them and the scale."""

    panels: tuple[Panel, ...]
    views: list[Image.Image]
    lines: tuple[str, ...]
    scale: scene.Scale
    signed: bool = False


def difference_png(a: Half, b: Half, difference_mgy: FloatArray) -> bytes:
    """The picture, 1600 px wide; the same maps give the same bytes.

    difference_mgy   (cells of a,) b less a; NaN where b has no such place

    A and B share one scale from 0; that of the difference is symmetric, white where there is none.
    """
    scale = scene.dose_scale(float(max(a.dose_mgy.max(initial=0.0), b.dose_mgy.max(initial=0.0))))
    rows = [_map(letter, half, scale) for letter, half in (("A", a), ("B", b))]
    return png(_stacked([_drawn(row) for row in (*rows, _difference(a, difference_mgy))]))


def _map(letter: str, half: Half, scale: scene.Scale) -> _Row:
    panels = _panels(half)
    views = paint(Scene(half.phantom, half.dose_mgy, scale, (), half.peak), panels, _K)
    return _Row(panels, views, (letter, *_broken(half.name)), scale)


def _difference(a: Half, difference_mgy: FloatArray) -> _Row:
    most = float(np.abs(np.nan_to_num(difference_mgy)).max(initial=0.0))
    scale = scene.dose_scale(most or _LEAST * float(a.dose_mgy.max(initial=0.0)))
    panels = _panels(a)
    views = [_view(a.phantom, difference_mgy / scale.end_mgy, panel) for panel in panels]
    missing = ("grey: not on B's body",) if np.isnan(difference_mgy).any() else ()
    return _Row(panels, views, ("B less A", _most(most), *missing), scale, signed=True)


def _panels(half: Half) -> tuple[Panel, ...]:
    return plan(half.phantom, lowest_shown_mm(half.phantom, half.dose_mgy), _VIEWS_PX, _K)


def _most(difference_mgy: float) -> str:
    return f"at most {scene.format_dose_mgy(difference_mgy)}" if difference_mgy else "no difference"


def _broken(name: str) -> list[str]:
    return wrapped(name.replace("_", " ").replace("/", "/ "), font(_SMALL_PX), WIDTH_PX - _VIEWS_PX - 2 * _MARGIN_PX)[
        :_MOST_LINES
    ]


# --- Paint


@lru_cache
def _colours(signed: bool) -> NDArray[np.uint8]:
    """(256, 3) the colours of a scale."""
    texts = _LOWER_TO_HIGHER if signed else tuple(text[1:] for text in scene.colour_scale(256))
    stops = np.array([list(bytes.fromhex(text)) for text in texts], dtype=float)
    at = np.linspace(0, len(stops) - 1, 256)
    return np.rint([np.interp(at, np.arange(len(stops)), stop) for stop in stops.T]).astype(np.uint8).T


def _drawn(row: _Row) -> Image.Image:
    """A row: its views under their names, and beside them the words and the scale."""
    top_px = _MARGIN_PX + _LINE_PX
    image = Image.new("RGB", (WIDTH_PX, top_px + row.panels[0].camera.height_px), _PAPER)
    pen = ImageDraw.Draw(image)
    for panel, view in zip(row.panels, row.views, strict=True):
        image.paste(view, (panel.left_px, top_px))
        _name_view(pen, panel)
    _words_and_scale(image, row, top_px)
    return image


def _name_view(pen: ImageDraw.ImageDraw, panel: Panel) -> None:
    """The view's name over it, between the patient's sides where they stand left and right in it."""
    view, middle = panel.camera.view, panel.left_px + panel.camera.width_px / 2
    _write(pen, (middle, _MARGIN_PX), view.name, 0.5)
    to_the_right = float(np.cross(view.up, view.eye)[0])  # > 0: the patient's left is on the picture's right
    if to_the_right:
        left, right = ("R", "L") if to_the_right > 0 else ("L", "R")
        _write(pen, (panel.left_px + _MARGIN_PX / 2, _MARGIN_PX), left, 0.0, bold=True)
        _write(pen, (panel.left_px + panel.camera.width_px - _MARGIN_PX / 2, _MARGIN_PX), right, 1.0, bold=True)


def _write(pen: ImageDraw.ImageDraw, at_px: tuple[float, float], text: str, share: float, bold: bool = False) -> None:
    """A line of which this share lies left of the place."""
    letters = font(_SMALL_PX, bold)
    pen.text((at_px[0] - share * width(text, letters), at_px[1]), printable(text), INK, letters)


def _view(phantom: Phantom, share: FloatArray, panel: Panel) -> Image.Image:
    """share   (cells,) of the scale's end, from -1 to 1"""
    camera = panel.camera.finer(FINER)
    cell = render(phantom.vertices_mm, phantom.triangles, camera).cell
    known = np.nan_to_num(share)
    table = _colours(signed=True)
    colours = table[np.rint(np.clip((known + 1) / 2, 0.0, 1.0) * (len(table) - 1)).astype(int)].astype(float)
    colours[np.isnan(share)] = _NOWHERE
    facing = np.clip(phantom.normal @ np.array(camera.view.eye, dtype=float), 0.0, 1.0)
    faint = np.clip(1.0 - np.abs(known) / _FAINT, 0.0, 1.0)
    colours *= (1.0 - _SHADE * (1.0 - facing) * faint)[:, None]
    rgb = np.full((*cell.shape, 3), _PAPER, dtype=np.uint8)
    rgb[cell >= 0] = np.rint(colours).astype(np.uint8)[cell[cell >= 0]]
    rgb[_edge(cell >= 0)] = _EDGE
    return Image.fromarray(rgb).reduce(FINER)


def _edge(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(height, width) the pixels of the body that touch what is not."""
    inside = np.pad(body, 1)
    around = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    edge: NDArray[np.bool_] = body & ~around
    return edge


def _words_and_scale(image: Image.Image, row: _Row, y_px: int) -> None:
    pen, left, y = ImageDraw.Draw(image), _VIEWS_PX + _MARGIN_PX, y_px
    for number, line in enumerate(row.lines):
        _write(pen, (left, y), line, 0.0, bold=number == 0)
        y += _LINE_PX
    y += _LINE_PX // 2
    wide, high = _BAR_PX
    strip = np.broadcast_to(_colours(row.signed), (high, 256, 3)).copy()
    image.paste(Image.fromarray(strip).resize(_BAR_PX), (left, y))
    pen.rectangle((left, y, left + wide, y + high), outline=_EDGE)
    ticks = (-row.scale.end, 0.0, row.scale.end) if row.signed else row.scale.ticks
    for tick in ticks:
        text = f"{tick:+g}".replace("-", "\u2212") if row.signed and tick else f"{tick:g}"
        _write(pen, (left + wide * (tick - ticks[0]) / (ticks[-1] - ticks[0]), y + high + 6), text, 0.5)
    _write(pen, (left, y + high + 10 + _LINE_PX), _unit(row), 0.0)


def _unit(row: _Row) -> str:
    return f"B less A, {row.scale.unit}; blue: B lower" if row.signed else f"skin dose, {row.scale.unit}"


def _stacked(pictures: list[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (WIDTH_PX, sum(one.height for one in pictures) + _MARGIN_PX), _PAPER)
    y = 0
    for one in pictures:
        whole.paste(one, (0, y))
        y += one.height
    return whole
