"""Beam quality: the spectrum behind a stack of filters, its half-value layer and mean energy.

Spectra come from a table over tube voltage and anode angle (`data/beams.npz`, made by scripts/make_beam_tables.py);
filters act on them exactly, energy by energy, so only voltage and angle are interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np

from skindose.model import FloatArray
from skindose.units import mm_to_cm

ANODE_DEG = 11.0  # where the caller has none
DENSITY_GCM3 = {"Al": 2.699, "Cu": 8.96}
AL_RANGE_MM = (1.0, 25.0)  # total aluminium for which the table's lowest energy (6 keV) does not matter
CU_RANGE_MM = (0.0, 3.0)


@dataclass(frozen=True)
class Tables:
    """The arrays of `data/beams.npz`; energies last.

    energy_kev    (energies,)
    kvp_kv        (voltages,)
    anode_deg     (angles,)
    kerma_rho     (energies,) spekpy's mass energy-absorption coefficient of air, cm2/g; weighs fluence as air kerma
    kerma         (angles, voltages, energies) air kerma per bin of the unfiltered spectra, any scale
    filter_mu     name -> (energies,) linear attenuation coefficient, 1/cm
    support_mu_rho, medium_muen_rho   name -> (energies,), cm2/g
    """

    energy_kev: FloatArray
    kvp_kv: FloatArray
    anode_deg: FloatArray
    kerma_rho: FloatArray
    kerma: FloatArray
    filter_mu: dict[str, FloatArray]
    support_mu_rho: dict[str, FloatArray]
    medium_muen_rho: dict[str, FloatArray]


@cache
def tables() -> Tables:
    """The beam table, read once."""
    data = np.load(BytesIO((files("skindose.physics.data") / "beams.npz").read_bytes()))
    media = _named(data, "medium_names", "medium_muen_rho_cm2g")
    mu_rho = _named(data, "filter_names", "filter_mu_rho_cm2g")
    return Tables(
        energy_kev=data["energy_kev"],
        kvp_kv=data["kvp_kv"],
        anode_deg=data["anode_deg"],
        kerma_rho=data["kerma_rho_cm2g"],
        kerma=data["fluence"].astype(np.float64) * data["energy_kev"] * data["kerma_rho_cm2g"],
        filter_mu={name: values * DENSITY_GCM3[name] for name, values in mu_rho.items()},
        support_mu_rho=_named(data, "support_names", "support_mu_rho_cm2g"),
        medium_muen_rho=media,
    )


def _named(data: Any, names: str, values: str) -> dict[str, FloatArray]:
    return {str(name): row for name, row in zip(data[names], data[values], strict=True)}


@dataclass(frozen=True)
class Quality:
    """Beam qualities, one element per beam.

    kvp_kv, cu_mm      (beams,) tube voltage and copper, clamped to the table's
    hvl_mmal           (beams,) first half-value layer of the air kerma, mm Al, narrow beam
    mean_energy_kev    (beams,) mean photon energy of the fluence
    kerma              (beams, energies) share of each energy bin in the air kerma free in air; rows sum to 1
    """

    kvp_kv: FloatArray
    cu_mm: FloatArray
    hvl_mmal: FloatArray
    mean_energy_kev: FloatArray
    kerma: FloatArray

    def take(self, index: Any) -> Quality:
        """The qualities of some beams, in the order of `index`."""
        columns = (self.kvp_kv, self.cu_mm, self.hvl_mmal, self.mean_energy_kev, self.kerma)
        return Quality(*(column[index] for column in columns))


def quality(kvp_kv: FloatArray, al_mm: FloatArray, cu_mm: FloatArray, anode_deg: float = ANODE_DEG) -> Quality:
    """Beam qualities of tube voltages and filters; equal beams are computed once.

    kvp_kv       (beams,) finite; outside 40 to 150 kV the nearest is taken
    al_mm        (beams,) total aluminium, inherent and added
    cu_mm        (beams,) added copper
    anode_deg    anode angle; outside 7 to 16 degrees the nearest is taken
    """
    beams = np.stack(np.broadcast_arrays(*(np.atleast_1d(values) for values in (kvp_kv, al_mm, cu_mm))), axis=1)
    low, high = zip((tables().kvp_kv[0], tables().kvp_kv[-1]), AL_RANGE_MM, CU_RANGE_MM, strict=True)
    distinct, which = np.unique(np.clip(beams, low, high), axis=0, return_inverse=True)
    kvp, al, cu = distinct.T
    kerma = _kerma(kvp, anode_deg) * np.exp(-_attenuation(al, cu))
    kerma /= kerma.sum(axis=1, keepdims=True)
    found = Quality(kvp, cu, _half_value_layer(kerma), _mean_energy(kerma), kerma)
    return found.take(which.reshape(-1))


def hvl_mmal(kvp_kv: FloatArray, al_mm: FloatArray, cu_mm: FloatArray, anode_deg: float = ANODE_DEG) -> FloatArray:
    """(beams,) first half-value layer in mm Al; arguments as of `quality`."""
    return quality(kvp_kv, al_mm, cu_mm, anode_deg).hvl_mmal


def outside(kvp_kv: FloatArray, al_mm: FloatArray, cu_mm: FloatArray) -> int:
    """How many beams lie outside the table and are computed at its edge."""
    kvp = tables().kvp_kv
    ranges = ((kvp_kv, (kvp[0], kvp[-1])), (al_mm, AL_RANGE_MM), (cu_mm, CU_RANGE_MM))
    return int(np.any([(values < low) | (values > high) for values, (low, high) in ranges], axis=0).sum())


def _kerma(kvp_kv: FloatArray, anode_deg: float) -> FloatArray:
    """(beams, energies) unfiltered, linear between the neighbouring voltages and angles."""
    table = tables()
    angle, share = _between(table.anode_deg, np.array([anode_deg]))
    at_angle = table.kerma[angle[0]] * (1 - share[0]) + table.kerma[angle[0] + 1] * share[0]
    low, share = _between(table.kvp_kv, kvp_kv)
    mixed: FloatArray = at_angle[low] * (1 - share)[:, None] + at_angle[low + 1] * share[:, None]
    return mixed


def _between(nodes: FloatArray, values: FloatArray) -> tuple[Any, FloatArray]:
    """Index of the node below each value and the share of the one above; clamped."""
    low = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return low, np.clip((values - nodes[low]) / (nodes[low + 1] - nodes[low]), 0.0, 1.0)


def _attenuation(al_mm: FloatArray, cu_mm: FloatArray) -> FloatArray:
    mu = tables().filter_mu
    return mm_to_cm(al_mm)[:, None] * mu["Al"] + mm_to_cm(cu_mm)[:, None] * mu["Cu"]


def _half_value_layer(kerma: FloatArray) -> FloatArray:
    """Newton's method on ln(2 x transmission), which is convex: from the left it cannot overshoot."""
    mu = mm_to_cm(tables().filter_mu["Al"])  # 1/cm -> 1/mm, the same tenth
    thickness = np.log(2) / (kerma @ mu)
    for _ in range(6):
        left = kerma * np.exp(-thickness[:, None] * mu)
        through = left.sum(axis=1)
        thickness = thickness + np.log(2 * through) * through / (left @ mu)
    found: FloatArray = thickness
    return found


def _mean_energy(kerma: FloatArray) -> FloatArray:
    table = tables()
    fluence = kerma / (table.energy_kev * table.kerma_rho)
    mean: FloatArray = (fluence @ table.energy_kev) / fluence.sum(axis=1)
    return mean
