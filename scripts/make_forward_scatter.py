"""Makes skindose/physics/data/forward_scatter.csv: what of a thin layer's loss still meets the skin.

    python scripts/make_forward_scatter.py [OUT.csv]        needs the extra [generate]; half a minute

A thin layer of the patient support at the distance z from the skin, parallel to it, takes a share of the air kerma out
of a beam of radius R. Photons that it scatters towards the skin bring some of that back:

    phi(x, a) = integral over 0 < r < x, 0 < f < 2 pi of p(s) r dr df / (w^2 + r^2),     x = R / z
    w = (1 + r cos f sin a) / cos a,   cos s = w / sqrt(w^2 + r^2)
    p(s) = [dC/dO(s) E' m(E') / (E m(E)) + dR/dO(s)] / mu

r and f are polar coordinates across the beam in units of z, a is the angle between the beam and the layer's normal, s
the scattering angle, dC/dO and dR/dO the differential Compton (Klein-Nishina times the incoherent scattering function,
at the scattered energy E') and Rayleigh cross-sections per mass, mu the total one, m the mass energy-absorption
coefficient of air: kerma at a point counts a photon whatever its direction. Photons scattered twice are left out; what
that costs is measured by Monte Carlo (docs/physics.md). Pure numbers, 4 decimals.      [Schoonjans2011, Hubbell1975]
"""

from __future__ import annotations

import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import xraylib
from make_beam_tables import ELECTRON_KEV, MEDIA, SUPPORT, mu_rho, muen_rho

ENERGY_KEV = (15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 100.0, 120.0, 150.0)
RATIO = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
ANGLE_DEG = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)
_TURNS = (np.arange(64) + 0.5) / 64 * 2 * np.pi
_ANGLES = np.linspace(0.03, np.pi, 361)  # xraylib has nothing at smaller momentum transfers
_GRID_KEV = np.arange(8.0, 151.0, 1.0)


@cache
def _air() -> np.ndarray:
    return np.log([energy * muen_rho(MEDIA["air"], float(energy)) for energy in _GRID_KEV])


def air_kerma(energy_kev: np.ndarray) -> np.ndarray:
    """Air kerma of one photon, any scale."""
    return np.exp(np.interp(energy_kev, _GRID_KEV, _air()))


def scattered(fractions: dict[int, float], energy_kev: float) -> np.ndarray:
    """p(s) at `_ANGLES`: air kerma scattered into unit solid angle per air kerma taken out."""
    after = energy_kev / (1.0 + energy_kev / ELECTRON_KEV * (1.0 - np.cos(_ANGLES)))
    weight = air_kerma(after) / air_kerma(np.array([energy_kev]))
    compton = [sum(f * xraylib.DCS_Compt(z, energy_kev, float(s)) for z, f in fractions.items()) for s in _ANGLES]
    rayleigh = [sum(f * xraylib.DCS_Rayl(z, energy_kev, float(s)) for z, f in fractions.items()) for s in _ANGLES]
    return (np.array(compton) * weight + np.array(rayleigh)) / mu_rho(fractions, energy_kev)


def returned(density: np.ndarray, angle_deg: float) -> np.ndarray:
    """phi at every `RATIO`; between two of them the midpoint rule in the logarithm of r."""
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    edges = np.log(np.concatenate([[RATIO[0] / 1000], *(np.geomspace(a, b, 41)[1:] for a, b in _spans())]))
    middle = np.exp((edges[1:] + edges[:-1]) / 2)
    r, f = middle[:, None], _TURNS[None, :]
    along = (1.0 + r * np.cos(f) * sine) / cosine
    squared = along**2 + r**2
    rays = np.interp(np.arccos(along / np.sqrt(squared)), _ANGLES, density) / squared
    rings = rays.mean(axis=1) * 2 * np.pi * middle**2 * np.diff(edges)
    return rings.cumsum()[39::40]


def _spans() -> list[tuple[float, float]]:
    nodes = (RATIO[0] / 1000, *RATIO)
    return list(pairwise(nodes))


def main() -> None:
    """Write the table to the path given, or to its place in the package."""
    default = Path(__file__).resolve().parents[1] / "skindose" / "physics" / "data" / "forward_scatter.csv"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    lines = ["material,energy_kev,angle_deg," + ",".join(f"{x:g}" for x in RATIO)]
    for material, fractions in SUPPORT.items():
        for energy in ENERGY_KEV:
            density = scattered(fractions, energy)
            for angle in ANGLE_DEG:
                values = ",".join(f"{value:.4f}" for value in returned(density, angle))
                lines.append(f"{material},{energy:g},{angle:g},{values}")
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
