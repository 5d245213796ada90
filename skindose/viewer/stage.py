"""The three-dimensional scene and the texts on it, drawn with pyvista: on a screen, or off it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyvista
from numpy.typing import NDArray

from skindose.model import FloatArray, Phantom
from skindose.report import shapes
from skindose.report.scene import LEVEL_COLOURS, VIEWS, Level, Scale, View, colour_scale, in_dose_unit

SIZE = (1280, 860)
INK = "#1c1f24"
FAINT = "#6b7280"
ALARM = "#b3261e"
_PEAK_COLOUR = "#0b5fc4"
_BEAM_COLOUR = "#0f9d58"  # bright green: no dose and no isodose line has it
_TABLE_COLOUR = "#64748b"
_DETECTOR_MM = 20.0
_FOCUS_MM = 14.0
_RING_MM = 16.0
_KINDS = {"trigger": ", trigger level", "reaction": ", tissue reaction", "share": ""}
# Corners of a box, x fastest, then y, then z: its faces, outwards.
_FACES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
_EDGES = tuple((a, a | 1 << k) for k in range(3) for a in range(8) if not a >> k & 1)
# Where the body stands on the window: the rest holds texts, sliders and the scale.
_ROOM = (0.58, 0.68)
_SHIFT = -0.045  # the room's middle lies higher than the window's


class Stage:
    """What is drawn. Nothing here knows what it means.

    plotter   pyvista's; `off_screen` needs no display
    """

    def __init__(self, phantom: Phantom, off_screen: bool, size: tuple[int, int] = SIZE) -> None:
        self.phantom = phantom
        self.plotter = _plotter(off_screen, size)
        self.plotter.background_color = "white"
        self.plotter.camera.parallel_projection = True
        self._texts: dict[str, Any] = {}
        self._mesh = _surface(phantom)
        self._scale: Scale | None = None
        self._around_mm: FloatArray = np.zeros((0, 3))
        self.view = VIEWS[0]

    # --- The body

    def body(self, scale: Scale, note: str) -> None:
        """Draw the body with an empty map, and the scale beside it; again where the scale has changed.

        note   what stands under the scale's title
        """
        self._scale = scale
        title = f"Skin dose in {scale.unit}\n{note}"
        if self.plotter.scalar_bars:
            self.plotter.remove_scalar_bar()
        self.plotter.add_mesh(
            self._mesh,
            name="body",
            scalars="dose",
            cmap=list(colour_scale(256)),
            clim=(0.0, scale.end),
            ambient=0.5,  # skin that faces the viewer has the scale's own colour, as in the report
            diffuse=0.5,
            specular=0.0,
            scalar_bar_args=_bar(title, len(scale.ticks)),
            reset_camera=False,
            render=False,
        )

    def dose(self, dose_mgy: FloatArray) -> None:
        """Colour the body."""
        assert self._scale is not None
        self._mesh.cell_data["dose"][:] = in_dose_unit(1.0, self._scale.unit) * dose_mgy
        self._mesh.cell_data.VTKObject.GetArray("dose").Modified()
        self._mesh.Modified()

    def isodoses(self, dose_mgy: FloatArray, levels: Sequence[Level]) -> None:
        """Draw the lines where the dose passes these levels, and say which is which under the scale."""
        vertex_mgy = shapes.vertex_dose_mgy(self.phantom, dose_mgy) if levels else np.zeros(0)
        for place, colour in enumerate(LEVEL_COLOURS):
            name, level = f"isodose{place}", levels[place] if place < len(levels) else None
            lines = np.zeros((0, 2, 3))
            if level is not None:
                skin = (self.phantom.vertices_mm, self.phantom.triangles)
                lines = shapes.isodose_lines(*skin, vertex_mgy, level.mgy)
            self._lines(name, lines, colour, 2.5)
            words = f"\u2014 {level.label}{_KINDS[level.kind]}" if level and len(lines) else ""
            self.text(name, words, (0.87, 0.30 - 0.025 * place), colour, 10)

    def peak(self, at_mm: FloatArray | None, normal: FloatArray | None) -> None:
        """Mark the peak with a ring over the skin; None takes it away.

        normal   of the skin there
        """
        if at_mm is None or normal is None:
            self.plotter.remove_actor("peak", render=False)
            return
        first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
        first /= np.linalg.norm(first)
        turn = np.linspace(0.0, 2.0 * np.pi, 49)[:, None]
        ring = at_mm + _RING_MM * (np.cos(turn) * first + np.sin(turn) * np.cross(normal, first))
        self._lines("peak", np.stack([ring[:-1], ring[1:]], axis=1), _PEAK_COLOUR, 3.5)

    def labels(self) -> None:
        """Write the patient's sides beside him: those that stand beside the body in this view, not before it."""
        shown = [each for each in shapes.side_labels(self.phantom) if self.view.eye[each.axis] == 0]
        self._words("sides", [each.text for each in shown], np.array([each.at_mm for each in shown]), INK, 18)

    # --- What stands around

    def beam(self, pyramid: shapes.Pyramid | None, detector_mm: FloatArray | None) -> None:
        """Draw a beam from its focal spot to the detector, a translucent pyramid; None takes it away.

        detector_mm   (4, 3) corners of the detector's face, in order around it
        """
        names = ("beam", "beam edges", "source", "detector", "beam words")
        if pyramid is None or detector_mm is None:
            for name in names:
                self.plotter.remove_actor(name, render=False)
            self._around_mm = np.zeros((0, 3))
            return
        points = np.vstack([pyramid.source_mm, pyramid.corners_mm])
        sides = np.array([[3, 0, a, b] for a, b in ((1, 2), (2, 3), (3, 4), (4, 1))])
        self._solid("beam", pyvista.PolyData(points, faces=sides.ravel()), _BEAM_COLOUR, 0.28)
        ends = np.array([(0, k) for k in (1, 2, 3, 4)] + [(1, 2), (2, 3), (3, 4), (4, 1)])
        self._lines("beam edges", points[ends], _BEAM_COLOUR, 1.5)
        self._solid("source", pyvista.Sphere(radius=_FOCUS_MM, center=pyramid.source_mm), _BEAM_COLOUR, 1.0)
        away = np.cross(detector_mm[1] - detector_mm[0], detector_mm[3] - detector_mm[0])
        away *= _DETECTOR_MM / max(float(np.linalg.norm(away)), 1e-9)
        if np.dot(away, detector_mm[0] - pyramid.source_mm) < 0:
            away = -away
        near = detector_mm[[0, 1, 3, 2]]
        self._solid("detector", _box(np.vstack([near, near + away])), _BEAM_COLOUR, 0.45)
        self._around_mm = np.vstack([points, detector_mm + away])
        self._words(
            "beam words", ["source", "detector"], np.array([points[0], detector_mm.mean(axis=0)]), _BEAM_COLOUR, 14
        )

    def table(self, boxes: Sequence[shapes.Box]) -> None:
        """Draw table and pad, translucent."""
        if not boxes:
            for name in ("table", "table edges"):
                self.plotter.remove_actor(name, render=False)
            return
        mesh = pyvista.merge([_box(box.corners_mm) for box in boxes])
        self._solid("table", mesh, _TABLE_COLOUR, 0.02)  # the dose is looked at through it
        edges = np.concatenate([box.corners_mm[np.array(_EDGES)] for box in boxes])
        self._lines("table edges", edges, _TABLE_COLOUR, 1.0)

    def _solid(self, name: str, mesh: Any, colour: str, opacity: float) -> None:
        self.plotter.add_mesh(
            mesh,
            name=name,
            color=colour,
            opacity=opacity,
            culling="back",
            lighting=False,
            pickable=False,
            reset_camera=False,
            render=False,
        )

    def _lines(self, name: str, lines: FloatArray, colour: str, width: float) -> None:
        """Draw straight pieces, (n, 2, 3)."""
        if not len(lines):
            self.plotter.remove_actor(name, render=False)
            return
        pairs = np.arange(2 * len(lines)).reshape(-1, 2)
        cells = np.insert(pairs, 0, 2, axis=1)
        actor = self.plotter.add_mesh(
            pyvista.PolyData(lines.reshape(-1, 3), lines=cells.ravel()),
            name=name,
            color=colour,
            line_width=width,
            lighting=False,
            pickable=False,
            reset_camera=False,
            render=False,
        )
        actor.mapper.SetResolveCoincidentTopologyToPolygonOffset()
        actor.mapper.SetRelativeCoincidentTopologyLineOffsetParameters(-4.0, -4.0)  # on the skin, not half inside

    def _words(self, name: str, words: Sequence[str], at_mm: FloatArray, colour: str, size: int) -> None:
        self.plotter.add_point_labels(
            at_mm,
            list(words),
            name=name,
            text_color=colour,
            font_size=size,
            show_points=False,
            justification_horizontal="center",  # else a word to the left of the body runs into it
            shape=None,
            always_visible=True,
            pickable=False,
            reset_camera=False,
            render=False,
        )

    # --- Camera

    def look(self, view: View) -> None:
        """Look from one of the standard views, at the body and what stands around it."""
        self.view = view
        eye, up = np.array(view.eye, float), np.array(view.up, float)
        across = np.cross(up, eye)
        points = np.vstack([self.phantom.vertices_mm, self._around_mm, [each.at_mm for each in self._side_labels()]])
        low, high = points.min(axis=0), points.max(axis=0)
        size, centre = high - low, (low + high) / 2
        wide, tall = abs(across) @ size, abs(up) @ size
        width, height = self.plotter.window_size
        camera = self.plotter.camera
        camera.parallel_scale = float(max(tall / _ROOM[1], wide * height / width / _ROOM[0]) / 2)
        centre = centre + 2.0 * _SHIFT * camera.parallel_scale * up
        camera.focal_point = centre
        camera.position = centre + 4000.0 * eye
        camera.up = view.up
        self.plotter.renderer.reset_camera_clipping_range()
        self.labels()

    def _side_labels(self) -> list[shapes.Label]:
        return [each for each in shapes.side_labels(self.phantom) if self.view.eye[each.axis] == 0]

    def cell_at(self, x: int, y: int) -> int | None:
        """The cell of the body under a point of the window, in pixels from its lower left corner."""
        ends = []
        for depth in (0.0, 1.0):
            self.plotter.renderer.SetDisplayPoint(x, y, depth)
            self.plotter.renderer.DisplayToWorld()
            *place, w = self.plotter.renderer.GetWorldPoint()
            ends.append(np.array(place) / w)
        _, cells = self._mesh.ray_trace(*ends, first_point=True)
        return int(cells[0]) if len(cells) else None

    # --- Texts

    def text(self, name: str, words: str, at: tuple[float, float], colour: str = INK, size: int = 11) -> None:
        """Write a text; `at` is its upper left corner as a share of the window."""
        known = self._texts.get(name)
        if known is None:
            if not words:
                return
            known = pyvista.Text(words)
            known.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
            known.SetPosition(*at)
            known.prop.justification_vertical = "top"
            known.prop.font_family = "arial"
            self.plotter.add_actor(known, name=f"text {name}", reset_camera=False, render=False, pickable=False)
            self._texts[name] = known
        known.prop.font_size, known.prop.color = size + 4, colour
        known.input = words
        known.SetVisibility(bool(words))

    def hurry(self) -> None:
        """Without smooth edges where no graphics card draws: they take most of the time there."""
        if "llvmpipe" in self.plotter.render_window.ReportCapabilities():
            self.plotter.render_window.SetMultiSamples(0)

    # --- Pictures

    def picture(self) -> NDArray[np.uint8]:
        """(height, width, 3) what is drawn."""
        self.plotter.render()
        return np.asarray(self.plotter.screenshot(None, return_img=True), dtype=np.uint8)

    def png(self) -> bytes:
        """What is drawn, as a PNG."""
        out = io.BytesIO()
        self.plotter.render()
        self.plotter.screenshot(out)
        return out.getvalue()


