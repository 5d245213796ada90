"""Makes skindose/physics/data/scatter.npz: what a point of the field scatters back to the skin around it.

    python scripts/make_scatter_kernels.py [OUT.npz]        about two minutes on two cores

A pencil beam of one energy falls on a flat slab of water, again and again; every photon that comes back is scored by
its distance from the beam, across the beam. By reciprocity a ring's score is what a wide parallel beam over that ring
scatters to its centre, over the primary's air kerma there. A photon that never went deeper than t has the same history
in a slab of thickness t, so one run gives every thickness.

Round Gaussians of eight widths, the same for all, are fitted to the sums over the rings from the centre outwards, by
least squares without negative weights. Their quadrant integrals are products of one-dimensional ones, so a rectangle's
scatter is a sum of products at any point (skindose/physics/jit.py).

On an oblique surface a point gets more scatter from pencils that enter nearer to the focal spot than from those
beyond it: the first harmonic of the scores over the azimuth is fitted with the slopes of the same Gaussians.

Rays diverge from the focal spot. To first order the pencil at a distance r leans away from the point that is scored by
r / d, which the first harmonic of the scores over the azimuth tells (at 10 degrees); and across the beam at the point
its photons stand less densely by cos^3. Both are fitted as a change at d = 600 mm, taken as proportional to 1 / d.

Random numbers come from fixed streams, batch by batch, and everything is rounded to 5 digits: the same bytes again.
"""

from __future__ import annotations

import math

import numpy as np
import table_file
from table_file import rounded

from skindose.montecarlo import Pencil, point_spread

ENERGY_KEV = np.array([12.0, 15.0, 20.0, 25.0, 30.0, 36.0, 43.0, 52.0, 62.0, 74.0, 88.0, 105.0, 125.0, 150.0])
ANGLE_DEG = np.array([88.0, 80.0, 70.0, 60.0, 48.0, 33.0, 0.0])  # even enough over the cosine
LEAN_DEG = 10.0  # for the divergence
THICKNESS_MM = np.array([10.0, 20.0, 40.0, 60.0, 80.0, 120.0, 180.0, 300.0])  # the last is as good as endless
WIDTH_MM = np.geomspace(1.6, 130.0, 8)
RADIUS_MM = np.geomspace(1.0, 500.0, 45)
DISTANCE_MM = 600.0
PHOTONS = 400_000
THREADS = 2


def rings(energy_kev: float, angle_deg: float) -> np.ndarray:
    """(2, thicknesses, rings) scattered over primary air kerma of each ring; plain and times the azimuth's cosine."""
    pencil = Pencil(energy_kev, math.cos(math.radians(angle_deg)))
    found = point_spread(pencil, RADIUS_MM, THICKNESS_MM, PHOTONS, threads=THREADS)
    return np.stack([found.across_beam, found.lean_across_beam])


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


def weights(score: np.ndarray, divergence: np.ndarray) -> np.ndarray:
    """(3, thicknesses, widths) the Gaussians' weights, their change per 1/mm, and the weights of their slopes.

    score         (2, thicknesses, rings) of `rings`
    divergence    (thicknesses, rings) what the divergence at DISTANCE_MM multiplies them by
    """
    reach = RADIUS_MM[:, None] / WIDTH_MM
    columns = 1 - np.exp(-(reach**2) / 2)
    slopes = 0.5 * (math.sqrt(math.pi / 2) * np.vectorize(math.erf)(reach / math.sqrt(2)) - reach * (1 - columns))
    plain, leaning = score.cumsum(axis=2)
    diverging = (score[0] * divergence).cumsum(axis=1)
    found = np.zeros((3, len(THICKNESS_MM), len(WIDTH_MM)))
    for t in range(len(THICKNESS_MM)):
        scale = 1 / (1 + plain[t])
        parallel, lower = (least_squares(columns * scale[:, None], values[t] * scale) for values in (plain, diverging))
        slope = least_squares(slopes * scale[:, None], leaning[t] * scale)
        found[:, t] = parallel, (lower - parallel) * DISTANCE_MM, slope
    return found


def divergences(energy_kev: float) -> np.ndarray:
    """(thicknesses, rings) the divergence's factor on each ring's score.

    1 - (r / d) k1 / k0 - 1.5 (r / d)^2,  k1 = 2 <k cos(azimuth)> / (lean)
    """
    plain, harmonic = rings(energy_kev, LEAN_DEG)
    middle = np.sqrt(RADIUS_MM * np.concatenate([[0.5], RADIUS_MM[:-1]])) / DISTANCE_MM
    ratio = 2 * harmonic / np.maximum(plain, 1e-12) / math.radians(LEAN_DEG)
    return np.clip(1 - middle * ratio - 1.5 * middle**2, 0.0, 1.0)


def made() -> dict[str, np.ndarray]:
    """Every array of the file by its name."""
    weight = np.zeros((3, len(ENERGY_KEV), len(ANGLE_DEG), len(THICKNESS_MM), len(WIDTH_MM)))
    for e, energy in enumerate(ENERGY_KEV.tolist()):
        divergence = divergences(energy)
        for a, angle in enumerate(ANGLE_DEG.tolist()):
            weight[:, e, a] = weights(rings(energy, angle), divergence)
    return {
        "energy_kev": ENERGY_KEV,
        "cos_incidence": rounded(np.cos(np.radians(ANGLE_DEG)), 5),
        "thickness_mm": THICKNESS_MM,
        "width_mm": rounded(WIDTH_MM, 5),
        "weight": rounded(weight, 5).astype(np.float32),
    }


def main() -> None:
    """Write the table to the path given, or to its place in the package."""
    table_file.write(made(), "physics/data/scatter.npz")


if __name__ == "__main__":
    main()
