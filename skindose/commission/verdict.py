"""What the shots determine, what they leave open, and whether that is enough for a commissioned profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skindose.commission.advise import Step, counts, plan
from skindose.commission.fit import Fit, solve
from skindose.commission.hypotheses import of_profile, touched
from skindose.commission.judge import LARGEST_SCATTER, LEAST_SHOTS, Explanation, explain, least_scatter_mm
from skindose.commission.shots import AXES, Shots
from skindose.errors import CommissioningError
from skindose.model import FloatArray
from skindose.normalise import Profile

# A zero whose standard error is larger is not known well enough to place a patient by.
LARGEST_ERROR_MM = 5.0
# Without these a map would be placed by what the profile only assumes.
ESSENTIAL = ("table_axes", *(f"{axis}_sign" for axis in AXES), "primary_sign", "secondary_sign")
_HOPELESS = 6  # so many things open are not settled by a shot or two
_SCALES = {10.0: "cm", 25.4: "inches", 1000.0: "m", 0.1: "tenths of a millimetre"}
NAMES = {
    "table_axes": "which item is which axis of the table",
    "sideways_sign": "sense of the table's sideways position",
    "height_sign": "sense of the table's height",
    "head_foot_sign": "sense of the table's head-foot position",
    "primary_sign": "sense of the primary angle",
    "secondary_sign": "sense of the secondary angle",
    "axis_order": "order of the stand's axes",
    "angles_relative_to": "whether angles are relative to the patient or to the gantry",
    "horizontal_rotation_sign": "sense of the table's horizontal rotation",
    "head_tilt_sign": "sense of the table's head tilt",
    "cradle_tilt_sign": "sense of the table's cradle tilt",
}


@dataclass(frozen=True)
class Open:
    """One thing that the shots leave open, by name and in words.

    tried   some shot could have told, but together they do not
    alone   the shots on each of which it rests by itself
    """

    name: str
    words: str
    essential: bool
    tried: bool = True
    alone: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Verdict:
    """What can be said.

    error_mm    (3,) standard errors of the table's zeros; infinite where not seen
    error_deg   (2,) of the zeros of the stand's angles; NaN where they are not solved for
    determined  names of choices and zeros that the shots settle
    steps       shots that would settle what is open and was tried
    refusal     why no profile is written, None where one may be
    """

    found: Explanation
    error_mm: FloatArray
    error_deg: FloatArray
    determined: tuple[str, ...]
    open: tuple[Open, ...]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    refusal: CommissioningError | None


def judge(shots: Shots, profile: Profile, accuracy_mm: float) -> Verdict:
    """What the shots say of the machine, beside what its profile says.

    raises   CommissioningError for fewer shots than can say anything
    """
    if len(shots) < LEAST_SHOTS:
        what = f"{len(shots)} {'shots are' if len(shots) != 1 else 'shot is'} too few"
        remedy = f"At least {LEAST_SHOTS} are needed, ten are good: docs/commissioning.md says which."
        raise CommissioningError(what, "", remedy)
    found = explain(shots, profile, accuracy_mm)
    error = found.sigma_mm * np.sqrt(np.diag(found.fit.covariance))
    contradiction = _contradiction(shots, profile, found, accuracy_mm)
    left_open = () if contradiction else (*_open_zeros(shots, found, error), *_open_choices(shots, found, profile))
    steps = () if contradiction else plan(shots, found, LARGEST_ERROR_MM, lambda fit: _differs(fit, found.fit))
    names = {each.name for each in left_open}
    sure = [name for name in (*(f"{axis}_zero" for axis in AXES), *touched(shots)) if name not in names]
    angles = ["primary_zero", "secondary_zero"] if found.with_angles else []
    return Verdict(
        found=found,
        error_mm=error[:3],
        error_deg=error[3:] if found.with_angles else np.full(2, np.nan),
        determined=() if contradiction else (*sure, *angles),
        open=left_open,
        steps=steps,
        warnings=() if contradiction else _warnings(shots, found, profile, names),
        refusal=contradiction or _insufficient(shots, left_open, steps),
    )


def _contradiction(shots: Shots, profile: Profile, found: Explanation, accuracy_mm: float) -> CommissioningError | None:
    if found.scatter_mm > LARGEST_SCATTER * accuracy_mm:
        off = np.linalg.norm(found.fit.residual_mm, axis=-1)
        rms = float(np.sqrt((off**2).mean()))
        what = (
            f"the shots contradict each other: even the best of all conventions leaves the markers {rms:.0f} mm (rms) "
            f"from the central rays, event {shots.event[np.argmax(off)] + 1} {off.max():.0f} mm"
        )
        return CommissioningError(what, "", _hint(shots, profile, accuracy_mm))
    if found.rivals:
        suspects = sorted({shot for each in (found.left_out, *found.rivals) for shot in each})
        what = f"a mark is mistaken, and the others do not say which: event {_events(shots, suspects)}"
        return CommissioningError(what, "", "Correct the mark, or repeat these shots, or add more.")
    if len(shots) - len(found.left_out) < LEAST_SHOTS:
        what = (
            f"the mark of event {_events(shots, found.left_out)} contradicts the others, and without it too few remain"
        )
        return CommissioningError(what, "", f"Correct the mark; at least {LEAST_SHOTS} shots must agree.")
    return None


def _hint(shots: Shots, profile: Profile, accuracy_mm: float) -> str:
    """What may have gone wrong: the marks' unit, where another one makes sense of them."""
    for factor, unit in _SCALES.items():
        if least_scatter_mm(shots.scaled(factor), profile) <= LARGEST_SCATTER * accuracy_mm:
            return f"The marks fit if they are in {unit}: write them in mm."
    return "Check the numbers of the events, and where the marks are measured from (docs/commissioning.md)."