@contextmanager
def quiet() -> Iterator[None]:
    """Without VTK's own remarks on standard error, on a display that it does not find and does not need."""
    with pyvista.vtk_verbosity("off"):
        yield


def _plotter(off_screen: bool, size: tuple[int, int]) -> Any:
    return pyvista.Plotter(off_screen=off_screen, window_size=list(size))


def _surface(phantom: Phantom) -> Any:
    """The body, with smooth normals and an empty map."""
    corners = np.insert(phantom.triangles, 0, 3, axis=1)
    mesh = pyvista.PolyData(phantom.vertices_mm, faces=corners.ravel())
    normals = np.zeros_like(phantom.vertices_mm)
    for corner in range(3):
        np.add.at(normals, phantom.triangles[:, corner], phantom.normal * phantom.area_mm2[:, None])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    mesh.point_data.active_normals = normals / np.where(length > 0, length, 1.0)
    mesh.cell_data["dose"] = np.zeros(len(phantom.triangles))
    return mesh


def _box(corners_mm: FloatArray) -> Any:
    return pyvista.PolyData(corners_mm, faces=np.insert(np.array(_FACES), 0, 4, axis=1).ravel())


def _bar(title: str, ticks: int) -> dict[str, Any]:
    return {
        "title": title,
        "n_labels": ticks,
        "fmt": "%g",
        "vertical": True,
        "color": INK,
        "position_x": 0.91,
        "position_y": 0.36,
        "width": 0.06,
        "height": 0.42,
        "title_font_size": 16,
        "label_font_size": 15,
        "font_family": "arial",
    }
