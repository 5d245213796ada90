"""Names of places, and the points that placement by anatomy aims at."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.model import Patient
from skindose.phantom import make, regions

STATURE = 1786.0


def place(x, y, z):
    """The label of one point on the oval trunk, by the label of its nearest cell."""
    oval = make(Settings(phantom="oval"), Patient())
    nearest = np.argmin(np.linalg.norm(oval.centroid_mm - (x, y, z), axis=1))
    return oval.region_names[oval.region[nearest]]


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ((50.0, 0.0, -450.0), "posterior thorax, left"),
        ((-50.0, 0.0, -450.0), "posterior thorax, right"),
        ((50.0, -200.0, -450.0), "anterior thorax, left"),
        ((172.0, -100.0, -450.0), "lateral thorax, left"),
        ((-172.0, -100.0, -650.0), "lateral abdomen, right"),
        ((-40.0, 0.0, -850.0), "posterior pelvis, right"),
        ((40.0, 0.0, -100.0), "posterior head, left"),
        ((-92.0, -92.0, -100.0), "lateral head, right"),
    ],
)
def test_places_on_the_oval_read_as_a_physicist_would_say(point, name):
    assert place(*point) == name


@pytest.mark.parametrize("name", ["cylinder", "oval"])
def test_a_trunk_has_no_cells_on_legs(name):
    trunk = make(Settings(phantom=name), Patient())
    assert trunk.region.max() < regions.FIRST_LIMB


def test_names_are_all_different_and_fit_a_byte():
    assert len(set(regions.NAMES)) == len(regions.NAMES) <= 255


def test_legs_begin_below_the_pelvis():
    below = np.array([0.50, 0.60, 0.80, 0.97])
    centroid = np.stack([np.full(4, 40.0), np.zeros(4), -below * STATURE], axis=1)
    got = [regions.NAMES[k] for k in regions.label(centroid, STATURE)]
    assert got == ["posterior pelvis, left", "left thigh", "left lower leg", "left foot"]


def test_a_limb_that_is_known_wins_over_height():
    centroid = np.array([[-250.0, -50.0, -600.0]])
    arm = np.array([1 + regions.LIMBS.index("arm")], np.uint8)
    assert regions.NAMES[regions.label(centroid, STATURE, arm)[0]] == "right arm"


def test_beside_the_neck_is_the_shoulder():
    centroid = np.array([[40.0, 0.0, -0.15 * STATURE], [150.0, 0.0, -0.15 * STATURE]])
    got = [regions.NAMES[k].split(",")[0].split()[1] for k in regions.label(centroid, STATURE)]
    assert got == ["neck", "thorax"]


def test_the_landmarks_are_in_anatomical_order():
    below = [regions.LANDMARKS[name].below for name in ("head", "neck", "chest", "heart", "liver", "abdomen", "pelvis")]
    assert below == sorted(below)
    assert regions.LANDMARKS["heart"].left > 0 > regions.LANDMARKS["liver"].left


@pytest.mark.parametrize("name", ["plane", "cylinder", "oval", "male", "female"])
def test_every_phantom_has_every_landmark(name):
    phantom = make(Settings(phantom=name), Patient())
    assert tuple(phantom.landmarks_mm) == tuple(regions.LANDMARKS)
    low, high = phantom.vertices_mm.min(axis=0), phantom.vertices_mm.max(axis=0)
    for landmark, (x, y, z) in phantom.landmarks_mm.items():
        assert low[0] < x < high[0], landmark
        assert low[2] < z < high[2], landmark
        assert (-300.0 if name == "plane" else low[1]) < y < high[1], landmark


def test_a_phantom_without_legs_says_so():
    oval = make(Settings(phantom="oval"), Patient())
    note = "the phantom does not reach left leg and right leg: placement there uses its nearest end"
    assert note in oval.assumptions
    assert oval.landmarks_mm["left leg"][2] > -940.0


def test_the_phantom_without_legs_hangs_from_the_crown_of_the_stated_height():
    tall = make(Settings(phantom="oval", height_cm=200.0), Patient())
    assert tall.stature_mm == 2000.0
    assert tall.vertices_mm[:, 2].max() == 0.0
    assert tall.landmarks_mm["heart"][2] == -0.26 * 2000.0
