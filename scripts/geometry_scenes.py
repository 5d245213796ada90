"""The scenes of docs/geometry.md: which events each shows, and the numbers that stand beside its pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from geometry_cases import (
    Case,
    Row,
    axis_words,
    case,
    entrance,
    lit_cm2,
    path_words,
    point_words,
    side,
    table,
    whole,
)

from skindose.config import Settings
from skindose.dose import if_they_stood_mgy
from skindose.geometry.frames import ORIENTATIONS

PA: Row = {}
LAO_90: Row = {"positioner_primary_angle_deg": 90.0}
CRA_25: Row = {"positioner_secondary_angle_deg": 25.0}
NO_TABLE: Row = {
    "distance_source_to_isocenter_mm": None,
    "table_longitudinal_position_mm": None,
    "table_lateral_position_mm": None,
    "table_height_position_mm": None,
    "table_head_tilt_angle_deg": None,
    "table_horizontal_rotation_angle_deg": None,
    "table_cradle_tilt_angle_deg": None,
    "reference_point": None,
    "distance_source_to_detector_mm": 1000.0,
    "orientation": "",
}
# Feet first the table is driven so that the trunk is in the beam again: 500 mm from the crown of a patient of 1786 mm.
_TRUNK_FEET_FIRST_MM = 1286.0


@dataclass(frozen=True)
class Shot:
    """One picture of a scene: its words, its case, which beams it shows and from where (a name of `CAMERAS`).

    names   of the beams, in the table of numbers; the title where there is one
    """

    title: str
    case: Case
    camera: str = "foot end"
    beams: tuple[int, ...] = (0,)
    dose: bool = False
    names: tuple[str, ...] = ()

    @property
    def bare(self) -> bool:
        """Seen from below, table and beams would hide the skin."""
        return self.camera.startswith("below")


@dataclass(frozen=True)
class Scene:
    """A sheet of pictures under one name, and the table that goes with it."""

    shots: tuple[Shot, ...]
    columns: int
    numbers: str


def deg(primary: float, secondary: float = 0.0) -> Row:
    """An event at these angles of the stand."""
    return {"positioner_primary_angle_deg": primary, "positioner_secondary_angle_deg": secondary}


# --- Tables


HEADS = ["picture", "focal spot", "ray", "enters", "at", "focal spot to skin", "passes", "kerma there", "lit"]


def rows_of(shot: Shot) -> list[list[str]]:
    """A row for every beam of the picture: places in mm in the patient frame, air kerma free in air in mGy, cm2 lit."""
    rows = []
    for beam, name in zip(shot.beams, shot.names or [shot.title], strict=True):
        made, found = shot.case, entrance(shot.case, beam)
        start = [name, point_words(made.beams.source_mm[beam]), axis_words(made.beams.axis[beam])]
        if found is None:
            rows.append([*start, "misses the body", *[""] * 5])
            continue
        kerma = made.beams.air_kerma_rp_mgy[beam] * (made.beams.reference_distance_mm[beam] / found.distance_mm) ** 2
        rows.append(
            [
                *start,
                side(made, found.cell),
                point_words(found.point_mm),
                whole(found.distance_mm),
                path_words(made, found),
                f"{kerma:.1f}",
                f"{lit_cm2(made, beam):.0f}",
            ]
        )
    return rows


def numbers(*shots: Shot) -> str:
    """The table of a scene."""
    return table(HEADS, [row for shot in shots for row in rows_of(shot)])


def _entrance_words(made: Case, beam: int) -> str:
    found = entrance(made, beam)
    if found is None:
        return "misses"
    through = "through the table" if found.path_mm.sum() > 0 else "no table"
    return f"{side(made, found.cell)} {point_words(found.point_mm)}, {through}"


# --- Scenes


def _lying(told: str, lies: str) -> Shot:
    lateral = 500.0 if lies.startswith("hf") else _TRUNK_FEET_FIRST_MM
    rows = [{**row, "orientation": told, "table_lateral_position_mm": lateral} for row in (PA, LAO_90, CRA_25)]
    made = case(*rows, settings=Settings(placement="table", orientation=lies))
    title = lies.upper() if told == lies else f"file {told.upper()}, lies {lies.upper()}"
    return Shot(title, made, beams=(0, 1, 2))


def _orientations(told: str | None) -> Scene:
    shots = tuple(_lying(told or lies, lies) for lies in ORIENTATIONS)
    rows = [[shot.title, *(_entrance_words(shot.case, beam) for beam in shot.beams)] for shot in shots]
    return Scene(shots, 4, table(["picture", "PA (red)", "LAO 90 (blue)", "CRA 25 (orange)"], rows))


def _simple(columns: int, *shots: Shot) -> Scene:
    return Scene(shots, columns, numbers(*shots))


def _with_backs(*shots: Shot) -> Scene:
    """Below each picture the skin that it lights, seen from under the table."""
    backs = tuple(Shot("", shot.case, "below", shot.beams) for shot in shots)
    return Scene((*shots, *backs), len(shots), numbers(*shots))


def _table_moves() -> Scene:
    moves = {
        "still": PA,
        "longitudinal +100": {"table_longitudinal_position_mm": 70.0},
        "lateral +100": {"table_lateral_position_mm": 600.0},
        "height +100": {"table_height_position_mm": 270.0},
    }
    return _with_backs(*(Shot(title, case(row)) for title, row in moves.items()))


def _table_angles() -> Scene:
    turned, tilted, rolled = (
        {f"table_{name}_angle_deg": 15.0} for name in ("horizontal_rotation", "head_tilt", "cradle_tilt")
    )
    return _with_backs(
        Shot("horizontal rotation +15, from above", case(turned), "above"),
        Shot("head tilt +15, from his right", case(tilted), "side"),
        Shot("cradle tilt +15, from the feet", case(rolled), "feet"),
        Shot("all three", case({**turned, **tilted, **rolled})),
    )


def _gantry() -> Scene:
    return _with_backs(
        Shot("primary +30 (LAO)", case(deg(30)), "feet"),
        Shot("primary -30 (RAO)", case(deg(-30)), "feet"),
        Shot("secondary +25 (CRA)", case(deg(0, 25)), "side"),
        Shot("secondary -25 (CAU)", case(deg(0, -25)), "side"),
    )


def _axis_orders() -> Scene:
    first = Shot("30 / 30, primary-secondary", case(deg(30, 30)))
    second = Shot("30 / 30, secondary-primary", case(deg(30, 30), axis_order="secondary-primary"))
    cosine = float(first.case.beams.axis[0] @ second.case.beams.axis[0])
    words = f"The two rays differ by {np.degrees(np.arccos(cosine)):.2f} degrees."
    return replace(_with_backs(first, second), numbers=f"{numbers(first, second)}\n\n{words}")


def _field(u0: float, u1: float, v0: float, v1: float, **more: object) -> Row:
    edges = dict(zip(("u_min", "u_max", "v_min", "v_max"), (u0, u1, v0, v1), strict=True))
    return {**{f"field_{name}_mm": value for name, value in edges.items()}, **more}


def _fields() -> Scene:
    rows = {
        "centred, 120 x 120": _field(-60, 60, -60, 60),
        "u -100 to 20 (to his right)": _field(-100, 20, -60, 60),
        "v -20 to 100 (to his head)": _field(-60, 60, -20, 100),
        "120 x 60, rotation +30": _field(-60, 60, -30, 30, field_rotation_deg=30.0),
        "circle of 120": _field(-60, 60, -60, 60, field_shape="circle"),
        "FFS, u -100 to 20": {
            **_field(-100, 20, -60, 60),
            "orientation": "ffs",
            "table_lateral_position_mm": _TRUNK_FEET_FIRST_MM,
        },
    }
    return _simple(3, *(Shot(title, case(row), "below") for title, row in rows.items()))


def _biplane() -> Scene:
    made = case({**PA, "plane": "A"}, {**deg(-90, 0), "plane": "B"})
    names = ("plane A (red)", "plane B (blue)")
    both = Shot(", ".join(names), made, beams=(0, 1), names=names)
    peaks = {name or "together": made.dose_mgy(name).max() for name in ("A", "B", "")}
    words = ", ".join(f"{name} {peak:.1f}" for name, peak in peaks.items())
    text = f"{numbers(both)}\n\nHighest cell in mGy: {words}; the planes meet the skin in different places."
    return Scene((both, Shot("the map of both", made, "below left", (0, 1), dose=True)), 2, text)


def _rotational() -> Scene:
    row = {**deg(-100), "positioner_primary_end_angle_deg": 100.0, "event_type": "rotational acquisition"}
    made = case(row)
    last = len(made.beams) - 1
    shots = (
        Shot("-100 to +100 degrees, from the feet", made, "feet", tuple(range(0, len(made.beams), 4)), dose=True),
        Shot("the map, from below", made, "below", (last // 2,), dose=True),
    )
    shown = Shot("", made, beams=(0, last // 2, last), names=("first beam", "middle", "last"))
    words = f"{len(made.beams)} sub-events, each with {made.beams.weight[0]:.4f} of the event's air kerma."
    return Scene(shots, 2, f"{numbers(shown)}\n\n{words}")


def _pivots() -> Scene:
    turned = {"table_horizontal_rotation_angle_deg": 15.0}
    column = (0.0, -900.0, 0.0, 0.0, 0.0, 0.0)
    return _with_backs(
        Shot("15 degrees about the isocentre", case(turned), "above"),
        Shot("about the middle of its head end", case(turned, pivot="reference-point"), "above"),
        Shot("about a column 900 mm footwards", case(turned, pivot="points", pivot_mm=column), "above"),
    )


def _ends(made: Case) -> Shot:
    return Shot("", made, beams=(0, len(made.beams) - 1), names=("first beam", "last beam"))


def _stepping() -> Scene:
    made = case({"table_lateral_end_position_mm": 900.0, "event_type": "stepping acquisition"})
    last = len(made.beams) - 1
    shots = (
        Shot("lateral 500, the first beam", made),
        Shot("lateral 900, the last beam", made, beams=(last,)),
        Shot("the map, from below", made, "below", (last // 2,), dose=True),
    )
    words = f"{len(made.beams)} sub-events, each with {made.beams.weight[0]:.4f} of the event's air kerma."
    return Scene(shots, 3, f"{numbers(_ends(made))}\n\n{words}")


def _moved() -> Scene:
    made = case(PA, PA, settings=Settings(placement="table", move="2:40,-120,0,20=turned on his right side"))
    shots = (
        Shot("event 1", made, "foot end", (0,)),
        Shot("event 2, after he moved", made, "foot end", (1,)),
        Shot("the map, from below", made, "below", (0, 1), dose=True),
    )
    return Scene(shots, 3, numbers(*shots[:2]))


def _user() -> Scene:
    rows = (PA, deg(0, 60), deg(45))
    wrong = case(*rows)
    choice = {"exclude": "2=test shot without patient", "correct": "3:positioner_primary_angle_deg=-45=sign in the log"}
    right = case(*rows, settings=Settings(placement="table", **choice))
    shots = (
        Shot("as the file has it", wrong, beams=(0, 1, 2), names=tuple(f"file's event {k}" for k in (1, 2, 3))),
        Shot("as the user has it", right, beams=(0, 1), names=tuple(f"user's event {k}" for k in (1, 3))),
        Shot("", wrong, "below", (0, 1, 2), dose=True),
        Shot("", right, "below", (0, 1), dose=True),
    )
    return Scene(shots, 2, numbers(*shots[:2]))


def _envelope() -> Scene:
    made = case({**deg(-100), "event_type": "rotational acquisition"})
    dose = made.dose_mgy()
    upper = if_they_stood_mgy(made.beams, made.dose_map(), [0])
    shots = (
        Shot("start -100, no end: the arc is assumed", made, "feet", tuple(range(0, len(made.beams), 4)), dose=True),
        Shot("the map, from below", made, "below", (len(made.beams) // 2,), dose=True),
    )
    words = f"Highest cell {dose.max():.1f} mGy along the assumed way; {upper.max():.1f} mGy had the stand stood still."
    return Scene(shots, 2, f"{numbers(_ends(made))}\n\n{words}")


def _mobile() -> Scene:
    made = case(
        {**NO_TABLE, **deg(0)}, {**NO_TABLE, **deg(60)}, settings=Settings(orientation="hfs", offset_mm=(-30, 0, 0))
    )
    names = ("PA (red)", "LAO 60 (blue)")
    both = Shot(" and ".join(names) + ", no table", made, beams=(0, 1), names=names)
    return Scene((both, Shot("", made, "below", (0, 1), dose=True)), 2, numbers(both))


MAKERS: dict[str, Callable[[], Scene]] = {
    "agree": lambda: _orientations(None),
    "contradict": lambda: _orientations("hfs"),
    "table-moves": _table_moves,
    "table-angles": _table_angles,
    "gantry": _gantry,
    "axis-orders": _axis_orders,
    "fields": _fields,
    "biplane": _biplane,
    "rotational": _rotational,
    "envelope": _envelope,
    "pivots": _pivots,
    "stepping": _stepping,
    "moved": _moved,
    "user": _user,
    "mobile": _mobile,
}


@cache
def scene(name: str) -> Scene:
    """The scene of this name, made once."""
    return MAKERS[name]()


def parts() -> dict[str, str]:
    """The numbers of the page by the scene's name."""
    return {f"scene-{name}": scene(name).numbers for name in MAKERS}
