"""The tables of docs/geometry.md on orientation: the program's numbers for a box that a reader can check by himself."""

from __future__ import annotations

from functools import cache

from geometry_cases import EVENT, Case, Row, box, case, entrance, isocentre, point_words, side, table, whole

from skindose.config import Settings
from skindose.geometry.frames import ORIENTATIONS

NAMES = tuple(ORIENTATIONS)
MOVE_MM = 100.0
MOVES = {
    "longitudinal": "table_longitudinal_position_mm",
    "lateral": "table_lateral_position_mm",
    "height": "table_height_position_mm",
}
_TABLE: Row = {"table_longitudinal_position_mm": 0.0, "table_height_position_mm": 160.0}
BEAMS: dict[str, Row] = {
    "PA (0 / 0)": {},
    "LAO 90 (90 / 0)": {"positioner_primary_angle_deg": 90.0},
    "CRA 25 (0 / 25)": {"positioner_secondary_angle_deg": 25.0},
    **{f"PA, {move} +{MOVE_MM:g}": {column: {**EVENT, **_TABLE}[column] + MOVE_MM} for move, column in MOVES.items()},
}
_SHOWN = 5  # beams of the long tables; what a change of height does stands in its own
_DIRECTIONS = {(0, 1): "left", (0, -1): "right", (1, 1): "back", (1, -1): "front", (2, 1): "head", (2, -1): "feet"}


@cache
def lying(told: str, lies: str, relative_to: str = "patient") -> Case:
    """All beams on the box: the file tells `told` ("" for nothing), the option says `lies`."""
    rows = [{**_TABLE, **row, "orientation": told} for row in BEAMS.values()]
    settings = Settings(placement="table", orientation=lies)
    return case(*rows, settings=settings, body=box(), angles_relative_to=relative_to)


def entrances(told: str | None, relative_to: str = "patient") -> str:
    """Side, place, focal spot to skin, table or not, of every beam; told None: the file tells what he lay as."""
    rows = []
    for lies in NAMES:
        made = lying(lies if told is None else told, lies, relative_to)
        rows.append([lies.upper(), *(_words(made, beam) for beam in range(_SHOWN))])
    return table(["lies", *list(BEAMS)[:_SHOWN]], rows)


def _words(made: Case, beam: int) -> str:
    found = entrance(made, beam)
    if found is None:
        return "misses"
    through = "**table**" if found.path_mm.sum() > 0 else "no table"
    return f"{side(made, found.cell)} {point_words(found.point_mm)}, {whole(found.distance_mm)}, {through}"


def contradictions(beam: int) -> str:
    """8 x 8: the side where a beam enters, in bold where table and pad come first; rows: the file, columns: he lay."""
    rows = []
    for told in NAMES:
        cells = []
        for lies in NAMES:
            made = lying(told, lies)
            found = entrance(made, beam)
            assert found is not None
            name = side(made, found.cell)
            cells.append(f"**{name}**" if found.path_mm.sum() > 0 else name)
        rows.append([told.upper(), *cells])
    return table(["file \\ lies", *(name.upper() for name in NAMES)], rows)


def table_moves() -> str:
    """How the isocentre moves in the patient when the table moves; it depends on how he lies, and on nothing else."""
    rows = []
    for lies in NAMES:
        made = lying(lies, lies)
        cells = []
        for beam in range(len(BEAMS) - len(MOVES), len(BEAMS)):
            step = isocentre(made, beam) - isocentre(made, 0)
            axis = max(range(3), key=lambda k: abs(step[k]))
            cells.append(f"{whole(abs(step[axis]))} to his {_DIRECTIONS[axis, 1 if step[axis] > 0 else -1]}")
        rows.append([lies.upper(), *cells])
    return table(["lies", *(f"{name} +{MOVE_MM:g}" for name in MOVES)], rows)


def parts() -> dict[str, str]:
    """The tables of the page by name."""
    return {
        "orientation-agree": entrances(None),
        "orientation-gantry": entrances("hfs", "gantry"),
        "orientation-moves": table_moves(),
        "contradict-pa": contradictions(0),
        "contradict-lao": contradictions(1),
    }
