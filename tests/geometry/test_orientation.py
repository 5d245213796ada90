"""Where a beam enters, for all eight orientations, registered and actual, derived here by hand and in words.

Nothing of skindose.geometry.frames is used for what must be. The patient is a box of 400 x 240 x 1786 mm whose back
is at y = 0, whose crown is at z = 0. The isocentre lies 160 mm above the table top, 500 mm from its head end, on the
centre line; the pad is 40 mm thick, so the isocentre is 120 mm above the side that rests on it.
"""

from itertools import product

import numpy as np
import pytest

from skindose.config import Settings
from skindose.geometry import beams, place
from skindose.kernel import cast
from tests import scenes
from tests.close import close

EXACT = "a line meets a box: closed form in double precision"
TAN25, COS25 = 0.46630765815499859, 0.90630778703664996

# Which part of the patient faces the table's left (+X), right (-X), the floor, the ceiling, its head and foot end.
# Stand at the foot end and look along the table: +X is to the right, the floor below, the head end ahead. A supine
# patient's face is up and, head first, his left is to the right. Rolled on his right side (to the left, for the
# onlooker) his face looks left; on his left side it looks right; prone he has turned over, and left and right have
# changed places. Feet first is the same after half a turn about the vertical: what was on the right is on the left,
# what was ahead is behind.
FACES = {
    "hfs": {"floor": "back", "ceiling": "front", "+x": "left", "-x": "right", "head end": "head", "foot end": "feet"},
    "hfp": {"floor": "front", "ceiling": "back", "+x": "right", "-x": "left", "head end": "head", "foot end": "feet"},
    "hfdr": {"floor": "right", "ceiling": "left", "+x": "back", "-x": "front", "head end": "head", "foot end": "feet"},
    "hfdl": {"floor": "left", "ceiling": "right", "+x": "front", "-x": "back", "head end": "head", "foot end": "feet"},
    "ffs": {"floor": "back", "ceiling": "front", "+x": "right", "-x": "left", "head end": "feet", "foot end": "head"},
    "ffp": {"floor": "front", "ceiling": "back", "+x": "left", "-x": "right", "head end": "feet", "foot end": "head"},
    "ffdr": {"floor": "right", "ceiling": "left", "+x": "front", "-x": "back", "head end": "feet", "foot end": "head"},
    "ffdl": {"floor": "left", "ceiling": "right", "+x": "back", "-x": "front", "head end": "feet", "foot end": "head"},
}  # fmt: skip
NAMES = list(FACES)
# The isocentre in the patient: 120 mm from what rests on the pad, in the middle sideways; 500 mm from crown or soles.
ISOCENTRE = {
    "hfs": (0, -120, -500),
    "hfp": (0, -120, -500),  # the front, at y = -240, is down
    "hfdr": (-80, -120, -500),  # the right side, at x = -200, is down
    "hfdl": (80, -120, -500),
    "ffs": (0, -120, -1286),
    "ffp": (0, -120, -1286),
    "ffdr": (-80, -120, -1286),
    "ffdl": (80, -120, -1286),
}
# Side of the box -> (coordinate, its value); direction in the patient -> (coordinate, sign).
SIDE = {"back": (1, 0.0), "front": (1, -240.0), "left": (0, 200.0), "right": (0, -200.0)}
TOWARDS = {"left": (0, 1), "right": (0, -1), "back": (1, 1), "front": (1, -1), "head": (2, 1), "feet": (2, -1)}
BEAMS = {
    "PA": {},
    "LAO 90": {"positioner_primary_angle_deg": 90.0},
    "CRA 25": {"positioner_secondary_angle_deg": 25.0},
}
# A table that moves to its left takes the patient along: the isocentre then lies further right in the table, and so on.
MOVES = {
    "": ("", ""),
    "longitudinal": ("table_longitudinal_position_mm", "-x"),  # grows to the left (PS3.3 C.8.19.6.11)
    "lateral": ("table_lateral_position_mm", "foot end"),  # grows towards the head end
    "height": ("table_height_position_mm", "ceiling"),  # grows downwards
}


def room_side_of(orientation, part):
    """Where a part of a patient lying so faces in the room."""
    return next(side for side, faces in FACES[orientation].items() if faces == part)


