"""Makes skindose/physics/data/beams.npz: what the run time needs to know of X-ray beams and materials.

    python scripts/make_beam_tables.py [OUT.npz]        needs the extra [generate]; about four minutes

The file holds unfiltered spectra over tube voltage and anode angle and, on the same energies, the coefficients that
filter and weigh them. A spectrum behind any stack of filters, its half-value layer, its medium factor and its
transmission through a table then follow at run time by sums over the energies: nothing is gridded over filtration,
so nothing has to be interpolated over it, and another filter is one more row here.

    fluence        spekpy 2.5.4 (model "casim", tungsten), unfiltered, photons per energy bin at 1 m in vacuum, each
                   spectrum scaled to a sum of 1 (only its shape is used)                        [Poludniowski2021]
    mu_rho of the filters    spekpy's own (PENELOPE's) with its densities, so that filtering agrees with spekpy; an
                   absorption edge falls between two bins of 0.5 keV or within one         [Poludniowski2021]
    mu_rho of the support    xraylib, total cross-section                                         [Schoonjans2011]
    kerma_rho      spekpy's mass energy-absorption coefficient of air, which weighs the energies as spekpy does; 1 to
                   2 % below NIST's at 20 to 60 keV, so that only its shape is used
    muen_rho       photoelectric cross-section plus Compton times the mean energy transfer, from xraylib; the transfer
                   is averaged over Klein-Nishina times the incoherent scattering function. Never xraylib's CS_Energy,
                   which is up to 34 % off below 60 keV.                                [Schoonjans2011, Hubbell1975]

Everything is rounded to 6 significant digits before it is written, so the same bytes come out again.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import spekpy
import xraylib

KVP_KV = np.arange(40.0, 151.0, 1.0)
ANODE_DEG = np.array([7.0, 9.0, 11.0, 13.0, 16.0])
BIN_KEV = 0.5
FIRST_KEV = 6.0  # 1 mm Al passes nothing below
ELECTRON_KEV = 510.99895

# Mass fractions. Air, ICRU-44 soft tissue and skin: ICRU 44 as NIST lists them.
MEDIA: dict[str, dict[int, float]] = {
    "air": {6: 0.000124, 7: 0.755268, 8: 0.231781, 18: 0.012827},
    "water": {1: 0.111894, 8: 0.888106},
    "soft-tissue": {1: 0.102, 6: 0.143, 7: 0.034, 8: 0.708, 11: 0.002, 15: 0.003, 16: 0.003, 17: 0.002, 19: 0.003},
    "skin": {1: 0.100, 6: 0.204, 7: 0.042, 8: 0.645, 11: 0.002, 15: 0.001, 16: 0.002, 17: 0.003, 19: 0.001},
}
# Name of a filter -> spekpy's material. The elements of DICOM's CID 10006 and others that makers use or have used; brass
# (70 % copper, 30 % zinc), and what tube windows and housings are made of.
FILTERS = {
    **{
        name: name for name in ("Al", "Cu", "Mo", "Rh", "Ag", "Nb", "Ta", "Au", "Pb", "Sn", "W", "Eu", "Gd", "Ho", "Er")
    },
    **{name: name for name in ("Ti", "Fe", "Ni", "Zn", "Be", "C")},
    "brass": "Copper Alloy (Cartridge Brass)",
    "PMMA": "Polymethyl Methacrylate (Lucite Perspex or Plexiglas)",
    "polycarbonate": "Polycarbonate (Makrolon or Lexan)",
    "glass": "Glass Borosilicate (Corning Pyrex 7740)",
    "oil": "Wax, Paraffin",  # a hydrocarbon, as transformer oil; the density is set below
}
DENSITY_GCM3 = {"oil": 0.88}  # where it is not spekpy's; graphite is its carbon of 1.7
# The patient support: fibre laminate 60 % carbon, 40 % epoxy (C21 H25 O5) by mass; foam core polymethacrylimide
# (C8 H11 N O2); pad of polyurethane foam (C27 H36 N2 O10).
SUPPORT: dict[str, dict[int, float]] = {
    "carbon fibre": {1: 0.0282, 6: 0.8824, 8: 0.0894},
    "foam": {1: 0.0724, 6: 0.6272, 7: 0.0914, 8: 0.2090},
    "polyurethane": {1: 0.0662, 6: 0.5912, 7: 0.0511, 8: 0.2915},
}


def compton_transfer(element: int, energy_kev: float) -> float:
    """Compton energy-transfer cross-section per mass of an element, cm2/g.

        integral of dKN/dOmega * S(x, Z) * (1 - E'/E) over the solid angle

    where xraylib's DCS_Compt is already Klein-Nishina times S, per gram and steradian.
    """
    cosine, weight = np.polynomial.legendre.leggauss(64)
    ratio = 1.0 / (1.0 + energy_kev / ELECTRON_KEV * (1.0 - cosine))
    density = np.array([xraylib.DCS_Compt(element, energy_kev, float(np.arccos(c))) for c in cosine])
    return float(2.0 * np.pi * np.sum(weight * density * (1.0 - ratio)))


def muen_rho(fractions: dict[int, float], energy_kev: float) -> float:
    """Mass energy-absorption coefficient of a mixture, cm2/g; radiative losses are nil at these energies."""
    return sum(
        share * (xraylib.CS_Photo(element, energy_kev) + compton_transfer(element, energy_kev))
        for element, share in fractions.items()
    )


def mu_rho(fractions: dict[int, float], energy_kev: float) -> float:
    """Mass attenuation coefficient of a mixture, cm2/g."""
    return sum(share * xraylib.CS_Total(element, energy_kev) for element, share in fractions.items())


def spectrum(kvp_kv: float, anode_deg: float, energy_kev: np.ndarray) -> np.ndarray:
    """spekpy's unfiltered spectrum, photons per bin on our energies, scaled to a sum of 1."""
    model = spekpy.Spek(kvp=kvp_kv, th=anode_deg, dk=BIN_KEV)
    energies, fluence = model.get_spectrum(edges=False)
    ours = np.zeros(len(energy_kev))
    place = np.rint((np.asarray(energies) - energy_kev[0]) / BIN_KEV).astype(int)
    inside = (place >= 0) & (place < len(energy_kev))
    ours[place[inside]] = np.asarray(fluence)[inside]
    return ours / ours.sum()


def rounded(values: np.ndarray, digits: int = 6) -> np.ndarray:
    """Rounded to significant digits, float32: a last-bit difference between machines does not reach the file."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in values.ravel()]).reshape(values.shape)


def tables() -> dict[str, np.ndarray]:
    """Every array of the file by its name."""
    energy = np.arange(FIRST_KEV + BIN_KEV / 2, 150.0, BIN_KEV)
    model = spekpy.Spek(kvp=80, th=11)
    mu = model.mu_data
    filters = {name: mu.get_mu_over_rho_composition(material, energy) for name, material in FILTERS.items()}
    support = [[mu_rho(fractions, e) for e in energy] for fractions in SUPPORT.values()]
    media = [[muen_rho(fractions, e) for e in energy] for fractions in MEDIA.values()]
    fluence = [[spectrum(kvp, angle, energy) for kvp in KVP_KV] for angle in ANODE_DEG]
    return {
        "provenance": np.array(
            [
                f"spekpy {version('spekpy')} casim tungsten",
                f"xraylib {version('xraylib')}",
                "scripts/make_beam_tables.py",
            ]
        ),
        "energy_kev": energy,
        "kvp_kv": KVP_KV,
        "anode_deg": ANODE_DEG,
        "kerma_rho_cm2g": rounded(np.asarray(model.muen_air_data.get_muen_over_rho_air(energy))),
        "fluence": rounded(np.array(fluence)).astype(np.float32),
        "filter_names": np.array(list(FILTERS)),
        "filter_mu_rho_cm2g": rounded(np.array([row for row, _ in filters.values()])),
        "filter_density_gcm3": np.array([DENSITY_GCM3.get(name, density) for name, (_, density) in filters.items()]),
        "support_names": np.array(list(SUPPORT)),
        "support_mu_rho_cm2g": rounded(np.array(support)),
        "medium_names": np.array(list(MEDIA)),
        "medium_muen_rho_cm2g": rounded(np.array(media)),
    }


def main() -> None:
    """Write the table to the path given, or to its place in the package."""
    default = Path(__file__).resolve().parents[1] / "skindose" / "physics" / "data" / "beams.npz"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    made = tables()
    with out.open("wb") as file:
        np.savez(file, **made)


if __name__ == "__main__":
    main()
