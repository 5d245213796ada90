"""Beam quality against spekpy, and the tables it is made of against NIST."""

import csv
import subprocess
import sys
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from skindose.errors import SettingsError
from skindose.physics import medium, table
from skindose.physics.quality import hvl_mmal, outside, quality, tables
from tests.close import close

with (Path(__file__).parent / "spekpy_beams.csv").open(encoding="utf-8") as file:
    NOTE = file.readline()
    SPEKPY = list(csv.DictReader(file))
# spekpy 2.5.4, 11 degrees, 2.5 mm Al: rows 60, 80, 100, 120 kV; columns 0, 0.1, 0.3, 0.6, 0.9 mm Cu.
HALF_VALUE_LAYERS = np.array(
    [
        (2.101, 3.336, 4.719, 5.792, 6.409),
        (2.770, 4.432, 6.300, 7.733, 8.544),
        (3.514, 5.499, 7.605, 9.137, 9.989),
        (4.294, 6.465, 8.641, 10.191, 11.072),
    ]
)
NIST_KEV = np.array([20.0, 30.0, 40.0, 60.0, 80.0, 100.0])
NIST_MUEN_RHO = {
    "air": np.array([0.5389, 0.1537, 0.06833, 0.03041, 0.02407, 0.02325]),
    "water": np.array([0.5503, 0.1557, 0.06947, 0.03190, 0.02597, 0.02546]),
}


def one(kvp_kv, al_mm, cu_mm, anode_deg=11.0, other_mm=None):
    return quality(np.array([kvp_kv]), np.array([al_mm]), np.array([cu_mm]), anode_deg, other_mm)


def of_spekpy(row):
    """A row's beam, and its numbers as floats."""
    numbers = {name: float(value) for name, value in row.items() if name != "other"}
    other = {row["other"]: np.array([numbers["other_mm"]])} if row["other"] else {}
    beam = (numbers["kvp_kv"], numbers["al_mm"], numbers["cu_mm"], numbers["anode_deg"])
    return one(*beam, other_mm=other), numbers


@pytest.mark.parametrize("row", SPEKPY, ids=lambda row: f"{row['kvp_kv']} kV {row['cu_mm']} Cu {row['other']}")
def test_random_beams_of_spekpy(row):
    """Half-value layer, mean energy, media and the support by thickness, behind copper and filters with a K edge."""
    got, want = of_spekpy(row)
    close(got.hvl_mmal, want["hvl_mmal"], rtol=0.002, because="goal 0.5 %; measured at most 0.15 %")
    close(got.mean_energy_kev, want["mean_energy_kev"], rtol=0.001, because="goal 0.5 %; measured at most 0.08 %")
    for name in ("water", "soft-tissue", "skin"):
        close(medium.ratios(got, name)[0], want[name], rtol=0.0001, because="goal 0.5 %; measured at most 0.006 %")
    for name, density in table.DENSITY_GCM3.items():
        mu_per_mm = tables().support_mu_rho[name] * density / 10
        through = got.kerma @ np.exp(-mu_per_mm * want[f"mm {name}"])
        close(through, want[f"transmission {name}"], rtol=0.0002, because="goal 0.5 %; measured at most 0.01 %")


def test_the_random_beams_are_of_the_versions_that_the_table_is_of():
    with np.load(BytesIO((files("skindose.physics.data") / "beams.npz").read_bytes())) as made:
        spekpy, xraylib, script = made["provenance"].tolist()
    assert spekpy.split()[:2] == ["spekpy", "2.5.4"]
    assert " ".join(spekpy.split()[:2]) in NOTE
    assert xraylib in NOTE
    assert (Path(__file__).resolve().parents[2] / script).is_file()


def test_half_value_layers_of_the_reference_table():
    kvp, cu = np.repeat([60.0, 80.0, 100.0, 120.0], 5), np.tile([0.0, 0.1, 0.3, 0.6, 0.9], 4)
    got = hvl_mmal(kvp, np.full(20, 2.5), cu).reshape(4, 5)
    close(got, HALF_VALUE_LAYERS, rtol=0.0005, because="voltages and angle on the nodes: only rounding is left")


