"""Which phantom comes of which settings and file, and what is said about it."""

import subprocess
import sys

import numpy as np
import pytest

from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.model import Patient
from skindose.phantom import NAMES, make
from tests.close import close

KNOWN = Patient(170.0, 80.0, "female", 61.0)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "auto"])
def test_each_name_makes_its_phantom(name):
    phantom = make(Settings(phantom=name), KNOWN)
    assert phantom.name == name
    cells = len(phantom.triangles)
    assert cells > 5000
    for array, dtype in (
        (phantom.vertices_mm, np.float64),
        (phantom.triangles, np.int32),
        (phantom.centroid_mm, np.float64),
        (phantom.normal, np.float64),
        (phantom.area_mm2, np.float64),
        (phantom.neighbours, np.int32),
        (phantom.region, np.uint8),
    ):
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert np.isfinite(array).all()
    assert phantom.centroid_mm.shape == phantom.normal.shape == phantom.neighbours.shape == (cells, 3)
    assert phantom.area_mm2.shape == phantom.region.shape == (cells,)
    assert phantom.area_mm2.min() > 0


def test_auto_is_the_body_of_the_files_sex():
    assert make(Settings(), KNOWN).name == "female"
    assert make(Settings(), Patient(sex="male")).name == "male"
    assert make(Settings(sex="male"), KNOWN).name == "male"


def test_nothing_known_is_the_stated_default_and_each_value_is_called_assumed():
    phantom = make(Settings(), Patient())
    assert phantom.name == "male"
    known = {"height_cm": 178.6, "weight_kg": 73.2, "sex": "male", "age_years": None}
    assert phantom.parameters == {**known, "pose": "arms-down"}
    for word in ("sex male", "adult", "height 178.6 cm", "weight 73.2 kg"):
        assert any(note.startswith(f"{word} assumed") for note in phantom.assumptions), word


def test_settings_win_over_the_file_and_known_values_are_not_called_assumed():
    phantom = make(Settings(height_cm=180.0), KNOWN)
    known = {"height_cm": 180.0, "weight_kg": 80.0, "sex": "female", "age_years": 61.0}
    assert phantom.parameters == {**known, "pose": "arms-down"}
    assert not any("assumed" in note for note in phantom.assumptions)


@pytest.mark.parametrize("height_cm", [0.0, -5.0, float("nan"), 1.7, 1700.0, float("inf")])
def test_a_height_beyond_belief_is_set_aside(height_cm):
    phantom = make(Settings(), Patient(height_cm=height_cm, weight_kg=80.0, sex="male", age_years=50.0))
    assert phantom.parameters["height_cm"] == 178.6
    assert any(note.startswith("height 178.6 cm assumed") for note in phantom.assumptions)


def test_a_default_that_does_not_go_with_the_rest_keeps_the_body_mass_index():
    small = make(Settings(), Patient(height_cm=118.0, sex="female", age_years=40.0))
    close(small.parameters["weight_kg"], 73.2 * (118.0 / 178.6) ** 2, atol=0.051, because="rounded to 0.1 kg")
    assert any(note.startswith("weight 32.0 kg assumed") for note in small.assumptions)


@pytest.mark.parametrize(("age", "height_cm", "weight_kg"), [(0.0, 49.9, 3.3), (2.0, 87.8, 12.3), (7.0, 121.7, 22.9)])
def test_a_childs_defaults_are_what_is_usual_for_the_age(age, height_cm, weight_kg):
    child = make(Settings(age=age), Patient(sex="male"))
    close(child.parameters["height_cm"], height_cm, atol=0.1, because="WHO 2006 and 2007, median of boys")
    close(child.parameters["weight_kg"], weight_kg, rtol=0.04, because="WHO's weight, and its body mass index")
    assert any("usual at" in note for note in child.assumptions)


@pytest.mark.parametrize(("height_cm", "weight_kg"), [(200.0, 20.0), (120.0, 180.0)])
def test_height_and_weight_that_hardly_go_together_are_said(height_cm, weight_kg):
    phantom = make(Settings(phantom="oval"), Patient(height_cm, weight_kg, "male", 50.0))
    assert any("hardly belong together" in warning for warning in phantom.warnings)


def test_girth_of_the_oval_follows_weight_per_height():
    phantom = make(Settings(phantom="oval", height_cm=170.0, weight_kg=110.0), Patient())
    radius = 100.0 * np.sqrt((110.0 / 170.0) / (73.2 / 178.6))
    close(np.ptp(phantom.vertices_mm[:, 1]), 2 * radius, rtol=1e-3, because="radius of the design; ring's points")
    close(
        np.ptp(phantom.vertices_mm[:, 0]), 144.0 + 2 * radius, rtol=1e-3, because="flat width is fixed; ring's points"
    )
    close(np.ptp(phantom.vertices_mm[:, 2]), 940.0, rtol=1e-12, because="heights are fixed")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError) as told:
        make(Settings(phantom="alderson"), Patient())
    for name in (*NAMES, ".stl"):
        assert name in str(told.value)


def test_names_may_be_written_large():
    assert make(Settings(phantom="Plane"), KNOWN).name == "plane"


def test_importing_the_room_loads_numpy_alone():
    code = (
        "import sys, skindose.phantom\n"
        "heavy = {'trimesh', 'numba', 'scipy', 'pydantic', 'pydicom', 'plotly', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_body_needs_no_mesh_library():
    code = (
        "import sys\n"
        "from skindose.config import Settings\n"
        "from skindose.model import Patient\n"
        "from skindose.phantom import make\n"
        "make(Settings(), Patient())\n"
        "print(sorted({'trimesh', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
