"""What a table turns about: the isocentre's place on it, worked out by hand."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.geometry import beams, place
from skindose.geometry.frames import isocentre_in_table, isocentre_in_turned_table, table_rotation, table_turns
from skindose.geometry.place import isocentres
from skindose.normalise import normalise
from skindose.normalise.profiles import parse
from tests import scenes
from tests.close import close
from tests.normalise import build

EXACT = "plane geometry by hand"
# The table's head end lies 450 mm to the head of the isocentre, its upper surface 150 mm under it.
LEVEL = (0.0, -150.0, -450.0)
SIN, COS = np.sin(np.radians(30.0)), np.cos(np.radians(30.0))


def found(pivot="isocentre", points=(0.0,) * 6, rides=True, **angles):
    machine = scenes.machine(pivot=pivot, pivot_mm=points, pivot_rides=rides)
    row = {f"table_{name}_angle_deg": value for name, value in angles.items()}
    return isocentres(scenes.events(row, made_up=machine))[0]


TURNS = [{"horizontal_rotation": 30.0}, {"head_tilt": 30.0}, {"cradle_tilt": 30.0}]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: next(iter(turn)))
def test_about_the_isocentre_its_place_on_the_table_stays(turn):
    close(found(**turn), LEVEL, atol=1e-9, because=EXACT)


@pytest.mark.parametrize(
    ("turn", "want"),
    [
        # Seen from the head end: the isocentre is 450 mm to the feet, 150 mm up. The table turns, it stays in the room.
        ({"horizontal_rotation": 30.0}, (450 * SIN, -150.0, -450 * COS)),
        ({"head_tilt": 30.0}, (0.0, -150 * COS - 450 * SIN, -450 * COS + 150 * SIN)),
        ({"cradle_tilt": 30.0}, (150 * SIN, -150 * COS, -450.0)),
    ],
)
def test_about_the_reference_point_as_in_the_isocentre_reference_system(turn, want):
    close(found("reference-point", **turn), want, atol=1e-9, because=EXACT)


def test_about_the_reference_point_is_the_standards_own_equation():
    """x_table = R^T (x_room - T), T the reference point's place in the room: PS3.3 C.8.19.6.11."""
    angles = (20.0, -7.0, 11.0)
    names = ("horizontal_rotation", "head_tilt", "cradle_tilt")
    want = table_rotation(*angles).T @ np.array(LEVEL)
    got = found("reference-point", **dict(zip(names, angles, strict=True)))
    close(got, want, atol=1e-9, because="three turns about one point are one")


def test_about_the_columns_axis():
    """The column stands 1000 mm to the feet: the head end goes left, the isocentre lies farther right on the table."""
    got = found("points", (0.0, -1000.0, 0, 0, 0, 0), horizontal_rotation=30.0)
    close(got, (-1000 * SIN, -150.0, -450 - 1000 * (1 - COS)), atol=1e-9, because=EXACT)


@pytest.mark.parametrize(("rides", "down"), [(True, 300.0), (False, 150.0)])
def test_a_tilt_axis_under_the_table_top_may_ride_with_it(rides, down):
    """Axis 150 mm under the table top: at height 150, 300 mm under the isocentre; one that does not ride stays."""
    got = found("points", (0, 0, 150.0, 0.0, 0, 0), rides, head_tilt=30.0)
    close(got, (0.0, -150 + down * (1 - COS), -450 + down * SIN), atol=1e-9, because=EXACT)


def test_the_cradles_axis():
    got = found("points", (0, 0, 0, 0, 100.0, 0.0), False, cradle_tilt=30.0)
    close(got, (100 * (1 - COS), -150 + 100 * SIN * -1, -450.0), atol=1e-9, because=EXACT)


def test_the_horizontal_rotation_carries_the_tilt_which_carries_the_cradle():
    """A point of the table goes cradle, tilt, rotation, each about its own axis; the isocentre goes there and back."""
    rng = np.random.default_rng(5)
    level, pivots = rng.normal(0, 300, 3), tuple(rng.normal(0, 300, (3, 3)))
    turns = table_turns(*rng.uniform(-40, 40, 3))
    point = isocentre_in_turned_table(level, turns, pivots) - level
    for turn, pivot in zip(turns[::-1], pivots[::-1], strict=True):
        point = pivot + turn @ (point - pivot)
    close(point, (0, 0, 0), atol=1e-9, because="the isocentre of the room")


def test_a_level_table_has_no_pivot():
    for pivot in ("isocentre", "reference-point", "points"):
        close(found(pivot, (1.0, 2, 3, 4, 5, 6)), LEVEL, atol=1e-9, because="nothing turned")


def test_a_missing_axis_stays_missing_alone():
    row = {"table_height_position_mm": np.nan}
    for pivot in ("isocentre", "reference-point", "points"):
        got = isocentres(scenes.events(row, made_up=scenes.machine(pivot=pivot)))[0]
        assert np.isnan(got).tolist() == [False, True, False]
        close(got[[0, 2]], (0.0, -450.0), atol=1e-9, because="a level table")


def assumed(status, **row):
    events = scenes.events(row, made_up=scenes.machine(profile_status=status))
    return [text for text in place(events, scenes.lying_box(), Settings()).assumptions if "turn about" in text]


def test_an_assumed_pivot_is_said_where_the_table_turned_and_only_there():
    (text,) = assumed("documented", table_horizontal_rotation_angle_deg=-10.0)
    assert "up to 10 degrees in 1 events" in text
    assert "17 mm elsewhere" in text  # 2 x 100 sin 5
    assert assumed("documented", table_horizontal_rotation_angle_deg=0.2) == []
    assert assumed("commissioned", table_horizontal_rotation_angle_deg=-10.0) == []


def test_a_profile_states_its_pivot():
    profile = parse(
        'name = "own"\ntitle = "own"\nstatus = "commissioned"\nevidence = "measured here"\ndate = 2026-01-01\n'
        'sources = ["site"]\n[table.pivot]\nabout = "points"\nhorizontal_mm = [0, -900]\nhead_tilt_mm = [120, -300]\n',
        "own.toml",
    )
    assert profile.table.pivot.about == "points"
    assert profile.table.pivot.horizontal_mm == (0, -900)
    machine = normalise(build.procedure(build.event(1))).machine
    assert (machine.pivot, machine.pivot_mm) == ("isocentre", (0.0,) * 6)


def test_the_beam_of_a_tilted_table_still_passes_the_isocentre():
    """Whatever the pivot, source + distance x axis is the isocentre, brought back to the room through the table."""
    row = {
        "table_head_tilt_angle_deg": 12.0,
        "table_horizontal_rotation_angle_deg": -8.0,
        "table_cradle_tilt_angle_deg": 5.0,
    }
    events = scenes.events(row, made_up=scenes.machine(pivot="points", pivot_mm=(10, -900, 120, -300, 5, 80)))
    settings = Settings(placement="table")
    made = beams(events, place(events, scenes.lying_box(), settings), settings)
    isocentre = made.table_rotation[0] @ (made.source_mm[0] + 750 * made.axis[0]) + made.table_origin_mm[0]
    close(isocentre, isocentres(events)[0], atol=1e-9, because="by definition of the beam")
    level = isocentre_in_table(np.array([0.0]), np.array([150.0]), np.array([450.0]))[0]
    assert np.linalg.norm(isocentre - level) > 50.0
