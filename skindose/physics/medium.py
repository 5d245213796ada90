"""Dose medium: the ratio of mass energy-absorption coefficients, medium to air."""

from __future__ import annotations

from skindose.model import FloatArray
from skindose.physics.quality import Quality, tables


def ratio(beams: Quality, medium: str) -> FloatArray:
    """Dose to the medium per air kerma.

        M = sum over energies of k(E) (mu_en/rho)_medium(E) / (mu_en/rho)_air(E),  k the air kerma's shares

    taken over the incident spectrum; what the patient scatters back is softer and lowers M by up to 1 % (water, large
    fields behind copper) against the tables of Benmakhlouf 2011.                        [Benmakhlouf2011, ICRU44]

    medium     "water", "soft-tissue" or "skin" (both ICRU-44)
    returns    (beams,) pure number
    """
    coefficients = tables().medium_muen_rho
    per_energy = coefficients[medium] / coefficients["air"]
    found: FloatArray = beams.kerma @ per_energy
    return found
