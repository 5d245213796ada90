"""Least squares: for each hypothesis the zeros at which the markers lie nearest to the central rays.

A marker at m (table frame) was centred, so it lies on the line through the isocentre p along the central ray d. With
the table's positions q = S r - c (readings r, signed permutation S, zeros c in our sense) the geometry's isocentre is
an affine function of q, and the distance vector

    e = (1 - d d') (m - p(S r - c))

is linear in c: one 3 x 3 system for each hypothesis. Zeros of the stand's angles enter through d and are found by
Levenberg and Marquardt's method from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from skindose.commission.hypotheses import Hypothesis, Stand, Table
from skindose.commission.shots import Shots
from skindose.geometry.frames import ORIENTATIONS, isocentre_in_table, stand_rotation, table_rotation
from skindose.model import FloatArray

# Eigenvalues of the normal matrix below this share of the number of shots: that direction is not seen at all. A ray 3
# degrees off an axis sees it with 0.003.
BLIND = 2e-3
_STEPS = 30
_PROBE_DEG = 1e-3


class Sums(NamedTuple):
    """Normal equations per shot, over hypotheses of the stand (h) and of the table (t), angles' zeros linearised.

    matrix     (h, 1, shots, 3, 3) for the zeros of the table
    side       (h, t, shots, 3)
    square     (h, t, shots) square of the distance at zeros of 0
    cross      (h, t, shots, 3, 2) between zeros of the table and of the angles
    turn       (h, t, shots, 2, 2) for the zeros of the angles
    turn_side  (h, t, shots, 2)
    """

    matrix: FloatArray
    side: FloatArray
    square: FloatArray
    cross: FloatArray
    turn: FloatArray
    turn_side: FloatArray

    def without(self, left_out: tuple[int, ...], whole: list[FloatArray]) -> list[FloatArray]:
        """Sums over the shots that count; `whole` are those over all."""
        if not left_out:
            return whole
        return [every - part[:, :, list(left_out)].sum(axis=2) for every, part in zip(whole, self, strict=True)]

    def whole(self) -> list[FloatArray]:
        """Sums over all shots."""
        return [part.sum(axis=2) for part in self]

    def of_stands(self, chosen: Sequence[int]) -> Sums:
        """The same for some hypotheses of the stand only."""
        return Sums(*(part[list(chosen)] for part in self))


class Fit(NamedTuple):
    """One hypothesis, solved.

    zeros_mm       (3,) in our sense along X, Y, Z of the table
    angle_zeros_deg  (2,) of the reported primary and secondary angle
    residual_mm    (shots, 3) marker from the central ray, in the table frame; of every shot, those left out too
    square_mm2     sum of squares over the shots that count
    covariance     (3, 3), or (5, 5) with zeros of angles, for unit variance; infinite for what is not determined
    """

    hypothesis: Hypothesis
    zeros_mm: FloatArray
    angle_zeros_deg: FloatArray
    residual_mm: FloatArray
    square_mm2: float
    covariance: FloatArray


def rays(shots: Shots, stand: Stand, angle_zeros_deg: FloatArray | None = None) -> FloatArray:
    """(shots, 3) direction of each central ray in the table frame [docs/conventions.md]."""
    zeros = np.zeros(2) if angle_zeros_deg is None else angle_zeros_deg
    angles = np.array([stand.primary_sign, stand.secondary_sign]) * (shots.stand_deg - zeros)
    direction = -stand_rotation(angles[:, 0], angles[:, 1], stand.axis_order)[..., 1]
    if stand.angles_relative_to == "patient":
        registered = np.array([ORIENTATIONS[each] for each in shots.orientation])
        direction = np.einsum("nij,nj->ni", registered, direction)
    seen: FloatArray = np.einsum("nji,nj->ni", table_axes(shots, stand), direction)
    return seen


def table_axes(shots: Shots, stand: Stand) -> FloatArray:
    """(shots, 3, 3) table axes -> room axes."""
    signs = (stand.horizontal_rotation_sign, stand.head_tilt_sign, stand.cradle_tilt_sign)
    return table_rotation(*(np.array(signs) * shots.table_deg).T)


def isocentre(position_mm: FloatArray) -> FloatArray:
    """(..., 3) isocentre in the table frame from positions in our sense along X, Y, Z."""
    return isocentre_in_table(position_mm[..., 0], position_mm[..., 1], position_mm[..., 2])


def distances(shots: Shots, hypothesis: Hypothesis, zeros_mm: FloatArray, angle_zeros_deg: FloatArray) -> FloatArray:
    """(shots, 3) vector from the central ray to the marker, perpendicular to the ray."""
    position = shots.reading_mm @ hypothesis.table.matrix.T - zeros_mm
    away = shots.marker_mm - isocentre(position)
    ray = rays(shots, hypothesis.stand, angle_zeros_deg)
    across: FloatArray = away - (away * ray).sum(axis=-1, keepdims=True) * ray
    return across


def sums(shots: Shots, stand: list[Stand], table: list[Table]) -> Sums:
    """Normal equations of every pair of hypotheses."""
    ray = np.array([rays(shots, each) for each in stand])
    across = (np.eye(3) - ray[..., :, None] * ray[..., None, :])[:, None]
    position = np.array([shots.reading_mm @ each.matrix.T for each in table])
    away = (shots.marker_mm - isocentre(position))[None]
    off = np.einsum("hinjk,tinj->htnk", across, away.swapaxes(0, 1))
    zeros = pseudo_inverse(across.sum(axis=2), np.asarray(len(shots))) @ off.sum(axis=2)[..., None]
    lever = ((away - zeros[..., None, :, 0]) * ray[:, None]).sum(axis=-1)
    turned = lever[..., None, None] * _per_degree(shots, stand, ray)[:, None]
    return Sums(
        matrix=across,
        side=off,
        square=(off**2).sum(axis=-1),
        cross=turned,
        turn=np.swapaxes(turned, -1, -2) @ turned,
        turn_side=(np.swapaxes(turned, -1, -2) @ off[..., None])[..., 0],
    )


def _per_degree(shots: Shots, stand: list[Stand], ray: FloatArray) -> FloatArray:
    """(h, shots, 3, 2) change of the central ray with the zeros of primary and secondary angle."""
    steps = _PROBE_DEG * np.eye(2)
    turned = [np.array([rays(shots, each, step) for each in stand]) - ray for step in steps]
    return np.stack(turned, axis=-1) / _PROBE_DEG


def squares(
    total: Sums, left_out: tuple[int, ...] = (), whole: list[FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """(h, t) least sum of squares of each hypothesis without some shots: for angles as reported, and with their zeros.

    The second is a linear forecast, good to rank by. `whole` saves time where many sets are tried.
    """
    matrix, side, square, cross, turn, turn_side = total.without(left_out, whole or total.whole())
    inverse = pseudo_inverse(matrix, np.asarray(total.square.shape[-1] - len(left_out)))
    zeros = (inverse @ side[..., None])[..., 0]
    plain = np.maximum(square - (side * zeros).sum(axis=-1), 0.0)
    across = np.swapaxes(cross, -1, -2)
    turn_left = turn - across @ inverse @ cross
    side_left = turn_side - (across @ zeros[..., None])[..., 0]
    blind = np.maximum(np.trace(turn, axis1=-2, axis2=-1), 1e-9)
    gain = (side_left * (pseudo_inverse(turn_left, blind) @ side_left[..., None])[..., 0]).sum(axis=-1)
    return plain, np.maximum(plain - gain, 0.0)


def pseudo_inverse(matrix: FloatArray, scale: FloatArray) -> FloatArray:
    """Inverse of symmetric matrices, 0 along directions whose eigenvalue is next to nothing beside `scale`."""
    value, vector = np.linalg.eigh(matrix)
    seen = value > BLIND * np.asarray(scale)[..., None]
    weight = np.where(seen, 1.0 / np.where(seen, value, 1.0), 0.0)
    inverse: FloatArray = (vector * weight[..., None, :]) @ np.swapaxes(vector, -1, -2)
    return inverse


def solve(shots: Shots, hypothesis: Hypothesis, counts: FloatArray, with_angles: bool) -> Fit:
    """Zeros of one hypothesis over the shots that count, and of the stand's angles where asked for."""
    zeros, jacobian = _linear(shots, hypothesis, counts)
    angles = np.zeros(2)
    if with_angles:

        def residual(unknown: FloatArray) -> FloatArray:
            return (counts[:, None] * distances(shots, hypothesis, unknown[:3], unknown[3:])).ravel()

        found, jacobian = levenberg_marquardt(residual, np.concatenate([zeros, angles]))
        zeros, angles = found[:3], found[3:]
    off = distances(shots, hypothesis, zeros, angles)
    return Fit(
        hypothesis=hypothesis,
        zeros_mm=zeros,
        angle_zeros_deg=angles,
        residual_mm=off,
        square_mm2=float((counts[:, None] * off**2).sum()),
        covariance=_covariance(jacobian, counts.sum()),
    )


