"""Backscatter factor of the patient: by beam quality and by the size of the field at the skin.

B is the ratio of the air kermas at the skin with and without the patient, on the axis of a square field on a flat,
thick water phantom. Field sizes are given as the side of the square field with the same backscatter.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from skindose.model import BoolArray, FloatArray, IntArray
from skindose.physics.data import read_grid
from skindose.physics.quality import Quality, hvl_mmal, tables
from skindose.units import cm_to_mm, mm_to_cm

FIT_KVP_KV = (50.0, 150.0)
SMALLEST_CM, LARGEST_CM = 5.0, 35.0  # field sides of the fit
STEP_MM = 5.0  # of the sides at which a beam's curve is tabulated; between them linear interpolation is exact to 0.03 %
SIDES_CM = mm_to_cm(np.arange(0.0, cm_to_mm(LARGEST_CM) + STEP_MM, STEP_MM))

ASSUMPTIONS = (
    "Backscatter is that of a flat, thick water phantom on the axis of the field: the fall towards the field's edge, "
    "the incidence angle and the patient's thickness and curvature are left out, and no dose is given outside the "
    "primary beam.",
    "Backscatter of fields below 5 cm follows single-energy Monte Carlo tables folded over the beam's spectrum.",
)


def equivalent_side_mm(field_mm: FloatArray, circular: BoolArray) -> FloatArray:
    """Side of the square field that scatters like the field, at the same plane.

        rectangle a x b:  2 a b / (a + b);  ellipse in a x b:  sqrt(pi a b) / 2 (the same area)      [ICRU74, BJR25]

    field_mm    (beams, 4) u_min, u_max, v_min, v_max
    circular    (beams,)
    returns     (beams,)
    """
    a, b = field_mm[:, 1] - field_mm[:, 0], field_mm[:, 3] - field_mm[:, 2]
    rectangle = 2 * a * b / np.maximum(a + b, 1e-9)
    return np.where(circular, np.sqrt(np.pi * np.maximum(a * b, 0.0)) / 2, rectangle)


def curves(beams: Quality) -> FloatArray:
    """B over the field's side at the skin.

        5 to 35 cm:  the fit of Benmakhlouf 2013, eq. 8; between its sides the polynomial in the side's logarithm
        below 5 cm:  B(s) = 1 + (B(5 cm) - 1) (b(s) - 1) / (b(5 cm) - 1), b folded from single energies

    Above 35 cm it stays as at 35 cm.                                          [Benmakhlouf2013, SpekPyBackscatter]

    returns    (beams, sides) at SIDES_CM
    """
    fit_sides, fitted = fit(beams)
    large = SIDES_CM >= SMALLEST_CM
    upper = fitted @ _polynomial(np.log(fit_sides), np.log(SIDES_CM[large])).T
    lower = 1 + (fitted[:, :1] - 1) * _small_field_shape(beams)
    return np.concatenate([lower, upper], axis=1)


def at_side(curve: FloatArray, row: IntArray, side_mm: FloatArray) -> FloatArray:
    """B of hits, from the curves of `curves`.

    row        (hits,) which curve
    side_mm    (hits,) equivalent square side of the field at the skin
    """
    place = np.minimum(side_mm / STEP_MM, curve.shape[1] - 1.001)
    low = place.astype(np.int64)
    place -= low
    low += row * curve.shape[1]
    left, right = curve.ravel().take(low), curve.ravel().take(low + 1)
    found: FloatArray = left + (right - left) * place
    return found


def fit(beams: Quality) -> tuple[FloatArray, FloatArray]:
    """B of Benmakhlouf 2013, eq. 8, at its own field sides; beams outside its data are moved to their edge.

        B = sum over i, j of c[3 i + j] V^j h^i,  V in kV, h half-value layer in mm Al         [Benmakhlouf2013]

    returns    (sides,) in cm and (beams, sides)
    """
    table = read_grid("backscatter_fit.csv")
    kvp, hvl = _clamped(beams)
    terms = np.stack([kvp**j * hvl**i for i in range(3) for j in range(3)], axis=1)
    return table[:, 0], terms @ table[:, 1:].T


def outside(beams: Quality) -> int:
    """How many beams lie outside the fit's data (2 % of the half-value layer are allowed)."""
    kvp, hvl = _clamped(beams)
    return int(((kvp != beams.kvp_kv) | (np.abs(hvl / beams.hvl_mmal - 1) > 0.02)).sum())


def _clamped(beams: Quality) -> tuple[FloatArray, FloatArray]:
    """Voltage and half-value layer inside the data of the fit."""
    kvp = np.clip(beams.kvp_kv, *FIT_KVP_KV)
    nodes, softest, hardest = _fit_range()
    return kvp, np.clip(beams.hvl_mmal, np.interp(kvp, nodes, softest), np.interp(kvp, nodes, hardest))


@cache
def _fit_range() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Voltages, and the half-value layers of the fit's softest (2.5 Al) and hardest (5.1 Al + 0.9 Cu) beams."""
    kvp = np.arange(FIT_KVP_KV[0], FIT_KVP_KV[1] + 1, 10.0)
    soft, hard = np.full(len(kvp), 2.5), np.full(len(kvp), 5.1)
    return kvp, hvl_mmal(kvp, soft, np.zeros(len(kvp))), hvl_mmal(kvp, hard, np.full(len(kvp), 0.9))


def _polynomial(nodes: FloatArray, values: FloatArray) -> FloatArray:
    """(values, nodes) weights of the polynomial through all nodes."""
    powers = len(nodes)
    weights: FloatArray = np.vander(values, powers) @ np.linalg.inv(np.vander(nodes, powers))
    return weights


def _small_field_shape(beams: Quality) -> FloatArray:
    """(beams, sides below 5 cm) the share of the backscatter at 5 cm that a smaller field gives; 0 without a field."""
    small = SIDES_CM[SIDES_CM < SMALLEST_CM]
    excess = folded(beams, np.append(small, SMALLEST_CM))
    excess = np.maximum(excess - excess[:, :1], 0.0)  # the first side is 0
    shape: FloatArray = excess[:, :-1] / excess[:, -1:]
    return shape


def folded(beams: Quality, sides_cm: FloatArray) -> FloatArray:
    """(beams, sides) B folded over the spectrum from single energies, each side up to 9 cm.

        b(s) = sum over energies of the air kerma's share x b(energy, D),  D = 2 s / sqrt(pi) (the same area)

    Over the diameter it is a polynomial in ln(1 + D/cm) through the table's 0 (no scatter), 1, 2, 3, 5 and 10 cm.
    """
    table = read_grid("backscatter_monoenergetic.csv")
    diameters = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 10.0])
    at_diameters = np.column_stack([np.ones(len(table)), table[:, 1:6]])
    to_sides = _polynomial(np.log1p(diameters), np.log1p(sides_cm * 2 / np.sqrt(np.pi)))
    return beams.kerma @ _hats(tables().energy_kev, table[:, 0]) @ at_diameters @ to_sides.T


def _hats(values: FloatArray, nodes: FloatArray) -> FloatArray:
    """(values, nodes) weights of linear interpolation, clamped outside the nodes."""
    return np.stack([np.interp(values, nodes, row) for row in np.eye(len(nodes))], axis=1)
