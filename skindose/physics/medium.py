"""Dose medium: the ratio of mass energy-absorption coefficients, medium to air, over the spectrum at the skin."""

from __future__ import annotations

import numpy as np

from skindose.model import FloatArray
from skindose.physics.quality import Quality, tables

ELECTRON_KEV = 510.99895
# 1 - cos(angle) of one Compton scatter that softens the spectrum as all of the patient's scatter does: 127 degrees, the
# one number fitted to Benmakhlouf 2011's ratios (rms 0.12 %, worst 0.33 %; the incident spectrum alone is 1 % high).
BACKWARDS = 1.6


def ratios(beams: Quality, medium: str) -> tuple[FloatArray, FloatArray]:
    """Dose to the medium per air kerma, for the incident and for the backscattered photons.

        M_inc  = sum over energies of k(E) m(E),   m = (mu_en/rho)_medium / (mu_en/rho)_air
        M_back = sum over energies of k(E) m(E'),  E' = E / (1 + 1.6 E / 511 keV)

    with k the shares of the air kerma                                               [Benmakhlouf2011, ICRU44]

    medium     "water", "soft-tissue" or "skin" (both ICRU-44)
    returns    two of (beams,), pure numbers
    """
    table = tables()
    per_energy = table.medium_muen_rho[medium] / table.medium_muen_rho["air"]
    softened = table.energy_kev / (1 + BACKWARDS * table.energy_kev / ELECTRON_KEV)
    return beams.kerma @ per_energy, beams.kerma @ np.interp(softened, table.energy_kev, per_energy)


def at_skin(incident: FloatArray, scattered: FloatArray, coverage: FloatArray, scatter: FloatArray) -> FloatArray:
    """Dose to the medium per air kerma at the skin, of which the coverage is incident and the rest scattered.

        M = (c M_inc + S M_back) / (c + S)

    coverage    (hits,) c, the share of the cell that the primary beam lights; 0 in the halo
    scatter     (hits,) S, scattered over primary air kerma
    returns     (hits,) M_inc where there is neither
    """
    share = scatter / np.maximum(coverage + scatter, np.finfo(np.float64).tiny)
    found: FloatArray = incident + (scattered - incident) * share
    return found