def _linear(shots: Shots, hypothesis: Hypothesis, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Zeros of the table for angles as reported, and the Jacobian of the distances."""
    ray = rays(shots, hypothesis.stand)
    across = counts[:, None, None] * (np.eye(3) - ray[:, :, None] * ray[:, None, :])
    away = shots.marker_mm - isocentre(shots.reading_mm @ hypothesis.table.matrix.T)
    side = np.einsum("nij,nj->i", across, away)
    zeros = pseudo_inverse(across.sum(axis=0), np.asarray(counts.sum())) @ side
    return zeros, -across.reshape(-1, 3)


def levenberg_marquardt(
    residual: Callable[[FloatArray], FloatArray], start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Unknowns with the least sum of squares near `start`, and the Jacobian there [Marquardt 1963]."""
    here, damping = start, 1e-6
    value = residual(here)
    jacobian = _jacobian(residual, here, value)
    for _ in range(_STEPS):
        normal = jacobian.T @ jacobian
        # Directions that nothing depends on get a step of 0 by the small term.
        lifted = normal + damping * np.diag(np.diag(normal)) + 1e-12 * np.trace(normal) * np.eye(len(here))
        step = np.linalg.solve(lifted, -jacobian.T @ value)
        tried = residual(here + step)
        if tried @ tried > value @ value:
            damping *= 8.0
            if damping > 1e2:
                break
            continue
        gain = value @ value - tried @ tried
        here, value, damping = here + step, tried, damping / 8.0
        jacobian = _jacobian(residual, here, value)
        if gain <= 1e-9 * (value @ value) + 1e-9:
            break
    return here, jacobian


def _jacobian(residual: Callable[[FloatArray], FloatArray], here: FloatArray, value: FloatArray) -> FloatArray:
    steps = _PROBE_DEG * np.eye(len(here))
    return np.stack([(residual(here + step) - value) / _PROBE_DEG for step in steps], axis=-1)


def _covariance(jacobian: FloatArray, shots: float) -> FloatArray:
    """Inverse of J'J; infinite variances for unknowns with a share in a direction that the shots do not see."""
    normal = jacobian.T @ jacobian
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-12))
    value, vector = np.linalg.eigh(normal / np.outer(scale, scale))
    seen = value > BLIND
    covariance: FloatArray = (vector[:, seen] / value[seen]) @ vector[:, seen].T / np.outer(scale, scale)
    blind = (np.abs(vector[:, ~seen]) > 0.05).any(axis=1) | (scale**2 <= BLIND * shots)
    covariance[blind, blind] = np.inf
    return covariance
