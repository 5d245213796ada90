"""docs/moving_map.gif: the dose of a real procedure adding up event by event, with the beam of each event.

Runs the program on the 316-event file of ../shared. Left: the patient from behind and above, with the beam from its
focal spot to the detector. Right: his back. Dose, colours, lines and views are those of `skindose picture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import skindose
from skindose.dose import find_peak
from skindose.report import scene, shapes
from skindose.report.bodyview import FINER, Scene, cell_colours, isodoses, paint_view
from skindose.report.raster import Camera, Seen, render
from skindose.report.typeset import FAINT, INK, Sheet, font
from skindose.units import s_to_min

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "rdsr" / "philips_legacy_316_events_7.7Gy.dcm"
OUT = ROOT / "docs" / "moving_map.gif"

WIDTH_PX, K = 800, 0.56  # K: letters of 17 px and more
FRAMES, FRAME_MS, LAST_MS = 64, 120, 3000
EYE, UP = np.array([0.3, 0.85, 0.42]), np.array([0.0, 0.0, 1.0])
BEAM = np.array([40, 110, 190.0])
OPAQUE = 0.13  # of each side of the beam


def oblique() -> scene.View:
    """From behind his left shoulder."""
    eye = EYE / np.linalg.norm(EYE)
    up = UP - (UP @ eye) * eye
    return scene.View("oblique", tuple(eye), tuple(up / np.linalg.norm(up)))


@dataclass
class Show:
    """What stays the same in all frames."""

    result: skindose.Result
    cameras: list[Camera]
    seen: list[Seen]
    scale: scene.Scale
    first_beam: np.ndarray  # (events + 1,) beams are in the order of events


def dose_until(result: skindose.Result, beam: int) -> np.ndarray:
    """(cells,) of all beams before this one."""
    dosemap = result.dosemap
    hits = int(dosemap.beam_start[beam])
    return np.bincount(dosemap.cell[:hits], dosemap.hit_dose_mgy[:hits], minlength=len(dosemap.dose_mgy))


# --- The beam


def draw_beam(image: Image.Image, camera: Camera, body: Seen, pyramid: shapes.Pyramid) -> Image.Image:
    """The beam as a clear pyramid where it is before the body, its edges, focal spot and detector."""
    corners = np.concatenate([pyramid.source_mm[None], pyramid.corners_mm])
    sides = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]], dtype=np.int32)
    rgb = np.asarray(image).astype(float)
    for triangles in (sides, sides[:, ::-1]):
        layer = render(corners, triangles, camera)
        before = (layer.cell >= 0) & (layer.near_mm > body.near_mm)
        rgb[before] = (1 - OPAQUE) * rgb[before] + OPAQUE * BEAM
    image = Image.fromarray(np.rint(rgb).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for a, b in ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)):
        edge = np.linspace(corners[a], corners[b], 200)
        points, seen = camera.project(edge)[:, :2], free(edge, camera, body)
        for start, end, shown in zip(points[:-1].tolist(), points[1:].tolist(), seen[1:], strict=True):
            if shown:
                pen.line((*start, *end), tuple(BEAM.astype(int)), 4 if a else 2)
    x_px, y_px = camera.project(corners[:1])[0, :2]
    pen.ellipse((x_px - 7, y_px - 7, x_px + 7, y_px + 7), fill=INK)
    return image


def free(points_mm: np.ndarray, camera: Camera, body: Seen) -> np.ndarray:
    """(n,) whether nothing stands before a point that may float."""
    x_px, y_px, near_mm = camera.project(points_mm).T
    row = np.clip(y_px.astype(int), 0, camera.height_px - 1)
    column = np.clip(x_px.astype(int), 0, camera.width_px - 1)
    return near_mm >= body.near_mm[row, column]


# --- One frame


def frame(show: Show, event: int) -> Image.Image:
    """The dose after an event (counted from 0), and its beam."""
    result, beam = show.result, int(show.first_beam[event])
    dose = dose_until(result, int(show.first_beam[event + 1]))
    peak = find_peak(dose, result.phantom)
    levels = scene.isodose_levels(float(result.dosemap.dose_mgy.max()), [])
    lines = isodoses(result.phantom, dose, levels)
    shown = Scene(result.phantom, dose, show.scale, lines, None)
    to_mm = float(shapes.detector_distance_mm(result.events, result.beams)[beam])
    pyramid = shapes.pyramid(result.beams, beam, to_mm)
    pictures = [paint_view(shown, (c, s, ""), FINER * K) for c, s in zip(show.cameras, show.seen, strict=True)]
    pictures[0] = draw_beam(pictures[0], show.cameras[0], show.seen[0], pyramid)
    return compose(show, event, 0.0 if peak is None else peak.skin_dose_mgy, [p.reduce(FINER) for p in pictures])


def compose(show: Show, event: int, peak_mgy: float, pictures: list[Image.Image]) -> Image.Image:
    """Words above, views, scale below."""
    sheet = Sheet(WIDTH_PX, K, margin=24)
    sheet.put(f"Peak skin dose so far {scene.format_dose_mgy(peak_mgy)}", 46, bold=True)
    sheet.put(words(show.result, event), 31, colour=FAINT)
    sheet.make_room(pictures[0].height + 80)
    sheet.image.paste(pictures[0], (0, sheet.y))
    sheet.image.paste(pictures[1], (pictures[0].width, sheet.y))
    large = font(sheet.px(44), True)
    left = pictures[0].width
    sheet.write("L", left + 4, sheet.y + 6, large)
    sheet.write("R", WIDTH_PX - 10, sheet.y + 6, large, "right")
    sheet.y += pictures[0].height + 6
    put_scale(sheet, show.scale)
    return sheet.finish()


def put_scale(sheet: Sheet, scale: scene.Scale) -> None:
    """A thin colour bar with its numbers."""
    left, length = sheet.margin_px, WIDTH_PX - 2 * sheet.margin_px - 40
    bar = cell_colours(np.linspace(0.0, 1.0, length), 1.0)
    sheet.image.paste(Image.fromarray(np.repeat(bar[None], 14, axis=0)), (left, sheet.y))
    letters = font(sheet.px(30))
    for tick in scale.ticks:
        text = f"{tick:g} {scale.unit}" if tick == scale.end else f"{tick:g}"
        sheet.write(text, left + tick / scale.end * length, sheet.y + 16, letters, "left" if not tick else "middle")
    sheet.y += 36


def words(result: skindose.Result, event: int) -> str:
    """Which event, how long after the first, from where."""
    events = result.events
    since = datetime.fromisoformat(events.started[event]) - datetime.fromisoformat(events.started[0])
    primary, secondary = events.positioner_primary_angle_deg[event], events.positioner_secondary_angle_deg[event]
    sideways, along = "LAO" if primary >= 0 else "RAO", "CRA" if secondary >= 0 else "CAU"
    angles = f"{sideways} {abs(primary):.0f}°, {along} {abs(secondary):.0f}°"
    minutes = s_to_min(since.total_seconds())
    return f"event {event + 1} of {len(events)} · {minutes:.0f} min · {events.event_type[event]} · {angles}"


# --- All frames


def chosen(result: skindose.Result, first_beam: np.ndarray) -> list[int]:
    """Events at even steps of air kerma and of number, half and half; the last always."""
    kerma = np.cumsum(np.nan_to_num(result.events.air_kerma_rp_mgy))
    place = kerma / kerma[-1] + np.arange(1, len(kerma) + 1) / len(kerma)
    picked = np.searchsorted(place, np.linspace(place[0], place[-1], FRAMES))
    beams = np.diff(first_beam)
    return [int(event) for event in np.unique(picked) if beams[event]]


def main() -> None:
    """Run, draw, write."""
    result = skindose.compute(skindose.read(SOURCE), skindose.Settings())
    height = 500
    wide, narrow = 470, WIDTH_PX - 470
    cameras = [
        Camera(oblique(), (-372.0, 75.0), 0.463, wide, height),
        Camera(scene.VIEWS[0], (-narrow / 2 / 0.53, 20.0), 0.53, narrow, height),
    ]
    cameras = [camera.finer(FINER) for camera in cameras]
    seen = [render(result.phantom.vertices_mm, result.phantom.triangles, camera) for camera in cameras]
    scale = scene.dose_scale(float(result.dosemap.dose_mgy.max()))
    first_beam = np.searchsorted(result.beams.event, np.arange(len(result.events) + 1))
    show = Show(result, cameras, seen, scale, first_beam)
    frames = [frame(show, event) for event in chosen(result, first_beam)]
    write(frames)


def palette() -> Image.Image:
    """The scale, skin in its shades, both under one and two sides of the beam, black letters, the beam's own blue."""
    doses = cell_colours(np.linspace(0.0, 1.0, 96), 1.0).astype(float)
    skin = doses[0] * np.linspace(1.0, 0.7, 26)[:, None]
    under = [np.concatenate([skin[::2], doses[2::9], [[255.0] * 3]])]
    for _ in range(2):
        under.append((1 - OPAQUE) * under[-1] + OPAQUE * BEAM)
    letters = np.linspace(0.0, 255.0, 20)[:, None].repeat(3, axis=1)
    edges = BEAM + np.linspace(0.0, 1.0, 8)[:, None] * (255.0 - BEAM)
    ring = np.array([[29, 53, 87], [0, 105, 92], [11, 127, 171.0]])  # the first isodose lines
    colours = np.concatenate([doses, skin, *under[1:], letters, edges, ring])
    assert len(colours) <= 256, len(colours)
    image = Image.new("P", (1, 1))
    image.putpalette(np.rint(colours).astype(np.uint8).tobytes())
    return image


def write(frames: list[Image.Image]) -> None:
    """An animated GIF; every frame with the same palette, or colours would flicker."""
    flat = [image.quantize(palette=palette(), dither=Image.Dither.NONE) for image in frames]
    times = [FRAME_MS] * (len(flat) - 1) + [LAST_MS]
    flat[0].save(OUT, save_all=True, append_images=flat[1:], duration=times, loop=0, optimize=False)
    print(f"{OUT.name}: {len(flat)} frames, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
