"""Makes tests/physics/spekpy_beams.csv: random beams as spekpy has them, which the beam table is held to.

    python scripts/make_beam_checks.py [OUT.csv]        needs the extra [generate]; five minutes

spekpy in bins of 0.05 keV (its default of 0.5 keV is not fine enough behind filters with a K edge), voltages of tenths
of kV so that its bins do not begin anywhere; coefficients of air, media and support from xraylib at spekpy's energies,
by the functions of scripts/make_beam_tables.py. Nothing of skindose is used.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import spekpy
from make_beam_tables import MEDIA, SUPPORT, mu_rho, muen_rho

BEAMS = 40
SEED = 11
FINE_KEV = 0.05
HEAVY = (("", 0.0), ("Ta", 0.1), ("Au", 0.1), ("Mo", 0.12), ("Sn", 0.4))  # a fifth of the beams each, up to so many mm
SUPPORT_GCM3 = {"carbon fibre": 1.55, "foam": 0.10, "polyurethane": 0.15}
THICKEST_MM = {"carbon fibre": 4.0, "foam": 60.0, "polyurethane": 100.0}
COLUMNS = (
    *("kvp_kv", "anode_deg", "al_mm", "cu_mm", "other", "other_mm", "hvl_mmal", "mean_energy_kev"),
    *("water", "soft-tissue", "skin"),
    *(f"{what} {name}" for name in SUPPORT for what in ("mm", "transmission")),
)


class Coefficients:
    """Coefficients of every material on the grid of spekpy's energies, computed once, linear between."""

    def __init__(self) -> None:
        self.energy = np.arange(1.0, 152.0, 0.25)
        self.muen = {name: np.array([muen_rho(parts, e) for e in self.energy]) for name, parts in MEDIA.items()}
        self.mu = {name: np.array([mu_rho(parts, e) for e in self.energy]) for name, parts in SUPPORT.items()}

    def at(self, values: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Values at other energies: straight in the logarithms; no material here has an edge above 4 keV."""
        return np.exp(np.interp(np.log(energy), np.log(self.energy), np.log(values)))


def row(random: np.random.Generator, number: int, known: Coefficients) -> list[object]:
    """One random beam: what it is, and what follows."""
    kvp, anode = round(random.uniform(40, 150), 1), round(random.uniform(7, 16), 1)
    al, cu = round(random.uniform(1.5, 5), 2), round(random.uniform(0, 1.2) * random.integers(0, 2), 3)
    other, most = HEAVY[number % len(HEAVY)]
    other_mm = round(random.uniform(0.1, 1) * most, 3)
    model = spekpy.Spek(kvp=kvp, th=anode, dk=FINE_KEV)
    for material, thickness in (("Al", al), ("Cu", cu), (other, other_mm)):
        if thickness:
            model.filter(material, thickness)
    energy, fluence = (np.asarray(values) for values in model.get_spectrum(edges=False))
    kerma = fluence * energy * np.asarray(model.muen_air_data.get_muen_over_rho_air(energy))
    kerma /= kerma.sum()
    air = known.at(known.muen["air"], energy)
    media = [kerma @ (known.at(known.muen[name], energy) / air) for name in ("water", "soft-tissue", "skin")]
    support: list[float] = []
    for name, density in SUPPORT_GCM3.items():
        mm = round(random.uniform(0.1, 1) * THICKEST_MM[name], 2)
        support += [mm, kerma @ np.exp(-known.at(known.mu[name], energy) * density * mm / 10)]
    return [kvp, anode, al, cu, other, other_mm, model.get_hvl1(), model.get_emean(), *media, *support]


def main() -> None:
    """Write the table to the path given, or to its place among the tests."""
    default = Path(__file__).resolve().parents[1] / "tests" / "physics" / "spekpy_beams.csv"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    random, known = np.random.default_rng(SEED), Coefficients()
    lines = [
        f"# scripts/make_beam_checks.py: spekpy {version('spekpy')} (casim) in bins of {FINE_KEV} keV, "
        f"xraylib {version('xraylib')}, seed {SEED}",
        ",".join(COLUMNS),
    ]
    for number in range(BEAMS):
        made = row(random, number, known)
        lines.append(",".join(value if isinstance(value, str) else f"{value:.6g}" for value in made))
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
