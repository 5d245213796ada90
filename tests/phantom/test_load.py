"""Mesh files: good ones, ones that can be mended, and ones that are refused in one clear line."""

import subprocess
import sys

import numpy as np
import pytest
import trimesh

from skindose.config import Settings
from skindose.errors import PhantomError, SettingsError
from skindose.model import Patient
from skindose.phantom import make, mesh, repair, shapes
from tests.close import close

KNOWN = Patient(178.6, 73.2, "male", 50.0)
OVAL = shapes.oval(50.0, 60.0, 300.0, 40.0, 100.0)
OVAL_MM3 = mesh.volume_mm3(*OVAL)


def put(folder, name, vertices, triangles):
    path = folder / name
    trimesh.Trimesh(vertices, triangles, process=False).export(path)
    return path


def box(x, y, z, centre):
    made = trimesh.creation.box((x, y, z))
    return made.vertices + np.array(centre), made.faces


def joined(*parts):
    start = np.cumsum([0] + [len(v) for v, _ in parts])
    return np.concatenate([v for v, _ in parts]), np.concatenate(
        [t + s for (_, t), s in zip(parts, start, strict=False)]
    )


def load(path, **settings):
    return make(Settings(phantom=str(path), **settings), KNOWN)


def told(phantom, words):
    return any(words in note for note in phantom.assumptions)


TRUNK = box(200.0, 120.0, 500.0, (0.0, -60.0, -250.0))
TRUNK_MM3 = 200.0 * 120.0 * 500.0


@pytest.mark.parametrize("suffix", ["stl", "obj", "ply"])
def test_a_closed_mesh_is_used_as_it_is(tmp_path, suffix):
    phantom = load(put(tmp_path, f"body.{suffix}", *OVAL))
    assert phantom.name == f"body.{suffix}"
    assert mesh.is_closed(phantom.triangles)
    assert len(phantom.triangles) == len(OVAL.triangles)
    volume = mesh.volume_mm3(phantom.vertices_mm, phantom.triangles)
    close(volume, OVAL_MM3, rtol=1e-5, because="STL and OBJ round to 7 and 8 digits")
    assert not told(phantom, "turned")
    assert not told(phantom, "moved")


def test_a_coarse_mesh_is_divided_on_the_trunk(tmp_path):
    phantom = load(put(tmp_path, "box.stl", *TRUNK))
    assert mesh.edge_lengths_mm(phantom.vertices_mm, phantom.triangles).max() <= 10.0
    close(
        mesh.volume_mm3(phantom.vertices_mm, phantom.triangles),
        TRUNK_MM3,
        rtol=1e-6,
        because="same surface",
    )
    assert told(phantom, "cells larger than 10 mm")


def test_a_body_of_full_length_has_its_own_stature_and_coarser_legs(tmp_path):
    phantom = load(put(tmp_path, "long.stl", *box(100.0, 60.0, 1700.0, (0.0, -30.0, -850.0))))
    close(phantom.stature_mm, 1700.0, rtol=1e-6, because="the mesh's length; STL is in float32")
    legs = np.char.find(np.array(phantom.region_names)[phantom.region], "lower leg") >= 0
    assert 10.0 < mesh.edge_lengths_mm(phantom.vertices_mm, phantom.triangles)[legs].max() <= 25.0


def test_a_short_one_hangs_from_the_patients_crown(tmp_path):
    phantom = load(put(tmp_path, "trunk.stl", *TRUNK))
    assert phantom.stature_mm == 1786.0
    assert phantom.parameters == {"file": "trunk.stl", "stature_mm": 1786.0}
    assert told(phantom, "taken for the upper part of a patient of 1786 mm")


# --- Mended


def test_inside_out_is_turned(tmp_path):
    phantom = load(put(tmp_path, "body.ply", OVAL.vertices_mm, OVAL.triangles[:, ::-1]))
    close(mesh.volume_mm3(phantom.vertices_mm, phantom.triangles), OVAL_MM3, rtol=1e-5, because="single precision")
    assert told(phantom, "inside out")


def test_mixed_winding_is_made_one(tmp_path):
    triangles = OVAL.triangles.copy()
    triangles[::3] = triangles[::3, ::-1]
    phantom = load(put(tmp_path, "body.ply", OVAL.vertices_mm, triangles))
    assert mesh.is_closed(phantom.triangles)
    close(mesh.volume_mm3(phantom.vertices_mm, phantom.triangles), OVAL_MM3, rtol=1e-5, because="single precision")
    assert told(phantom, "wrong sense")


def test_small_holes_are_closed(tmp_path):
    triangles = np.delete(OVAL.triangles, [100, *range(6_000, 6_010)], axis=0)
    phantom = load(put(tmp_path, "body.ply", OVAL.vertices_mm, triangles))
    assert mesh.is_closed(phantom.triangles)
    close(
        mesh.volume_mm3(phantom.vertices_mm, phantom.triangles), OVAL_MM3, rtol=1e-4, because="eleven cells made flat"
    )
    assert told(phantom, "holes of the mesh that were closed")


