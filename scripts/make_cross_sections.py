"""Makes skindose/montecarlo/data/elements.npz: the photon cross-sections of the elements that bodies and tables hold.

    python scripts/make_cross_sections.py [OUT.npz]        needs the extra [generate]; a few seconds

From xraylib 4.3.0 [Schoonjans2011], per element, from 1 to 160 keV on a logarithmic grid of 1 %:

    photo      photoelectric cross-section, cm2/g
    compton    Klein-Nishina times the incoherent scattering function, integrated over the solid angle, cm2/g
    transfer   the same times the share of the photon's energy that the electron takes: with `photo` it makes the mass
               energy-absorption coefficient. Never CS_Energy, which is up to 34 % off below 60 keV.
    rayleigh   coherent cross-section, cm2/g
    scattering, form    incoherent scattering function S(x) and form factor F(x) over x = sin(angle / 2) / wavelength,
               on a quadratic grid from 0 to 13 per angstrom

Everything is rounded to 6 significant digits and kept in 4 bytes, so the same bytes come out again.
"""

from __future__ import annotations

import numpy as np
import table_file
import xraylib
from table_file import rounded

ELEMENTS = (1, 6, 7, 8, 11, 13, 15, 16, 17, 18, 19, 20)
ENERGY_KEV = np.geomspace(1.0, 160.0, 513)
X_PER_ANGSTROM = 13.0 * np.linspace(0.0, 1.0, 1025) ** 2
X_LIST = [float(x) for x in X_PER_ANGSTROM]
LOWEST_X = 0.0052  # xraylib's tables begin at 0.005
HC_KEV_ANGSTROM = 12.39841984
ELECTRON_KEV = 510.99895
ELECTRON_RADIUS_CM = 2.8179403262e-13
AVOGADRO = 6.02214076e23


def scattering_function(element: int) -> np.ndarray:
    """S(x, Z) on the grid; below xraylib's first value it falls as the square of x."""
    lowest = xraylib.SF_Compt(element, LOWEST_X)
    return np.array([xraylib.SF_Compt(element, x) if x > LOWEST_X else lowest * (x / LOWEST_X) ** 2 for x in X_LIST])


def compton(element: int, scattering: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compton cross-section and its energy-transfer part, cm2/g, on ENERGY_KEV.

    integral of dKN/dOmega S(x, Z) (1 or 1 - E'/E) over the solid angle                        [Hubbell1975]
    """
    cosine, weight = np.polynomial.legendre.leggauss(256)
    energy = ENERGY_KEV[:, None]
    ratio = 1.0 / (1.0 + energy / ELECTRON_KEV * (1.0 - cosine))
    klein_nishina = ELECTRON_RADIUS_CM**2 / 2.0 * ratio**2 * (ratio + 1.0 / ratio - 1.0 + cosine**2)
    x = energy / HC_KEV_ANGSTROM * np.sqrt((1.0 - cosine) / 2.0)
    density = 2.0 * np.pi * weight * klein_nishina * np.interp(x, X_PER_ANGSTROM, scattering)
    atoms_per_gram = AVOGADRO / xraylib.AtomicWeight(element)
    return density.sum(axis=1) * atoms_per_gram, (density * (1.0 - ratio)).sum(axis=1) * atoms_per_gram


def float32(values: list[np.ndarray]) -> np.ndarray:
    """Rounded, in four bytes."""
    return rounded(np.array(values)).astype(np.float32)


def tables() -> dict[str, np.ndarray]:
    """Every array of the file by its name."""
    scattering = [scattering_function(z) for z in ELEMENTS]
    cross, transfer = zip(*(compton(z, s) for z, s in zip(ELEMENTS, scattering, strict=True)), strict=True)
    form = [np.array([xraylib.FF_Rayl(z, x) for x in X_LIST]) for z in ELEMENTS]
    return {
        "element": np.array(ELEMENTS),
        "atomic_weight": float32([np.array([xraylib.AtomicWeight(z) for z in ELEMENTS])])[0],
        "energy_kev": np.array([float(f"{e:.8e}") for e in ENERGY_KEV]),
        "photo_cm2g": float32([np.array([xraylib.CS_Photo(z, float(e)) for e in ENERGY_KEV]) for z in ELEMENTS]),
        "compton_cm2g": float32(list(cross)),
        "transfer_cm2g": float32(list(transfer)),
        "rayleigh_cm2g": float32([np.array([xraylib.CS_Rayl(z, float(e)) for e in ENERGY_KEV]) for z in ELEMENTS]),
        "x_per_angstrom": X_PER_ANGSTROM,
        "scattering": float32(scattering),
        "form": float32(form),
    }


def main() -> None:
    """Write the table to the path given, or to its place in the package."""
    table_file.write(tables(), "montecarlo/data/elements.npz")


if __name__ == "__main__":
    main()
