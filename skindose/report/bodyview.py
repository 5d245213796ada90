"""The body in its four standard views: where they stand side by side, and how one is painted.

Skin has the colour of its dose and nothing else; only where it got next to nothing is it shaded, so that one sees a
body. Isodose lines and the ring around the peak are drawn where they are in sight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from skindose.model import BoolArray, FloatArray, Phantom
from skindose.report import scene
from skindose.report.raster import Camera, Seen, look_along, render
from skindose.report.shapes import isodose_lines, vertex_dose_mgy
from skindose.report.strokes import DASHES, evenly, inked, joined

FINER = 2  # painted this much finer and reduced, so that edges and lines are smooth
SIDES = scene.VIEWS[:4]

# Pixels of a picture 1600 wide.
GAP_PX = 44
_MARGIN_PX, _THINNEST_PX, _TALLEST_PX = 40, 220, 1150
_RING_PX, _RING_STROKE_PX = 13, 4
_LINE_PX, _GROUND_PX = 2.4, 4.0

_RING_COLOUR, _HALO = "#0b5fc4", "#ffffff"
_PAPER, _OUTLINE = [255.0] * 3, [105.0] * 3
_STEP_MM = 14.0  # skin that lies this far behind its neighbour in the picture is parted from it by a line
_UNDOSED = 0.02  # share of the scale below which skin is shaded
_SHADE = 0.24
_HIDDEN_MM = 2.0  # a point this far behind what the picture shows is out of sight
_TURNED = 0.15  # cosine from which skin counts as turned to the camera
_ALWAYS = 0.6  # of the body is always shown, from the crown down to below the hands
_WORTH_CUTTING = 0.15
_NOTHING = 0.01  # share of the highest dose that legs which are cut off stay below
_LINE_STEP_MM = 1.0


# --- Where the views stand


class Panel(NamedTuple):
    """One view: its camera, and where its upper left corner stands in the picture."""

    camera: Camera
    left_px: int
    top_px: int = 0

    def pixel(self, point_mm: FloatArray) -> tuple[int, int]:
        """Column and row of the picture where a point of the patient frame is."""
        x_px, y_px, _ = self.camera.project(np.asarray(point_mm, dtype=float)[None])[0]
        return self.left_px + int(x_px), self.top_px + int(y_px)


def plan(phantom: Phantom, bottom_mm: float, width_px: int, k: float) -> tuple[Panel, ...]:
    """The four views side by side and all at one scale; each has half the gap around it.

    bottom_mm   nothing below is shown
    k           size of things, 1 in a picture of 1600 px
    """
    shown = phantom.vertices_mm[phantom.vertices_mm[:, 2] >= bottom_mm]
    across = [look_along(view, shown)[0] for view in SIDES]
    middle_mm, span_mm = np.array([((a.max() + a.min()) / 2, np.ptp(a)) for a in across]).T
    height_mm = float(shown[:, 2].max()) - bottom_mm
    room_px = width_px - (2 * _MARGIN_PX + 3 * GAP_PX) * k
    px_per_mm = _fitting(span_mm, room_px, _THINNEST_PX * k, _TALLEST_PX * k / height_mm)
    width_of = np.maximum(span_mm * px_per_mm, _THINNEST_PX * k) + GAP_PX * k
    left_px = (width_px - width_of.sum()) / 2 + np.append(0.0, np.cumsum(width_of[:-1]))
    corner_mm = middle_mm - width_of / 2 / px_per_mm
    rows = int(np.ceil(height_mm * px_per_mm + GAP_PX * k / 2))
    top_mm = bottom_mm + rows / px_per_mm
    return tuple(
        Panel(Camera(view, (float(corner), top_mm), px_per_mm, int(wide), rows), round(left))
        for view, corner, wide, left in zip(SIDES, corner_mm, width_of, left_px, strict=True)
    )


def _fitting(span_mm: FloatArray, room_px: float, thinnest_px: float, most: float) -> float:
    """Pixels per mm at which the views fill the room; those that would be too thin for their names get the least."""
    thin = np.zeros(len(span_mm), dtype=bool)
    while True:
        px_per_mm = min((room_px - thin.sum() * thinnest_px) / float(span_mm[~thin].sum()), most)
        thinner = thin | (span_mm * px_per_mm < thinnest_px)
        if thinner.all() or (thinner == thin).all():
            return float(px_per_mm)
        thin = thinner


def lowest_shown_mm(phantom: Phantom, dose_mgy: FloatArray) -> float:
    """z below which nothing is drawn: legs without dose (below 1 % of the highest) would take half the picture."""
    z_mm = phantom.vertices_mm[:, 2]
    low, high = float(z_mm.min()), float(z_mm.max())
    dosed = phantom.triangles[dose_mgy > _NOTHING * dose_mgy.max(initial=0.0)]
    lowest = float(z_mm[dosed].min(initial=high)) - 0.06 * (high - low)
    cut = min(lowest, high - _ALWAYS * (high - low))
    return cut if cut - low > _WORTH_CUTTING * (high - low) else low


# --- Paint


class Isodose(NamedTuple):
    """A level, its lines on the skin (points, 3), its colour and its dashes."""

    level: scene.Level
    lines_mm: list[FloatArray]
    colour: str
    dash: tuple[float, ...]


class Scene(NamedTuple):
    """What every view shows. `peak` is that of result.json, or None."""

    phantom: Phantom
    dose_mgy: FloatArray
    scale: scene.Scale
    isodoses: tuple[Isodose, ...]
    peak: Mapping[str, Any] | None


def isodoses(phantom: Phantom, dose_mgy: FloatArray, levels: tuple[scene.Level, ...]) -> tuple[Isodose, ...]:
    """The lines of the levels."""
    vertex_mgy = vertex_dose_mgy(phantom, dose_mgy)
    found = []
    for number, level in enumerate(levels):
        segments = isodose_lines(phantom.vertices_mm, phantom.triangles, vertex_mgy, level.mgy)
        lines = [evenly(line, _LINE_STEP_MM) for line in joined(segments)]
        colour = scene.LEVEL_COLOURS[number % len(scene.LEVEL_COLOURS)]
        found.append(Isodose(level, lines, colour, DASHES[number % len(DASHES)]))
    return tuple(found)


def cell_colours(dose_mgy: FloatArray, end_mgy: float) -> NDArray[np.uint8]:
    """(cells, 3) the scale's colour of each dose; above the scale's end its last."""
    table = np.array([list(bytes.fromhex(text[1:])) for text in scene.colour_scale(256)], dtype=np.uint8)
    colours: NDArray[np.uint8] = table[np.rint(255 * np.clip(dose_mgy / end_mgy, 0.0, 1.0)).astype(int)]
    return colours


def paint(shown: Scene, panels: tuple[Panel, ...], k: float) -> list[Image.Image]:
    """The picture of each panel, of its size."""
    cameras = [panel.camera.finer(FINER) for panel in panels]
    seen = [render(shown.phantom.vertices_mm, shown.phantom.triangles, camera) for camera in cameras]
    jobs = zip(cameras, seen, _ring_styles(shown, cameras, seen), strict=True)
    return [paint_view(shown, job, FINER * k).reduce(FINER) for job in jobs]


def paint_view(shown: Scene, job: tuple[Camera, Seen, str], k: float) -> Image.Image:
    """One view: cells in the colour of their dose, lines where the body steps back, isodose lines, the peak's ring.

    job   the camera, what it sees, and how the ring is drawn: "seen", "hidden" or "" for none
    """
    camera, seen, ring_style = job
    colours = cell_colours(shown.dose_mgy, shown.scale.end_mgy) * _relief(shown, camera)[:, None]
    words = _packed(np.append(colours, [_PAPER, _OUTLINE], axis=0))
    pixels = np.where(_steps(seen), words[-1], words[np.where(seen.cell < 0, len(colours), seen.cell)])
    image = Image.frombytes("RGBX", (camera.width_px, camera.height_px), pixels.tobytes()).convert("RGB")
    for isodose in shown.isodoses:
        _draw_isodose(image, camera, seen, isodose, k)
    if ring_style and shown.peak:
        x_px, y_px, _ = camera.project(np.array([shown.peak["position_mm"]], dtype=float))[0]
        ring(ImageDraw.Draw(image), (x_px, y_px), k, dashed=ring_style == "hidden")
    return image


def _packed(rgb: FloatArray) -> NDArray[np.uint32]:
    """(n, 3) colours as one number each, which is picked per pixel three times as fast."""
    levels = np.column_stack([np.rint(rgb), np.zeros(len(rgb))]).astype(np.uint8)
    return levels.view("<u4").ravel()


def _relief(shown: Scene, camera: Camera) -> FloatArray:
    """(cells,) how bright skin is: darker where it turns away, but only without dose."""
    facing = np.clip(shown.phantom.normal @ np.array(camera.view.eye, dtype=float), 0.0, 1.0)
    undosed = np.clip(1.0 - shown.dose_mgy / (_UNDOSED * shown.scale.end_mgy), 0.0, 1.0)
    bright: FloatArray = 1.0 - _SHADE * (1.0 - facing) * undosed
    return bright


def _steps(seen: Seen) -> BoolArray:
    """(height, width) pixels at the body's edge, or where skin lies in front of other skin."""
    near = np.maximum(seen.near_mm, np.float32(-1e6))
    step = np.zeros(near.shape, dtype=bool)
    down, right = near[1:] - near[:-1], near[:, 1:] - near[:, :-1]
    step[1:] |= down > _STEP_MM
    step[:-1] |= down < -_STEP_MM
    step[:, 1:] |= right > _STEP_MM
    step[:, :-1] |= right < -_STEP_MM
    wide = step.copy()
    wide[1:] |= step[:-1]
    wide[:, 1:] |= step[:, :-1]
    return wide & (seen.cell >= 0)


