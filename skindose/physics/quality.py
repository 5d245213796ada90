"""Beam quality: the spectrum behind a stack of filters, its half-value layer and mean energy.

Spectra come from a table over tube voltage and anode angle (`data/beams.npz`, made by scripts/make_beam_tables.py);
filters act on them exactly, energy by energy, so only voltage and angle are interpolated, by curves without kinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np

from skindose.errors import SettingsError
from skindose.model import FloatArray
from skindose.units import mm_to_cm

ANODE_DEG = 11.0  # where the caller has none
KVP_RANGE_KV = (40.0, 150.0)  # the table's voltages go beyond, so that its ends do not bend the interpolation
AL_RANGE_MM = (1.0, 25.0)  # total aluminium for which the table's lowest energy (6 keV) does not matter
CU_RANGE_MM = (0.0, 3.0)
OTHER_RANGE_MM = (0.0, 3.0)  # of metals; no beam is filtered with more
LIGHT = {"Be": 50.0, "C": 50.0, "PMMA": 50.0, "polycarbonate": 50.0, "glass": 10.0, "oil": 100.0}  # at most, mm


@dataclass(frozen=True)
class Tables:
    """The arrays of `data/beams.npz`; energies last.

    energy_kev    (energies,) middles of the bins, of 0.5 keV and parted at the filters' absorption edges
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
    density = dict(zip(data["filter_names"].tolist(), data["filter_density_gcm3"].tolist(), strict=True))
    mu_rho = _named(data, "filter_names", "filter_mu_rho_cm2g")
    return Tables(
        energy_kev=data["energy_kev"],
        kvp_kv=data["kvp_kv"],
        anode_deg=data["anode_deg"],
        kerma_rho=data["kerma_rho_cm2g"],
        kerma=data["fluence"].astype(np.float64) * data["energy_kev"] * data["kerma_rho_cm2g"],
        filter_mu={name: values * density[name] for name, values in mu_rho.items()},
        support_mu_rho=_named(data, "support_names", "support_mu_rho_cm2g"),
        medium_muen_rho=media,
    )


def _named(data: Any, names: str, values: str) -> dict[str, FloatArray]:
    return {str(name): row for name, row in zip(data[names], data[values], strict=True)}


