"""The whole budget of one procedure: draws, recasts, and what comes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skindose.model import FloatArray, IntArray, Peak, Phantom, Placement, Result
from skindose.uncertainty import draws as drawn
from skindose.uncertainty import shift
from skindose.uncertainty.budget import Budget, budget
from skindose.uncertainty.outcome import Share, Uncertainty, basis
from skindose.uncertainty.recast import MOST_BEAMS, Recast, Recasts, Scene, recasts, scene, thinned
from skindose.units import gy_to_mgy

PLACEMENTS = 64
DRAWS = 1000
# Of a peak that is surely far below every level: some say how far off it may be, and that it is far below.
SPARSE, SPARSE_BEAMS = 8, 32
# Such a peak is shown below this share of the lowest level, and the upper end of its interval lies below that share.
SHOWN_BELOW, UPPER_BELOW = 0.25, 0.5
# Below this share as many beams are enough for all placements: what they leave out is 2 % of the interval's ends.
FEWER_BEAMS_BELOW = 0.5
# No level is taken to be higher than this: from here on a dose is recorded where procedures are repeated [ICRP85].
FLOOR_MGY = 1000.0
_FEW = 12  # draws of what stands in for missing geometry by itself
_RARE = 0.01  # regions less probable than this are not named


def with_uncertainty(result: Result) -> Result:
    """A mapped result with its peak's uncertainty and interval, and the uncertainty of each cell's dose."""
    dosemap = result.dosemap
    found = None if dosemap is None or dosemap.peak is None else sample(result, dosemap.peak)
    if found is None or dosemap is None or dosemap.peak is None:
        return result
    low, high = found.uncertainty.interval
    shown = dosemap.peak.skin_dose_mgy
    return replace(
        result,
        uncertainty=found.uncertainty,
        peak_interval_mgy=(low * shown, high * shown),
        dosemap=replace(dosemap, uncertainty_mgy=found.per_cell_mgy(dosemap.dose_mgy)),
        assumptions=(*result.assumptions, f"Interval and probabilities: {basis(found.uncertainty)}."),
    )


def up_to_mgy(result: Result, most_mgy: float) -> tuple[float, float] | None:
    """The interval of a peak that is a lower bound: from its own lower end to the upper end of the most it can be."""
    found: Uncertainty | None = result.uncertainty
    if result.peak_interval_mgy is None or found is None:
        return None
    return result.peak_interval_mgy[0], most_mgy * found.interval[1]


def sample(result: Result, peak: Peak) -> Sampled | None:
    """The peak's uncertainty, and that of the dose to each cell; None where no beam meets the body.

    A peak far below every level is sampled with few placements; where these leave a doubt, with all of them. What is
    drawn depends on the procedure, the rules and the seed alone.
    """
    level_mgy, most_mgy = lowest_level_mgy(result), _most_mgy(result, peak)
    if most_mgy < SHOWN_BELOW * level_mgy and SPARSE < PLACEMENTS:
        found = _sampled(result, peak, SPARSE, SPARSE_BEAMS)
        if found is None or found.uncertainty.interval[1] * most_mgy < UPPER_BELOW * level_mgy:
            return found
    far = most_mgy < FEWER_BEAMS_BELOW * level_mgy
    return _sampled(result, peak, PLACEMENTS, SPARSE_BEAMS if far else MOST_BEAMS)


def lowest_level_mgy(result: Result) -> float:
    """The lowest dose that any rule, or anybody, asks for: of the rules in force, and never above `FLOOR_MGY`."""
    rules = result.case.rules.rules
    levels = [one.levels.get("psd") for one in rules] + [one.repeatable.get("psd") for one in rules]
    return min([FLOOR_MGY, *(gy_to_mgy(level.level) for level in levels if level is not None)])


def _most_mgy(result: Result, peak: Peak) -> float:
    """What a rule may take the peak for where it is only a lower bound."""
    return max(peak.skin_dose_mgy, result.peak_if_runs_stood_mgy or 0.0)


def _sampled(result: Result, peak: Peak, placements: int, most_beams: int) -> Sampled | None:
    """`placements` of at most so many beams, each crossed with all draws of the factors."""
    beams, placement, body, seed = result.beams, result.placement, result.phantom, result.settings.seed
    if beams is None or placement is None:
        return None
    shown = scene(result.events, thinned(beams, most_beams), body, result.settings, result.calibrations)
    own = budget(shown, result.calibrations)
    moves = shift.draw(placement, result.events, placements, seed)
    corners = drawn.corners(own, shown)
    cast = recasts(shown, moves, corners)
    factors = drawn.draw(own, DRAWS, seed + 1)
    reference = float(drawn.peaks(cast.places[0], own, factors.only(False, ())).dose_mgy[0])
    if not reference > 0:
        return None
    found = [drawn.peaks(one, own, factors) for one in cast.places[1:]]
    lines = _factor_lines(cast, own, factors) + _moving_lines(shown, own, cast, moves, placement)
    total = sum(variance for _, _, _, variance in lines)
    shares = (Share(name, basis, standard, variance / total) for name, basis, standard, variance in lines)
    place_mm, regions = _places(np.concatenate([one.cell for one in found]), peak, body)
    uncertainty = Uncertainty(
        ratio=np.sort(np.concatenate([one.dose_mgy for one in found]) / reference),
        shares=tuple(sorted(shares, key=lambda one: -one.share)),
        placements=placements,
        draws=DRAWS,
        place_mm=place_mm,
        regions=regions,
    )
    relative = np.sqrt(sum(one.standard**2 for one in uncertainty.shares if one.source not in _MOVING))
    return Sampled(uncertainty, float(relative), cast.variance_mgy2)


class Sampled(NamedTuple):
    """What `sample` found.

    relative         relative standard uncertainty of all factors, as at the peak
    variance_mgy2    (cells,) of the dose with the beams moving over the body
    """

    uncertainty: Uncertainty
    relative: float
    variance_mgy2: FloatArray

    def per_cell_mgy(self, dose_mgy: FloatArray) -> FloatArray:
        """(cells,) standard uncertainty of each cell's dose; more than 0 where a beam may have been."""
        return np.sqrt((self.relative * dose_mgy) ** 2 + self.variance_mgy2)


