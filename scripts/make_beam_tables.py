"""Makes skindose/physics/data/beams.npz: what the run time needs to know of X-ray beams and materials.

    python scripts/make_beam_tables.py [OUT.npz]        needs the extra [generate]; ten minutes on two cores

The file holds unfiltered spectra over tube voltage and anode angle and, on the same energies, the coefficients that
filter and weigh them. A spectrum behind any stack of filters, its half-value layer, its medium factor and its
transmission through a table then follow at run time by sums over the energies: nothing is gridded over filtration,
so nothing has to be interpolated over it, and another filter is one more row here.

    fluence        spekpy 2.5.4 (model "casim", tungsten), unfiltered, photons per energy bin at 1 m in vacuum, each
                   spectrum scaled to a sum of 1 (only its shape is used). Bins of 0.5 keV, parted at the absorption
                   edges of the filters, are summed from spekpy's of 0.1 keV: its own default of 0.5 keV is off by up to
                   1 % in the half-value layer behind molybdenum, whose edge then falls anywhere    [Poludniowski2021]
    mu_rho of the filters    spekpy's own (PENELOPE's) with its densities, so that filtering agrees with spekpy
                                                                                        [Poludniowski2021]
    mu_rho of the support    xraylib, total cross-section                                         [Schoonjans2011]
    kerma_rho      spekpy's mass energy-absorption coefficient of air, which weighs the energies as spekpy does; 1 to
                   2 % below NIST's at 20 to 60 keV, so that only its shape is used
    muen_rho       photoelectric cross-section plus Compton times the mean energy transfer, from xraylib; the transfer
                   is averaged over Klein-Nishina times the incoherent scattering function. Never xraylib's CS_Energy,
                   which is up to 34 % off below 60 keV.                                [Schoonjans2011, Hubbell1975]

Everything is rounded to 6 significant digits before it is written, so the same bytes come out again.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version

import numpy as np
import spekpy
import table_file
import xraylib
from table_file import rounded

# Copper at low voltage passes the spectrum's tip only, and needs the finer steps; the ends lie outside what is used.
KVP_KV = np.concatenate(
    [np.arange(36.0, 60.0, 1.0), np.arange(60.0, 80.0, 2.0), np.arange(80.0, 100.0, 2.5), np.arange(100.0, 156.0, 5.0)]
)
ANODE_DEG = np.array([7.0, 9.0, 11.0, 13.0, 16.0])
BIN_KEV = 0.5
FINE_KEV = 0.1
FIRST_KEV = 6.0  # 1 mm Al passes nothing below
LAST_KEV = 155.0
ELECTRON_KEV = 510.99895

# Mass fractions. Air, ICRU-44 soft tissue and skin: ICRU 44 as NIST lists them.
MEDIA: dict[str, dict[int, float]] = {
    "air": {6: 0.000124, 7: 0.755268, 8: 0.231781, 18: 0.012827},
    "water": {1: 0.111894, 8: 0.888106},
    "soft-tissue": {1: 0.102, 6: 0.143, 7: 0.034, 8: 0.708, 11: 0.002, 15: 0.003, 16: 0.003, 17: 0.002, 19: 0.003},
    "skin": {1: 0.100, 6: 0.204, 7: 0.042, 8: 0.645, 11: 0.002, 15: 0.001, 16: 0.002, 17: 0.003, 19: 0.001},
}
# Filter -> spekpy's material: the elements of DICOM's CID 10006 and others that makers use or have used, brass
# (70 % copper, 30 % zinc), and what tube windows and housings are made of.
FILTERS = {
    **{name: name for name in ("Al", "Cu", "Mo", "Rh", "Ag", "Nb", "Ta", "Au", "Pb", "Sn", "W", "Eu", "Gd")},
    **{name: name for name in ("Ho", "Er", "Ti", "Fe", "Ni", "Zn", "Be", "C")},
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


def bin_edges_kev(mu: spekpy.Spek) -> np.ndarray:
    """Edges of our bins: every half keV, and the filters' absorption edges above 15 keV, where mu jumps."""
    regular = np.arange(FIRST_KEV, LAST_KEV + BIN_KEV / 2, BIN_KEV)
    jumps = set()
    for name in FILTERS:
        if name not in xraylib_symbols():
            continue
        number = xraylib.SymbolToAtomicNumber(name) - 1
        energy = 1000.0 * np.array(mu.mu_over_rho_coefficients_energies[number], dtype=float)
        jumps.update(np.round(energy[1:][np.diff(energy) < 1e-9], 3).tolist())
    return np.unique(np.concatenate([regular, [edge for edge in jumps if 15.0 < edge < LAST_KEV]]))


def xraylib_symbols() -> set[str]:
    """Symbols of the elements."""
    return {xraylib.AtomicNumberToSymbol(number) for number in range(1, 93)}


def spectrum(kvp_anode: tuple[float, float], edges_kev: np.ndarray) -> np.ndarray:
    """spekpy's unfiltered spectrum, photons per bin of ours, scaled to a sum of 1."""
    kvp_kv, anode_deg = kvp_anode
    energies, fluence = spekpy.Spek(kvp=kvp_kv, th=anode_deg, dk=FINE_KEV).get_spectrum(edges=False)
    fine_edges = np.append(np.asarray(energies) - FINE_KEV / 2, energies[-1] + FINE_KEV / 2)
    below = np.concatenate([[0.0], np.cumsum(fluence)])
    ours = np.diff(np.interp(edges_kev, fine_edges, below))
    return ours / ours.sum()


def tables() -> dict[str, np.ndarray]:
    """Every array of the file by its name."""
    model = spekpy.Spek(kvp=80, th=11)
    mu = model.mu_data
    edges = bin_edges_kev(mu)
    energy = (edges[1:] + edges[:-1]) / 2
    filters = {name: mu.get_mu_over_rho_composition(material, energy) for name, material in FILTERS.items()}
    support = [[mu_rho(fractions, e) for e in energy] for fractions in SUPPORT.values()]
    media = [[muen_rho(fractions, e) for e in energy] for fractions in MEDIA.values()]
    beams = [(float(kvp), float(angle)) for angle in ANODE_DEG for kvp in KVP_KV]
    with ProcessPoolExecutor() as pool:
        fluence = np.array(list(pool.map(partial(spectrum, edges_kev=edges), beams, chunksize=8)))
    return {
        "provenance": np.array(
            [
                f"spekpy {version('spekpy')} casim tungsten",
                f"xraylib {version('xraylib')}",
                "scripts/make_beam_tables.py",
            ]
        ),
        "energy_kev": energy,
        "energy_edges_kev": edges,
        "kvp_kv": KVP_KV,
        "anode_deg": ANODE_DEG,
        "kerma_rho_cm2g": rounded(np.asarray(model.muen_air_data.get_muen_over_rho_air(energy))),
        "fluence": rounded(fluence.reshape(len(ANODE_DEG), len(KVP_KV), -1)).astype(np.float32),
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
    table_file.write(tables(), "physics/data/beams.npz")


if __name__ == "__main__":
    main()
