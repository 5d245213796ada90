"""Hidden conventions are found again, and a procedure of that machine lands where the truth has it."""

import datetime
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from skindose import geometry, normalise, phantom, rdsr
from skindose.commission import commission
from skindose.commission.marks import parse
from skindose.commission.shots import pick
from skindose.config import Settings
from skindose.model import Patient
from skindose.rdsr.write import to_bytes
from tests.close import close
from tests.commission import machine as made_up
from tests.commission.machine import ALSO_TURNED, PLAN, Machine, Shot

TODAY = datetime.date(2026, 3, 1)
NOISE = "four standard errors (about 0.5 mm at 1.5 mm of noise), the rounding of the file, and a twist of angles"


@lru_cache(maxsize=8)
def read_session(machine, shots, seed, noise_mm):
    """Writing and reading a session takes longer than judging it."""
    return read(made_up.session(machine, shots, seed, noise_mm))


def read(described, name="shots.dcm"):
    return rdsr.read_bytes(to_bytes(described), name)


def judged(machine, shots=PLAN, *, seed=1, noise_mm=1.5, change=None, settings=None):
    """A session of the machine, commissioned."""
    return _judged(machine, tuple(shots), seed, noise_mm, made_up.marks(shots, change=change), settings)


@lru_cache(maxsize=8)
def _judged(machine, shots, seed, noise_mm, marks, settings):
    return commission(read_session(machine, shots, seed, noise_mm), parse(marks, "MARKS.csv"), settings)


def judged_quickly(machine, shots=PLAN, *, seed=1, noise_mm=1.5, change=None):
    """The same without a file between."""
    procedure = made_up.in_memory(made_up.session(machine, shots, seed, noise_mm))
    return commission(procedure, parse(made_up.marks(shots, change=change), "MARKS.csv"))


def truth(machine):
    """The machine's conventions in the words of the hypotheses."""
    channel = {"longitudinal": 0, "height": 1, "lateral": 2}
    return {
        "table_axes": tuple(channel[name] for name in machine.names),
        **dict(zip(("sideways_sign", "height_sign", "head_foot_sign"), machine.signs, strict=True)),
        "primary_sign": machine.primary_sign,
        "secondary_sign": machine.secondary_sign,
        "axis_order": machine.order,
        "angles_relative_to": machine.relative_to,
        **dict(
            zip(
                ("horizontal_rotation_sign", "head_tilt_sign", "cradle_tilt_sign"),
                machine.turn_signs,
                strict=True,
            )
        ),
    }


def assert_found(machine, outcome):
    assert outcome.refusal is None, str(outcome.refusal)
    verdict, true = outcome.verdict, truth(machine)
    taken = verdict.found.fit.hypothesis.choices()
    wrong = {
        name: (taken[name], true[name]) for name in true if name in verdict.determined and taken[name] != true[name]
    }
    assert not wrong
    in_our_sense = np.array(machine.signs) * np.array(machine.zeros)
    off = (verdict.found.fit.zeros_mm - in_our_sense) / verdict.error_mm
    assert np.abs(off).max() < 5.0, f"zeros are {off} standard errors off"
    assert verdict.error_mm.max() < 2.0


def lands(machine, outcome, folder, turned):
    """A procedure of the machine as a run places it: largest errors of isocentre (mm) and ray (degrees)."""
    profile = folder / "profile.toml"
    profile.write_text(outcome.profile_text("A. Physicist", TODAY))
    generator = np.random.default_rng(5)
    shots = [
        Shot(primary=a, secondary=b, turns=(8.0, 5.0, -6.0) if turned else (0.0, 0.0, 0.0))
        for a, b in [(0, 0), (30, 25), (-40, 20), (20, -30), (90, 0), (-10, 35)]
    ]
    isocentres = np.column_stack(
        [generator.uniform(-60, 60, 6), generator.uniform(-220, -120, 6), generator.uniform(-900, -300, 6)]
    )
    written = [
        made_up.event(i, machine, isocentre, shot)
        for i, (isocentre, shot) in enumerate(zip(isocentres, shots, strict=True))
    ]
    settings = Settings(profile=str(profile), phantom="oval")
    events = normalise.normalise(read(made_up.report(machine, written, "case")), settings)
    placement = geometry.place(events, phantom.make(settings, Patient()), settings)
    beams = geometry.beams(events, placement, settings)
    assert events.machine.profile_status == "commissioned"
    assert set(placement.axes.values()) == {"table"}
    to_table = beams.table_rotation
    axis = np.einsum("bij,bj->bi", to_table, beams.axis)
    source = np.einsum("bij,bj->bi", to_table, beams.source_mm) + beams.table_origin_mm
    found = source + 750.0 * axis
    true_axis = np.array([made_up.ray(machine, shot.primary, shot.secondary, shot.turns) for shot in shots])
    angle = np.degrees(np.arccos(np.clip((axis * true_axis).sum(axis=1), -1.0, 1.0)))
    return np.abs(found - isocentres).max(), angle.max()


