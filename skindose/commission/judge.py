"""Which marks are mistaken, whether the stand's angles have zeros of their own, and which hypotheses fit as well.

Explanations of the shots are tried from the simplest on: all marks right; the stand's angles off by constants; one mark
mistaken; one mark mistaken and angles off; two marks ... A more complicated one replaces a simpler one only where an F
test on the sums of squares says that chance would hardly do it, over all the marks that could be the mistaken one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import comb
from typing import NamedTuple

import numpy as np

from skindose.commission.fit import Fit, Sums, solve, squares, sums
from skindose.commission.hypotheses import Hypothesis, Stand, nearest, of_profile, stands, tables
from skindose.commission.shots import Shots
from skindose.model import FloatArray
from skindose.normalise import Profile

LEAST_SHOTS = 5
# One mark in five may be mistaken, two at most: what more contradicts each other is no set of measurements.
SHOTS_PER_MISTAKE = 5
MOST_MISTAKES = 2
CHANCE = 1e-3
# Shots that scatter by more than this many times the accuracy asked for contradict each other.
LARGEST_SCATTER = 2.5
# Two hypotheses whose sums of squares differ by less, in variances, fit equally well: a likelihood ratio of 22,000.
DISTINCT = 20.0
# Two marks between which the others cannot say which is the mistaken one: a likelihood ratio of 150.
TOLD_APART = 10.0
# Standard deviation that rounding to 1 mm and 0.1 degree leaves by itself; what is smaller is luck.
ROUNDING_MM = 0.4
# Smaller zeros of the angles are within the accuracy of display and stand.
LEAST_ANGLE_DEG = 0.3
LEAST_FREEDOM = 3
_MOST_PAIRED, _MOST_STANDS = 10, 24
_SOLVED = 3  # hypotheses that are solved to the end, where their rank is a forecast


@dataclass(frozen=True, eq=False)
class Candidates:
    """All hypotheses of the shots, and their normal equations."""

    shots: Shots
    stands: list[Stand]
    total: Sums

    @cached_property
    def hypotheses(self) -> list[Hypothesis]:
        """In the order of the flattened sums of squares."""
        return [Hypothesis(stand, table) for stand in self.stands for table in tables()]

    @cached_property
    def whole(self) -> list[FloatArray]:
        """Sums over all shots."""
        return self.total.whole()

    def squares(self, left_out: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """(hypotheses,) sums of squares without some shots: angles as reported, and with their zeros (a forecast)."""
        plain, turned = squares(self.total, left_out, self.whole)
        return plain.ravel(), turned.ravel()

    @cached_property
    def singles(self) -> list[_Set]:
        """Every shot left out by itself."""
        return [self._without((shot,)) for shot in range(len(self.shots))]

    @cached_property
    def pairs(self) -> list[_Set]:
        """Pairs of the shots that single themselves out most, over the stands that could fit without two."""
        chosen: set[int] = set()
        for least in (lambda each: each.plain, lambda each: each.turned):
            chosen |= {each.left_out[0] for each in sorted(self.singles, key=least)[:_MOST_PAIRED]}
        per_stand = np.min([each.per_stand for each in self.singles], axis=0)
        likely = sorted(np.argsort(per_stand, kind="stable")[:_MOST_STANDS].tolist())
        fewer = Candidates(self.shots, [self.stands[i] for i in likely], self.total.of_stands(likely))
        return [fewer._without(pair) for pair in combinations(sorted(chosen), 2)]

    def _without(self, left_out: tuple[int, ...]) -> _Set:
        plain, turned = squares(self.total, left_out, self.whole)
        return _Set(left_out, float(plain.min()), float(turned.min()), plain.min(axis=1))

    def sets(self, count: int, with_angles: bool) -> list[tuple[tuple[int, ...], float]]:
        """Sets of `count` shots with the least sum of squares of the others, from the least on."""
        every = {0: [], 1: self.singles, 2: self.pairs}[count] if count else [self._without(())]
        found = [(each.left_out, each.turned if with_angles else each.plain) for each in every]
        return sorted(found, key=lambda pair: pair[1])

    def solve(self, left_out: tuple[int, ...], with_angles: bool, chosen: Sequence[int]) -> list[Fit]:
        """Some of the hypotheses solved, the best first."""
        counts = np.ones(len(self.shots))
        counts[list(left_out)] = 0.0
        fits = [solve(self.shots, self.hypotheses[i], counts, with_angles) for i in chosen]
        return sorted(fits, key=lambda fit: fit.square_mm2)


class _Set(NamedTuple):
    """Shots left out, and the least sum of squares of the others: over all hypotheses, and for each of the stand."""

    left_out: tuple[int, ...]
    plain: float
    turned: float
    per_stand: FloatArray


@dataclass(frozen=True, eq=False)
class Explanation:
    """What makes sense of the shots.

    left_out   indices of the shots with a mistaken mark
    equal      every hypothesis that fits as well, with its fit; the first is the one taken
    rivals     other sets of mistaken marks that would explain the shots as well
    """

    left_out: tuple[int, ...]
    with_angles: bool
    fit: Fit
    equal: tuple[Fit, ...]
    rivals: tuple[tuple[int, ...], ...]
    sigma_mm: float
    scatter_mm: float
    alone: Mapping[str, tuple[int, ...]]


def candidates(shots: Shots, profile: Profile) -> Candidates:
    """Every hypothesis that the shots could tell apart."""
    stand = stands(shots, profile)
    return Candidates(shots, stand, sums(shots, stand, tables()))


def explain(shots: Shots, profile: Profile, accuracy_mm: float) -> Explanation:
    """The simplest explanation that the shots allow.

    accuracy_mm   standard deviation, per direction, with which a marker is put on the central ray
    """
    every = candidates(shots, profile)
    best = _simplest(every, accuracy_mm)
    scatter = float(np.sqrt(best.fit.square_mm2 / best.freedom))
    sigma = max(scatter, accuracy_mm / 2.0)
    if scatter > LARGEST_SCATTER * accuracy_mm:  # nothing fits: which hypotheses do so alike is no question
        return Explanation(best.left_out, best.with_angles, best.fit, (best.fit,), (), sigma, scatter, {})
    fits = _equal(every, best, sigma)
    chosen = nearest([fit.hypothesis for fit in fits], of_profile(profile))
    fits = [fits[chosen], *fits[:chosen], *fits[chosen + 1 :]]
    rivals, alone = _rivals(every, best, sigma), _alone(every, best, fits[0].hypothesis, sigma)
    return Explanation(best.left_out, best.with_angles, fits[0], tuple(fits), rivals, sigma, scatter, alone)


def least_scatter_mm(shots: Shots, profile: Profile) -> float:
    """Scatter of the best hypothesis, one mark left out: a quick look whether the shots make sense at all."""
    (_, least), *_ = candidates(shots, profile).sets(1, False)
    return float(np.sqrt(least / (2 * len(shots) - 5)))


class _Model(NamedTuple):
    """A kind of explanation with its best fit; a mark left out counts as one that is free to lie anywhere."""

    left_out: tuple[int, ...]
    with_angles: bool
    fit: Fit

    @property
    def unknowns(self) -> int:
        return 3 + 2 * len(self.left_out) + 2 * self.with_angles

    @property
    def freedom(self) -> int:
        return 2 * len(self.fit.residual_mm) - self.unknowns

    @property
    def variance_mm2(self) -> float:
        return self.fit.square_mm2 / self.freedom + ROUNDING_MM**2


def _simplest(every: Candidates, accuracy_mm: float) -> _Model:
    best = _model(every, (), False)
    mistakes = min(MOST_MISTAKES, len(every.shots) // SHOTS_PER_MISTAKE)
    for count, with_angles in product(range(mistakes + 1), (False, True)):
        if count > 1 and np.sqrt(best.fit.square_mm2 / best.freedom) < accuracy_mm / 2.0:
            break  # what is left scatters less than it may: a further mistake would be too small to matter
        model = _model(every, every.sets(count, with_angles)[0][0], with_angles)
        if model.freedom >= LEAST_FREEDOM and _better(model, best) and _matters(model, best, accuracy_mm):
            best = model
    return best


def _model(every: Candidates, left_out: tuple[int, ...], with_angles: bool) -> _Model:
    order = np.argsort(every.squares(left_out)[int(with_angles)], kind="stable")
    fits = every.solve(left_out, with_angles, order[: _SOLVED if with_angles else 1].tolist())
    return _Model(left_out, with_angles, fits[0])


def _better(model: _Model, best: _Model) -> bool:
    """Whether chance would hardly bring the sum of squares down so far, over all the sets that could be left out."""
    more, gain = model.unknowns - best.unknowns, best.fit.square_mm2 - model.fit.square_mm2
    if more == 0:  # a mark against zeros of angles: as complicated, so the likelier one
        return gain > TOLD_APART * model.variance_mm2
    if more < 0:
        return False
    tries = comb(len(model.fit.residual_mm), max(0, len(model.left_out) - len(best.left_out)))
    return gain > 0 and tries * chance(gain / more / model.variance_mm2, more, model.freedom) < CHANCE


def chance(ratio: float, above: int, below: int) -> float:
    """Probability that an F ratio with an even number `above` of degrees of freedom over `below` exceeds `ratio`.

    A finite sum of the incomplete beta function [Abramowitz and Stegun 26.6.4].

    >>> round(chance(4.10, 2, 10), 3)
    0.05
    """
    x = below / (below + above * ratio)
    term = total = 1.0
    for k in range(1, above // 2):
        term *= (below / 2 + k - 1) / k * (1.0 - x)
        total += term
    return float(x ** (below / 2) * total)


def _matters(model: _Model, best: _Model, accuracy_mm: float) -> bool:
    """A mistake is larger than the accuracy asked for, zeros of angles larger than the display's."""
    if model.with_angles and not best.with_angles:
        error = np.sqrt(model.variance_mm2 * np.diag(model.fit.covariance)[3:])
        zeros = np.abs(model.fit.angle_zeros_deg)
        if not ((zeros > LEAST_ANGLE_DEG) & (zeros > 3.0 * error)).any():
            return False
    new = [shot for shot in model.left_out if shot not in best.left_out]
    return bool((np.linalg.norm(model.fit.residual_mm[new], axis=-1) > 1.5 * accuracy_mm).all())


