"""Mistaken marks, shots that leave something open, shots that contradict each other."""

from dataclasses import replace

import numpy as np
import pytest

from skindose.commission.fit import squares
from skindose.commission.judge import candidates, chance, explain
from skindose.errors import CommissioningError, InputError, SettingsError
from tests.close import close
from tests.commission.machine import PLAN, Machine
from tests.commission.test_find import judged_quickly as judged

MACHINE = Machine(zeros=(5.0, -20.0, 300.0))


def left_open(outcome):
    return {each.name for each in outcome.verdict.open if each.tried}


def moved(shot, left=0.0, head=0.0):
    return (shot.marker[0] + left, shot.marker[1] + head, shot.marker[2])


def test_a_mistaken_mark_is_named_and_left_out():
    outcome = judged(MACHINE, change={4: moved(PLAN[4], head=-20.0)})
    assert outcome.refusal is None
    assert outcome.verdict.found.left_out == (4,)
    assert any("event 5 is mistaken" in warning for warning in outcome.verdict.warnings)
    close(
        outcome.verdict.found.fit.zeros_mm, MACHINE.zeros, atol=4 * outcome.verdict.error_mm.max(),
        because="four standard errors, the mistaken mark being left out",
    )  # fmt: skip


def test_two_mistaken_marks_are_named():
    outcome = judged(MACHINE, change={4: moved(PLAN[4], head=-40.0), 9: moved(PLAN[9], left=60.0)})
    assert outcome.verdict.found.left_out == (4, 9)


def test_marks_that_are_right_are_not_blamed():
    outcomes = [judged(MACHINE, seed=seed, noise_mm=2.0) for seed in range(3)]
    assert [outcome.verdict.found.left_out for outcome in outcomes] == [(), (), ()]


def test_a_mistaken_mark_among_too_few_is_no_basis():
    shots = (PLAN[0], PLAN[2], PLAN[4], PLAN[6], PLAN[8])
    outcome = judged(MACHINE, shots, noise_mm=0.5, change={1: moved(PLAN[2], head=60.0)})
    assert isinstance(outcome.refusal, CommissioningError)


@pytest.mark.parametrize(
    ("shots", "names"),
    [
        ([replace(shot, primary=0.0, secondary=0.0) for shot in PLAN], {"height_zero", "height_sign", "primary_sign"}),
        ([replace(shot, secondary=0.0) for shot in PLAN], {"secondary_sign", "axis_order"}),
        ([replace(shot, above=150.0) for shot in PLAN if shot.marker[2] == 0.0], {"height_sign"}),
        ([replace(shot, marker=(0.0, *shot.marker[1:])) for shot in PLAN], {"sideways_sign", "primary_sign"}),
        ([replace(shot, marker=(*shot.marker[:2], 0.0)) for shot in PLAN], {"height_sign", "primary_sign"}),
    ],
    ids=["all PA", "never cranial", "one height", "all on the centre line", "all flat on the table"],
)
def test_what_the_shots_leave_open_is_said(shots, names):
    outcome = judged(MACHINE, shots, noise_mm=1.0)
    assert names <= left_open(outcome)
    assert "do not determine" in str(outcome.refusal)
    assert "Add" in outcome.refusal.remedy
    assert outcome.verdict.steps


def test_the_same_shot_again_and_again_says_nothing():
    outcome = judged(MACHINE, [PLAN[0]] * 6)
    assert len(outcome.verdict.found.equal) == 384, "every hypothesis that there is"
    assert outcome.refusal.remedy == "Take the twelve shots of docs/commissioning.md."


def test_the_shots_that_are_advised_settle_it():
    from skindose.commission.advise import added, trials

    shots = [replace(shot, primary=0.0, secondary=0.0) for shot in PLAN]
    outcome = judged(MACHINE, shots, noise_mm=1.0)
    by_words = {trial.words: trial.shot for trial in trials(outcome.shots, outcome.verdict.found.fit)}
    more = outcome.shots
    for step in outcome.verdict.steps:
        more = added(more, by_words[step.words])
    assert len(explain(more, outcome.base, 2.0).equal) == 1


def test_what_no_shot_tried_is_inherited():
    outcome = judged(MACHINE)
    untried = {each.name for each in outcome.verdict.open if not each.tried}
    assert untried == {"angles_relative_to", "horizontal_rotation_sign", "head_tilt_sign", "cradle_tilt_sign"}
    assert outcome.refusal is None


def test_nothing_essential_rests_on_a_single_mark():
    flat = [replace(shot, marker=(*shot.marker[:2], 0.0)) for shot in PLAN[:-1]]
    outcome = judged(MACHINE, [*flat, PLAN[-1]], noise_mm=1.0)
    assert "rests on event 12 alone" in str(outcome.refusal)
    assert "another like that of event 12" in outcome.refusal.remedy