def test_doubled_triangles_are_used_once(tmp_path):
    phantom = load(put(tmp_path, "body.ply", OVAL.vertices_mm, np.concatenate([OVAL.triangles, OVAL.triangles])))
    assert len(phantom.triangles) == len(OVAL.triangles)
    assert told(phantom, "there twice")


def test_a_wall_between_two_parts_is_taken_out(tmp_path):
    below = TRUNK[0] * (1.0, 1.0, -1.0) - np.array([0.0, 0.0, 1000.0]), TRUNK[1][:, ::-1]
    phantom = load(put(tmp_path, "two.ply", *joined(TRUNK, below)))
    area = 2 * (200.0 * 120.0 + 200.0 * 1000.0 + 120.0 * 1000.0)
    close(phantom.area_mm2.sum(), area, rtol=1e-6, because="one box of 1000 mm; single precision")


def test_a_part_inside_another_is_left_out(tmp_path):
    phantom = load(put(tmp_path, "eye.stl", *joined(TRUNK, box(40, 40, 40, (0, -60, -100)))))
    close(mesh.volume_mm3(phantom.vertices_mm, phantom.triangles), TRUNK_MM3, rtol=1e-6, because="STL")
    assert told(phantom, "inside others")


def test_a_mesh_out_of_the_frame_is_moved_and_it_says_so(tmp_path):
    phantom = load(put(tmp_path, "feet_at_zero.ply", OVAL.vertices_mm + np.array([0.0, 100.0, 400.0]), OVAL.triangles))
    close(phantom.vertices_mm.max(axis=0)[1:], 0.0, atol=1e-3, because="single precision of the file")
    assert told(phantom, "moved by (0, -100, -400) mm")


def test_a_trunk_below_the_crown_stays_where_it_is(tmp_path):
    phantom = load(put(tmp_path, "trunk.ply", TRUNK[0] - np.array([0.0, 0.0, 240.0]), TRUNK[1]))
    close(phantom.vertices_mm[:, 2].max(), -240.0, atol=1e-3, because="as the file has it; single precision")
    assert told(phantom, "begins 240 mm from the crown's height")


def test_limbs_apart_from_the_trunk_are_allowed(tmp_path):
    arm = box(40, 40, 300, (140, -60, -250))
    phantom = load(put(tmp_path, "apart.stl", *joined(TRUNK, arm)))
    volume = TRUNK_MM3 + 40.0 * 40.0 * 300.0
    close(mesh.volume_mm3(phantom.vertices_mm, phantom.triangles), volume, rtol=1e-6, because="both parts; STL")


# --- Refused


def moebius():
    """A band of half a turn: 200 steps around, 9 across."""
    around, across = np.meshgrid(np.arange(200), np.linspace(-100, 100, 9), indexing="ij")
    angle = np.pi * around / 100
    radius = 400 + across * np.cos(angle / 2)
    vertices = np.stack([radius * np.cos(angle), across * np.sin(angle / 2), radius * np.sin(angle)], axis=2)
    number = np.arange(1800).reshape(200, 9)
    following = np.concatenate([number[1:], number[:1, ::-1]])
    a, b, c, d = number[:, :-1], number[:, 1:], following[:, :-1], following[:, 1:]
    triangles = np.concatenate([np.stack([a, b, d], axis=2), np.stack([a, d, c], axis=2)]).reshape(-1, 3)
    return vertices.reshape(-1, 3), triangles


def fin():
    """A closed box with one more triangle on an edge."""
    vertices, triangles = TRUNK
    return np.concatenate([vertices, [[0.0, -400.0, -250.0]]]), np.concatenate([triangles, [[*triangles[0, :2], 8]]])


MESHES = {
    "open": ((OVAL.vertices_mm, OVAL.triangles[1500:]), "not closed"),
    "overlapping": (joined(TRUNK, box(60, 60, 300, (110, -60, -250))), "overlaps itself"),
    "one triangle": ((np.array([[0.0, 0, 0], [500, 0, 0], [0, 0, -900]]), np.array([[0, 1, 2]])), "not closed"),
    "sheet": ((TRUNK[0], np.concatenate([TRUNK[1], TRUNK[1][:, ::-1]])), "reverse"),
    "one-sided": (moebius(), "one-sided"),
    "fin": (fin(), "more than two triangles meet"),
    "metres": ((OVAL.vertices_mm / 1000.0, OVAL.triangles), "like metres"),
    "centimetres": ((OVAL.vertices_mm / 10.0, OVAL.triangles), "like centimetres"),
    "too large": ((OVAL.vertices_mm * 10.0, OVAL.triangles), "no body"),
    "lying along y": ((OVAL.vertices_mm[:, (0, 2, 1)], OVAL.triangles), "long axis is not z"),
    "not finite": ((np.where(np.arange(24).reshape(8, 3) == 5, np.nan, TRUNK[0]), TRUNK[1]), "not finite"),
    "no area": ((np.zeros((8, 3)), TRUNK[1]), "no body"),
}


