"""A mobile C-arm: no table, no isocentre. The patient is placed by anatomy and nothing weakens the beam under him."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.report.summary import summary
from tests.close import close
from tests.test_bad_geometry import computed

DETECTOR_30CM = ("113861", "DCM", "30cm in Front of Image Input Surface")
# No table position, no distance to an isocentre; the reference point 700 mm from the source, the detector at 1000.
MOBILE = {
    "distance_source_to_isocenter_mm": None,
    "distance_source_to_detector_mm": 1000.0,
    "reference_point": DETECTOR_30CM,
    **{f"table_{name}_position_mm": None for name in ("longitudinal", "lateral", "height")},
}


def run(*events, **options):
    body = {"phantom": "oval", "height_cm": 170, "weight_kg": 70, "sex": "male", "region": "abdomen"}
    return computed(*[{**MOBILE, **event} for event in events], settings=Settings(**{**body, **options}))


def test_the_profile_without_a_table_is_found_and_every_axis_is_placed_by_anatomy():
    result = run({})
    assert result.events.machine.has_table is False
    assert set(result.placement.axes.values()) == {"anatomy: the machine has no table"}
    assert any("nothing attenuates" in text for text in result.assumptions)


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, -45.0])
def test_nothing_weakens_the_beam_from_any_side(angle):
    result = run({"positioner_primary_angle_deg": angle})
    assert result.beams.support == ()
    close(result.factors.transmission, 1.0, atol=0, because="there is no table")


def test_the_landmark_lies_where_the_profile_puts_the_patients_middle():
    """120 mm beyond the reference point at 700 mm: the source is 820 mm from the landmark at any angle."""
    result = run({}, {"positioner_primary_angle_deg": 60.0})
    landmark = np.array(result.phantom.landmarks_mm["abdomen"])
    close(np.linalg.norm(result.beams.source_mm - landmark, axis=1), 820.0, rtol=1e-9, because="700 + 120")
    close(result.events.distance_source_to_reference_point_mm, 700.0, rtol=1e-12, because="1000 - 300")


def test_inverse_square_alone_by_hand():
    result = run({}, corrections=())
    nearest = int(np.argmin(result.hits.distance_mm))
    dose = result.dosemap.dose_mgy[result.hits.cell[nearest]]
    close(dose, 100.0 * (700.0 / result.hits.distance_mm[nearest]) ** 2, rtol=1e-12, because="the definition")


@pytest.mark.parametrize("placement", ["auto", "table", "anatomy"])
def test_there_is_no_table_to_place_by(placement):
    close(run({}, placement=placement).dosemap.dose_mgy, run({}).dosemap.dose_mgy, rtol=1e-12, because="anatomy anyway")


def test_a_moved_patient_and_a_pad_setting_make_no_table():
    result = run({}, {}, pad_mm=80.0, move=("2:0,50,0",))
    assert result.beams.support == ()
    close(result.beams.source_mm[1] - result.beams.source_mm[0], (0, 0, -50), atol=1e-9, because="moved to the head")
    assert summary(result)["placement"]["axes"]["up"].startswith("anatomy")


def test_one_table_position_makes_it_no_mobile_stand():
    assert run({"table_height_position_mm": 150.0}).events.machine.has_table is True