def assert_lands(machine, outcome, folder, turned):
    mm, degrees = lands(machine, outcome, folder, turned)
    close(mm, 0.0, atol=4.0, because=NOISE)
    rounding = 0.5 * 0.1**machine.angle_digits * np.sqrt(2)
    close(degrees, 0.0, atol=rounding + 1e-6, because="angles are rounded as files have them, both of them")


def test_a_report_in_memory_is_what_a_file_says():
    session = made_up.session(made_up.any_machine(np.random.default_rng(9)), ALSO_TURNED)
    marks = parse(made_up.marks(ALSO_TURNED), "MARKS.csv")
    quick, whole = (pick(normalise.readings(each), marks) for each in (made_up.in_memory(session), read(session)))
    for name in ("reading_mm", "stand_deg", "table_deg", "orientation"):
        assert np.array_equal(getattr(quick, name), getattr(whole, name)), name


@pytest.mark.parametrize("seed", range(3))
def test_a_machine_of_any_conventions(seed, tmp_path):
    machine = made_up.any_machine(np.random.default_rng(seed))
    outcome = judged(machine, seed=seed)
    assert_found(machine, outcome)
    assert_lands(machine, outcome, tmp_path, turned=False)


@pytest.mark.parametrize("seed", [21])
def test_a_machine_whose_table_turns_and_whose_patients_lie_otherwise(seed, tmp_path):
    machine = made_up.any_machine(np.random.default_rng(seed))
    outcome = judged(machine, ALSO_TURNED, seed=seed)
    assert_found(machine, outcome)
    assert set(truth(machine)) <= set(outcome.verdict.determined)
    for orientation in ("hfs", "ffs", "hfp"):
        assert_lands(replace(machine, orientation=orientation), outcome, tmp_path, turned=True)


def test_zeros_of_the_stand_s_angles(tmp_path):
    machine = Machine(zeros=(8.0, -30.0, 420.0), angle_zeros=(2.5, -2.0))
    outcome = judged(machine, noise_mm=1.0)
    assert_found(machine, outcome)
    close(
        outcome.verdict.found.fit.angle_zeros_deg, (2.5, -2.0), atol=4 * outcome.verdict.error_deg.max(),
        because="four standard errors",
    )  # fmt: skip
    mm, degrees = lands(machine, outcome, tmp_path, turned=False)
    close(mm, 0.0, atol=4.0, because=NOISE)
    close(degrees, 0.0, atol=1.2, because="four standard errors of two zeros of about 0.2 degrees")


def test_angles_without_zeros_get_none():
    outcome = judged_quickly(Machine(zeros=(8.0, -30.0, 420.0)), noise_mm=2.0)
    assert not outcome.verdict.found.with_angles
    assert outcome.verdict.found.fit.angle_zeros_deg.tolist() == [0.0, 0.0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 220))
def test_many_machines(seed, tmp_path):
    generator = np.random.default_rng(seed)
    machine = made_up.any_machine(generator)
    outcome = judged(machine, seed=seed, noise_mm=generator.uniform(0.5, 2.0))
    assert_found(machine, outcome)
    mm, _ = lands(machine, outcome, tmp_path, turned=False)
    close(mm, 0.0, atol=6.0, because="five standard errors at 2 mm of noise, and rounding")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 340))
def test_many_machines_that_turn(seed, tmp_path):
    machine = made_up.any_machine(np.random.default_rng(seed))
    outcome = judged(machine, ALSO_TURNED, seed=seed, noise_mm=1.0)
    assert_found(machine, outcome)
    for orientation in ("hfs", "ffs", "hfp"):
        assert_lands(replace(machine, orientation=orientation), outcome, tmp_path, turned=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(400, 500))
def test_many_mistaken_marks(seed):
    """One mark in twelve is wrong by 15 to 80 mm along one axis; it is found, or it did not matter."""
    generator = np.random.default_rng(seed)
    machine = made_up.any_machine(generator)
    wrong, axis = int(generator.integers(len(PLAN))), int(generator.integers(2))
    marker = np.array(PLAN[wrong].marker)
    marker[axis] += generator.choice([-1, 1]) * generator.uniform(15.0, 80.0)
    outcome = judged_quickly(machine, seed=seed, noise_mm=1.0, change={wrong: tuple(marker)})
    assert outcome.verdict.found.left_out == (wrong,)
    taken, true = outcome.verdict.found.fit.hypothesis.choices(), truth(machine)
    assert all(taken[name] == true[name] for name in outcome.verdict.determined if name in true)
    if outcome.refusal is None:
        assert_found(machine, outcome)
