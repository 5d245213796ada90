"""Where the reference point is: by code, text and distance, and when they disagree."""

import numpy as np
import pytest

from skindose.model import Code, Status
from skindose.normalise import normalise
from tests.close import close
from tests.normalise.build import (
    COMPLETE,
    DETECTOR_30CM,
    ISOCENTER_15CM,
    accumulated,
    coded,
    event,
    num,
    procedure,
    text,
)

DEFINITION = "reference_point_definition"
NAME = "distance_source_to_reference_point"


def one(*definition, without=(), maker="Siemens", model="AXIOM-Artis", totals=(), **values):
    found = event(1, *definition, without=(DEFINITION, *without), **values)
    return normalise(procedure(found, maker=maker, model=model, totals=totals))


def distance(events):
    return float(events.distance_source_to_reference_point_mm[0])


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (coded(DEFINITION, ISOCENTER_15CM), 635.0),
        (text(DEFINITION, "15cm below BeamIsocenter"), 635.0),
        (text(DEFINITION, "150 mm from iso-center"), 635.0),
        (coded(DEFINITION, DETECTOR_30CM), 800.0),
        (text(DEFINITION, "30cm in Front of Image input surface"), 800.0),
        (text(DEFINITION, "530 mm from tube focus"), 530.0),
        (coded(DEFINITION, Code("113965", "DCM", "100cm from X-Ray Source")), 1000.0),
        (coded(DEFINITION, Code("113862", "DCM", "1cm above Tabletop")), 785.0 - 150.0 + 10.0),
        (coded(DEFINITION, Code("X", "99MAKER", "15cm from Isocenter toward Source")), 635.0),
    ],
)
def test_code_or_text_says_where(definition, expected):
    events = one(definition)
    close(distance(events), expected, rtol=1e-12, because="785 mm to the isocentre, 1100 to the detector, table at 150")
    assert events.status[f"{NAME}_mm"][0] == Status.DERIVED
    assert events.mapped.all()


def test_the_file_s_distance_wins_over_in_front_of_the_detector():
    events = one(coded(DEFINITION, DETECTOR_30CM), num(NAME, 700.0))
    close(distance(events), 700.0, rtol=1e-12, because="the file's own")
    assert events.status[f"{NAME}_mm"][0] == Status.REPORTED
    assert not events.warnings


def test_text_and_distance_that_disagree_are_judged_by_the_geometry():
    # 100 cm2 at the reference point (KAP / air kerma); at the detector as much as 635 or 500 mm imply.
    for real in (635.0, 500.0):
        area_m2 = 0.01 * (1100.0 / real) ** 2
        events = one(coded(DEFINITION, ISOCENTER_15CM), num(NAME, 500.0), collimated_field_area=area_m2)
        close(distance(events), real, rtol=1e-12, because="the field's area at the detector decides")
        assert any("disagree" in sentence for sentence in events.warnings)


def test_without_a_field_the_fifteen_centimetre_rule_decides():
    events = one(coded(DEFINITION, ISOCENTER_15CM), num(NAME, 260.0))
    close(distance(events), 635.0, rtol=1e-12, because="785 - 150")
    assert events.warnings


def test_a_chamber_to_patient_distance_is_no_distance_from_the_source():
    events = one(text(DEFINITION, "26.0 cm Chamber Patient Distance"), num(NAME, 260.0))
    assert not events.mapped.any()
    assert "Chamber Patient Distance" in events.unmapped_reason[0]
    close(events.air_kerma_rp_mgy, [10.0], rtol=1e-12, because="kept for the totals")


def test_nothing_stated_is_the_profile_s_kind_assumed():
    events = one()
    close(distance(events), 635.0, rtol=1e-12, because="785 - 150")
    assert events.status[f"{NAME}_mm"][0] == Status.ASSUMED
    assert any("reference point not stated" in sentence for sentence in events.assumptions)


def test_the_accumulated_data_may_define_it():
    events = one(totals=(accumulated(coded(DEFINITION, DETECTOR_30CM)),))
    close(distance(events), 800.0, rtol=1e-12, because="1100 - 300")


def test_a_missing_distance_to_the_isocentre_follows_from_the_reference_point():
    events = one(coded(DEFINITION, ISOCENTER_15CM), num(NAME, 615.0), without=("distance_source_to_isocenter",))
    close(events.distance_source_to_isocenter_mm, [765.0], rtol=1e-12, because="615 + 150")
    assert events.status["distance_source_to_isocenter_mm"][0] == Status.DERIVED


def test_a_mobile_stand_without_distances_cannot_be_computed():
    geometry = tuple(name for name in COMPLETE if name.startswith(("distance", "table", "positioner")))
    events = one(coded(DEFINITION, DETECTOR_30CM), without=geometry, maker="Somebody", model="Mini")
    assert events.machine.profile == "generic_mobile_c_arm"
    assert not events.mapped.any()
    assert "reference point" in events.unmapped_reason[0]


def test_a_mobile_stand_gets_a_middle_of_the_patient_in_place_of_an_isocentre():
    gone = (*(name for name in COMPLETE if name.startswith(("table", "positioner"))), "distance_source_to_isocenter")
    events = one(coded(DEFINITION, DETECTOR_30CM), without=gone, maker="Somebody", model="Mobile")
    close(distance(events), 800.0, rtol=1e-12, because="1100 - 300")
    close(events.distance_source_to_isocenter_mm, [920.0], rtol=1e-12, because="120 mm beyond, by the profile")
    assert events.status["distance_source_to_isocenter_mm"][0] == Status.ASSUMED
    assert events.mapped.all()
    assert np.isnan(events.table_height_position_mm).all()


def test_code_and_text_that_differ_are_told():
    events = one(coded(DEFINITION, ISOCENTER_15CM), text(DEFINITION, "530 mm from tube focus"))
    close(distance(events), 635.0, rtol=1e-12, because="the code counts")
    assert any("code and text" in sentence for sentence in events.warnings)
