"""Makes skindose/physics/data/scatter.npz: what a point of the field scatters back to the skin around it.

    python scripts/make_scatter_kernels.py [OUT.npz]        about two minutes on two cores

A pencil beam of one energy falls on a flat slab of water, again and again; every photon that comes back is scored by
its distance from the beam, across the beam. By reciprocity a ring's score is what a wide parallel beam over that ring
scatters to its centre, over the primary's air kerma there. A photon that never went deeper than t has the same history
in a slab of thickness t, so one run gives every thickness.

Round Gaussians of eight widths, the same for all, are fitted to the sums over the rings from the centre outwards, by
least squares without negative weights. Their quadrant integrals are products of one-dimensional ones, so a rectangle's
scatter is a sum of products at any point (skindose/physics/jit.py).

Rays diverge from the focal spot. To first order the pencil at a distance r leans away from the point that is scored by
r / d, which the first harmonic of the scores over the azimuth tells (at 10 degrees); and across the beam at the point
its photons stand less densely by cos^3. Both are fitted as a change at d = 600 mm, taken as proportional to 1 / d.

Random numbers come from fixed streams, batch by batch, and everything is rounded to 5 digits: the same bytes again.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numba import njit

from skindose.montecarlo.jit import _collide, _per_cosine, _place, _stream, _turn, _uniform
from skindose.montecarlo.materials import MATERIALS, muen_rho_cm2g, tables

ENERGY_KEV = np.array([12.0, 15.0, 20.0, 25.0, 30.0, 36.0, 43.0, 52.0, 62.0, 74.0, 88.0, 105.0, 125.0, 150.0])
ANGLE_DEG = np.array([88.0, 80.0, 70.0, 60.0, 48.0, 33.0, 0.0])  # even enough over the cosine
LEAN_DEG = 10.0  # for the divergence
THICKNESS_MM = np.array([10.0, 20.0, 40.0, 60.0, 80.0, 120.0, 180.0, 300.0])  # the last is as good as endless
WIDTH_MM = np.geomspace(1.6, 130.0, 8)
RADIUS_MM = np.geomspace(1.0, 500.0, 45)
DISTANCE_MM = 600.0
PHOTONS, BATCH = 1_000_000, 50_000
THREADS = 2


@njit(nogil=True, error_model="numpy")
def follow(number, photons, incidence, energy_kev, squares, depths, material, out):
    """Follow photons of a pencil beam that leans towards +x; as montecarlo/jit.py's `slab`, with the azimuth.

    out    (2, depths, rings) sums of E mu_en/rho / |cosine| of air, plain and times the cosine of the azimuth
    """
    interaction, scattering, form, kerma = material
    state = _stream(0, number)
    rings, deepest = len(squares), depths[-1]
    for _ in range(photons):
        energy = energy_kev
        x = y = z = reached = 0.0
        u, v, w = incidence[1], 0.0, incidence[0]
        while energy > 0.0:
            at, share = _place(energy)
            mu = interaction[at, 0] + share * (interaction[at + 1, 0] - interaction[at, 0])
            path = -math.log(_uniform(state)) / mu
            if z + path * w < 0.0:
                path = -z / w
                x, y = (x + path * u) * incidence[0], y + path * v
                square = x * x + y * y
                if square < squares[-1]:
                    ring, level = np.searchsorted(squares, square), np.searchsorted(depths, reached)
                    value = (kerma[at, 0] + share * (kerma[at + 1, 0] - kerma[at, 0])) * _per_cosine(w)
                    out[0, level, ring] += value
                    out[1, level, ring] += value * x / math.sqrt(square)
                break
            x, y, z = x + path * u, y + path * v, z + path * w
            reached = max(reached, z)
            if z > deepest:
                break
            energy, cosine = _collide(state, energy, at, share, interaction, scattering, form)
            if energy > 0.0:
                u, v, w = _turn(state, u, v, w, cosine)


def rings(energy_kev: float, angle_deg: float) -> np.ndarray:
    """(2, thicknesses, rings) scattered over primary air kerma of each ring; plain and times the azimuth's cosine."""
    water = MATERIALS["water"]
    table = tables([(water, water.density_gcm3)])
    material = (table.interaction[0], table.scattering[0], table.form[0], table.kerma)
    angle = math.radians(angle_deg)
    incidence = np.array([math.cos(angle), math.sin(angle)])

    def batch(number: int) -> np.ndarray:
        out = np.zeros((2, len(THICKNESS_MM), len(RADIUS_MM)))
        follow(number, BATCH, incidence, energy_kev, RADIUS_MM**2, THICKNESS_MM, material, out)
        return out

    with ThreadPoolExecutor(THREADS) as pool:
        total = sum(pool.map(batch, range(PHOTONS // BATCH)))
    primary = energy_kev * float(muen_rho_cm2g(MATERIALS["air"], np.array([energy_kev]))[0])
    return total.cumsum(axis=1) * incidence[0] / (PHOTONS * primary)


def least_squares(columns: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The weights, none negative, that come nearest to `wanted` [LawsonHanson1974]."""
    found, free = np.zeros(columns.shape[1]), np.zeros(columns.shape[1], dtype=bool)
    for _ in range(100):
        slope = columns.T @ (wanted - columns @ found)
        if free.all() or slope[~free].max() < 1e-9:
            break
        free[np.argmax(np.where(free, -np.inf, slope))] = True
        while True:
            trial = np.zeros(len(found))
            trial[free] = np.linalg.lstsq(columns[:, free], wanted, rcond=None)[0]
            if trial[free].min() > 0:
                break
            worse = free & (trial <= 0)
            found += np.min(found[worse] / (found[worse] - trial[worse])) * (trial - found)
            free &= found > 1e-12
        found = trial
    return found


def weights(ring: np.ndarray, divergence: np.ndarray) -> np.ndarray:
    """(2, thicknesses, widths) the Gaussians' weights, and their change per 1/mm.

    ring          (thicknesses, rings) scores
    divergence    (thicknesses, rings) what the divergence at DISTANCE_MM multiplies them by
    """
    columns = 1 - np.exp(-(RADIUS_MM[:, None] ** 2) / (2 * WIDTH_MM**2))
    plain = ring.cumsum(axis=1)
    diverging = (ring * divergence).cumsum(axis=1)
    found = np.zeros((2, len(THICKNESS_MM), len(WIDTH_MM)))
    for t in range(len(THICKNESS_MM)):
        scale = 1 / (1 + plain[t])
        parallel, lower = (
            least_squares(columns * scale[:, None], values[t] * scale) for values in (plain, diverging)
        )
        found[:, t] = parallel, (lower - parallel) * DISTANCE_MM
    return found


def divergences(energy_kev: float) -> np.ndarray:
    """(thicknesses, rings) the divergence's factor on each ring's score.

        1 - (r / d) k1 / k0 - 1.5 (r / d)^2,  k1 = 2 <k cos(azimuth)> / (lean)
    """
    plain, harmonic = rings(energy_kev, LEAN_DEG)
    middle = np.sqrt(RADIUS_MM * np.concatenate([[0.5], RADIUS_MM[:-1]])) / DISTANCE_MM
    ratio = 2 * harmonic / np.maximum(plain, 1e-12) / math.radians(LEAN_DEG)
    return np.clip(1 - middle * ratio - 1.5 * middle**2, 0.0, 1.0)


def rounded(values: np.ndarray, digits: int = 5) -> np.ndarray:
    """Rounded to significant digits: a last-bit difference between machines does not reach the file."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in values.ravel()]).reshape(values.shape)


def made() -> dict[str, np.ndarray]:
    """Every array of the file by its name."""
    weight = np.zeros((2, len(ENERGY_KEV), len(ANGLE_DEG), len(THICKNESS_MM), len(WIDTH_MM)))
    for e, energy in enumerate(ENERGY_KEV.tolist()):
        divergence = divergences(energy)
        for a, angle in enumerate(ANGLE_DEG.tolist()):
            weight[:, e, a] = weights(rings(energy, angle)[0], divergence)
    return {
        "energy_kev": ENERGY_KEV,
        "cos_incidence": rounded(np.cos(np.radians(ANGLE_DEG))),
        "thickness_mm": THICKNESS_MM,
        "width_mm": rounded(WIDTH_MM),
        "weight": rounded(weight).astype(np.float32),
    }


def main() -> None:
    """Write the table to the path given, or to its place in the package."""
    default = Path(__file__).resolve().parents[1] / "skindose" / "physics" / "data" / "scatter.npz"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    arrays = made()
    with out.open("wb") as file:
        np.savez(file, **arrays)


if __name__ == "__main__":
    main()
