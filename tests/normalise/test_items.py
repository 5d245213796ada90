"""Numbers and codes out of item trees, whatever their nesting, order and units."""

import math

import pytest

from skindose.errors import UnitError
from skindose.normalise.items import Record
from tests.normalise.build import COPPER, HEAD_FIRST, SUPINE, added_filter, coded, container, num, private, text


def test_numbers_are_found_at_any_nesting_in_our_unit():
    record = Record(
        container("", container("inner", container("deeper", num("distance_source_to_detector", 1.1, unit="m"))))
    )
    assert record.numbers("distance_source_to_detector", "length_mm") == [1100.0]


def test_several_numbers_arrive_in_one_item_or_in_many():
    in_one = Record(container("", num("kvp", 70.0, 0.0, 72.0)))
    in_many = Record(container("", num("kvp", 72.0), num("kvp", 0.0), num("kvp", 70.0)))
    assert in_one.numbers("kvp", "voltage_kv") == in_many.numbers("kvp", "voltage_kv") == [0.0, 70.0, 72.0]


def test_empty_and_endless_numbers_are_not_there():
    record = Record(container("", num("dose_rp"), num("dose_rp", math.nan, math.inf)))
    assert record.has("dose_rp")
    assert record.numbers("dose_rp", "dose_mgy") == []


def test_an_unknown_unit_is_refused_by_name():
    record = Record(container("", num("dose_rp", 1.0, unit="R")))
    with pytest.raises(UnitError, match=r"'R'.*dose rp"):
        record.numbers("dose_rp", "dose_mgy")


def test_private_items_go_by_scheme_and_code_in_any_case():
    record = Record(container("", private("021", 890.0)))
    assert record.numbers("99phi-ixr-xper/021", "length_mm") == [890.0]
    assert record.numbers("99OTHER/021", "length_mm") == []


def test_what_a_filter_holds_is_not_the_event_s():
    record = Record(container("", added_filter(COPPER, 0.3)))
    assert len(record.filters) == 1
    assert not record.has("x_ray_filter_material")


def test_codes_are_found_nested_or_as_siblings():
    nested = Record(container("", coded("patient_orientation", SUPINE, coded("patient_orientation_modifier", SUPINE))))
    sibling = Record(container("", coded("patient_orientation_modifier", SUPINE), coded("other", HEAD_FIRST)))
    name = "patient_orientation_modifier"
    assert nested.codes(name) == sibling.codes(name) == [SUPINE]


def test_blank_texts_are_no_texts():
    assert Record(container("", text("comment", "  "), text("comment", "b "))).texts("comment") == ["b"]
