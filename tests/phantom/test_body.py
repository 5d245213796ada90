"""The two adult bodies: closed, sane, the patient's size, and lying as they should."""

import numpy as np
import pytest
import trimesh

from skindose.config import Settings
from skindose.model import Patient
from skindose.phantom import make, mesh, regions
from tests.close import close
from tests.phantom.overlap import crossing_pairs

DENSITY_KG_PER_MM3 = 1.01e-6
SIZES = {"male": (178.6, 73.2), "female": (163.0, 60.0)}


def body(name, height_cm, weight_kg, age=50.0):
    return make(Settings(phantom=name, height_cm=height_cm, weight_kg=weight_kg, age=age), Patient())


@pytest.fixture(params=SIZES, scope="module")
def adult(request):
    return body(request.param, *SIZES[request.param])


def names(phantom):
    return np.array(phantom.region_names)[phantom.region]


def on_trunk(phantom):
    return phantom.region < regions.FIRST_LIMB


def test_a_body_is_closed_and_does_not_cross_itself(adult):
    assert mesh.is_closed(adult.triangles)
    assert len(crossing_pairs(adult.vertices_mm, adult.triangles)) == 0
    assert np.array_equal(adult.neighbours, mesh.neighbours(adult.triangles))


def test_another_library_finds_it_closed_with_its_outside_out(adult):
    other = trimesh.Trimesh(adult.vertices_mm, adult.triangles, process=False)
    assert other.is_watertight
    assert other.is_winding_consistent
    assert other.body_count == 1 if hasattr(trimesh.graph, "nx") else True
    close(other.volume * DENSITY_KG_PER_MM3, adult.parameters["weight_kg"], rtol=1e-6, because="made to this weight")
    close(other.face_normals, adult.normal, atol=1e-6, because="the same vector product; trimesh rounds small cells")


def test_cells_on_head_and_trunk_are_at_most_10_mm(adult):
    length = mesh.edge_lengths_mm(adult.vertices_mm, adult.triangles)
    assert length[on_trunk(adult)].max() <= 10.0
    assert length.max() < 25.0, "hands, legs and feet may be coarser"
    shape = 4 * np.sqrt(3) * adult.area_mm2 / np.sum(length**2, axis=1)
    assert shape.min() > 0.4, "1 is equilateral: no slivers"


def test_a_body_lies_in_the_patient_frame(adult):
    low, high = adult.vertices_mm.min(axis=0), adult.vertices_mm.max(axis=0)
    close(high[1:], 0.0, atol=1e-6, because="crown at z = 0, most posterior point at y = 0")
    close(low[2], -adult.stature_mm, rtol=1e-6, because="soles at the stature's length")
    feet = np.char.endswith(names(adult), "foot")
    assert adult.centroid_mm[feet, 2].max() < -0.9 * adult.stature_mm
    assert adult.centroid_mm[np.char.find(names(adult), "head") >= 0, 2].min() > -0.14 * adult.stature_mm


def test_nose_and_toes_point_to_the_front(adult):
    head = np.char.find(names(adult), "head") >= 0
    nose = adult.centroid_mm[head][np.argmin(adult.centroid_mm[head, 1])]
    assert abs(nose[0]) < 10.0, "the foremost point of the head is on the mid-line"
    assert -0.11 * adult.stature_mm < nose[2] < -0.06 * adult.stature_mm, "between brow and mouth"
    feet = adult.vertices_mm[adult.vertices_mm[:, 2] < -0.97 * adult.stature_mm]
    assert feet[:, 1].min() < -180.0, "toes"


def test_the_back_is_flat_where_it_rests(adult):
    back = on_trunk(adult) & (adult.normal[:, 1] > 0.9)
    resting = back & (adult.centroid_mm[:, 1] > -3.0)
    area_cm2 = adult.area_mm2[resting].sum() / 100.0
    assert area_cm2 > 300.0, "shoulders, buttocks and the back of the head rest on the pad"


def test_left_is_positive_x(adult):
    for k, name in enumerate(names(adult)):
        side = adult.centroid_mm[k, 0]
        assert side >= 0 if "left" in name else side <= 0, name