@dataclass(frozen=True)
class Quality:
    """Beam qualities, one element per beam.

    kvp_kv, cu_mm      (beams,) tube voltage and copper, clamped to the table's; behind filters of other materials the
                       copper that hardens the beam as much as all of them, for data that are tabulated over copper
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


def quality(
    kvp_kv: FloatArray,
    al_mm: FloatArray,
    cu_mm: FloatArray,
    anode_deg: float = ANODE_DEG,
    other_mm: Mapping[str, FloatArray] | None = None,
) -> Quality:
    """Beam qualities of tube voltages and filters; equal beams are computed once.

    kvp_kv       (beams,) finite; outside 40 to 150 kV the nearest is taken
    al_mm        (beams,) total aluminium, inherent and added
    cu_mm        (beams,) added copper
    anode_deg    anode angle; outside 7 to 16 degrees the nearest is taken
    other_mm     filters of other materials: name in `Tables.filter_mu` -> (beams,)
    raises       SettingsError for a filter material that is not known
    """
    filters = {"Al": al_mm, "Cu": cu_mm, **(other_mm or {})}
    _known(filters)
    columns = np.broadcast_arrays(*(np.atleast_1d(values) for values in (kvp_kv, *filters.values())))
    low, high = zip(KVP_RANGE_KV, *map(range_mm, filters), strict=True)
    distinct, which = np.unique(np.clip(np.stack(columns, axis=1), low, high), axis=0, return_inverse=True)
    kvp, cu = distinct[:, 0], distinct[:, 2].copy()
    kerma = _filtered(_kerma(kvp, anode_deg), filters, distinct[:, 1:])
    hvl = _half_value_layer(kerma)
    others = np.flatnonzero(distinct[:, 3:].any(axis=1))
    for row in others.tolist():
        cu[row] = _worth_in_copper(hvl[row], kvp[row], distinct[row, 1], anode_deg)
    found = Quality(kvp, cu, hvl, _mean_energy(kerma), kerma)
    return found.take(which.reshape(-1))


def _worth_in_copper(hvl: float, kvp_kv: float, al_mm: float, anode_deg: float) -> float:
    """Copper that hardens the same tube's beam to the same half-value layer, within the table's range."""
    copper = np.concatenate([np.arange(0.0, 0.3, 0.02), np.arange(0.3, CU_RANGE_MM[1] + 0.01, 0.05)])
    return float(np.interp(hvl, hvl_mmal(np.array([kvp_kv]), np.array([al_mm]), copper, anode_deg), copper))


def range_mm(material: str) -> tuple[float, float]:
    """Thinnest and thickest filter of a material that the table is good for."""
    ranges = {"Al": AL_RANGE_MM, "Cu": CU_RANGE_MM}
    return ranges.get(material, (0.0, LIGHT.get(material, OTHER_RANGE_MM[1])))


def _known(materials: Mapping[str, Any]) -> None:
    known = tables().filter_mu
    for material in materials:
        if material not in known:
            remedy = f"Use one of: {', '.join(known)}."
            raise SettingsError(f"filter material {material!r} is not known", "profile", remedy)


def hvl_mmal(kvp_kv: FloatArray, al_mm: FloatArray, cu_mm: FloatArray, anode_deg: float = ANODE_DEG) -> FloatArray:
    """(beams,) first half-value layer in mm Al; arguments as of `quality`."""
    return quality(kvp_kv, al_mm, cu_mm, anode_deg).hvl_mmal


def outside(
    kvp_kv: FloatArray, al_mm: FloatArray, cu_mm: FloatArray, other_mm: Mapping[str, FloatArray] | None = None
) -> int:
    """How many beams lie outside the table and are computed at its edge."""
    ranges = [(kvp_kv, KVP_RANGE_KV), (al_mm, AL_RANGE_MM), (cu_mm, CU_RANGE_MM)]
    ranges += [(values, range_mm(material)) for material, values in (other_mm or {}).items()]
    return int(np.any([(values < low) | (values > high) for values, (low, high) in ranges], axis=0).sum())


def _kerma(kvp_kv: FloatArray, anode_deg: float) -> FloatArray:
    """(beams, energies) unfiltered: each energy on a smooth curve through the table's voltages and angles.

    Value and slope are continuous in both, and nothing swings below 0.
    """
    table = tables()
    angles = table.kerma.reshape(len(table.anode_deg), -1)
    at_angle = _smooth(table.anode_deg, angles, np.array([anode_deg])).reshape(table.kerma.shape[1:])
    return _smooth(table.kvp_kv, at_angle, kvp_kv)


def _smooth(nodes: FloatArray, rows: FloatArray, values: FloatArray) -> FloatArray:
    """(values, columns) cubic Hermite interpolation of every column, clamped.

        slope at a node = 0 between secants of unlike sign, else their weighted harmonic mean: monotone wherever the
        data are, so that no column that is positive swings below 0                         [FritschButland1984]

    nodes    (nodes,)
    rows     (nodes, columns)
    """
    low, share = _between(nodes, values)
    step, t = np.diff(nodes)[low][:, None], share[:, None]
    slope = _slopes(nodes, rows)
    left = (1 - t) ** 2 * ((1 + 2 * t) * rows[low] + t * step * slope[low])
    found: FloatArray = left + t**2 * ((3 - 2 * t) * rows[low + 1] + (t - 1) * step * slope[low + 1])
    return found


def _slopes(nodes: FloatArray, rows: FloatArray) -> FloatArray:
    """(nodes, columns) slopes at the nodes; at the two ends the secant's."""
    step = np.diff(nodes)[:, None]
    secant = np.diff(rows, axis=0) / step
    before, after = secant[:-1], secant[1:]
    near, far = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    alike = before * after > 0
    mean = (near + far) / (near / np.where(alike, before, 1.0) + far / np.where(alike, after, 1.0))
    found: FloatArray = np.concatenate([secant[:1], np.where(alike, mean, 0.0), secant[-1:]])
    return found


def _between(nodes: FloatArray, values: FloatArray) -> tuple[Any, FloatArray]:
    """Index of the node below each value and the share of the one above; clamped."""
    low = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return low, np.clip((values - nodes[low]) / (nodes[low + 1] - nodes[low]), 0.0, 1.0)


def _filtered(kerma: FloatArray, materials: Mapping[str, Any], thickness_mm: FloatArray) -> FloatArray:
    """(beams, energies) behind the filters, rows sum to 1.

        k(E) = k0(E) exp(-sum over materials of mu(E) t)

    However thick the stack: what all energies lose alike is left out before the exponential.

    thickness_mm    (beams, materials)
    """
    mu = np.stack([tables().filter_mu[material] for material in materials])
    loss = np.where(kerma > 0, mm_to_cm(thickness_mm) @ mu, np.inf)
    left = kerma * np.exp(loss.min(axis=1, keepdims=True) - loss)
    found: FloatArray = left / left.sum(axis=1, keepdims=True)
    return found


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
