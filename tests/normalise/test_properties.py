"""What must hold for any file: order does not matter, and mapped events have all that a map needs."""

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skindose.model import Item, Status
from skindose.normalise import inspect, normalise
from skindose.normalise.columns import NEEDED
from skindose.normalise.work import COLUMNS
from tests.normalise.build import COMPLETE, UNITS, accumulated, container, event, num, private, procedure, unit_of

MACHINES = [("Siemens", "AXIOM-Artis"), ("Philips", "Allura"), ("Philips", "Azurion"), ("Canon", "Alphenix"), ("", "")]


def same(one, other):
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("status", "spread", "filter_other_mm"):
            assert left.keys() == right.keys()
            for name in left:
                np.testing.assert_array_equal(left[name], right[name], err_msg=f"{field.name} {name}")
        elif isinstance(left, np.ndarray | float):
            np.testing.assert_array_equal(left, right, err_msg=field.name)
        else:
            assert left == right, field.name


def shuffled(item, rng):
    children = [shuffled(child, rng) for child in item.children]
    rng.shuffle(children)
    return item._replace(children=tuple(children))


VALUE = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-500, 2000),
    st.sampled_from([0.0, -0.0, 1e-12, 80.0, 785.0, 1100.0, 1e9]),
)
NAMES = sorted({*COMPLETE, *UNITS, "positioner_primary_end_angle", "collimated_field_height", "collimated_field_width"})


@st.composite
def items(draw):
    name = draw(st.sampled_from(NAMES))
    unit = draw(st.sampled_from([None, None, None, "", "furlong", "mm", "mGy"]))
    return num(name, *draw(st.lists(VALUE, max_size=3)), unit=unit)


@st.composite
def damaged(draw):
    """A procedure with items removed, doubled, emptied, in wrong units, and absurd."""
    events = []
    for number in range(draw(st.integers(0, 5))):
        gone = tuple(draw(st.lists(st.sampled_from([*COMPLETE, "x_ray_filters", "date_time_started"]), max_size=8)))
        events.append(event(number, *draw(st.lists(items(), max_size=6)), without=gone))
    maker, model = draw(st.sampled_from(MACHINES))
    totals = tuple(accumulated(*draw(st.lists(items(), max_size=4))) for _ in range(draw(st.integers(0, 2))))
    return procedure(*events, totals=totals, maker=maker, model=model)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged())
def test_whatever_the_file_says_the_result_is_sane(found):
    events = normalise(found)
    needed = np.array([getattr(events, name) for name in NEEDED])
    assert np.isfinite(needed[:, events.mapped]).all()
    assert (events.air_kerma_rp_mgy[events.mapped] > 0).all()
    assert (events.distance_source_to_reference_point_mm[events.mapped] > 0).all()
    assert (events.field_u_max_mm[events.mapped] > events.field_u_min_mm[events.mapped]).all()
    assert (np.nan_to_num(events.air_kerma_rp_mgy) >= 0).all()
    assert not np.isinf(np.array([getattr(events, name) for name in COLUMNS])).any()
    assert all(
        bool(reason) is not bool(mapped) for reason, mapped in zip(events.unmapped_reason, events.mapped, strict=True)
    )
    for name in COLUMNS:
        missing = events.status[name] == Status.MISSING
        assert np.array_equal(missing, np.isnan(getattr(events, name))), name
    assert inspect(found, events)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(damaged(), st.randoms(use_true_random=False))
def test_order_of_events_and_items_changes_nothing(found, rng):
    timed = [entry for entry in found.events if any(item.name == "date_time_started" for item in entry.children)]
    mixed = [shuffled(entry, rng) for entry in timed]
    rng.shuffle(mixed)
    totals = [shuffled(entry, rng) for entry in found.accumulated]
    rng.shuffle(totals)
    plain = dataclasses.replace(found, events=tuple(timed))
    other = dataclasses.replace(found, events=tuple(mixed), accumulated=tuple(totals))
    same(normalise(plain), normalise(other))


def test_events_stand_in_the_order_of_time():
    events = normalise(procedure(event(3), event(1), event(2)))
    assert events.started == tuple(sorted(events.started))
    assert events.uid == ("1.2.3.0001", "1.2.3.0002", "1.2.3.0003")


def test_an_event_without_a_start_stays_behind_its_predecessor():
    events = normalise(procedure(event(1), event(9, without=("date_time_started",)), event(2)))
    assert events.uid == ("1.2.3.0001", "1.2.3.0009", "1.2.3.0002")


@pytest.mark.parametrize("seed", range(3))
def test_nesting_does_not_matter(seed):
    rng = random.Random(seed)
    flat = event(1, private("021", 890.0))
    children = list(flat.children)
    rng.shuffle(children)
    nested = container("", *children[:8], container("", *children[8:]))
    assert isinstance(nested, Item)
    same(normalise(procedure(flat)), normalise(procedure(nested)))


def test_units_of_the_builder_are_those_of_the_standard():
    assert (unit_of("dose_rp"), unit_of("positioner_primary_angle"), unit_of("table_height_position")) == (
        "Gy",
        "deg",
        "mm",
    )
