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


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        (MOLYBDENUM, "Mo"),
        (Code("45215009", "SCT", "Tantalum"), "Ta"),
        (Code("2309006", "SCT", "Gold"), "Au"),
        (Code("C-164F9", "SRT", "Tungsten or Tungsten compound"), "W"),
        (Code("88488004", "SCT", "Lead"), "Pb"),
        (Code("X1", "99MAKER", "Gold filter"), "Au"),
        (Code("X2", "99MAKER", "Tin 0.4"), "Sn"),
        (Code("X3", "99MAKER", "BRASS"), "brass"),
        (Code("X4", "99MAKER", "Lucite plate"), "PMMA"),
        (Code("X5", "99MAKER", "Graphite"), "C"),
    ],
)
def test_other_materials_are_read_by_code_or_meaning(code, symbol):
    without = event(2, added_filter(COPPER, 0.1), without=("x_ray_filters",))
    events = normalise(
        procedure(
            event(1, added_filter(code, 0.03, 0.05), added_filter(COPPER, 0.1), without=("x_ray_filters",)), without
        )
    )
    column = f"filter_{symbol.lower()}_mm"
    assert list(events.filter_other_mm) == [symbol]
    close(
        events.filter_other_mm[symbol], [0.04, 0.0], rtol=1e-9, because="mean of minimum and maximum; not listed is 0"
    )
    close(events.filter_cu_mm, [0.1, 0.1], rtol=1e-9, because="copper apart")
    assert list(events.status[column]) == [Status.REPORTED, Status.REPORTED]
    assert not events.spread[column].any()
    assert not events.warnings


def test_a_file_of_copper_and_aluminium_has_no_other_materials():
    assert one(added_filter(COPPER, 0.1), added_filter(ALUMINIUM, 1.0)).filter_other_mm == {}


def test_other_materials_are_filled_as_copper_is():
    tantalum = Code("45215009", "SCT", "Tantalum")
    events = normalise(
        procedure(
            event(1, added_filter(tantalum, 0.05), without=("x_ray_filters",)),
            event(2, added_filter(tantalum, None), without=("x_ray_filters",)),
            event(3, without=("x_ray_filters",)),
        )
    )
    close(events.filter_other_mm["Ta"], [0.05, 0.05, 0.05], rtol=1e-9, because="the other event's")
    assert list(events.status["filter_ta_mm"]) == [Status.REPORTED, Status.ASSUMED, Status.ASSUMED]
    assert list(events.spread["filter_ta_mm"] > 0) == [False, True, True]
    assert any("Ta filter missing in 2 of 3" in sentence for sentence in events.assumptions)


def test_a_material_that_is_not_known_is_named():
    events = one(added_filter(Code("X", "99MAKER", "Unobtainium"), 0.03, 0.03), added_filter(COPPER, 0.1))
    close(filters(events), (0.0, 0.1), rtol=1e-9, because="copper only")
    assert any("Unobtainium" in sentence for sentence in events.warnings)


@pytest.mark.parametrize(
    ("meaning", "thickness_mm", "copper_mm", "aluminium_mm"),
    [
        ("Copper and aluminium", 1.4, 0.4, 1.0),
        ("CuAl", 1.9, 0.9, 1.0),
        ("Aluminum, Copper", 1.1, 0.1, 1.0),
        ("Cu/Al", 0.3, 0.3, 0.0),
    ],
)
def test_copper_and_aluminium_with_one_thickness_are_parted_and_said(meaning, thickness_mm, copper_mm, aluminium_mm):
    events = one(added_filter(Code("X", "99MAKER", meaning), thickness_mm))
    close(filters(events), (aluminium_mm, copper_mm), rtol=1e-9, because="1 mm of aluminium backs the copper")
    for column in ("filter_al_mm", "filter_cu_mm"):
        assert events.status[column][0] == Status.ASSUMED
        assert events.spread[column][0] > 0
    assert any("copper and aluminium" in sentence and "+-" in sentence for sentence in events.assumptions)


@pytest.mark.parametrize(("code", "thickness_mm"), [(COPPER, 20.0), (ALUMINIUM, 40.0), (MOLYBDENUM, 5.0)])
def test_an_absurd_thickness_is_not_used_and_said(code, thickness_mm):
    events = normalise(procedure(event(1), event(2, added_filter(code, thickness_mm), without=("x_ray_filters",))))
    close(events.filter_cu_mm[0], 0.3, rtol=1e-9, because="as reported")
    stack = [events.filter_al_mm[1], events.filter_cu_mm[1], *(column[1] for column in events.filter_other_mm.values())]
    assert max(stack) <= 0.3, "a like event's or none, never the absurd one"
    assert any("thickness minimum is implausible" in sentence for sentence in events.warnings)


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


@pytest.mark.parametrize(
    ("size", "named"),
    [(0.1, "a filter of Unobtainium (0.1 mm)"), (None, "a filter of Unobtainium (thickness not given)")],
)
def test_a_filter_of_no_known_material_makes_the_quality_unsure(size, named):
    """Left out, but not as if it were not there: its copper is as unsure as one that the file does not tell."""
    odd = Code("1", "99X", "Unobtainium")
    events = one(added_filter(COPPER, 0.2), added_filter(odd, size))
    close(filters(events), (0.0, 0.2), rtol=1e-12, because="what is known of it")
    assert events.status["filter_cu_mm"][0] == Status.ASSUMED
    close(events.spread["filter_cu_mm"], [0.2], rtol=1e-12, because="a copper filter's default")
    assert any(named in text for text in events.warnings)