def _draw_isodose(image: Image.Image, camera: Camera, seen: Seen, isodose: Isodose, k: float) -> None:
    """The level's lines where they are in sight: dashes on a white ground, seen on pale and on dark skin."""
    pen = ImageDraw.Draw(image)
    dash = tuple(part * k for part in isodose.dash)
    for line in isodose.lines_mm:
        points = camera.project(line)[:, :2]
        sight = in_sight(line, camera, seen)
        shown = sight[1:] & sight[:-1]
        pieces = np.concatenate([points[:-1], points[1:]], axis=1)
        for piece in pieces[shown].tolist():
            pen.line(piece, _HALO, max(round(_GROUND_PX * k), 2))
        for piece in pieces[shown & inked(points, dash)].tolist():
            pen.line(piece, isodose.colour, max(round(_LINE_PX * k), 1))


def in_sight(points_mm: FloatArray, camera: Camera, seen: Seen) -> BoolArray:
    """(n,) whether skin points are in the picture and nothing stands before them."""
    x_px, y_px, near_mm = camera.project(points_mm).T
    inside = (x_px >= 0) & (y_px >= 0) & (x_px < camera.width_px) & (y_px < camera.height_px)
    row = np.clip(y_px.astype(int), 0, camera.height_px - 1)
    column = np.clip(x_px.astype(int), 0, camera.width_px - 1)
    front: BoolArray = inside & (near_mm >= seen.near_mm[row, column] - _HIDDEN_MM)
    return np.asarray(front & (seen.cell[row, column] >= 0))


