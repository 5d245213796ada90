"""Where the field lies on the skin: off-centre and asymmetric shutters, a turned collimator, in closed form."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.model import Status
from skindose.normalise import normalise
from skindose.normalise.profiles import parse
from tests.close import close
from tests.normalise.build import event, private, procedure
from tests.test_bad_geometry import computed

# The plane phantom lies in the reference plane: 600 mm from the focal spot, the isocentre 150 mm above it.
BODY = {"phantom": "plane", "pad_mm": 40, "placement": "table", "height_cm": 170, "weight_kg": 70, "sex": "male"}
EDGES = {"u_min": 20.0, "u_max": 80.0, "v_min": -10.0, "v_max": 50.0}
SHUTTERS = tuple(f"1:field_{name}_mm={value}" for name, value in EDGES.items())
CELL_MM = 12.0  # a cell's centroid lies at most so far outside the field that cuts the cell


def lit(*changes, **row):
    """Places of the lit cells, from the isocentre: to the patient's left and to his head, in the plane."""
    settings = Settings(**BODY, correct=(*SHUTTERS, *changes), corrections=())
    result = computed(row, settings=settings)
    whole = result.hits.coverage > 0.999
    return result.phantom.centroid_mm[result.hits.cell[whole]][:, [0, 2]] + (0.0, 450.0), result


def bounds(points):
    return np.array([points[:, 0].min(), points[:, 0].max(), points[:, 1].min(), points[:, 1].max()])


def turned(angle_deg):
    """Corners of the field after the collimator turned it from u (left) towards v (head)."""
    corners = np.array([(u, v) for u in (20.0, 80.0) for v in (-10.0, 50.0)])
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return corners @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize("angle_deg", [0.0, 90.0, -90.0, 180.0, 30.0])
def test_an_off_centre_field_lies_where_its_edges_say_also_when_turned(angle_deg):
    points, result = lit(f"1:field_rotation_deg={angle_deg}")
    low, high = turned(angle_deg).min(axis=0), turned(angle_deg).max(axis=0)
    got = bounds(points)
    want = np.array([low[0], high[0], low[1], high[1]])
    inwards = np.array([1, -1, 1, -1]) * (got - want)
    assert (inwards > -1e-6).all(), "cells lit whole lie inside the field"
    if angle_deg % 90 == 0:
        assert (inwards < CELL_MM).all(), "and reach to its edges within a cell"
    area_mm2 = (result.phantom.area_mm2[result.hits.cell] * result.hits.coverage).sum()
    close(area_mm2, 3600.0, rtol=0.05, because="60 x 60 mm; the share of cells at the edge is sampled")


def test_the_middle_of_the_lit_skin_is_the_middle_of_the_field():
    points, result = lit()
    weight = result.phantom.area_mm2[result.hits.cell] * result.hits.coverage
    places = result.phantom.centroid_mm[result.hits.cell][:, [0, 2]] + (0.0, 450.0)
    close(np.average(places, axis=0, weights=weight), (50.0, 20.0), atol=1.5, because="a cell is about 1 cm wide")
    assert len(points) > 10


def test_the_field_turns_with_the_stand():
    """The tube over the patient: u and v have turned with the stand."""
    _, result = lit(positioner_primary_angle_deg=180.0)
    close(result.beams.u[0], (-1, 0, 0), atol=1e-12, because="the stand went round by half a turn")
    close(result.beams.v[0], (0, 0, 1), atol=1e-12, because="the axis of the turn")


# --- the items


OWN = """
name = "own"
title = "own"
status = "assumed"
evidence = "made up for a test"
date = 2026-01-01
sources = ["test"]
[field]
rotation_items = ["99ACME/1"]
rotation_sign = -1
shutters = { left = "99ACME/2", right = "99ACME/3", bottom = "99ACME/4", top = "99ACME/5", distance_mm = 500 }
"""


def own(tmp_path, *items):
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    return normalise(procedure(event(1, *items)), Settings(profile=str(path)))


def acme(code, value, unit="mm"):
    return private(code, value, unit=unit, scheme="99ACME")


def test_a_profile_may_know_the_collimators_rotation(tmp_path):
    events = own(tmp_path, acme("1", 12.5, "deg"))
    close(events.field_rotation_deg, [-12.5], rtol=1e-12, because="by the profile's sign")
    assert events.status["field_rotation_deg"].tolist() == [Status.DERIVED]
    assert not any("collimator rotation" in text for text in events.assumptions)
    missing = own(tmp_path)
    assert missing.field_rotation_deg.tolist() == [0.0]
    assert any("collimator rotation" in text for text in missing.assumptions)


def test_asymmetric_shutters_by_a_profile_come_to_the_reference_plane(tmp_path):
    """35 + 45 by 50 + 30 mm at 500 mm are 6400 mm2, 10322 at 635 mm; KAP / air kerma says 10000."""
    sides = [acme(code, value) for code, value in (("2", 35.0), ("3", 45.0), ("4", 50.0), ("5", 30.0))]
    events = own(tmp_path, *sides)
    edges = [events.field_u_min_mm, events.field_u_max_mm, events.field_v_min_mm, events.field_v_max_mm]
    want = np.array([-35.0, 45.0, -50.0, 30.0]) * 100.0 / 80.0
    close(np.concatenate(edges), want, rtol=1e-12, because="the shutters' shape with KAP / air kerma's area")


def test_the_profile_is_valid():
    assert parse(OWN, "own.toml").field.rotation_sign == -1