def test_half_value_layers_of_benmakhlouf_2011():
    close(one(80, 2.5, 0).hvl_mmal, 2.77, rtol=0.015, because="two spectrum models differ by up to 1.5 %")
    close(one(80, 2.5, 0.3).hvl_mmal, 6.36, rtol=0.015, because="two spectrum models differ by up to 1.5 %")


def test_half_value_layer_halves_the_air_kerma():
    beam = one(93.0, 3.0, 0.2)
    through = beam.kerma @ np.exp(-tables().filter_mu["Al"] * beam.hvl_mmal[0] / 10)
    close(through, 0.5, atol=1e-9, because="Newton's method has converged")


@pytest.mark.parametrize("medium", NIST_MUEN_RHO)
def test_energy_absorption_coefficients_against_nist(medium):
    """Photoelectric plus Compton times its mean energy transfer; xraylib's CS_Energy would be 16 to 34 % off."""
    table = tables()
    got = np.exp(np.interp(np.log(NIST_KEV), np.log(table.energy_kev), np.log(table.medium_muen_rho[medium])))
    close(got, NIST_MUEN_RHO[medium], rtol=0.006, because="0.6 % is what this recipe reaches at 20 keV in air")


@pytest.mark.parametrize(("al_mm", "cu_mm"), [(2.5, 0.0), (1.5, 0.1), (2.5, 0.9)])
def test_no_kink_at_the_nodes_of_the_table(al_mm, cu_mm):
    """The slopes of the half-value layer on both sides of every voltage of the table agree."""
    nodes, step = tables().kvp_kv[1:-1], 0.01
    nodes = nodes[(nodes > 40) & (nodes < 150)]

    def log_hvl(kvp):
        return np.log(hvl_mmal(kvp, np.full(len(kvp), al_mm), np.full(len(kvp), cu_mm)))

    before, after = log_hvl(nodes) - log_hvl(nodes - step), log_hvl(nodes + step) - log_hvl(nodes)
    assert (before > 0).all(), "a higher voltage is a harder beam"
    close(after, before, rtol=0.01, because="0.5 % is the curvature over 0.01 kV; straight lines jump by 10 % and more")


def test_smooth_in_the_anode_angle():
    def hvl(angle):
        return hvl_mmal(np.array([80.0]), np.array([2.5]), np.array([0.0]), angle)

    for node in tables().anode_deg[1:-1]:
        before, after = hvl(node) - hvl(node - 0.01), hvl(node + 0.01) - hvl(node)
        close(after, before, rtol=0.01, because="curvature over 0.01 degrees")


def test_spectra_are_never_negative():
    assert quality(np.arange(40.0, 150.0, 0.37), np.array([2.5]), np.array([0.0])).kerma.min() >= 0.0


@pytest.mark.parametrize(("symbol", "edge_kev"), [("Mo", 20.006), ("Sn", 29.204), ("Ta", 67.419), ("Au", 80.729)])
def test_k_edges_lie_between_two_bins(symbol, edge_kev):
    """A bin that holds an edge would be weakened as its middle is, on one side or the other of the jump."""
    with np.load(BytesIO((files("skindose.physics.data") / "beams.npz").read_bytes())) as made:
        assert np.abs(made["energy_edges_kev"] - edge_kev).min() < 1e-9
    energy, mu = tables().energy_kev, tables().filter_mu[symbol]
    below = int(np.searchsorted(energy, edge_kev)) - 1
    assert mu[below + 1] > 3 * mu[below], "the jump"
    assert (np.diff(mu[below - 6 : below + 1]) < 0).all()
    assert (np.diff(mu[below + 1 : below + 8]) < 0).all()


