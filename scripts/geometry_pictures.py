"""Off-screen pictures of a case in the room: body with its dose, table and pad, beams from focal spot to detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista
from geometry_cases import Case, entrance, to_room
from PIL import Image

from skindose.model import FloatArray
from skindose.report.scene import colour_scale

SKIN, TABLE, PAD, HEAD_END = "#ead9c6", "#6c7a89", "#b9c6d6", "#1f4e79"
BEAM_COLOURS = ("#d1263f", "#1560d4", "#e08a00")
PANEL = (360, 270)  # pixels
SHOWN_LENGTH_MM = 2000.0  # of the table; the rest would only make the picture small
_BOX = np.array([[x, y, z] for x in (0, 1) for y in (2, 3) for z in (4, 5)])


@dataclass(frozen=True)
class Camera:
    """Where the camera stands in the room, what it looks at (mm from the isocentre), and what is up."""

    eye_mm: tuple[float, float, float]
    target_mm: tuple[float, float, float] = (0.0, 60.0, -250.0)
    up: tuple[float, float, float] = (0.0, -1.0, 0.0)
    angle_deg: float = 20.0


# Room axes: +X is to the right for who stands at the table's foot end, +Y down, +Z ahead, to the head end.
CAMERAS = {
    "foot end": Camera((-3300.0, -1900.0, -3700.0), target_mm=(0.0, 50.0, -330.0), angle_deg=21.0),
    "above": Camera((0.0, -5200.0, -200.0), target_mm=(0.0, 60.0, -200.0), up=(0.0, 0.0, 1.0)),
    "side": Camera((-5200.0, 0.0, -250.0)),  # from the table's right: the head end is to the left
    "feet": Camera((0.0, -300.0, -5200.0), target_mm=(0.0, 100.0, 0.0)),
    "below": Camera((0.0, 2600.0, -60.0), target_mm=(0.0, 0.0, -60.0), up=(0.0, 0.0, 1.0), angle_deg=16.0),
    "below left": Camera((2500.0, 2200.0, -300.0), target_mm=(0.0, 60.0, -100.0), up=(0.0, 0.0, 1.0), angle_deg=16.0),
}


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet.

    beams    the beams drawn; table and patient stand as during the first
    bare     of the beams only the places of entry, so that the lit skin can be seen
    dose     colour the skin by dose; else every lit cell alike
    """

    title: str
    case: Case
    camera: Camera
    beams: tuple[int, ...] = (0,)
    with_table: bool = True
    dose: bool = False
    bare: bool = False