def _equal(every: Candidates, best: _Model, sigma_mm: float) -> list[Fit]:
    """Every hypothesis that fits as well as the best, the best first."""
    forecast = every.squares(best.left_out)[int(best.with_angles)]
    margin = DISTINCT * sigma_mm**2
    wide = 3.0 if best.with_angles else 1.0
    near = np.flatnonzero(forecast <= forecast.min() + wide * margin)
    fits = every.solve(best.left_out, best.with_angles, near.tolist())
    return [fit for fit in fits if fit.square_mm2 <= fits[0].square_mm2 + margin]


def _rivals(every: Candidates, best: _Model, sigma_mm: float) -> tuple[tuple[int, ...], ...]:
    """Other sets of as many marks without which the rest would fit as well."""
    if not best.left_out:
        return ()
    (_, least), *others = every.sets(len(best.left_out), best.with_angles)
    return tuple(left_out for left_out, square in others if square <= least + TOLD_APART * sigma_mm**2)


def _alone(every: Candidates, best: _Model, taken: Hypothesis, sigma_mm: float) -> dict[str, tuple[int, ...]]:
    """Choices that rest on one shot alone, which could be mistaken without a trace, and that shot."""
    choices = [each.choices() for each in every.hypotheses]
    others = {name: np.array([each[name] != value for each in choices]) for name, value in taken.choices().items()}
    index, found = every.hypotheses.index(taken), dict[str, tuple[int, ...]]()
    for shot in (shot for shot in range(len(every.shots)) if shot not in best.left_out):
        square = every.squares((*best.left_out, shot))[int(best.with_angles)]
        standing = square <= square[index] + TOLD_APART * sigma_mm**2
        for name, other in others.items():
            if (standing & other).any():
                found[name] = (*found.get(name, ()), shot)
    return found