_Line = tuple[str, str, float, float]  # source, basis, relative standard deviation, variance of the logarithm
_STANDINS = "what stands in for angles, distances, positions or fields, the same error wherever it does"
_MOVING = ("placement", "geometry not in the file")


def _line(name: str, basis: str, dose_mgy: FloatArray) -> _Line:
    positive = np.maximum(dose_mgy, 1e-6 * dose_mgy.max())
    return name, basis, float(dose_mgy.std() / dose_mgy.mean()), float(np.log(positive).var())


def _factor_lines(cast: Recasts, own: Budget, factors: drawn.Draws) -> list[_Line]:
    """The peak where one source alone varies, in turn, with the patient where he is shown."""
    shown = cast.places[0]
    found = [_line(*own.display, drawn.peaks(shown, own, factors.only(True, ())).dose_mgy)]
    for group in dict.fromkeys(one.group for one in own.sources):
        members = tuple(i for i, one in enumerate(own.sources) if one.group == group)
        basis = own.sources[members[0]].basis
        found.append(_line(group, basis, drawn.peaks(shown, own, factors.only(False, members)).dose_mgy))
    return found


def _moving_lines(shown: Scene, own: Budget, cast: Recasts, moves: shift.Moves, placement: Placement) -> list[_Line]:
    """The peak where nothing but the beams moves, parted into the patient's place and stand-ins for missing geometry.

    The stand-ins' part is that of some draws with the patient where he is shown, the patient's is the rest.
    """
    basis = shift.placement_words(placement, shown.events.machine.profile_status)
    both = _line("placement", basis, _still(cast.places[1:], own))
    if not moves.spread:
        return [both]
    few = recasts(shown, moves.first(min(_FEW, len(moves) - 1)).only_standins(), np.ones((1, len(shown.events))))
    standins = _line("geometry not in the file", _STANDINS, _still(few.places[1:], own))
    rest = (np.sqrt(max(0.0, both[2] ** 2 - standins[2] ** 2)), max(0.0, both[3] - standins[3]))
    return [(*both[:2], float(rest[0]), rest[1]), standins]


def _still(places: list[Recast], own: Budget) -> FloatArray:
    """(placements,) the peak with all factors as they are."""
    nothing = drawn.Draws(np.ones((1, len(own.readings))), np.zeros((1, len(own.sources))))
    return np.array([drawn.peaks(one, own, nothing).dose_mgy[0] for one in places])


def _places(cell: IntArray, peak: Peak, body: Phantom) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Within how far of the place shown the peak lies in 95 of 100 draws, and in which regions."""
    cell = cell[cell >= 0]
    away = np.linalg.norm(body.centroid_mm[cell] - np.array(peak.position_mm), axis=1)
    count = np.bincount(body.region[cell], minlength=len(body.region_names)) / len(cell)
    order = np.argsort(-count, kind="stable")
    named = ((body.region_names[index], float(count[index])) for index in order if count[index] >= _RARE)
    return float(np.quantile(away, 0.95)), tuple(named)