def _events(shots: Shots, which: tuple[int, ...] | list[int], joint: str = ", ") -> str:
    return joint.join(str(shots.event[shot] + 1) for shot in which)


def _differs(fit: Fit, taken: Fit) -> bool:
    """Whether two hypotheses differ in what a map rests on."""
    mine, its = taken.hypothesis.choices(), fit.hypothesis.choices()
    return any(mine[name] != its[name] for name in ESSENTIAL)


def _open_zeros(shots: Shots, found: Explanation, error: FloatArray) -> list[Open]:
    """Zeros that are not seen well enough, and those that would not be without a single shot."""
    left_open, without = [], _without_each(shots, found)
    for axis, name in enumerate(AXES):
        words = f"zero of the table's {name.replace('_', '-')} position"
        alone = tuple(shot for shot, left in without.items() if not left[axis] <= 2.0 * LARGEST_ERROR_MM)
        if not error[axis] <= LARGEST_ERROR_MM:
            how = "not seen at all" if np.isinf(error[axis]) else f"standard error {error[axis]:.0f} mm"
            left_open.append(Open(f"{name}_zero", f"{words} ({how})", True))
        elif alone:
            left_open.append(Open(f"{name}_zero", _resting(shots, words, alone), True, alone=alone))
    return left_open


def _without_each(shots: Shots, found: Explanation) -> dict[int, FloatArray]:
    """Standard errors of the zeros without each of the shots that count."""
    errors = {}
    for shot in (shot for shot in range(len(shots)) if shot not in found.left_out):
        fit = solve(shots, found.fit.hypothesis, counts(shots, (*found.left_out, shot)), found.with_angles)
        errors[shot] = found.sigma_mm * np.sqrt(np.diag(fit.covariance))
    return errors


def _open_choices(shots: Shots, found: Explanation, profile: Profile) -> list[Open]:
    """Choices that fit either way, choices that rest on one shot, and choices that no shot touches.

    One shot is enough where it only says what the profile says too, and the choice is none of the essential ones.
    """
    values = [fit.hypothesis.choices() for fit in found.equal]
    said = of_profile(profile).choices()
    could, left_open = touched(shots), []
    for name, words in NAMES.items():
        essential = name in ESSENTIAL
        if name not in could:
            left_open.append(Open(name, words, essential, tried=False))
        elif len({each[name] for each in values}) > 1:
            left_open.append(Open(name, words, essential))
        elif name in found.alone and (essential or values[0][name] != said[name]):
            alone = found.alone[name]
            left_open.append(Open(name, _resting(shots, words, alone), True, alone=alone))
    return left_open


def _resting(shots: Shots, words: str, alone: tuple[int, ...]) -> str:
    return f"{words} (rests on event {_events(shots, alone, ' or ')} alone)"


def _warnings(shots: Shots, found: Explanation, profile: Profile, left_open: set[str]) -> tuple[str, ...]:
    return (*_mistakes(shots, found), *_departures(found, profile, left_open))


def _mistakes(shots: Shots, found: Explanation) -> list[str]:
    off = np.linalg.norm(found.fit.residual_mm, axis=-1)
    return [
        f"The mark of event {shots.event[shot] + 1} is mistaken: it lies {off[shot]:.0f} mm from the central ray by "
        "what the others say. It is left out."
        for shot in found.left_out
    ]


def _departures(found: Explanation, profile: Profile, left_open: set[str]) -> list[str]:
    """Where the shots say other than the profile; marks that are mirrored look like that, so it is asked."""
    taken, said = found.fit.hypothesis.choices(), of_profile(profile).choices()
    differ = {name for name, value in taken.items() if value != said[name]} - left_open
    if not differ:
        return []
    words = "; ".join(NAMES[name] for name in NAMES if name in differ)
    warning = f"Other than in profile {profile.name}: {words}."
    if {"sideways_sign", "primary_sign"} <= differ:
        warning += (
            " Marks whose left and right are exchanged would look the same: left is the left of a patient who lies "
        )
        warning += "head first on his back."
    if {"head_foot_sign", "secondary_sign"} <= differ:
        warning += " Marks measured from the wrong end of the table would look the same: they count from the head end."
    return [warning]


def _insufficient(shots: Shots, left_open: tuple[Open, ...], steps: tuple[Step, ...]) -> CommissioningError | None:
    lacking = [each for each in left_open if each.essential]
    if not lacking:
        return None
    needed = [step.words for step in steps if step.needed]
    again = {each.alone[0]: each.name for each in lacking if each.alone}
    for shot, name in sorted(again.items()):
        otherwise = "" if name in ESSENTIAL or name.endswith("_zero") else " (or leave that one out)"
        needed.append(f"another like that of event {shots.event[shot] + 1}, the marker elsewhere{otherwise}")
    remedy = "Take the twelve shots of docs/commissioning.md."
    if needed and len(lacking) < _HOPELESS:
        listed = needed[0] if len(needed) == 1 else "; ".join(f"{i}) {words}" for i, words in enumerate(needed, 1))
        remedy = f"Add {'a shot' if len(needed) == 1 else f'{len(needed)} shots'}: {listed}."
    what = f"the shots do not determine: {'; '.join(each.words for each in lacking)}"
    return CommissioningError(what, "", remedy)