def tube_side(beam, told):
    """Side of the room on which the focal spot stands, and the side to which the ray leans (CRA 25 alone).

    PA and CRA 25: behind the back of the patient that the angles are relative to; LAO 90: on his right. A cranial ray
    comes from further towards his feet. Relative to the gantry is as if he lay head first, supine.
    """
    where = room_side_of(told, "right" if beam == "LAO 90" else "back")
    return where, room_side_of(told, "feet") if beam == "CRA 25" else ""


def by_hand(beam, told, lies, move=""):
    """(side of entry, point, focal spot to skin in mm, through table and pad) of one central ray.

    told    orientation that the angles are relative to: the registered one, or hfs where they are the gantry's
    lies    the actual orientation
    """
    where, lean = tube_side(beam, told)
    point = np.array(ISOCENTRE[lies], dtype=float)
    if move:
        axis, sign = TOWARDS[FACES[lies][MOVES[move][1]]]
        point[axis] += sign * 100.0
    side = FACES[lies][where]
    axis, level = SIDE[side]
    depth = abs(point[axis] - level)
    point[axis] = level
    if lean:
        axis, sign = TOWARDS[FACES[lies][lean]]
        point[axis] += sign * depth * TAN25
    return side, point, 750.0 - depth / (COS25 if lean else 1.0), where == "floor"


def by_program(registered, settings, relative_to="patient"):
    """{(beam, move): the same} from the program: first crossing of ray and box, the kernel's path in the support."""
    cases = list(product(BEAMS, MOVES))
    rows = []
    for beam, move in cases:
        row = {**BEAMS[beam], "table_lateral_position_mm": 500.0, "table_height_position_mm": 160.0}
        column = MOVES[move][0]
        rows.append({**row, column: row.get(column, 0.0) + 100.0} if column else row)
    events = scenes.events(*rows, orientation=registered, made_up=scenes.machine(angles_relative_to=relative_to))
    box = scenes.lying_box(depth_mm=240.0)
    made = beams(events, place(events, box, settings), settings)
    near = first_crossings(made, box)
    points = made.source_mm + near[:, None] * made.axis
    specks = 0.01 * np.stack([-made.u - made.v, 2 * made.v - made.u, 2 * made.u - made.v], axis=1)  # facing the ray
    skin = (points[:, None, :] + specks).reshape(-1, 3)
    hits = cast(made, scenes.phantom(skin, np.arange(len(skin)).reshape(-1, 3)))
    found = {}
    for k, (point, case) in enumerate(zip(points, cases, strict=True)):
        side = next(name for name, (i, level) in SIDE.items() if abs(point[i] - level) < 1e-6)
        own = slice(hits.beam_start[k], hits.beam_start[k + 1])
        (path,) = hits.path_mm[own][hits.cell[own] == k]
        found[case] = side, point, near[k], path.sum() > 0
    return found


def first_crossings(made, box):
    """Distance from each focal spot to the box along its central ray."""
    low, high = box.vertices_mm.min(axis=0), box.vertices_mm.max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.minimum((low - made.source_mm) / made.axis, (high - made.source_mm) / made.axis)
    return np.where(np.abs(made.axis) < 1e-12, -np.inf, near).max(axis=1)


def same(got, want):
    assert got[0] == want[0]
    close(got[1], want[1], atol=1e-9, because=EXACT)
    close(got[2], want[2], atol=1e-9, because=EXACT)
    assert got[3] == want[3]


def all_same(got, told, lies):
    for (beam, move), found in got.items():
        same(found, by_hand(beam, told, lies, move))


@pytest.mark.parametrize("lies", NAMES)
def test_a_silent_file_takes_the_option_as_both(lies):
    all_same(by_program("", Settings(orientation=lies)), lies, lies)


@pytest.mark.parametrize("lies", NAMES)
def test_file_and_option_that_agree_are_as_the_file_alone(lies):
    all_same(by_program(lies, Settings()), lies, lies)
    all_same(by_program(lies, Settings(orientation=lies)), lies, lies)


def test_a_silent_file_without_option_is_head_first_supine():
    all_same(by_program("", Settings()), "hfs", "hfs")


@pytest.mark.parametrize(("told", "lies"), [pair for pair in product(NAMES, NAMES) if pair[0] != pair[1]])
def test_when_file_and_option_contradict_the_beam_in_the_room_stays_and_the_patient_turns(told, lies):
    all_same(by_program(told, Settings(orientation=lies)), told, lies)


