"""A peak far below every level is sampled with few placements: no level is missed, and the interval hardly changes."""

from dataclasses import replace

import numpy as np
import pytest

from skindose import pipeline, rdsr
from skindose.config import Settings
from skindose.prepare import prepare
from skindose.rdsr.write import to_bytes
from skindose.uncertainty import sample
from tests.close import close
from tests.uncertainty.forward import Errors, Shot, report
from tests.uncertainty.test_sample import OVAL, SHOTS

CASES = {
    "one": [Shot(0, 0, 80, 0.3, 100, 40)],
    "two planes, four directions": [replace(one, kerma=0.1 * one.kerma) for one in SHOTS],
    "two fields side by side": [Shot(-30, 0, 80, 0.3, 90, 40), Shot(30, 0, 80, 0.3, 90, 38)],
    "a narrow fan": [Shot(float(a), 0, 80, 0.3, 60, 12) for a in range(-24, 25, 12)],
    "from the side": [Shot(85, 10, 90, 0.1, 80, 60)],
}


def case_of(shots, settings=OVAL):
    written = rdsr.read_bytes(to_bytes(report(shots, Errors(), 1)), "case.dcm")
    return prepare(written, settings)


def both(case):
    """The peak shown, and what few and all placements say of it; rule levels as they are."""
    result = pipeline.compute_case(case, sampled=False)
    peak = result.dosemap.peak
    few = sample._sampled(result, peak, sample.SPARSE, sample.SPARSE_BEAMS).uncertainty
    return few, sample._sampled(result, peak, sample.PLACEMENTS, sample.MOST_BEAMS).uncertainty


def holds(few, every):
    """Of this case with any dose: where few placements are thought to be enough, all say the same.

    Both are relative to the peak, whatever it is, so the highest dose with which they are thought to be enough decides.
    """
    most = min(sample.SHOWN_BELOW, sample.UPPER_BELOW / few.interval[1])  # of the level
    assert most * every.ratio.max() < 1.0, "not one of 64,000 peaks reaches a level"
    close(few.interval, every.interval, rtol=0.1, because="8 placements instead of 64; 7 % at most in the real files")
    close(few.standard, every.standard, rtol=0.15, because="the same")


@pytest.mark.parametrize("name", CASES)
def test_few_placements_miss_no_level(name):
    holds(*both(case_of(CASES[name])))


@pytest.mark.slow
@pytest.mark.shared
def test_few_placements_miss_no_level_in_real_files(rdsr_folder):
    for path in sorted(rdsr_folder.glob("*.dcm")):
        case = prepare(rdsr.read(path), Settings())
        few, every = both(case)
        holds(few, every)
        result = pipeline.compute_case(case, sampled=False)
        some = sample._sampled(result, result.dosemap.peak, sample.PLACEMENTS, sample.SPARSE_BEAMS).uncertainty
        close(some.interval, every.interval, rtol=0.03, because="32 beams instead of up to 96")


def test_what_is_far_below_is_sampled_with_few_and_what_is_near_with_all():
    shots = CASES["one"]
    shown = pipeline.compute_case(case_of(shots), sampled=False).dosemap.peak.skin_dose_mgy
    placements = {}
    for share in (0.05, 0.24, 0.26, 3.0):
        scale = share * sample.FLOOR_MGY / shown
        result = pipeline.compute_case(case_of([replace(one, kerma=scale * one.kerma) for one in shots]))
        placements[share] = result.uncertainty.placements
        assert len(result.uncertainty.ratio) == placements[share] * 1000
    assert placements == {0.05: 8, 0.24: 8, 0.26: 64, 3.0: 64}


def test_a_lower_level_of_the_rules_counts(tmp_path):
    """Of the rules in force, also for what may be repeated; none of them raises the floor."""
    result = pipeline.compute_case(case_of(CASES["one"]), sampled=False)
    assert sample.lowest_level_mgy(result) == 1000.0
    rules = result.case.rules
    first = rules.rules[0]
    level = first.levels["psd"].model_copy(update={"level": 0.05})
    for named in ("levels", "repeatable"):
        lower = rules.model_copy(update={"rules": (first.model_copy(update={named: {"psd": level}}),)})
        with_it = replace(result, case=replace(result.case, rules=lower))
        assert sample.lowest_level_mgy(with_it) == 50.0
        assert sample.sample(with_it, with_it.dosemap.peak).uncertainty.placements == 64


def test_the_result_says_how_many_placements_there_were():
    result = pipeline.compute_case(case_of(CASES["one"]))
    assert any("8 placements of the patient" in one for one in result.assumptions)
    assert np.isfinite(result.dosemap.uncertainty_mgy).all()
