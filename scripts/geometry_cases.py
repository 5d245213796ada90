"""Cases of docs/geometry.md: a written dose report, through the program, to beams on a body and their numbers.

Every number on the page comes from here; `draw_geometry.py` adds the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from skindose import geometry, kernel, normalise, phantom, rdsr
from skindose.changes import changes, exclude
from skindose.config import Settings
from skindose.dose import dose_map
from skindose.geometry.frames import table_rotation
from skindose.geometry.place import table_angles
from skindose.model import Beams, DoseMap, Events, Factors, FloatArray, Hits, Patient, Phantom, Placement, Procedure
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes

Row = dict[str, Any]
# What every event has unless a case says otherwise: the isocentre 30 mm left of the centre line, 170 mm above the table
# top, 500 mm from its head end.
EVENT: Row = {
    "air_kerma_rp_mgy": 100.0,
    "kap_gycm2": 14.4,  # a square of 120 mm at the reference point
    "kvp_kv": 80.0,
    "distance_source_to_isocenter_mm": 750.0,
    "distance_source_to_detector_mm": 1100.0,
    "table_longitudinal_position_mm": -30.0,
    "table_lateral_position_mm": 500.0,
    "table_height_position_mm": 170.0,
    "table_head_tilt_angle_deg": 0.0,
    "table_horizontal_rotation_angle_deg": 0.0,
    "table_cradle_tilt_angle_deg": 0.0,
    "orientation": "hfs",
}
# Keys of a row that no report has: columns of `Events`, written over what normalising made of the report.
MADE_UP = ("field_u_min_mm", "field_u_max_mm", "field_v_min_mm", "field_v_max_mm", "field_rotation_deg", "field_shape")
BOX_MM = (400.0, 240.0, 1786.0)


@dataclass(frozen=True)
class Case:
    """One scene: the program's own stages, one after the other."""

    events: Events
    body: Phantom
    placement: Placement
    beams: Beams
    hits: Hits

    def dose_map(self) -> DoseMap:
        """Air kerma free in air by the inverse square alone, in the share of the cell that is lit."""
        one = np.ones(len(self.hits.cell))
        square = (self.beams.reference_distance_mm[self.hits.beam()] / self.hits.distance_mm) ** 2
        return dose_map([(self.beams, self.hits, Factors(square, 0 * one, one, one, one))], self.body)

    def dose_mgy(self, plane: str = "") -> FloatArray:
        """(cells,) the sum of it, over one plane's events if named."""
        own = np.array([plane in ("", name) for name in self.events.plane])[self.beams.event[self.hits.beam()]]
        weights = np.where(own, self.dose_map().hit_dose_mgy, 0.0)
        return np.bincount(self.hits.cell, weights=weights, minlength=len(self.body.area_mm2))


def report(*rows: Row) -> Procedure:
    """A synthetic report of these events, written as a file and read again."""
    written = []
    for second, row in enumerate(rows):  # one a second: events are taken in the order of time
        values = {"started": f"202601010800{second:02d}", **EVENT, **row}
        written.append(WrittenEvent(**{key: value for key, value in values.items() if key not in MADE_UP}))
    return _read(tuple(written))


@cache
def _read(events: tuple[WrittenEvent, ...]) -> Procedure:
    return rdsr.read_bytes(to_bytes(WrittenProcedure(events=events)), "scene.dcm")


def case(*rows: Row, settings: Settings | None = None, body: Phantom | None = None, **machine: Any) -> Case:
    """Report -> events -> placement -> beams -> hits.

    rows       what differs from `EVENT`
    settings   the user's options; placement by the table unless given
    machine    what differs from the generic profile
    """
    settings = settings or Settings(placement="table")
    body = body or male()
    events = normalise.normalise(report(*rows), settings)
    events = replace(events, machine=replace(events.machine, **machine), **_made_up(events, rows))
    events, _ = exclude(events, changes(events, settings, ()))
    placement = geometry.place(events, body, settings)
    beams = geometry.beams(events, placement, settings)
    return Case(events, body, placement, beams, kernel.cast(beams, body))


def _made_up(events: Events, rows: Sequence[Row]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in MADE_UP:
        if any(name in row for row in rows):
            column = [row.get(name, old) for row, old in zip(rows, getattr(events, name), strict=True)]
            columns[name] = tuple(column) if name == "field_shape" else np.array(column, dtype=float)
    return columns


@cache
def male() -> Phantom:
    """The body of the pictures."""
    return phantom.make(Settings(phantom="male"), Patient())


@cache
def box() -> Phantom:
    """A box in the patient frame, for numbers that a reader can check in his head."""
    from skindose.phantom.build import build
    from skindose.phantom.person import person
    from skindose.phantom.shapes import Shape

    x, y, z = BOX_MM[0] / 2, BOX_MM[1], BOX_MM[2]
    corners = [(sx * x, sy, sz) for sz in (-z, 0.0) for sy in (-y, 0.0) for sx in (-1, 1)]
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], dtype=np.int32)
    return build("box", Shape(np.array(corners, dtype=np.float64), triangles), person(Settings(), Patient()), ())


# --- Numbers


@dataclass(frozen=True)
class Entrance:
    """Where a central ray first meets the body."""

    point_mm: FloatArray  # patient frame
    cell: int
    distance_mm: float  # from the focal spot
    path_mm: FloatArray  # (layers,) before that, in the support


