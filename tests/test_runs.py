"""Rotational runs: time along the way, and what is said where the way is not in the file."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.dose import dose_map, if_they_stood_mgy
from skindose.model import Factors, Hits, Status
from skindose.report.summary import summary
from skindose.report.wording import say
from tests import scenes
from tests.close import close
from tests.test_bad_geometry import computed

SETTINGS = Settings(phantom="cylinder", placement="anatomy", region="trunk", height_cm=170, weight_kg=70, sex="male")
RUN = {"event_type": "rotational acquisition"}
EQUAL = "the same beams"


def run(*events, **options):
    return computed(*events, settings=SETTINGS.model_copy(update=options))


def test_a_full_way_is_the_mean_over_its_directions():
    """A run from -20 to 20 is the mean of standing beams at the middles of its 20 steps of 2 degrees."""
    turning = run({**RUN, "positioner_primary_angle_deg": -20.0, "positioner_primary_end_angle_deg": 20.0})
    assert len(turning.beams) == 20
    middles = np.arange(-19.0, 20.0, 2.0)
    standing = run(*[{"positioner_primary_angle_deg": float(a)} for a in middles])
    close(turning.dosemap.dose_mgy, standing.dosemap.dose_mgy / 20, rtol=1e-9, atol=1e-12, because="time passes evenly")
    assert turning.peak_if_runs_stood_mgy is None


@pytest.mark.parametrize("start", [None, -100.0, 100.0])
def test_without_an_end_the_dose_is_spread_and_the_bound_is_the_worst_standing_beam(start):
    result = run({**RUN, "positioner_primary_angle_deg": start})
    assert result.events.status["positioner_primary_end_angle_deg"].tolist() == [Status.ASSUMED]
    travel = result.events.positioner_primary_end_angle_deg - result.events.positioner_primary_angle_deg
    close(np.abs(travel), [200.0], rtol=1e-12, because="the arc of a profile that says nothing else")
    angles = np.arange(-99.0, 100.0, 2.0)
    alone = [run({"positioner_primary_angle_deg": float(a)}).dosemap.peak.skin_dose_mgy for a in angles[::33]]
    bound = result.peak_if_runs_stood_mgy
    assert bound >= max(alone) * 0.999  # a few directions only: the bound is of all of them
    assert bound > 3 * result.dosemap.peak.skin_dose_mgy
    assert any("event 1" in text and "instead of" in text for text in result.warnings)
    facts = summary(result)
    close(facts["peak"]["if_runs_stood_mgy"], bound, rtol=1e-5, because="six digits")
    assert "If runs stood still" in dict(say(facts)["headline"])


def test_a_corrected_end_needs_no_bound():
    given = {"positioner_primary_angle_deg": -40.0}
    ends = run({**RUN, **given}, correct=("1:positioner_primary_end_angle_deg=40",))
    told = run({**RUN, **given, "positioner_primary_end_angle_deg": 40.0})
    close(ends.dosemap.dose_mgy, told.dosemap.dose_mgy, rtol=1e-12, because=EQUAL)
    assert ends.peak_if_runs_stood_mgy is None


def test_the_bound_by_hand():
    """The second event, in two sub-beams of a third and two thirds, lights cell 0 with one and cell 1 with both."""
    body = scenes.phantom(*scenes.plate(100.0, 0.0, cells=1))
    made = scenes.beams([{"source": (0, 600, 0), "axis": (0, -1, 0), "field": (-9, 9, -9, 9), "reference": 600}] * 3)
    made.event[:] = [0, 1, 1]
    made.weight[:] = [1.0, 1 / 3, 2 / 3]
    made.air_kerma_rp_mgy[:] = [5.0, 3.0, 6.0]
    one = np.ones(4)
    cells = np.array([0, 0, 1, 1], dtype=np.int32)
    start = np.array([0, 1, 3, 4])
    hits = Hits(start, cells, one, one, one, one, one, one, one[:, None], one.astype(bool))
    found = dose_map([(made, hits, Factors(one, 0 * one, one, one, one))], body)
    close(found.dose_mgy, [5 + 3, 3 + 6], rtol=1e-12, because="all factors 1")
    upper = if_they_stood_mgy(made, found, [1])
    close(upper, [5 + 9, 9], rtol=1e-12, because="the event has 9 mGy, whole from either sub-beam")
