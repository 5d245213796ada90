"""Table and pad: measured curves, described layers, obliquity and forward scatter."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from skindose.calibration import uncalibrated
from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.model import Layer
from skindose.physics import factors, table
from skindose.physics.quality import quality
from tests.close import close
from tests.physics import scene

CURVE = next(name for name in table.curves())


def described(kvp_kv, cu_mm, al_mm=2.5, layers=scene.LAYERS):
    beam = quality(np.atleast_1d(kvp_kv) * 1.0, np.atleast_1d(al_mm) * 1.0, np.atleast_1d(cu_mm) * 1.0)
    return table.support(scene.machine(), beam, layers)


def perpendicular(stack, event=0, side_mm=0.0, layers=scene.LAYERS):
    path = np.array([[layer.thickness_mm for layer in layers]])
    return table.transmission(stack, np.array([event]), path, np.ones(1), np.array([side_mm]))[0]


# Dose to the skin of a flat water body with the support over that without, scripts/table_montecarlo.py (0.4 %, k = 1):
# kV, mm Cu, side in mm at the skin, degrees, layers, T
TABLE, PAD = scene.LAYERS[:3], scene.LAYERS[3:]
MONTE_CARLO = (
    (80, 0.2, 30, 0, scene.LAYERS, 0.7905),
    (80, 0.2, 50, 0, scene.LAYERS, 0.8179),
    (80, 0.2, 100, 0, scene.LAYERS, 0.8620),
    (80, 0.2, 200, 0, scene.LAYERS, 0.9302),
    (80, 0.2, 100, 30, scene.LAYERS, 0.8309),
    (80, 0.2, 100, 45, scene.LAYERS, 0.7848),
    (80, 0.2, 100, 60, scene.LAYERS, 0.6754),
    (60, 0.0, 100, 0, scene.LAYERS, 0.7698),
    (60, 0.0, 200, 0, scene.LAYERS, 0.8311),
    (60, 0.0, 100, 60, scene.LAYERS, 0.5366),
    (120, 0.9, 100, 0, scene.LAYERS, 0.9018),
    (120, 0.9, 200, 0, scene.LAYERS, 0.9676),
    (120, 0.9, 100, 60, scene.LAYERS, 0.7316),
    (80, 0.2, 100, 0, TABLE, 0.9668),
    (80, 0.2, 100, 0, PAD, 0.9659),
    (80, 0.2, 100, 0, (*TABLE, replace(PAD[0], thickness_mm=80.0, top_mm=-80.0)), 0.7735),
)


def ray(stack, degrees, side_mm, layers=scene.LAYERS):
    """T of a ray at an angle through all layers."""
    cosine = np.cos(np.radians(np.atleast_1d(degrees)))
    path = np.array([[layer.thickness_mm for layer in layers]]) / cosine[:, None]
    return table.transmission(stack, np.zeros(len(cosine), int), path, cosine, np.full(len(cosine), side_mm))


@pytest.mark.parametrize("row", MONTE_CARLO)
def test_monte_carlo(row):
    kvp, cu, side, degrees, layers, want = row
    got = ray(described(kvp, cu, layers=layers), degrees, side, layers)[0]
    close(got, want, rtol=0.03, because="single scattering and one fitted number; measured -2.3 to +0.6 %")


def test_fields_grow_as_measured():
    """Forward scatter adds 11 % from 25 to 580 cm2 [DeLorenzo2018], 10 to 16 % [another group, cases.md]."""
    small, large = ray(described(80.0, 0.2), 0.0, 50.0)[0], ray(described(80.0, 0.2), 0.0, 241.0)[0]
    assert 1.10 < large / small < 1.165


def test_an_oblique_ray_loses_less_than_its_path_says():
    """Scatter refills it: at 60 degrees the bare exponential leaves 0.75 of the perpendicular beam, Monte Carlo 0.78.

    DeLorenzo 2018, second hand, has 0.84; his set-up (what was turned, where the chamber lay) is not known.
    """
    stack = described(80.0, 0.2)
    straight, oblique = ray(stack, [0.0, 60.0], 100.0)
    bare = np.exp(stack.log_t0[0])
    assert bare < oblique / straight < 0.842
    close(oblique / straight, 0.783, rtol=0.02, because="Monte Carlo, 0.5 %; measured -1.9 %")


def test_forward_scatter_grows_with_field_and_energy_and_falls_with_distance():
    sides = np.geomspace(1.0, 800.0, 60)
    for kvp, cu in ((50.0, 0.0), (80.0, 0.2), (120.0, 0.9)):
        stack = described(kvp, cu)
        grown = table.phi_of(stack.returned, np.zeros(60, int), np.ones(60), sides)
        assert (np.diff(grown) >= 0).all()
        assert grown[0] < 0.01
        assert grown[-1] <= 1.0
    soft, hard = (
        table.phi_of(described(kvp, cu).returned, np.zeros(1, int), np.ones(1), np.full(1, 100.0))[0]
        for kvp, cu in ((60.0, 0.0), (120.0, 0.9))
    )
    assert soft < hard, "soft photons are absorbed rather than scattered"
    far = described(80.0, 0.2, layers=(*TABLE, replace(PAD[0], thickness_mm=120.0, top_mm=-120.0)))
    near = described(80.0, 0.2)
    assert (far.returned[0, 3:12, 0] < near.returned[0, 3:12, 0]).all()


def test_transmission_falls_with_thickness_and_angle():
    pads = [(*TABLE, replace(PAD[0], thickness_mm=pad, top_mm=-pad)) for pad in (1.0, 10.0, 20.0, 40.0, 80.0, 160.0)]
    for side in (20.0, 100.0, 300.0):
        found = [ray(described(80.0, 0.2, layers=layers), 0.0, side, layers)[0] for layers in pads]
        assert found == sorted(found, reverse=True)
        turned = ray(described(80.0, 0.2), np.linspace(0.0, 85.0, 40), side)
        assert (np.diff(turned) < 0).all()


@pytest.mark.shared
def test_measured_curve_at_every_published_row(reference_folder):
    with (reference_folder / "table_and_pad_transmission_siemens_axiom_artis.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kvp, cu, want = (
        np.array([float(row[name]) for row in rows])
        for name in ("kvp_kv", "filtration_added_mmcu", "k_patient_support")
    )
    close(table.measured(CURVE, kvp, cu), want, rtol=0.0004, because="kept at every fifth kV; measured 0.025 %")


def test_measured_curve():
    kvp, cu = np.array([60.0, 80.0, 80.0, 80.0, 100.0]), np.array([0.0, 0.0, 0.2, 0.9, 0.9])
    got = table.measured(CURVE, kvp, cu)
    close(got, [0.619, 0.655, 0.720, 0.754, 0.772], atol=0.0006, because="printed with three digits")


def test_measured_curve_rises_with_copper_between_its_columns_and_stays_at_its_edges():
    cu = np.linspace(0, 0.9, 91)
    got = table.measured(CURVE, np.full(91, 80.0), cu)
    assert (np.diff(got) > 0).all()
    outside = table.measured(CURVE, np.array([40.0, 150.0, 80.0]), np.array([0.0, 0.0, 3.0]))
    close(outside, [0.5974, 0.6956, 0.754], rtol=1e-9, because="the edge of the measurement")


def test_leaving_a_copper_column_out_of_the_measurement():
    """What interpolation between copper thicknesses can be wrong by: 0 and 0.2 mm give 0.1 mm within 1 %."""
    place = np.log(np.array([0.0, 0.1, 0.2]) + table.COPPER_OFFSET_MM)
    got = np.interp(place[1], place[[0, 2]], [0.6547, 0.7200])
    close(got, 0.7004, rtol=0.01, because="measured 0.4 %; half the distance is left in use")


def test_perpendicular_layers_follow_the_exponential_over_the_spectrum():
    beam = quality(np.array([80.0]), np.array([2.5]), np.array([0.0]))
    one = Layer("plate", "carbon fibre", 0.0, 2.0, 225.0, 2000.0)
    mu = table._mu_per_mm(one, scene.machine())
    got = perpendicular(table.support(scene.machine(), beam, (one,)), layers=(one,))
    close(got, beam.kerma[0] @ np.exp(-2.0 * mu), rtol=1e-9, because="the same sum")
    assert 0.91 < got < 0.94, "0.31 g/cm2 of mostly carbon at 44 keV mean: about 7 %"


def test_described_table_against_a_measured_one():
    """Table alone and with pad, 60 to 125 kV, 3.1 mm Al: published with openSkin (Royal Free Hospital, 2016)."""
    kvp = np.tile([60.0, 80.0, 110.0, 125.0], 2)
    cu, al = np.repeat([0.0, 0.3], 4), np.full(8, 3.1)
    alone = [perpendicular(described(kvp, cu, al, TABLE), e, 0.0, TABLE) for e in range(8)]
    close(
        alone,
        [0.80, 0.82, 0.82, 0.82, 0.84, 0.86, 0.88, 0.89],
        rtol=0.035,
        because="nominal layers, narrow beam; measured -2.2 to +2.8 %",
    )
    padded = [perpendicular(described(kvp, cu, al), e, 0.0) for e in range(8)]
    close(
        padded,
        [0.66, 0.68, 0.71, 0.72, 0.76, 0.79, 0.83, 0.83],
        rtol=0.075,
        because="measured -7 to +2 %; machines differ by 10 %",
    )


def test_the_shipped_curve_is_a_narrow_beam_s():
    """Its loss over that of the described layers is nearly the same for every beam, and near 1."""
    kvp, cu = np.repeat([60.0, 80.0, 100.0, 120.0], 3), np.tile([0.0, 0.2, 0.9], 4)
    nominal = described(kvp, cu, np.full(12, 3.1))
    over = np.log(table.measured(CURVE, kvp, cu)) / nominal.log_t0
    assert 1.05 < over.min() < over.max() < 1.20
    phi = table.phi_of(nominal.returned, np.arange(12), np.ones(12), np.full(12, 100.0))
    assert (over / (1 - phi)).max() > 2.2, "as a broad beam's it would be a support twice as thick as any"


def test_half_of_the_path_is_half_of_the_loss():
    stack, whole = described(80.0, 0.2), np.array([[layer.thickness_mm for layer in scene.LAYERS]])
    full, half = (
        table.transmission(stack, np.zeros(1, int), path, np.ones(1), np.full(1, 1e2))[0] for path in (whole, whole / 2)
    )
    close(
        half**2,
        full,
        rtol=0.002,
        because="a ray past the edge sees part of the layers: ln T in proportion, but for hardening",
    )


def test_a_ray_through_the_table_without_its_pad():
    path = np.array([[0.75, 50.0, 0.75, 0.0]])
    got = table.transmission(described(80.0, 0.0), np.zeros(1, int), path, np.ones(1), np.zeros(1))[0]
    want = perpendicular(described(80.0, 0.0, layers=scene.LAYERS[:3]), layers=scene.LAYERS[:3])
    close(got, want, rtol=0.005, because="layers weighted by their mean attenuation: hardening in the pad is left out")


def test_a_ray_that_misses_is_not_weakened():
    path, cosine = np.zeros((3, 4)), np.array([0.0, 0.5, 1.0])
    got = table.transmission(described(80.0, 0.0), np.zeros(3, int), path, cosine, np.full(3, 1e2))
    np.testing.assert_array_equal(got, 1.0)


def test_transmission_stays_between_0_and_1_for_any_ray():
    random = np.random.default_rng(2)
    cosine = random.uniform(0, 1, 2000)
    path = np.minimum(np.array([0.75, 50, 0.75, 40]) / np.maximum(cosine, 1e-9)[:, None], 450.0)
    for kvp, cu in ((40.0, 0.0), (80.0, 0.3), (150.0, 1.0)):
        stack = described(kvp, cu)
        got = table.transmission(stack, np.zeros(2000, int), path, cosine, random.uniform(0, 400, 2000))
        assert ((got > 0) & (got < 1)).all()


def test_a_layer_of_no_thickness_does_nothing():
    layers = (*scene.LAYERS[:3], Layer("pad", "polyurethane", 0.0, 0.0, 225.0, 2000.0))
    assert perpendicular(described(80.0, 0.0, layers=layers), layers=layers) == pytest.approx(
        perpendicular(described(80.0, 0.0, layers=scene.LAYERS[:3]), layers=scene.LAYERS[:3]), abs=1e-12
    )
    alone = (layers[3],)
    assert perpendicular(described(80.0, 0.0, layers=alone), layers=alone) == 1.0


def test_across_a_gap_a_field_returns_what_a_smaller_one_does_on_the_pad():
    stack, event = described(80.0, 0.2), np.zeros(4, dtype=int)
    side = table.contact_side_mm(stack, event, np.full(4, 100.0), np.array([0.0, 10.0, 80.0, 1e9]))
    close(side[0], 100.0, rtol=1e-12, because="no gap")
    through = [perpendicular(stack, side_mm=one) for one in side]
    assert through == sorted(through, reverse=True)
    close(through[3], perpendicular(stack), rtol=1e-4, because="far away only the narrow beam arrives")
    alone = described(80.0, 0.2, layers=PAD)
    close(alone.depth_mm, PAD[0].thickness_mm / 2, rtol=1e-12, because="one layer loses evenly over its depth")


def test_the_gap_is_measured_along_the_ray_from_the_support_to_the_cell():
    """Skin 50 mm above a support that lies level: the ray goes on by 50 mm over its cosine."""
    support = ((-500.0, 500.0, -40.0, 0.0, -2000.0, 2000.0),)
    beams = replace(
        scene.beams(1, layers=PAD),
        source_mm=np.array([[0.0, 560.0, 0.0]]),
        table_origin_mm=np.zeros((1, 3)),
        support_mm=np.array(support),
    )
    at_pad = scene.hits(1, 1, [[40.0]], distance_mm=np.array([600.0]))
    lifted = scene.hits(1, 1, [[40.0]], distance_mm=np.array([650.0]))
    events = scene.events(80.0, 0.2, support=PAD)
    near, far = (factors(events, beams, hits, Settings()).transmission[0] for hits in (at_pad, lifted))
    stack = described(80.0, 0.2, layers=PAD)
    sides = table.contact_side_mm(
        stack, np.zeros(2, dtype=int), 100.0 * np.array([600.0, 650.0]) / 600.0, np.array([0.0, 50.0])
    )
    want = [perpendicular(stack, side_mm=one, layers=PAD) for one in sides]
    close(np.array([near, far]), np.array(want), rtol=1e-9, because="the same two numbers")


def test_unknown_material_and_curve_are_named():
    with pytest.raises(SettingsError, match=r"'lead' .* 'plate' .* Use one of: carbon fibre"):
        described(80.0, 0.0, layers=(Layer("plate", "lead", 0.0, 1.0, 225.0, 2000.0),))
    with pytest.raises(SettingsError, match=r"^profile: .*no measured transmission 'none-such'\. Known: "):
        table.measured("none-such", np.array([80.0]), np.array([0.0]))


def _said(machine):
    return " ".join(table.assumption(machine, uncalibrated(1), np.ones(1, dtype=bool)))


def test_what_the_result_says():
    assert "described layers (0.75 mm carbon fibre" in _said(scene.machine())
    assert f"measured on such a machine ({CURVE})" in _said(scene.machine(transmission=CURVE))
    assert "not weakened" in _said(scene.machine(has_table=False, support=()))