@pytest.mark.parametrize("case", MESHES)
def test_a_mesh_that_cannot_serve_is_refused_with_reason_and_remedy(tmp_path, case):
    surface, words = MESHES[case]
    path = put(tmp_path, "body.ply", *surface)
    with pytest.raises(PhantomError) as refused:
        load(path)
    assert words in str(refused.value)
    assert refused.value.where == "body.ply"
    assert refused.value.remedy
    assert "\n" not in str(refused.value)


FILES = {
    "empty.stl": b"",
    "empty.obj": b"",
    "empty.ply": b"",
    "text.stl": b"this is no mesh\n" * 50,
    "text.ply": b"this is no mesh\n" * 50,
    "cut.ply": b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\n",
    "cut.stl": bytes(80) + b"\xff\xff\xff\x7f" + bytes(500),
    "points.obj": b"v 0 0 0\nv 1 1 1\n",
    "missing_vertex.obj": b"v 0 0 0\nv 500 0 0\nv 0 0 500\nf 1 2 9\n",
    "drawing.step": b"ISO-10303-21;",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_mesh_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    with pytest.raises(PhantomError) as refused:
        load(path)
    assert refused.value.where == name
    assert refused.value.remedy


def test_flipped_bytes_never_give_anything_but_a_phantom_or_a_reason(tmp_path):
    good = put(tmp_path, "good.stl", *shapes.cylinder(60.0, 40.0, 320.0)).read_bytes()
    random = np.random.default_rng(7)
    outcomes = set()
    for trial in range(25):
        broken = bytearray(good[: random.integers(100, len(good))] if trial % 3 == 0 else good)
        for _ in range(5):
            broken[random.integers(len(broken))] ^= 1 << random.integers(8)
        path = tmp_path / "broken.stl"
        path.write_bytes(broken)
        try:
            phantom = load(path)
            assert np.isfinite(phantom.centroid_mm).all()
            outcomes.add("phantom")
        except PhantomError:
            outcomes.add("reason")
    assert "reason" in outcomes


def test_a_file_that_does_not_exist_is_a_wrong_option(tmp_path):
    with pytest.raises(SettingsError):
        load(tmp_path / "nowhere.stl")
    (tmp_path / "folder.stl").mkdir()
    with pytest.raises(SettingsError):
        load(tmp_path / "folder.stl")


def test_too_many_triangles_are_refused_before_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr("skindose.phantom.load.MOST_TRIANGLES", 1000)
    with pytest.raises(PhantomError, match="more than 1000"):
        load(put(tmp_path, "body.stl", *OVAL))


def test_a_mesh_needs_no_library_beyond_those_that_are_required(tmp_path):
    path = put(tmp_path, "body.stl", *TRUNK)
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('scipy', 'networkx', 'PIL', 'shapely', 'rtree', 'lxml'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from skindose.config import Settings\n"
        "from skindose.model import Patient\n"
        "from skindose.phantom import make\n"
        "print(make(Settings(phantom=sys.argv[1]), Patient()).name)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "body.stl"


# --- The winding test by itself


def test_cells_inside_another_part_are_found():
    inner = shapes.cylinder(60.0, 40.0, 320.0)
    outer = shapes.cylinder(150.0, 120.0, 400.0)
    vertices, triangles = joined(outer, (inner.vertices_mm - np.array([0.0, 80.0, 40.0]), inner.triangles))
    buried, probes = repair.buried_cells(vertices, triangles)
    assert np.array_equal(np.flatnonzero(buried), np.arange(len(outer.triangles), len(triangles)))
    assert len(probes) == len(triangles)


def test_no_cell_of_a_body_with_folds_is_called_buried():
    male = make(Settings(phantom="male"), Patient())
    buried, _ = repair.buried_cells(male.vertices_mm, male.triangles)
    assert not buried.any()


def test_what_is_assumed_of_the_patient_counts_only_where_the_mesh_needs_it(tmp_path):
    trunk = make(Settings(phantom=str(put(tmp_path, "trunk.stl", *TRUNK))), Patient())
    assert told(trunk, "height 178.6 cm assumed")
    assert not told(trunk, "weight 73.2 kg assumed")
    body = box(100.0, 60.0, 1700.0, (0.0, -30.0, -850.0))
    assert not told(make(Settings(phantom=str(put(tmp_path, "body.stl", *body))), Patient()), "assumed")
