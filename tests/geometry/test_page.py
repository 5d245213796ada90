"""docs/geometry.md: numbers are the program's, tables of orientation those derived by hand, pictures there."""

import os
import re
import subprocess
import sys

import pytest

from tests.geometry import test_orientation as by_hand
from tests.house import source

PATH = source.ROOT / "docs" / "geometry.md"
PAGE = PATH.read_text(encoding="utf-8")
MOST_BYTES = 1_500_000  # all pictures together: they travel with every clone


def rows(part):
    """Cells of every row of a generated table, head first."""
    text = re.search(rf"<!-- {part}: generated[^>]*-->(.*?)<!-- {part}: end -->", PAGE, re.DOTALL)[1]
    lines = [line for line in text.strip().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


def words(side, point, distance, table):
    """One entry of the tables, from what `by_hand` gives."""
    place = ", ".join(f"{round(value):d}" for value in point)
    return f"{side} ({place}), {round(distance):d}, {'**table**' if table else 'no table'}"


def test_every_number_is_what_the_program_says():
    script = source.ROOT / "scripts" / "draw_geometry.py"
    environment = {**os.environ, "PYTHONPATH": f"{source.ROOT}{os.pathsep}{source.ROOT / 'phantoms'}"}
    done = subprocess.run([sys.executable, script, "--check"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"run `make docs`:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(("part", "told"), [("orientation-agree", None), ("orientation-gantry", "hfs")])
def test_the_tables_of_entrances_are_those_derived_by_hand(part, told):
    _, *lines = rows(part)
    assert [line[0].lower() for line in lines] == by_hand.NAMES
    for name, *cells in lines:
        lies = name.lower()
        beams = [("PA", ""), ("LAO 90", ""), ("CRA 25", ""), ("PA", "longitudinal"), ("PA", "lateral")]
        assert cells == [words(*by_hand.by_hand(beam, told or lies, lies, move)) for beam, move in beams]


@pytest.mark.parametrize(("part", "beam"), [("contradict-pa", "PA"), ("contradict-lao", "LAO 90")])
def test_the_tables_of_contradictions_are_those_derived_by_hand(part, beam):
    head, *lines = rows(part)
    assert [name.lower() for name in head[1:]] == by_hand.NAMES
    for told, *cells in lines:
        for lies, cell in zip(by_hand.NAMES, cells, strict=True):
            side, _, _, table = by_hand.by_hand(beam, told.lower(), lies)
            assert cell == (f"**{side}**" if table else side)


def test_the_table_of_moves_is_that_derived_by_hand():
    head, *lines = rows("orientation-moves")
    moves = [name.split()[0] for name in head[1:]]
    for name, *cells in lines:
        parts = [by_hand.FACES[name.lower()][by_hand.MOVES[move][1]] for move in moves]
        assert cells == [f"100 to his {part}" for part in parts]


def test_the_pictures_are_there_and_small():
    shown = {PATH.parent / name for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE)}
    drawn = set((PATH.parent / "geometry").glob("*.png"))
    assert shown == drawn
    assert sum(path.stat().st_size for path in drawn) < MOST_BYTES
