"""Backscatter of fields from the point spread of a slab, also for a focal spot at a finite distance."""

import numpy as np

from skindose.montecarlo import Pencil, point_spread
from skindose.physics import quality

RING_MM = 2.0
RADII_MM = np.arange(1, 251) * RING_MM
MIDDLE_MM = RADII_MM - RING_MM / 2
ENDLESS_MM = np.array([300.0])
LEAN_DEG = 15.0


def spectrum(kvp_kv, al_mm, cu_mm):
    """energy_kev, fluence of one beam quality."""
    found = quality.quality(np.array([float(kvp_kv)]), np.array([float(al_mm)]), np.array([float(cu_mm)]))
    table = quality.tables()
    return table.energy_kev, (found.kerma / (table.energy_kev * table.kerma_rho))[0]


def pair(energy_kev, photons, fluence=None, seed=1):
    """Point spread of a perpendicular and of a leaning pencil."""
    lean = float(np.cos(np.radians(LEAN_DEG)))
    return [
        point_spread(Pencil(energy_kev, cosine, fluence), RADII_MM, ENDLESS_MM, photons, seed + k)
        for k, cosine in enumerate((1.0, lean))
    ]


def circle(diameter_mm):
    """(rings,) share of each ring inside a circular field."""
    return np.clip((diameter_mm / 2 - (RADII_MM - RING_MM)) / RING_MM, 0.0, 1.0)


def square(side_mm):
    """(rings,) share of each ring inside a square field, at the ring's middle."""
    half = side_mm / 2
    corner = np.arccos(np.minimum(1.0, half / MIDDLE_MM))
    return np.clip(1.0 - 4.0 / np.pi * corner, 0.0, 1.0)


def backscatter(kernels, inside, focus_mm=np.inf, water=False):
    """B on the axis of a field from a focal spot straight above, and its standard uncertainty.

    A ring's share arrives at an angle and leaves the other way: its density is that of the leaning pencil upstream, in
    proportion to the angle's sine, and the fluence per surface goes with the cube of the cosine.
    """
    upright, lean = kernels
    angle = np.arctan(MIDDLE_MM / focus_mm)
    straight = upright.on_surface[0]
    upstream = (lean.on_surface - 2.0 * lean.lean_on_surface)[0]
    ring = straight + (upstream - straight) * np.sin(angle) / np.sin(np.radians(LEAN_DEG))
    if water:
        ring = ring * upright.water_on_surface[0] / np.maximum(straight, 1e-300)
    reached = np.flatnonzero(inside)[-1]
    return 1.0 + float((np.cos(angle) ** 3 * ring * inside).sum()), float(upright.sd_summed_on_surface[0, reached])
