"""The field's edges at the reference plane."""

import numpy as np
import pytest

from skindose.model import Status
from skindose.normalise import normalise
from skindose.normalise.field import EDGES
from tests.close import close
from tests.normalise.build import event, private, procedure

PHILIPS = {"maker": "Philips", "model": "Allura Clarity"}
CANON = {"maker": "Canon", "model": "Alphenix"}
OTHER = {"maker": "Somebody", "model": "Cath 1"}


def edges(events, index=0):
    return np.array([getattr(events, name)[index] for name in EDGES])


def shutters(left, right, bottom, top):
    return private("007", left), private("008", right), private("006", bottom), private("009", top)


def test_area_from_kap_and_air_kerma_is_a_square_where_no_shape_is_usable():
    events = normalise(procedure(event(1)))
    close(edges(events), [-50.0, 50.0, -50.0, 50.0], rtol=1e-12, because="1 Gy.cm2 / 10 mGy = 100 cm2")
    assert all(events.status[name][0] == Status.DERIVED for name in EDGES)
    assert any("a square with its area" in sentence for sentence in events.assumptions)


def test_the_reported_aspect_is_used_where_the_profile_trusts_it():
    events = normalise(procedure(event(1, collimated_field_height=700.0, collimated_field_width=350.0), **CANON))
    u_min, u_max, v_min, v_max = edges(events)
    close((u_max - u_min) * (v_max - v_min), 10_000.0, rtol=1e-12, because="KAP / air kerma")
    close((v_max - v_min) / (u_max - u_min), 2.0, rtol=1e-12, because="height / width; height is cranio-caudal")


def test_shutters_make_the_field_off_centre_with_the_area_of_kap_over_air_kerma():
    # 150 x 150 mm at 1 m are 90.7 cm2 at 635 mm, 9 % less than KAP / air kerma.
    events = normalise(procedure(event(1, *shutters(50.0, 100.0, 30.0, 120.0)), **PHILIPS))
    u_min, u_max, v_min, v_max = edges(events)
    close((u_max - u_min) * (v_max - v_min), 10_000.0, rtol=1e-12, because="KAP / air kerma")
    close([u_max / -u_min, v_max / -v_min], [2.0, 4.0], rtol=1e-12, because="the shutters' ratios")
    assert not events.warnings


def test_shutters_that_contradict_kap_over_air_kerma_give_way_with_a_warning():
    events = normalise(procedure(event(1, *shutters(20.0, 20.0, 20.0, 20.0)), **PHILIPS))
    close(edges(events), [-50.0, 50.0, -50.0, 50.0], rtol=1e-12, because="KAP / air kerma as a square")
    assert any("shutters disagree" in sentence for sentence in events.warnings)


def test_without_kap_the_shutters_are_taken_as_they_are():
    events = normalise(
        procedure(event(1, *shutters(50.0, 50.0, 50.0, 50.0), without=("dose_area_product",)), **PHILIPS)
    )
    close(edges(events), 50.0 * 0.635 * np.array([-1, 1, -1, 1]), rtol=1e-12, because="brought from 1 m to 635 mm")


def rounded(**values):
    """Seven events whose air kerma is written in steps of 0.01 mGy, the first of one step only."""
    kerma = np.array([1, 7, 52, 103, 211, 333, 478]) * 1e-5
    area = np.array([60.0, *[100.0] * 6])  # cm2 that KAP / air kerma shows
    return [
        event(i, dose_rp=k, dose_area_product=k * a * 1e-4, **values)
        for i, (k, a) in enumerate(zip(kerma, area, strict=True))
    ]


def test_where_air_kerma_is_too_coarse_the_collimated_field_area_is_better():
    area_m2 = 0.010 * (1100.0 / 635.0) ** 2
    events = normalise(procedure(*rounded(collimated_field_area=area_m2)))
    close(edges(events)[1], 50.0, rtol=1e-9, because="100 cm2 by the collimated field area")
    assert any("too coarsely rounded" in sentence for sentence in events.assumptions)


def test_a_collimated_area_that_contradicts_gives_way_with_a_warning():
    events = normalise(procedure(*rounded(collimated_field_area=0.010)))
    close(edges(events, 5)[1], 50.0, rtol=1e-9, because="KAP / air kerma")
    assert any("collimated field area disagrees" in sentence for sentence in events.warnings)


@pytest.mark.parametrize(("plane", "factor"), [("detector", (1100.0 / 635.0) ** 2), ("1m", (1000.0 / 635.0) ** 2)])
def test_an_unknown_machine_s_area_is_taken_at_the_plane_where_it_agrees(plane, factor):
    area = {"collimated_field_area": 0.010 * factor}
    events = normalise(procedure(event(1, **area), event(2, dose_rp=0.0, **area), **OTHER))
    close(events.air_kerma_rp_mgy[1], 10.0, rtol=1e-9, because="KAP / area at the plane that fits the first event")
    assert any(f"at: {plane}" in sentence for sentence in events.assumptions)


def test_no_field_is_larger_than_its_detector():
    events = normalise(procedure(event(1, dose_area_product=8.0e-4)))
    limit = 400.0 * 635.0 / 1100.0
    close(edges(events)[1] - edges(events)[0], limit, rtol=1e-12, because="the detector's side seen at the reference")
    assert any("larger than its detector" in sentence for sentence in events.warnings)


def test_a_side_that_is_too_long_gives_its_area_to_the_other():
    events = normalise(procedure(event(1, collimated_field_height=1000.0, collimated_field_width=100.0), **CANON))
    u_min, u_max, v_min, v_max = edges(events)
    close(v_max - v_min, 400.0 * 635.0 / 1100.0, rtol=1e-12, because="316 mm are cut to the detector's side")
    close((u_max - u_min) * (v_max - v_min), 10_000.0, rtol=1e-12, because="KAP / air kerma")
    assert not events.warnings


@pytest.mark.parametrize("kap", [1.0e-12, 0.01])
def test_an_area_that_no_field_has_is_not_used(kap):
    events = normalise(procedure(event(1), event(2, dose_area_product=kap, dose_rp=0.05)))
    close(edges(events, 1), [-50.0, 50.0, -50.0, 50.0], rtol=1e-12, because="the file's usual field")
    assert events.status["field_u_min_mm"][1] == Status.ASSUMED
    assert any("no possible area" in sentence for sentence in events.warnings)


def test_without_any_size_the_whole_detector_is_assumed():
    events = normalise(procedure(event(1, without=("dose_area_product",))))
    close(edges(events)[1], 200.0 * 635.0 / 1100.0, rtol=1e-12, because="half the detector seen at the reference")
    assert events.status["field_u_min_mm"][0] == Status.ASSUMED
    assert events.mapped.all()