def test_shots_that_contradict_each_other_are_refused():
    generator = np.random.default_rng(3)
    wild = {i: (generator.uniform(-200, 200), generator.uniform(100, 900), 0.0) for i in range(len(PLAN))}
    outcome = judged(MACHINE, change=wild)
    assert "contradict each other" in str(outcome.refusal)
    assert not outcome.verdict.determined
    with pytest.raises(CommissioningError):
        outcome.profile_text("A. Physicist", None)


@pytest.mark.parametrize(("factor", "unit"), [(0.1, "cm"), (1 / 25.4, "inches")])
def test_marks_in_another_unit_are_recognised(factor, unit):
    marks = {i: tuple(factor * place for place in shot.marker) for i, shot in enumerate(PLAN)}
    outcome = judged(MACHINE, change=marks)
    assert f"fit if they are in {unit}" in outcome.refusal.remedy


def test_marks_that_are_mirrored_are_asked_about():
    marks = {i: (-shot.marker[0], *shot.marker[1:]) for i, shot in enumerate(PLAN)}
    outcome = judged(MACHINE, change=marks)
    assert outcome.refusal is None, "a mirrored machine is as good as any other"
    assert any("left and right are exchanged" in warning for warning in outcome.verdict.warnings)
    assert not any("exchanged" in warning for warning in judged(MACHINE).verdict.warnings)


def test_shots_registered_feet_first_alone_do_not_tell_the_frame():
    outcome = judged(replace(MACHINE, orientation="ffs"), noise_mm=1.0)
    assert {"primary_sign", "secondary_sign", "angles_relative_to"} <= left_open(outcome)
    assert "registered HFS" in outcome.refusal.remedy


def test_too_few_shots_and_a_senseless_accuracy():
    with pytest.raises(CommissioningError, match="4 shots are too few"):
        judged(MACHINE, PLAN[:4])
    from skindose.commission import commission

    with pytest.raises(SettingsError, match="accuracy"):
        commission(None, None, None, float("nan"))


def test_an_event_that_moved_or_lacks_something_is_no_shot():
    from skindose.commission import commission
    from skindose.commission.marks import parse
    from tests.commission import machine as made_up

    described = made_up.session(MACHINE, PLAN)
    marks = parse(made_up.marks(PLAN), "MARKS.csv")
    for change, words in (
        ({"positioner_primary_end_angle_deg": 30.0}, "turned by 30 degrees during event 1"),
        ({"table_height_position_mm": None}, "event 1 has no table position"),
        ({"positioner_secondary_angle_deg": None}, "event 1 has no secondary angle"),
    ):
        events = (replace(described.events[0], **change), *described.events[1:])
        with pytest.raises(InputError, match=words) as error:
            commission(made_up.in_memory(replace(described, events=events)), marks)
        assert "MARKS.csv, line 2" in str(error.value)
    bare = tuple(
        replace(e, **dict.fromkeys(
            ("table_longitudinal_position_mm", "table_lateral_position_mm", "table_height_position_mm")))
        for e in described.events
    )  # fmt: skip
    with pytest.raises(InputError, match="table position"):
        commission(made_up.in_memory(replace(described, events=bare)), marks)


@pytest.mark.parametrize(
    ("ratio", "above", "below", "want"),
    [(4.103, 2, 10, 0.05), (7.559, 2, 10, 0.01), (3.478, 4, 10, 0.05), (4.431, 4, 20, 0.01)],
)
def test_chance_is_the_tail_of_the_f_distribution(ratio, above, below, want):
    close(chance(ratio, above, below), want, rtol=2e-3, because="printed tables of F have four digits")


def test_the_forecast_of_zeros_of_angles_is_what_the_full_solution_gives():
    outcome = judged(replace(MACHINE, angle_zeros=(1.5, -1.0)), noise_mm=1.0)
    every = candidates(outcome.shots, outcome.base)
    fit = outcome.verdict.found.fit
    forecast = every.squares(())[1][every.hypotheses.index(fit.hypothesis)]
    close(forecast, fit.square_mm2, rtol=0.15, because="the ray is linear in its angles up to 2 degrees within a few %")


def test_leaving_a_shot_out_is_the_same_as_not_having_it():
    outcome = judged(MACHINE)
    every = candidates(outcome.shots, outcome.base)
    less = replace(
        outcome.shots,
        **{name: np.delete(getattr(outcome.shots, name), 3, axis=0)
           for name in ("event", "marker_mm", "reading_mm", "stand_deg", "table_deg")},
        orientation=outcome.shots.orientation[1:],
    )  # fmt: skip
    got, want = squares(every.total, (3,))[0], squares(candidates(less, outcome.base).total)[0]
    close(got, want, rtol=1e-6, atol=1e-5, because="sums of squares of up to 1e7 mm2 in double precision")