def sheet(panels: Sequence[Panel], columns: int, target: Path, size: tuple[int, int] = PANEL) -> None:
    """Render the panels side by side into one PNG of 96 colours."""
    rows = -(-len(panels) // columns)
    width, height = size
    page = Image.new("RGB", (columns * width, rows * height), "white")
    for k, panel in enumerate(panels):
        page.paste(Image.fromarray(rendered(panel, size)), ((k % columns) * width, (k // columns) * height))
    page.quantize(96, kmeans=2, dither=Image.Dither.NONE).save(target, optimize=True)


def rendered(panel: Panel, size: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) pixels of one panel."""
    plotter = pyvista.Plotter(off_screen=True, window_size=size, border=False)
    plotter.set_background("white")
    _body(plotter, panel)
    if panel.with_table:
        _table(plotter, panel)
    few = len(panel.beams) <= len(BEAM_COLOURS)
    for k, beam in enumerate(panel.beams):
        if not panel.bare:
            _beam(plotter, panel, beam, BEAM_COLOURS[k if few else 0], few)
        if few:
            _entrance(plotter, panel, beam)
    _letters(plotter, panel)
    plotter.add_text(panel.title, position=(8, size[1] - 24), color="black", font_size=8)
    camera = panel.camera
    plotter.camera.position, plotter.camera.focal_point = camera.eye_mm, camera.target_mm
    plotter.camera.up, plotter.camera.view_angle = camera.up, camera.angle_deg
    plotter.reset_camera_clipping_range()
    plotter.enable_anti_aliasing("ssaa")
    pixels = plotter.screenshot(return_img=True)
    plotter.close()
    return pixels[:, :, :3]


def _body(plotter: pyvista.Plotter, panel: Panel) -> None:
    made = panel.case
    points = to_room(made, panel.beams[0], made.body.vertices_mm)
    mesh = pyvista.PolyData.from_regular_faces(points, made.body.triangles)
    mesh.cell_data["colour"] = _colours(panel)
    plotter.add_mesh(mesh, scalars="colour", rgb=True, smooth_shading=False, ambient=0.35, diffuse=0.7)


def _colours(panel: Panel) -> np.ndarray:
    """(cells, 3) skin, and lit cells by dose on the program's own scale (its end: the picture's highest dose)."""
    dose = panel.case.dose_mgy()
    scale = np.array([[int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in colour_scale(64)], dtype=np.uint8)
    colours = np.tile(np.array([int(SKIN[k : k + 2], 16) for k in (1, 3, 5)], dtype=np.uint8), (len(dose), 1))
    lit = dose > 0
    place = dose[lit] / dose.max() if panel.dose else np.full(lit.sum(), 0.5)
    colours[lit] = scale[np.clip((63 * place).astype(int), 8, 63)]
    return colours


def _table(plotter: pyvista.Plotter, panel: Panel) -> None:
    """The slabs of the support, see-through, and the head end as a dark bar."""
    made, beam = panel.case, panel.beams[0]
    for layer, slab in zip(made.beams.support, made.beams.support_mm, strict=True):
        if layer.thickness_mm > 5.0:
            colour = PAD if layer.name == "pad" else TABLE
            shown = np.array([*slab[:4], max(slab[4], -SHOWN_LENGTH_MM), slab[5]])
            plotter.add_mesh(_slab(made, beam, shown), color=colour, opacity=0.4)
    if len(made.beams.support):
        x0, x1 = made.beams.support_mm[0, :2]
        bar = np.array([x0, x1, -60.0, 60.0, 0.0, 25.0])
        plotter.add_mesh(_slab(made, beam, bar), color=HEAD_END)


def _slab(made: Case, beam: int, slab: FloatArray) -> pyvista.PolyData:
    corners = slab[_BOX]  # table frame
    rotation, origin = made.beams.table_rotation[beam], made.beams.table_origin_mm[beam]
    points = to_room(made, beam, (corners - origin) @ rotation)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return pyvista.PolyData.from_regular_faces(points, np.array(quads))


def _beam(plotter: pyvista.Plotter, panel: Panel, beam: int, colour: str, strong: bool) -> None:
    """Focal spot, the field's pyramid up to the detector, and the central ray.

    The gantry stands in the room, so a beam of another moment is drawn with that moment's own transform.
    """
    made = panel.case
    b = made.beams
    reach = made.events.distance_source_to_detector_mm[b.event[beam]] / b.reference_distance_mm[beam]
    source = b.source_mm[beam]
    ends = []
    for u, v in _outline(b.field_mm[beam], bool(b.circular[beam])):
        ends.append(b.reference_distance_mm[beam] * b.axis[beam] + u * b.u[beam] + v * b.v[beam])
    points = to_room(made, beam, source + np.vstack([np.zeros(3), reach * np.array(ends)]))
    count = len(ends)
    fan = np.array([(0, 1 + k, 1 + (k + 1) % count) for k in range(count)])
    plotter.add_mesh(pyvista.PolyData.from_regular_faces(points, fan), color=colour, opacity=0.16 if strong else 0.05)
    if strong or beam in (panel.beams[0], panel.beams[-1]):
        rim = pyvista.lines_from_points(points[[*range(1, count + 1), 1]])
        plotter.add_mesh(rim, color=colour, line_width=2)
        middle = to_room(made, beam, np.array([source, source + reach * b.reference_distance_mm[beam] * b.axis[beam]]))
        plotter.add_mesh(pyvista.Line(*middle), color=colour, line_width=2)
    plotter.add_mesh(pyvista.Sphere(radius=28 if strong else 14, center=points[0]), color=colour)


def _entrance(plotter: pyvista.Plotter, panel: Panel, beam: int) -> None:
    """Where the central ray enters; on a bare body the place on him, wherever he then lay."""
    found, moment = entrance(panel.case, beam), panel.beams[0] if panel.bare else beam
    if found is not None:
        plotter.add_mesh(pyvista.Sphere(radius=12, center=to_room(panel.case, moment, found.point_mm)), color="black")


def _outline(field: FloatArray, circular: bool) -> FloatArray:
    u0, u1, v0, v1 = field
    if not circular:
        return np.array([(u0, v0), (u1, v0), (u1, v1), (u0, v1)])
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([(u0 + u1 + (u1 - u0) * np.cos(turn)) / 2, (v0 + v1 + (v1 - v0) * np.sin(turn)) / 2], axis=1)


def _letters(plotter: pyvista.Plotter, panel: Panel) -> None:
    """L and R beside his shoulders; not the one that the body hides."""
    body, camera = panel.case.body, panel.camera
    x = np.abs(body.vertices_mm[:, 0]).max() + 90.0
    y, z = body.vertices_mm[:, 1].min() / 2, -0.24 * body.stature_mm
    left, right = to_room(panel.case, panel.beams[0], np.array([(x, y, z), (-x, y, z)]))
    sight = np.subtract(camera.eye_mm, camera.target_mm)
    behind = float((left - right) @ sight / np.linalg.norm(left - right) / np.linalg.norm(sight))
    shown = [(left, "L")] * (behind > -0.8) + [(right, "R")] * (behind < 0.8)
    plotter.add_point_labels(
        np.array([point for point, _ in shown]),
        [letter for _, letter in shown],
        show_points=False,
        shape=None,
        text_color="#222222",
        font_size=14,
        always_visible=True,
        bold=True,
    )
