"""docs/conventions.md says what the code does: its tables are read and compared, its picture is drawn again."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from skindose.geometry.frames import ORIENTATIONS, isocentre_in_table, stand_rotation, table_rotation
from tests.close import close
from tests.house import source

PAGE = (source.ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
EXACT = "the page gives the closed form"
AXES = {"+X": (1, 0, 0), "-X": (-1, 0, 0), "+Y": (0, 1, 0), "-Y": (0, -1, 0), "+Z": (0, 0, 1), "-Z": (0, 0, -1)}


def rows(heading):
    """Cells of every row of the table whose heading begins so."""
    lines = iter(PAGE[PAGE.index(f"| {heading}") :].splitlines()[2:])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in iter(lambda: next(lines), "")]


@pytest.mark.parametrize("row", rows("orientation | row 1"), ids=lambda row: row[0])
def test_orientation(row):
    name, *matrix, points = row
    turned = ORIENTATIONS[name.lower()]
    close(turned, [[float(n) for n in line.split()] for line in matrix], atol=1e-15, because=EXACT)
    close(turned.T, [AXES[axis] for axis in points.split(", ")], atol=1e-15, because=EXACT)
    close(np.linalg.det(turned), 1.0, atol=1e-15, because="a rotation, no mirror")


def test_all_eight_orientations_are_on_the_page():
    assert [row[0].lower() for row in rows("orientation | row 1")] == list(ORIENTATIONS)


@pytest.mark.parametrize("row", rows("a | b | d"), ids=lambda row: f"{row[0]}/{row[1]}")
def test_direction(row):
    got = -stand_rotation(float(row[0]), float(row[1]), "primary-secondary")[..., 1]
    close(got, [float(n) for n in row[2].split(",")], atol=6e-5, because="the page gives four decimals")


def test_direction_of_the_other_order():
    a, b = np.radians([30.0, 20.0])
    want = (np.sin(a), -np.cos(a) * np.cos(b), np.cos(a) * np.sin(b))
    close(-stand_rotation(30.0, 20.0, "secondary-primary")[..., 1], want, atol=1e-15, because=EXACT)


def test_example_of_the_isocentre():
    numbers = re.search(r"longitudinal\s+(-?\d+), height (-?\d+), lateral (-?\d+), zeros 0: .* at \((.*?)\)", PAGE)
    longitudinal, height, lateral = (float(n) for n in numbers.groups()[:3])
    want = [float(n) for n in numbers.group(4).split(",")]
    close(isocentre_in_table(longitudinal, height, lateral), want, atol=1e-12, because=EXACT)


@pytest.mark.parametrize(
    ("angles", "point", "goes"),
    [
        ((5, 0, 0), (0, 0, -1), (-1, 0, 0)),  # clockwise from above: the feet go to the right
        ((5, 0, 0), (0, 0, 1), (1, 0, 0)),
        ((0, 5, 0), (0, 0, 1), (0, -1, 0)),  # head up
        ((0, 0, 5), (1, 0, 0), (0, -1, 0)),  # left side up
    ],
)
def test_signs_of_the_table(angles, point, goes):
    moved = table_rotation(*(float(angle) for angle in angles)) @ point - point
    assert moved @ np.array(goes) > 0.08


def test_the_picture_is_what_the_script_draws(tmp_path):
    script = source.ROOT / "scripts" / "draw_conventions.py"
    environment = {**os.environ, "PYTHONPATH": str(source.ROOT)}
    subprocess.run([sys.executable, script, tmp_path / "new.svg"], env=environment, check=True)
    drawn = (source.ROOT / "docs" / "conventions.svg").read_text(encoding="utf-8")
    assert (tmp_path / "new.svg").read_text(encoding="utf-8") == drawn, "run `make docs`"
