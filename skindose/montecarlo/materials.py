"""What bodies and tables are made of, and the compiled code's tables of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np

from skindose.errors import SettingsError
from skindose.model import FloatArray
from skindose.units import mm_to_cm

FIRST_KEV, STEP_KEV, LAST_KEV = 1.0, 0.05, 160.0
"""The compiled code's energies: even steps, so that no logarithm is needed to find a place."""
STEP_X = 0.005  # and of x = sin(angle / 2) / wavelength, per angstrom
HC_KEV_ANGSTROM = 12.39841984


@dataclass(frozen=True)
class Material:
    """A homogeneous material.

    fractions      atomic number -> share of the mass
    density_gcm3   nominal; a scene may give its own
    """

    name: str
    fractions: Mapping[int, float]
    density_gcm3: float


def _by_atoms(percent: Mapping[int, float]) -> dict[int, float]:
    weight = dict(zip((1, 6, 7, 8, 11, 15, 16, 17, 19), _WEIGHTS, strict=True))
    mass = {element: share * weight[element] for element, share in percent.items()}
    return {element: value / sum(mass.values()) for element, value in mass.items()}


_WEIGHTS = (1.008, 12.011, 14.007, 15.999, 22.990, 30.974, 32.06, 35.45, 39.098)
# H, C, N, O, Na, P, S, Cl, K in percent of the atoms [TG195].
_TG195 = {1: 62.9539, 6: 12.9078, 7: 1.16703, 8: 22.7841, 11: 0.026329, 15: 0.039093, 16: 0.056647, 17: 0.034154}
_ICRU44 = {1: 0.102, 6: 0.143, 7: 0.034, 8: 0.708, 11: 0.002, 15: 0.003, 16: 0.003, 17: 0.002, 19: 0.003}

# Air and soft tissue: ICRU 44 as NIST lists them. Support: nominal; fibre laminate 60 % carbon and 40 % epoxy
# (C21 H25 O5), foam polymethacrylimide (C8 H11 N O2), pad polyurethane (C27 H36 N2 O10).
MATERIALS: Mapping[str, Material] = MappingProxyType(
    {
        material.name: material
        for material in (
            Material("water", {1: 0.111894, 8: 0.888106}, 1.0),
            Material("soft-tissue", _ICRU44, 1.06),
            Material("tg195-tissue", _by_atoms({**_TG195, 19: 0.030975}), 1.03),
            Material("air", {6: 0.000124, 7: 0.755268, 8: 0.231781, 18: 0.012827}, 0.00120479),
            Material("carbon fibre", {1: 0.0282, 6: 0.8824, 8: 0.0894}, 1.55),
            Material("foam", {1: 0.0724, 6: 0.6272, 7: 0.0914, 8: 0.2090}, 0.10),
            Material("polyurethane", {1: 0.0662, 6: 0.5912, 7: 0.0511, 8: 0.2915}, 0.15),
            Material("aluminium", {13: 1.0}, 2.699),
        )
    }
)


def material(name: str) -> Material:
    """A material by its name.

    raises   SettingsError when there is none of that name
    """
    if name not in MATERIALS:
        raise SettingsError(
            f"material {name!r} is not known to the Monte Carlo", remedy=f"Known: {', '.join(MATERIALS)}."
        )
    return MATERIALS[name]


@cache
def elements() -> dict[str, Any]:
    """The arrays of data/elements.npz, which scripts/make_cross_sections.py describes."""
    found = np.load(BytesIO((files("skindose.montecarlo.data") / "elements.npz").read_bytes()))
    return {name: found[name].astype(np.float64) for name in found.files}


def _mixed(of: Material, name: str, per_atom: bool = False) -> FloatArray:
    """Sum over the elements of `name`, weighted by mass fraction, or by that over the atomic weight."""
    table = elements()
    place = {int(element): k for k, element in enumerate(table["element"])}
    total = np.zeros(table[name].shape[1])
    for element, share in of.fractions.items():
        k = place[element]
        total += table[name][k] ** (2 if name == "form" else 1) * share / (table["atomic_weight"][k] if per_atom else 1)
    return total


def coefficient(of: Material, name: str, energy_kev: FloatArray) -> FloatArray:
    """Cross-section in cm2/g at any energies: photo, compton, transfer or rayleigh; log-log between the grid's 1 %."""
    grid = np.log(elements()["energy_kev"])
    found: FloatArray = np.exp(np.interp(np.log(energy_kev), grid, np.log(_mixed(of, f"{name}_cm2g"))))
    return found


def muen_rho_cm2g(of: Material, energy_kev: FloatArray) -> FloatArray:
    """Mass energy-absorption coefficient: photoelectric plus Compton's energy transfer, cm2/g."""
    return coefficient(of, "photo", energy_kev) + coefficient(of, "transfer", energy_kev)


def mu_rho_cm2g(of: Material, energy_kev: FloatArray) -> FloatArray:
    """Mass attenuation coefficient, cm2/g."""
    photo, compton, rayleigh = (coefficient(of, name, energy_kev) for name in ("photo", "compton", "rayleigh"))
    return photo + compton + rayleigh


@dataclass(frozen=True)
class Tables:
    """What the compiled code knows of materials; the first one is the body.

    interaction   (materials, energies, 3) attenuation 1/mm, probability of Compton, of Compton or Rayleigh
    scattering    (materials, x) incoherent scattering function over the number of electrons
    form          (materials, x) integral of the squared form factor over x squared, any scale
    kerma         (energies, 2) energy times mass energy-absorption coefficient, keV cm2/g: air, water
    """

    interaction: FloatArray
    scattering: FloatArray
    form: FloatArray
    kerma: FloatArray


def tables(materials: Iterable[tuple[Material, float]]) -> Tables:
    """The tables of materials with their densities in g/cm3."""
    energy = np.arange(FIRST_KEV, LAST_KEV + STEP_KEV / 2, STEP_KEV)
    x = np.arange(0.0, LAST_KEV / HC_KEV_ANGSTROM + 2 * STEP_X, STEP_X)
    given = list(materials)
    return Tables(
        interaction=np.array([_interaction(of, density, energy) for of, density in given]),
        scattering=np.array([_scattering(of, x) for of, _ in given]),
        form=np.array([_form(of, x) for of, _ in given]),
        kerma=np.stack([energy * muen_rho_cm2g(MATERIALS[name], energy) for name in ("air", "water")], axis=1),
    )


def _interaction(of: Material, density_gcm3: float, energy: FloatArray) -> FloatArray:
    compton, rayleigh = (coefficient(of, name, energy) for name in ("compton", "rayleigh"))
    total = mu_rho_cm2g(of, energy)
    per_mm = mm_to_cm(total * density_gcm3)  # 1/cm -> 1/mm, the same tenth
    return np.stack([per_mm, compton / total, (compton + rayleigh) / total], axis=1)


def _scattering(of: Material, x: FloatArray) -> FloatArray:
    scattering = _mixed(of, "scattering", per_atom=True)
    found: FloatArray = np.interp(x, elements()["x_per_angstrom"], scattering / scattering[-1])
    return found


def _form(of: Material, x: FloatArray) -> FloatArray:
    squared = np.interp(x, elements()["x_per_angstrom"], _mixed(of, "form", per_atom=True))
    parts = 0.5 * (squared[1:] + squared[:-1]) * np.diff(x**2)
    return np.concatenate([[0.0], np.cumsum(parts)])
