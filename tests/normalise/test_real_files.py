"""The nine real reports: what share of the kerma is mapped, where the table stands, on what it rests."""

from typing import NamedTuple

import numpy as np
import pytest

from skindose.model import Status
from skindose.normalise import inspect, normalise
from skindose.normalise.columns import NEEDED
from skindose.rdsr import read
from tests.close import close

pytestmark = pytest.mark.shared


class File(NamedTuple):
    name: str
    profile: str
    region: str
    events: int
    mapped: int
    air_kerma_mgy: float
    height_mm: tuple[float, float]
    head_foot_mm: tuple[float, float]


NONE = (np.nan, np.nan)
FILES = [
    File("siemens_axiom_artis", "siemens_artis", "trunk", 21, 15, 1.35, (161.5, 294.1), (7.1, 40.6)),
    File("siemens_axiom_example_procedure", "siemens_artis", "liver", 24, 24, 14.0, (136.6, 242.6), (987.1, 1069.1)),
    File("philips_allura_clarity_u104", "philips_allura", "head", 25, 25, 0.709, (193.0, 343.0), (-7.5, 5.5)),
    File("philips_allura_clarity_u601", "philips_allura", "heart", 29, 29, 5.53, (141.0, 160.0), (-4.5, 11.5)),
    File(
        "philips_legacy_316_events_7.7Gy", "philips_allura", "heart", 316, 316, 7689.0, (175.0, 201.0), (537.5, 883.5)
    ),
    File("philips_allura_no_model", "philips_allura", "abdomen", 3, 3, 4.27, (160.0, 160.0), (143.6, 143.6)),
    File("philips_azurion", "philips_azurion", "heart", 89, 86, 548.0, (130.0, 130.0), (636.0, 725.0)),
    File("canon_alphenix_rotational", "canon_alphenix", "abdomen", 49, 49, 12.7, (170.0, 170.0), (740.0, 820.0)),
    File("ge_oec_esp_c_arm", "ge_oec", "trunk", 8, 8, 11.7, NONE, NONE),
]


@pytest.fixture(scope="module", params=FILES, ids=lambda file: file.name)
def case(request, rdsr_folder):
    procedure = read(rdsr_folder / f"{request.param.name}.dcm")
    return request.param, procedure, normalise(procedure)


def spread(values):
    return float(np.min(values)), float(np.max(values))


def test_all_kerma_is_mapped(case):
    file, _, events = case
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    assert (len(events), int(events.mapped.sum())) == (file.events, file.mapped)
    close(kerma[events.mapped].sum(), kerma.sum(), rtol=1e-12, because="every event with kerma is mapped")
    close(kerma.sum(), file.air_kerma_mgy, rtol=5e-3, because="the inventory of the files gives three digits")
    assert {reason for reason in events.unmapped_reason if reason} <= {"no air kerma"}


def test_mapped_events_lack_nothing(case):
    _, _, events = case
    assert np.isfinite(np.array([getattr(events, name) for name in NEEDED])[:, events.mapped]).all()


def test_profile_region_and_orientation(case):
    file, _, events = case
    assert (events.machine.profile, events.region) == (file.profile, file.region)
    assert events.registered_orientation == "hfs"


def test_the_table_stands_where_tables_stand(case):
    file, _, events = case
    because = "isocentre's depth and place below the table's head end, worked out by hand"
    close(spread(events.table_height_position_mm[events.mapped]), file.height_mm, atol=1e-6, because=because)
    close(spread(events.table_lateral_position_mm[events.mapped]), file.head_foot_mm, atol=1e-6, because=because)
    if events.machine.has_table:
        assert np.abs(events.table_longitudinal_position_mm[events.mapped]).max() < 150.0
        assert events.machine.height_zero_known
        assert events.machine.longitudinal_zero_known


def test_fields_agree_with_kap_over_air_kerma(case):
    _, _, events = case
    width = events.field_u_max_mm - events.field_u_min_mm
    height = events.field_v_max_mm - events.field_v_min_mm
    kap = width * height / 100.0 * events.air_kerma_rp_mgy / 1000.0
    known = events.mapped & (events.kap_gycm2 > 0)
    total = float(kap[known].sum() / events.kap_gycm2[known].sum())
    close(total, 1.0, rtol=0.04, because="area times air kerma is KAP; one file has steps of 0.01 in 1.35 mGy")


def test_fields_fit_their_detector(case):
    _, _, events = case
    scale = events.distance_source_to_detector_mm / events.distance_source_to_reference_point_mm
    for low, high in (("field_u_min_mm", "field_u_max_mm"), ("field_v_min_mm", "field_v_max_mm")):
        side = (getattr(events, high) - getattr(events, low)) * scale
        assert np.nanmax(side) <= 1.1 * events.machine.detector_side_mm


def test_check_has_something_to_say_on_every_file(case):
    _, procedure, events = case
    found = inspect(procedure, events)
    assert {"map", "kerma", "field", "patient", "totals"} <= {check.topic for check in found}
    assert not [check for check in found if check.severity == "problem"]


def one(rdsr_folder, name):
    return normalise(read(rdsr_folder / f"{name}.dcm"))


def test_a_c_arm_without_angles_says_what_was_assumed(rdsr_folder):
    events = one(rdsr_folder, "ge_oec_esp_c_arm")
    assert (events.status["positioner_primary_angle_deg"] == Status.ASSUMED).all()
    assert any("primary angle missing in 8 of 8 events" in sentence for sentence in events.assumptions)
    close(events.distance_source_to_reference_point_mm, 700.0, rtol=1e-12, because="as reported")


def test_a_run_turns_through_zero(rdsr_folder):
    events = one(rdsr_folder, "canon_alphenix_rotational")
    (run,) = np.flatnonzero([kind == "rotational acquisition" for kind in events.event_type])
    assert (events.positioner_primary_angle_deg[run], events.positioner_primary_end_angle_deg[run]) == (90.0, -120.0)


def test_totals_that_differ_from_the_sums_are_told(rdsr_folder):
    for name, percent in (("philips_allura_clarity_u104", "+19 %"), ("philips_allura_clarity_u601", "+13 %")):
        assert [
            sentence for sentence in one(rdsr_folder, name).warnings if "total KAP" in sentence and percent in sentence
        ]
    assert not one(rdsr_folder, "siemens_axiom_example_procedure").warnings


def test_what_was_derived_is_told_from_what_was_reported(rdsr_folder):
    events = one(rdsr_folder, "philips_legacy_316_events_7.7Gy")
    status = events.status["distance_source_to_detector_mm"]
    assert ((status == Status.REPORTED).sum(), (status == Status.ASSUMED).sum()) == (73, 243)
    assert (events.status["table_height_position_mm"] == Status.DERIVED).all()
    assert (events.status["positioner_primary_angle_deg"] == Status.REPORTED).all()