def entrance(made: Case, beam: int = 0) -> Entrance | None:
    """The first crossing of the central ray with the skin, and the kernel's path through the support up to there."""
    source, axis = made.beams.source_mm[beam], made.beams.axis[beam]
    distance, cell = first_crossing(made.body, source, axis)
    if not np.isfinite(distance):
        return None
    point = source + distance * axis
    u, v = made.beams.u[beam], made.beams.v[beam]
    patch = point + 0.01 * np.array([-u - v, 2 * v - u, 2 * u - v])  # a speck of skin that faces the ray
    speck = replace(
        made.body,
        vertices_mm=patch,
        triangles=np.array([[0, 1, 2]], dtype=np.int32),
        centroid_mm=point[None, :],
        normal=-axis[None, :],
        area_mm2=np.array([4.5e-4]),
        neighbours=np.full((1, 3), -1, dtype=np.int32),
        region=made.body.region[:1],
    )
    hits = kernel.cast(one_beam(made.beams, beam), speck)
    path = hits.path_mm[0] if len(hits.cell) else np.full(len(made.beams.support), np.nan)
    return Entrance(point, cell, distance, path)


def one_beam(beams: Beams, beam: int) -> Beams:
    """The same with this beam alone."""
    names = [name for name, value in vars(beams).items() if isinstance(value, np.ndarray) and name != "support_mm"]
    return replace(beams, **{name: getattr(beams, name)[beam : beam + 1] for name in names})


def first_crossing(body: Phantom, source: FloatArray, axis: FloatArray) -> tuple[float, int]:
    """Distance to the nearest triangle on the ray, and its number; infinite where there is none."""
    a, b, c = (body.vertices_mm[body.triangles[:, k]] for k in range(3))
    ab, ac, to_source = b - a, c - a, source - a
    across = np.cross(axis, ac)
    volume = np.einsum("ij,ij->i", ab, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.einsum("ij,ij->i", to_source, across) / volume
        turned = np.cross(to_source, ab)
        second = turned @ axis / volume
        distance = np.einsum("ij,ij->i", turned, ac) / volume
        meets = (first >= 0) & (second >= 0) & (first + second <= 1) & (distance > 0)
    reach = np.where(meets, distance, np.inf)
    cell = int(np.argmin(reach))
    return float(reach[cell]), cell


def side(made: Case, cell: int) -> str:
    """Side of the box that a cell lies on, or the region of the body."""
    if made.body.name != "box":
        return made.body.region_names[made.body.region[cell]]
    names = {(0, 1): "left", (0, -1): "right", (1, 1): "back", (1, -1): "front", (2, 1): "crown", (2, -1): "soles"}
    axis = int(np.argmax(np.abs(made.body.normal[cell])))
    return names[axis, round(float(made.body.normal[cell, axis]))]


def to_room(made: Case, beam: int, points_mm: FloatArray) -> FloatArray:
    """Points of the patient frame in the room (origin: isocentre), as they stand during this beam."""
    rotation = room_rotation(made, beam)
    return (np.asarray(points_mm) - isocentre(made, beam)) @ rotation.T


def room_rotation(made: Case, beam: int) -> FloatArray:
    """Patient axes -> room axes during this beam."""
    event = made.beams.event
    own = np.flatnonzero(event == event[beam])
    time = (beam - own[:1] + 0.5) / len(own)  # sub-events are even in time
    angles = (angle[0] for angle in table_angles(made.events, event[beam : beam + 1], time))
    return table_rotation(*angles) @ made.beams.table_rotation[beam]


def isocentre(made: Case, beam: int) -> FloatArray:
    """The isocentre in the patient frame during this beam."""
    reach = made.events.distance_source_to_isocenter_mm[made.beams.event[beam]]
    return made.beams.source_mm[beam] + reach * made.beams.axis[beam]


def lit_cm2(made: Case, beam: int | None = None) -> float:
    """Area of skin that a beam lights, or all of them together."""
    hits = made.hits
    rows = slice(None) if beam is None else slice(hits.beam_start[beam], hits.beam_start[beam + 1])
    share = np.zeros(len(made.body.area_mm2))
    np.maximum.at(share, hits.cell[rows], hits.coverage[rows])
    return float((share * made.body.area_mm2).sum()) / 100.0


# --- Words


def whole(value: float) -> str:
    """A number in whole mm, without a negative zero; a value near the middle of two is no matter of rounding."""
    return f"{round(float(value) + 1e-6):d}"


def point_words(point_mm: FloatArray) -> str:
    """(x, y, z) in whole mm."""
    return f"({', '.join(whole(value) for value in point_mm)})"


def axis_words(axis: FloatArray) -> str:
    """A unit vector with three decimals, without negative zeros."""
    return f"({', '.join(f'{float(value) + 1e-9:.3f}'.replace('-0.000', '0.000') for value in axis)})"


def path_words(made: Case, found: Entrance) -> str:
    """What the ray passes before the skin: "table, pad" with the path in mm, or "nothing"."""
    pads = np.array([layer.name == "pad" for layer in made.beams.support], dtype=bool)
    parts = {"table": float(found.path_mm[~pads].sum()), "pad": float(found.path_mm[pads].sum())}
    return ", ".join(f"{name} {length:.1f}" for name, length in parts.items() if length > 0) or "nothing"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, ["---"] * len(heads), *rows])
