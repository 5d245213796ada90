"""A pencil beam on a flat slab: what comes back to its surface, ring by ring, for every thickness at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skindose.model import FloatArray
from skindose.montecarlo import jit
from skindose.montecarlo.materials import MATERIALS, Material, muen_rho_cm2g, tables
from skindose.threads import workers

BATCH = 20_000
"""Histories of a batch; their spread gives the uncertainty."""


@dataclass(frozen=True)
class PointSpread:
    """What a pencil beam's photons bring back to the surface of a slab, over the primary free in air.

    The value of a ring is its part of the backscatter factor less one: a wide parallel beam that covers exactly this
    ring of surface around a point sends that point so much scatter, over the primary there, ratio of air kermas or of
    water kermas. Summed from the axis outwards it is B - 1 of a circular field; over the ring's area, per mm2, the
    density to be superposed over any field. A photon that never went deeper than t has the same history in a slab of
    thickness t, so one run gives every thickness.

    radius_mm       (rings,) outer radius of each ring, the first from 0
    depth_mm        (depths,) thickness of the slab
    on_surface      (depths, rings) ratio of air kermas, rings on the slab's surface
    across_beam     (depths, rings) the same, rings in the plane perpendicular to the beam, to which points of the
                    surface are carried along the beam
    water_on_surface, water_across_beam     ratio of water kermas
    lean_on_surface, lean_across_beam       the first two, each photon times the cosine of its azimuth, 1 downstream of
                    an oblique beam, -1 upstream: to first order the density is (ring + 2 lean cos(azimuth)) / area
    sd_...          standard uncertainties of `on_surface` and `across_beam`, summed over the rings from the axis
    """

    radius_mm: FloatArray
    depth_mm: FloatArray
    on_surface: FloatArray
    across_beam: FloatArray
    water_on_surface: FloatArray
    water_across_beam: FloatArray
    lean_on_surface: FloatArray
    lean_across_beam: FloatArray
    sd_summed_on_surface: FloatArray
    sd_summed_across_beam: FloatArray


@dataclass(frozen=True)
class Pencil:
    """A pencil beam onto a slab.

    energy_kev      one energy, or (lines,) those of a spectrum, 1 to 160 keV
    cos_incidence   between the beam and the slab's inward normal, in (0, 1]
    fluence         (lines,) photons per line; None: all alike
    body            what the slab is made of
    """

    energy_kev: float | FloatArray
    cos_incidence: float = 1.0
    fluence: FloatArray | None = None
    body: Material = MATERIALS["water"]


def point_spread(
    pencil: Pencil,
    radii_mm: FloatArray,
    depths_mm: FloatArray,
    photons: int,
    seed: int = 0,
    threads: int | None = None,
) -> PointSpread:
    """The point-spread function of a flat slab, infinitely wide.

        ring = cos_incidence x sum of [E mu_en/rho / |cos|] / (photons x mean of [E mu_en/rho] of the beam)

    Beams are parallel: from a focal spot at 50 cm a field of 5, 10, 20 cm scatters back 0.4, 0.8, 2 % of B less.

    radii_mm    (rings,) outer radii, growing
    depths_mm   (depths,) thicknesses, growing; 300 mm is as good as endless (below 0.1 %)
    photons     at least 20,000, rounded up to batches
    seed        with equal seeds equal results, for any number of threads
    """
    energies = np.atleast_1d(np.asarray(pencil.energy_kev, dtype=np.float64))
    lines = np.ones(len(energies)) if pencil.fluence is None else np.asarray(pencil.fluence, dtype=np.float64)
    body, cos_incidence = pencil.body, pencil.cos_incidence
    table = tables([(body, body.density_gcm3)])
    squares, depths = (np.ascontiguousarray(values, dtype=np.float64) for values in (radii_mm, depths_mm))
    incidence = np.array([cos_incidence, np.sqrt(max(0.0, 1.0 - cos_incidence**2))])
    material = (table.interaction, table.scattering, table.form, table.kerma)

    def batch(number: int) -> FloatArray:
        out = np.zeros((4, 2, len(depths), len(squares)))
        jit.slab(seed, number, BATCH, incidence, energies, lines.cumsum(), squares**2, depths, *material, out)
        return out.cumsum(axis=2)

    count = max(1, -(-photons // BATCH))
    total, spread = np.zeros((4, 2, len(depths), len(squares))), np.zeros((2, len(depths), len(squares)))
    with workers(threads, count) as work:
        for out in work(batch, range(count)):
            total += out
            spread += out[:2, 0].cumsum(axis=-1) ** 2
    primary = [
        float(lines @ (energies * muen_rho_cm2g(MATERIALS[name], energies)) / lines.sum()) for name in ("air", "water")
    ]
    scale = cos_incidence / (count * BATCH)
    mean = total[:2, 0].cumsum(axis=-1)
    error = np.sqrt(np.maximum(0.0, spread - mean**2 / count) * count / max(1, count - 1)) * scale / primary[0]
    air, water = total[:, 0] * scale / primary[0], total[:, 1] * scale / primary[1]
    return PointSpread(np.asarray(radii_mm), depths, air[0], air[1], water[0], water[1], air[2], air[3], *error)
