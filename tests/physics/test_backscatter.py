"""Backscatter against Benmakhlouf 2011, and what superposition must do."""

import csv

import numpy as np
import pytest

from skindose.config import Settings
from skindose.physics import backscatter, factors
from tests.close import close
from tests.physics import scene

# Benmakhlouf 2011: kVp, mm Cu over 2.5 mm Al -> B at 5, 10 and 20 cm.
PRINTED = {(60, 0.0): (1.210, 1.270, 1.302), (80, 0.0): (1.231, 1.312, 1.364), (80, 0.3): (1.294, 1.436, 1.546)}
PRINTED[(100, 0.3)] = (1.287, 1.436, 1.561)


def on_axis(kvp_kv, al_mm, cu_mm, side_mm):
    """B on the axis of square fields, 1 m from the focal spot."""
    count = len(side_mm)
    events = scene.events(kvp_kv, cu_mm, al_mm, inherent_filtration_mmal=0.0)
    beams = scene.beams(count, side_mm=side_mm, reference_mm=1000.0)
    return factors(events, beams, scene.hits(count, distance_mm=np.full(count, 1000.0)), Settings())


@pytest.mark.parametrize("beam", PRINTED)
def test_printed_factors(beam):
    made = on_axis(np.full(3, beam[0]), 2.5, beam[1], np.array([50.0, 100.0, 200.0]))
    close(1 + made.scatter, PRINTED[beam], rtol=0.015, because="goal 1.5 %")


@pytest.mark.shared
def test_every_row_of_benmakhlouf_2011(reference_folder):
    with (reference_folder / "backscatter_and_medium_water_phantom.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kvp, al, cu, side, want, ratio = (
        np.array([float(row[name]) for row in rows])
        for name in (
            "kvp_kv",
            "filtration_inherent_mmal",
            "filtration_added_mmcu",
            "field_side_length_cm",
            "backscatter",
            "mu_en_quotient",
        )
    )
    made = on_axis(kvp, al, cu, side * 10)
    close(1 + made.scatter, want, rtol=0.015, because="goal 1.5 %")
    close(made.medium, ratio, rtol=0.004, because="goal 1.5 %; measured 0.33 % at worst, rms 0.12 %")


def test_equivalent_side():
    fields = np.array([(-50, 50, -50, 50), (-100, 100, -25, 25), (-50, 50, -50, 50), (-30, 70, 0, 40)], dtype=float)
    circular = np.array([False, False, True, False])
    got = backscatter.equivalent_side_mm(fields, circular)
    close(got, [100, 80, 88.6227, 2 * 100 * 40 / 140], rtol=1e-5, because="2ab/(a+b) and sqrt(pi)/2 times the diameter")