@pytest.mark.parametrize(("told", "lies"), list(product(("", *NAMES), NAMES)))
def test_angles_relative_to_the_gantry_know_no_registered_orientation(told, lies):
    all_same(by_program(told, Settings(orientation=lies), relative_to="gantry"), "hfs", lies)


def test_five_cases_written_out():
    """Each worked out with pencil and paper; they keep `by_hand` honest."""
    # On his right side, told so: PA comes from behind his back, level with the table, and misses it.
    same(by_hand("PA", "hfdr", "hfdr"), ("back", (-80, 0, -500), 630.0, False))
    # LAO 90 comes from his right, which is down: through the table.
    same(by_hand("LAO 90", "hfdr", "hfdr"), ("right", (-200, -120, -500), 630.0, True))
    # Told supine, he lay prone, feet first: the tube below meets his front; a cranial ray leans to the table's head
    # end, where his feet are, so it enters nearer to his head.
    same(by_hand("CRA 25", "hfs", "ffp"), ("front", (0, -240, -1286 + 120 * TAN25), 750 - 120 / COS25, True))
    # Told prone, he lay supine: the tube that the machine thought behind his back was above his front.
    same(by_hand("PA", "hfp", "hfs"), ("front", (0, -240, -500), 630.0, False))
    # Feet first, supine: the table's left is his right; a table moved 100 mm to its left puts the beam on his left.
    same(by_hand("PA", "ffs", "ffs", "longitudinal"), ("back", (100, 0, -1286), 630.0, True))


@pytest.mark.parametrize("order", ["primary-secondary", "secondary-primary"])
@pytest.mark.parametrize("told", NAMES)
def test_the_image_keeps_the_registered_patients_left_and_head(told, order):
    """Asymmetric shutters and the collimator's rotation rest on u and v, not on the ray alone (docs/conventions.md)."""
    made_up = scenes.machine(axis_order=order)
    for beam in BEAMS:
        events = scenes.events(BEAMS[beam], orientation=told, made_up=made_up)
        supine = scenes.events(BEAMS[beam], orientation="hfs", made_up=made_up)
        box = scenes.lying_box()
        turned, plain = (beams(e, place(e, box, Settings()), Settings()) for e in (events, supine))
        for name in ("axis", "u", "v"):
            close(getattr(turned, name)[0], getattr(plain, name)[0], atol=1e-12, because="angles are the patient's")


@pytest.mark.parametrize("run", [(-60.0, 60.0), (-100.0, 100.0), (170.0, -160.0)])
@pytest.mark.parametrize("told", NAMES)
def test_a_run_goes_the_same_way_round_whatever_the_order_of_axes(told, run):
    """With the secondary angle at 0 both kinds of stand turn about one and the same axis."""
    row = {"positioner_primary_angle_deg": run[0], "positioner_primary_end_angle_deg": run[1]}
    made = []
    for order in ("primary-secondary", "secondary-primary"):
        events = scenes.events(row, orientation=told, made_up=scenes.machine(axis_order=order))
        made.append(beams(events, place(events, scenes.lying_box(), Settings()), Settings()))
    for name in ("axis", "u", "v"):
        close(getattr(made[1], name), getattr(made[0], name), atol=1e-12, because=EXACT)


@pytest.mark.parametrize(
    ("told", "start", "end"),
    [("hfs", 179.9, -179.9), ("hfs", -170.0, 175.0), ("hfp", -0.1, 0.1), ("hfdr", -89.9, -90.1)],
)
def test_a_stand_that_trembles_at_180_degrees_does_not_go_all_the_way_round(told, start, end):
    """The tube straight above the table: the gantry's angle jumps from 180 to -180 where it crosses the middle."""
    row = {"positioner_primary_angle_deg": start, "positioner_primary_end_angle_deg": end}
    events = scenes.events(row, orientation=told)
    placement = place(events, scenes.lying_box(), Settings())
    made = beams(events, placement, Settings())
    assert (made.axis @ placement.rotation.T)[:, 1].min() > 0.98, "the ray goes down in the room all the time"
    run = scenes.events({**row, "event_type": "rotational acquisition"}, orientation=told)
    assert len(beams(run, placement, Settings())) > 170, "a run that is one goes as its angles say"