# --- The peak


def _ring_styles(shown: Scene, cameras: list[Camera], seen: list[Seen]) -> list[str]:
    """Per view "seen" where the peak is in sight, else ""; if nowhere, "hidden" in the view that faces it most."""
    if shown.peak is None:
        return [""] * len(cameras)
    facing = [float(shown.phantom.normal[shown.peak["cell"]] @ np.array(c.view.eye, dtype=float)) for c in cameras]
    place = np.array([shown.peak["position_mm"]], dtype=float)
    styles = [
        "seen" if turn > _TURNED and in_sight(place, camera, picture)[0] else ""
        for turn, camera, picture in zip(facing, cameras, seen, strict=True)
    ]
    if not any(styles):
        styles[int(np.argmax(facing))] = "hidden"
    return styles


def ring(pen: ImageDraw.ImageDraw, at_px: tuple[float, float], k: float, dashed: bool = False) -> None:
    """The mark of the peak: a dark ring on a white one; dashed where the body hides the place."""
    x_px, y_px = at_px
    stroke = max(round(_RING_STROKE_PX * k), 2)
    for radius, colour, wide in ((_RING_PX * k + stroke, _HALO, 2 * stroke), (_RING_PX * k + stroke / 2, "", stroke)):
        box = (x_px - radius, y_px - radius, x_px + radius, y_px + radius)
        for start in range(0, 360, 40 if dashed and not colour else 360):
            pen.arc(box, start, start + (22 if dashed and not colour else 360), colour or _RING_COLOUR, wide)