def test_filters_of_any_material_are_the_exponential_of_their_thickness():
    """Each energy is weakened by itself, and the order of the filters does not matter."""
    bare, mu = one(90.0, 2.5, 0.2), tables().filter_mu
    for symbol in mu:
        if symbol in ("Al", "Cu"):
            continue
        got = one(90.0, 2.5, 0.2, other_mm={symbol: np.array([0.1])})
        want = bare.kerma * np.exp(-mu[symbol] * 0.01)
        close(got.kerma, want / want.sum(), rtol=1e-9, atol=1e-15, because="Beer and Lambert, energy by energy")
    both = one(90.0, 2.5, 0.2, other_mm={"Ta": np.array([0.1]), "brass": np.array([0.3])})
    turned = one(90.0, 2.5, 0.2, other_mm={"brass": np.array([0.3]), "Ta": np.array([0.1])})
    close(both.kerma, turned.kerma, rtol=1e-9, because="filters commute")


@pytest.mark.parametrize(("other", "mm"), [("Ta", 0.1), ("Sn", 0.3), ("brass", 0.2), ("Zn", 0.1), ("PMMA", 5.0)])
def test_other_filters_are_worth_the_copper_that_hardens_as_much(other, mm):
    """Measured curves of tables are tabulated over copper."""
    got = one(90.0, 3.0, 0.1, other_mm={other: np.array([mm])})
    assert got.cu_mm[0] > 0.1
    close(one(90.0, 3.0, got.cu_mm[0]).hvl_mmal, got.hvl_mmal, rtol=1e-3, because="straight between 0.02 and 0.05 mm")
    assert one(90.0, 3.0, 0.1, other_mm={other: np.zeros(1)}).cu_mm[0] == 0.1


def test_a_material_that_is_not_known_is_refused():
    with pytest.raises(SettingsError, match=r"^profile: .*'Unobtainium' is not known"):
        one(80.0, 2.5, 0.0, other_mm={"Unobtainium": np.array([0.1])})


def test_absurd_stacks_stay_finite():
    stack = {symbol: np.array([1e3]) for symbol in tables().filter_mu if symbol not in ("Al", "Cu")}
    got = one(40.0, 25.0, 3.0, other_mm=stack)
    assert np.isfinite([got.hvl_mmal[0], got.mean_energy_kev[0]]).all()
    close(got.kerma.sum(), 1.0, rtol=1e-9, because="shares of whatever is left")
    assert outside(np.array([80.0]), np.array([2.5]), np.array([0.0]), {"Ta": np.array([50.0])}) == 1
    assert outside(np.array([80.0]), np.array([2.5]), np.array([0.0]), {"Ta": np.array([0.05])}) == 0


def test_more_filtration_hardens():
    thickness = np.linspace(0, 1, 50)
    assert (np.diff(hvl_mmal(np.full(50, 80.0), np.full(50, 2.5), thickness)) > 0).all()
    assert (np.diff(hvl_mmal(np.full(50, 80.0), 2.5 + 5 * thickness, np.zeros(50))) > 0).all()


def test_equal_beams_are_computed_once_and_stay_in_order():
    kvp = np.array([80.0, 60.0, 80.0, 120.0, 60.0])
    got = quality(kvp, np.full(5, 2.5), np.zeros(5))
    np.testing.assert_array_equal(got.kvp_kv, kvp)
    assert got.hvl_mmal[0] == got.hvl_mmal[2]
    assert got.hvl_mmal[1] == got.hvl_mmal[4] < got.hvl_mmal[0] < got.hvl_mmal[3]


def test_outside_the_table_its_edge_counts_and_is_counted():
    kvp, al, cu = np.array([30.0, 80.0, 200.0]), np.array([2.5, 0.2, 2.5]), np.zeros(3)
    got = quality(kvp, al, cu)
    assert np.isfinite(got.hvl_mmal).all()
    np.testing.assert_array_equal(got.kvp_kv, [40.0, 80.0, 150.0])
    assert outside(kvp, al, cu) == 3
    assert outside(np.array([80.0]), np.array([2.5]), np.array([0.3])) == 0


@pytest.mark.slow
def test_script_makes_the_random_beams_again(tmp_path):
    pytest.importorskip("spekpy", reason="spekpy is in the extra [generate]")
    root, again = Path(__file__).resolve().parents[2], tmp_path / "again.csv"
    subprocess.run([sys.executable, str(root / "scripts" / "make_beam_checks.py"), str(again)], check=True)
    assert again.read_bytes() == (Path(__file__).parent / "spekpy_beams.csv").read_bytes()