def test_the_arms_hang_at_the_sides(adult):
    arm = np.char.endswith(names(adult), "left arm")
    below = -adult.centroid_mm[arm, 2] / adult.stature_mm
    assert below.min() < 0.25
    assert below.max() > 0.42
    hand = np.char.endswith(names(adult), "left hand")
    assert 0.45 < -adult.centroid_mm[hand, 2].mean() / adult.stature_mm < 0.60
    assert adult.centroid_mm[hand, 0].min() > 150.0


def test_every_region_has_cells_and_aspects_face_their_way(adult):
    assert set(np.unique(adult.region).tolist()) == set(range(len(regions.NAMES)))
    for aspect, sign in (("anterior", -1.0), ("posterior", 1.0)):
        chosen = np.char.startswith(names(adult), f"{aspect} abdomen")
        mean = np.average(adult.normal[chosen], axis=0, weights=adult.area_mm2[chosen])
        assert sign * mean[1] > 0.8


def test_landmarks_lie_inside(adult):
    for name, point in adult.landmarks_mm.items():
        assert winding(adult, np.array(point)) == 1, name
    heart, liver = adult.landmarks_mm["heart"], adult.landmarks_mm["liver"]
    assert heart[0] > 0 > liver[0]
    assert adult.landmarks_mm["left leg"][0] > 0 > adult.landmarks_mm["right leg"][0]


def winding(phantom, point):
    """Winding number by the sum of solid angles (A. van Oosterom and J. Strackee 1983)."""
    a, b, c = (phantom.vertices_mm[phantom.triangles[:, k]] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(p, axis=1) for p in (a, b, c))
    triple = np.einsum("ij,ij->i", a, np.cross(b, c))
    dots = [np.einsum("ij,ij->i", p, q) for p, q in ((a, b), (b, c), (c, a))]
    below = la * lb * lc + dots[0] * lc + dots[1] * la + dots[2] * lb
    return round(float(np.sum(np.arctan2(triple, below)) / (2 * np.pi)))


@pytest.mark.parametrize(("height_cm", "weight_kg"), [(150.0, 45.0), (185.0, 120.0), (165.0, 160.0), (200.0, 95.0)])
@pytest.mark.parametrize("name", SIZES)
def test_a_body_has_the_patients_height_and_weight(name, height_cm, weight_kg):
    phantom = body(name, height_cm, weight_kg)
    volume = mesh.volume_mm3(phantom.vertices_mm, phantom.triangles)
    close(volume * DENSITY_KG_PER_MM3, weight_kg, rtol=1e-5, because="volume scales as weight; file is in float32")
    close(np.ptp(phantom.vertices_mm[:, 2]), 10 * height_cm, rtol=1e-6, because="z scales as height; float32")
    assert mesh.is_closed(phantom.triangles)
    assert mesh.edge_lengths_mm(phantom.vertices_mm, phantom.triangles)[on_trunk(phantom)].max() <= 10.0
    assert np.array_equal(phantom.neighbours, mesh.neighbours(phantom.triangles))
    assert any("scaled" in note for note in phantom.assumptions)


def test_landmarks_move_with_the_scale():
    small, large = body("male", 160.0, 60.0), body("male", 195.0, 110.0)
    close(
        np.array(large.landmarks_mm["heart"])[2] / np.array(small.landmarks_mm["heart"])[2],
        195.0 / 160.0,
        rtol=1e-9,
        because="heights scale as stature",
    )


@pytest.mark.parametrize(("height_cm", "age"), [(110.0, 6.0), (140.0, 40.0), (165.0, 14.0)])
def test_a_child_is_a_scaled_adult_and_it_says_so(height_cm, age):
    phantom = body("auto", height_cm, 35.0, age)
    assert any("a scaled adult stands for a child or small patient" in note for note in phantom.assumptions)


def test_an_adult_is_not_called_a_child():
    assert not any("child" in note for note in body("male", 178.6, 73.2).assumptions)


def test_a_body_of_the_other_sex_is_said():
    phantom = make(Settings(phantom="female"), Patient(170.0, 70.0, "male", 60.0))
    assert "the female body was chosen for a male patient" in phantom.assumptions


def test_reading_does_not_change_from_call_to_call(adult):
    again = body(adult.name, *SIZES[adult.name])
    assert np.array_equal(again.vertices_mm, adult.vertices_mm)
    assert again.assumptions == adult.assumptions
