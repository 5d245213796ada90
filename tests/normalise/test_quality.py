"""Tube voltage and filters."""

import numpy as np
import pytest

from skindose.model import Code, Status
from skindose.normalise import normalise
from tests.close import close
from tests.normalise.build import (
    ALUMINIUM,
    COPPER,
    MOLYBDENUM,
    NO_FILTER,
    added_filter,
    coded,
    event,
    num,
    private,
    procedure,
    text,
)


def one(*extra, **values):
    without = (*values.pop("without", ()), "x_ray_filters")
    return normalise(procedure(event(1, *extra, without=without, **values)))


def filters(events):
    return float(events.filter_al_mm[0]), float(events.filter_cu_mm[0])


def test_kvp_is_the_mean_over_pulses_that_are_not_zero():
    close(one(kvp=(70.0, 0.0, 74.0)).kvp_kv, [72.0], rtol=1e-12, because="mean of 70 and 74")


def test_missing_kvp_comes_from_events_of_the_same_kind_and_protocol():
    cine = coded("irradiation_event_type", Code("113611", "DCM", ""))
    kind, protocol = ("irradiation_event_type",), text("acquisition_protocol", "coro")
    events = normalise(
        procedure(
            event(1, kvp=60.0),
            event(2, cine, protocol, without=kind, kvp=90.0),
            event(3, cine, protocol, without=(*kind, "kvp")),
            event(4, without=("kvp",)),
        )
    )
    close(events.kvp_kv, [60.0, 90.0, 90.0, 60.0], rtol=1e-12, because="values of the like events")
    assert list(events.status["kvp_kv"]) == [Status.REPORTED, Status.REPORTED, Status.ASSUMED, Status.ASSUMED]


@pytest.mark.parametrize("kvp", [(), (0.0,), (-80.0,), (1e6,), (float("nan"),)])
def test_kvp_that_cannot_be_is_the_profile_s_where_no_event_has_one(kvp):
    events = one(kvp=kvp)
    close(events.kvp_kv, [80.0], rtol=1e-12, because="the profile's")
    assert events.status["kvp_kv"][0] == Status.ASSUMED


def test_kvp_is_not_assumed_for_events_without_dose():
    events = normalise(procedure(event(1), event(2, dose_rp=0.0, dose_area_product=0.0, without=("kvp",))))
    assert np.isnan(events.kvp_kv[1])
    assert not [sentence for sentence in events.assumptions if "kVp" in sentence]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([added_filter(COPPER, 0.4, 0.4), added_filter(ALUMINIUM, 1.0, 1.0)], (1.0, 0.4)),
        ([added_filter(COPPER, 0.1), added_filter(COPPER, 0.2)], (0.0, 0.3)),
        ([added_filter(COPPER, 0.0, 0.4)], (0.0, 0.4)),  # minimum 0, the real value in maximum
        ([added_filter(ALUMINIUM, 6.0, 7.2)], (6.6, 0.0)),
        ([added_filter(None, None, kind=NO_FILTER)], (0.0, 0.0)),
        ([added_filter(MOLYBDENUM, 0.0, 0.0, kind=NO_FILTER)], (0.0, 0.0)),
    ],
)
def test_filters_are_summed_by_material(given, expected):
    events = one(*given)
    close(filters(events), expected, rtol=1e-9, because="added by hand")
    assert events.status["filter_cu_mm"][0] == events.status["filter_al_mm"][0] == Status.REPORTED
    assert not events.warnings


@pytest.mark.parametrize(("code", "kind"), [("113651", "wedge"), ("113652", "butterfly")])
def test_a_wedge_neither_hardens_nor_weakens_and_is_said(code, kind):
    wedge = added_filter(COPPER, 0.0, 1.2, kind=Code(code, "DCM", kind))
    events = one(wedge, added_filter(COPPER, 0.1, 0.1, kind=Code("113653", "DCM", "Flat filter")))
    close(filters(events), (0.0, 0.1), rtol=1e-9, because="the flat filter alone")
    assert any(f"a {kind} filter of 1.2 mm in 1 of 1" in sentence for sentence in events.assumptions)
    assert filters(one(wedge)) == (0.0, 0.0)


@pytest.mark.parametrize("code", ["113650", "113653", "999"])
def test_strip_and_flat_filters_cover_the_whole_field(code):
    assert filters(one(added_filter(COPPER, 0.3, 0.3, kind=Code(code, "DCM", "")))) == (0.0, 0.3)


def test_wedges_placed_by_private_items_are_said():
    found = event(1, private("010", 106.0), private("011", 0.0))
    events = normalise(procedure(found, maker="Philips", model="Allura"))
    assert any("wedge filters are in private items in 1 of 1" in sentence for sentence in events.assumptions)
    away = normalise(procedure(event(1, private("010", 0.0)), maker="Philips", model="Allura"))
    assert not any("wedge" in sentence for sentence in away.assumptions)


def test_a_material_that_is_not_modelled_is_named():
    events = one(added_filter(MOLYBDENUM, 0.03, 0.03), added_filter(COPPER, 0.1))
    close(filters(events), (0.0, 0.1), rtol=1e-9, because="copper only")
    assert any("molybdenum" in sentence for sentence in events.warnings)


def test_filter_items_without_a_container_count():
    events = one(coded("x_ray_filter_material", COPPER), num("x_ray_filter_thickness_maximum", 0.2))
    close(filters(events), (0.0, 0.2), rtol=1e-9, because="one flat filter of 0.2 mm")


def test_missing_filters_come_from_like_events_else_from_the_profile():
    events = normalise(procedure(event(1), event(2, without=("x_ray_filters",))))
    close(events.filter_cu_mm, [0.3, 0.3], rtol=1e-12, because="the other event's")
    assert events.status["filter_cu_mm"][1] == Status.ASSUMED
    assert one().status["filter_cu_mm"][0] == Status.ASSUMED


def test_a_filter_without_thickness_is_missing_not_zero():
    events = normalise(procedure(event(1), event(2, added_filter(COPPER, None), without=("x_ray_filters",))))
    close(events.filter_cu_mm, [0.3, 0.3], rtol=1e-12, because="the other event's")
    assert events.status["filter_cu_mm"][1] == Status.ASSUMED
