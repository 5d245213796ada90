"""Whole scenes against what is known without them: free air, slabs, published depth doses, conservation."""

from dataclasses import replace

import numpy as np
import pytest

from skindose.errors import PhantomError
from skindose.montecarlo import MATERIALS, Budget, Pencil, Scene, Spectra, point_spread, simulate
from skindose.montecarlo.materials import mu_rho_cm2g, muen_rho_cm2g
from tests import scenes
from tests.close import close
from tests.montecarlo import kernels

AIR = MATERIALS["air"]
DOWN = (0.0, -1.0, 0.0)


def line(energy_kev):
    return Spectra(np.array([energy_kev]), np.ones((1, 1)))


def spectra(*beams):
    energy, _ = kernels.spectrum(*beams[0])
    return Spectra(energy, np.array([kernels.spectrum(*beam)[1] for beam in beams]))


def above(height_mm, half_mm, reference_mm, **more):
    """A beam straight down from (0, height, 0)."""
    field = (-half_mm, half_mm, -half_mm, half_mm)
    return {"source": (0.0, height_mm, 0.0), "axis": DOWN, "field": field, "reference": reference_mm, **more}


def bead(centre=(0.0, 0.0, 0.0), radius_mm=10.0):
    """A small sphere, to be filled with air: it measures and disturbs nothing."""
    return scenes.phantom(*scenes.sphere(radius_mm, centre, subdivisions=2))


def mean_dose(truth, body):
    return truth.patch(np.arange(len(body.area_mm2)), body.area_mm2)


def water_over_air(energies, fluence):
    water, air = (fluence @ (energies * muen_rho_cm2g(MATERIALS[name], energies)) for name in ("water", "air"))
    return water / air


# --- what reaches a point in free air


@pytest.mark.parametrize("circular", [False, True])
def test_free_in_air_it_is_the_kerma_at_the_reference_point_times_inverse_square(circular):
    beams = scenes.beams([above(900.0, 20.0, 600.0, kerma=7.0, circular=circular)])
    beams.field_mm[0] = (-15.0, 25.0, -12.0, 20.0)  # off the axis, and wider than the bead
    sky = spectra((80, 2.5, 0.2))
    body = bead()
    truth = simulate(Scene(beams, body, sky, body=AIR), Budget(120_000))
    got, sd = mean_dose(truth, body)
    want = 7.0 * (600.0 / 900.0) ** 2 * water_over_air(sky.energy_kev, sky.fluence[0])
    close(got, want, rtol=1e-3, atol=3 * sd, because="three sigma; the bead is 20 mm deep")
    assert sd < 0.02 * want


def test_two_beams_add_each_with_its_own_spectrum():
    rows = [above(700.0, 15.0, 700.0, kerma=2.0), above(900.0, 25.0, 900.0, kerma=5.0)]
    beams, sky, body = scenes.beams(rows), spectra((60, 2.5, 0.0), (120, 2.5, 0.9)), bead()
    got, sd = mean_dose(simulate(Scene(beams, body, sky, body=AIR), Budget(120_000)), body)
    ratios = [water_over_air(sky.energy_kev, fluence) for fluence in sky.fluence]
    close(got, 2.0 * ratios[0] + 5.0 * ratios[1], rtol=1e-3, atol=3 * sd, because="three sigma")


def test_a_half_value_layer_halves_the_air_kerma_of_the_sampled_spectrum():
    sky = spectra((80, 2.5, 0.1))
    metal = MATERIALS["aluminium"]
    mu = mu_rho_cm2g(metal, sky.energy_kev) * metal.density_gcm3 / 10.0
    kerma = sky.fluence[0] * sky.energy_kev * muen_rho_cm2g(AIR, sky.energy_kev)
    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if kerma @ np.exp(-mu * middle) > kerma.sum() / 2 else (low, middle)
    close(low, 4.432, rtol=0.015, because="spekpy's half-value layer (physics.md), of another air table and aluminium")
    body = bead()
    dose = []
    for thickness in (0.0, low):  # near the focus: what it scatters is spread too thin to reach the bead
        slab = (-300.0, 300.0, 800.0, 800.0 + max(thickness, 1e-9), -300.0, 300.0)
        beams = scenes.beams([above(1000.0, 12.0, 1000.0)], slabs=[slab])
        scene = Scene(beams, body, sky, layers=((metal, metal.density_gcm3),), body=AIR)
        dose.append(mean_dose(simulate(scene, Budget(160_000)), body))
    ratio = dose[1][0] / dose[0][0]
    sd = ratio * np.hypot(dose[0][1] / dose[0][0], dose[1][1] / dose[1][0])
    # Behind aluminium water to air is 0.6 % higher, as the ratio of water kermas is scored.
    close(ratio, 0.5, rtol=0.01, atol=3 * sd, because="three sigma; air against water, and a little scatter")


# --- the support


def test_a_slab_weakens_a_narrow_beam_by_its_exponential_and_a_wide_one_less():
    material, density = MATERIALS["polyurethane"], 1.0
    slab, body, sky = (-300.0, 300.0, 50.0, 80.0, -300.0, 300.0), bead(radius_mm=5.0), line(60.0)
    narrow_mu = mu_rho_cm2g(material, sky.energy_kev)[0] * density / 10.0
    dose = {}
    for half in (5.0, 100.0):
        for slabs in ((), (slab,)):
            beams = scenes.beams([above(900.0, half, 900.0)], slabs=slabs)
            scene = Scene(beams, body, sky, layers=((material, density),) * len(slabs), body=AIR)
            photons = 60_000 if half < 50 else 900_000
            dose[half, len(slabs)] = mean_dose(simulate(scene, Budget(photons)), body)
    narrow, wide = (dose[half, 1][0] / dose[half, 0][0] for half in (5.0, 100.0))
    sd = narrow * np.hypot(dose[5.0, 0][1] / dose[5.0, 0][0], dose[5.0, 1][1] / dose[5.0, 1][0])
    close(narrow, np.exp(-30.0 * narrow_mu), rtol=0.01, atol=3 * sd, because="three sigma, and 1 % of scatter")
    assert wide > 1.1 * narrow  # what 3 cm of plastic scatters forwards


def test_an_oblique_ray_loses_by_its_longer_path():
    material, density = MATERIALS["polyurethane"], 1.0
    mu = mu_rho_cm2g(material, np.array([60.0]))[0] * density / 10.0
    axis = np.array([np.sin(np.radians(50.0)), -np.cos(np.radians(50.0)), 0.0])
    body, dose = bead(radius_mm=5.0), []
    turned = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # the table's own frame stands otherwise
    for slabs in ((), ((-600.0, 600.0, -600.0, 600.0, 250.0, 265.0),)):  # its z is the patient's y
        row = {"source": -900.0 * axis, "axis": axis, "field": (-5.0, 5.0, -5.0, 5.0), "reference": 900.0}
        beams = scenes.beams([row], slabs=slabs, rotation=turned, origin=(0.0, 0.0, 0.0))
        scene = Scene(beams, body, line(60.0), layers=((material, density),) * len(slabs), body=AIR)
        dose.append(mean_dose(simulate(scene, Budget(60_000)), body))
    ratio = dose[1][0] / dose[0][0]
    sd = ratio * np.hypot(dose[0][1] / dose[0][0], dose[1][1] / dose[1][0])
    close(ratio, np.exp(-15.0 * mu / np.cos(np.radians(50.0))), rtol=0.005, atol=3 * sd, because="three sigma")


def test_a_ray_that_misses_the_support_is_not_weakened():
    slab = (60.0, 300.0, 50.0, 80.0, -300.0, 300.0)
    beams = scenes.beams([above(900.0, 15.0, 900.0)], slabs=[slab])
    scene = Scene(beams, bead(), line(60.0), layers=((MATERIALS["aluminium"], 2.7),), body=AIR)
    truth = simulate(scene, Budget(64_000))
    assert truth.energy_kev[2] == 0.0


# --- the body


def test_energy_is_conserved_photon_by_photon():
    slab = (-200.0, 200.0, 20.0, 60.0, -200.0, 200.0)
    beams = scenes.beams([above(600.0, 80.0, 600.0)], slabs=[slab])
    body = scenes.phantom(*scenes.sphere(90.0, (0.0, -90.0, 0.0), subdivisions=3))
    scene = Scene(beams, body, spectra((80, 2.5, 0.2)), layers=((MATERIALS["polyurethane"], 0.15),))
    truth = simulate(scene, Budget(64_000))
    emitted, in_body, in_support, gone = truth.energy_kev
    close(in_body + in_support + gone, emitted, rtol=1e-12, because="rounding")
    assert min(in_body, in_support, gone) > 0.01 * emitted
    assert truth.imbalance_kev < 1e-9
    assert truth.lost == 0


def test_mesh_and_slab_scatter_back_alike():
    """A wide block of 50 mm under a field of 100 mm, against the point spread of a slab as thick."""
    body = _grid_block(50.0)
    beams = scenes.beams([above(1000.0, 50.0, 1000.0)])
    truth = simulate(Scene(beams, body, line(60.0)), Budget(600_000), seed=3)
    top = np.flatnonzero((body.normal[:, 1] > 0.99) & (np.abs(body.centroid_mm[:, [0, 2]]).max(axis=1) < 15.0))
    got, sd = truth.patch(top, body.area_mm2[top])
    kernels.ENDLESS_MM[0] = 50.0
    try:
        found = kernels.pair(60.0, 200_000)
    finally:
        kernels.ENDLESS_MM[0] = 300.0
    factor, slab_sd = kernels.backscatter(found, kernels.square(100.0), 1000.0, water=True)
    free = water_over_air(np.array([60.0]), np.ones(1))
    close(
        got / free, factor, rtol=0.005, atol=3 * np.hypot(sd / free, slab_sd), because="the patch is 3 cm wide; 3 sigma"
    )


def test_an_oblique_beam_on_a_mesh_is_the_slabs():
    """A parallel round field of 100 mm at 40 degrees: rings across the beam, all azimuths together, are exact."""
    cosine = float(np.cos(np.radians(40.0)))
    axis = np.array([np.sqrt(1 - cosine**2), -cosine, 0.0])
    field = (-50.0, 50.0, -50.0, 50.0)
    row = {"source": -1e6 * axis, "axis": axis, "field": field, "reference": 1e6, "circular": True}
    body = _grid_block(200.0)
    truth = simulate(Scene(scenes.beams([row]), body, line(60.0)), Budget(500_000), seed=3)
    top = np.flatnonzero((body.normal[:, 1] > 0.99) & (np.linalg.norm(body.centroid_mm, axis=1) < 18.0))
    got, sd = truth.patch(top, body.area_mm2[top])
    slab = point_spread(Pencil(60.0, cosine), np.array([50.0]), np.array([200.0]), 200_000)
    factor = 1.0 + slab.water_across_beam[0, 0]
    got, sd = (value / water_over_air(np.array([60.0]), np.ones(1)) for value in (got, sd))
    allowed = 3 * np.hypot(sd, slab.sd_summed_across_beam[0, 0])
    close(got, factor, rtol=0.01, atol=allowed, because="the patch is 36 mm wide, B falls by 1 % over it; three sigma")


def _grid_block(thickness_mm, side_mm=600.0, cells=40):
    """A closed block with its upper side at y = 0 and finely divided."""
    top = scenes.plate(side_mm, 0.0, cells)
    bottom = scenes.plate(side_mm, -thickness_mm, cells, facing=-1.0)
    rim = [k * (cells + 1) for k in range(cells + 1)]
    rim += [cells * (cells + 1) + k for k in range(1, cells + 1)]
    rim += [(cells - k) * (cells + 1) + cells for k in range(1, cells + 1)]
    rim += [cells - k for k in range(1, cells)]
    vertices, triangles = scenes.join(top, bottom)
    shift = len(top[0])
    sides = [
        part
        for a, b in zip(rim, [*rim[1:], rim[0]], strict=True)
        for part in ((a, b, b + shift), (a, b + shift, a + shift))
    ]
    return scenes.phantom(vertices, np.concatenate([triangles, np.array(sides)]))


def test_a_sphere_of_water_sends_back_less_than_a_plane():
    body = scenes.phantom(*scenes.sphere(60.0, (0.0, -60.0, 0.0), subdivisions=4))
    beams = scenes.beams([above(1000.0, 70.0, 1000.0)])
    truth = simulate(Scene(beams, body, line(60.0)), Budget(600_000), seed=3)
    top = np.flatnonzero(np.linalg.norm(body.centroid_mm, axis=1) < 10.0)
    got, sd = truth.patch(top, body.area_mm2[top])
    got /= water_over_air(np.array([60.0]), np.ones(1))
    assert 1.15 < got < 1.45  # a wide field on a plane: 1.53
    assert sd < 0.03


def test_a_hole_in_the_mesh_is_told():
    body = scenes.phantom(*scenes.sphere(60.0, subdivisions=2))
    body = replace(body, triangles=body.triangles[:-1])
    with pytest.raises(PhantomError, match="not closed"):
        simulate(Scene(scenes.beams([above(1000.0, 70.0, 1000.0)]), body, line(60.0)), Budget(64))


def test_any_number_of_threads_and_rounds_gives_the_same():
    body = scenes.phantom(*scenes.sphere(60.0, subdivisions=2))
    scene = Scene(scenes.beams([above(1000.0, 70.0, 1000.0)]), body, line(60.0))
    one, two = (simulate(scene, Budget(40_000), threads=threads).slot_dose_mgy for threads in (1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, simulate(scene, Budget(40_000), seed=1).slot_dose_mgy)


def test_uncertainty_is_the_spread_of_repeats():
    body = scenes.phantom(*scenes.sphere(60.0, (0.0, -60.0, 0.0), subdivisions=2))
    scene = Scene(scenes.beams([above(1000.0, 30.0, 1000.0)]), body, line(60.0))
    top = np.flatnonzero(body.centroid_mm[:, 1] > -8.0)
    found = np.array([simulate(scene, Budget(6_400), seed).patch(top, body.area_mm2[top]) for seed in range(24)])
    close(found[:, 1].mean(), found[:, 0].std(ddof=1), rtol=0.35, because="a spread of 24 is known to 15 %")


# --- published depth doses


def cube(x, depth, z, half=15.0):
    return [x - half, x + half, -depth - half, -depth + half, z - half, z + half]


def block_of_tg195(photons):
    """AAPM TG-195, case 2, 0 degrees: eV per history in the block, and in nine cubes with their uncertainty [TG195]."""
    body = scenes.lying_box(390.0, 200.0, 390.0)
    body = scenes.phantom(body.vertices_mm + np.array([0.0, 0.0, 195.0]), body.triangles)
    beams = scenes.beams([above(1550.0, 195.0, 1800.0)], slabs=[(-3000, 3000, -3000, 3000, -3000, 3000)])
    axis = [cube(0, depth, 0) for depth in (100, 40, 70, 130, 160)]
    probes = np.array(axis + [cube(x, 100, z) for x, z in ((150, 0), (-150, 0), (0, 150), (0, -150))])
    scene = Scene(beams, body, line(56.4), ((AIR, AIR.density_gcm3),), MATERIALS["tg195-tissue"], probes)
    truth = simulate(scene, Budget(photons))
    emitted, in_body, *_ = truth.energy_kev
    per_history = 56.4e3 / (emitted / truth.photons)
    slots = truth.probe_kev_per_photon * per_history
    return in_body / emitted * 56.4e3, slots.mean(axis=0), slots.std(axis=0) / 8.0


TG195_CUBES_EV = np.array([36.67, 72.86, 53.35, 23.83, 14.60, 27.01, 27.01, 27.01, 27.01])


def test_case_3_energy_left_in_the_block():
    whole, _, _ = block_of_tg195(100_000)
    close(whole, 33171.4, rtol=0.01, because="the issue asks for 1 %; 0.3 % is our sigma here")


@pytest.mark.slow
def test_case_3_energy_left_in_cubes():
    """The cubes of 3 cm follow each other along the axis, their middles 4, 7, 10, 13, 16 cm deep."""
    whole, cubes, sd = block_of_tg195(20_000_000)
    close(whole, 33171.4, rtol=0.002, because="our sigma is 0.02 %")
    np.testing.assert_array_less(np.abs(cubes - TG195_CUBES_EV), 0.01 * TG195_CUBES_EV + 2.5 * sd)


def profile_of_egs5(photons):
    """Case 2 of the reference: depth doses and profile of a parallel field of 10 cm, 60 keV, 1e-15 Gy per history."""
    body = scenes.lying_box(300.0, 200.0, 300.0)
    body = scenes.phantom(body.vertices_mm + np.array([0.0, 0.0, 150.0]), body.triangles)
    beams = scenes.beams([above(1e6, 50.0, 1e6)])
    bins = []
    for sign in (-1, 1):
        for k in range(9):
            low, high = sorted((sign * 10.0 * k, sign * 10.0 * (k + 1)))
            bins += [[low, high, -10.0, 0.0, -10.0, 10.0], [-10.0, 10.0, -10.0, 0.0, low, high]]
    bins += [[-10.0, 10.0, -10.0 * (k + 1), -10.0 * k, -10.0, 10.0] for k in range(15)]
    body_material = replace(MATERIALS["water"], density_gcm3=1.001)
    scene = Scene(beams, body, line(60.0), body=body_material, probes_mm=np.array(bins))
    truth = simulate(scene, Budget(photons))
    joule_per_kev, kg_per_mm3 = 1.602176634e-16, 1.001e-6
    slots = truth.probe_kev_per_photon * joule_per_kev / kg_per_mm3 / 1e-15
    slots[:, :36] /= 2000.0
    slots[:, 36:] /= 4000.0
    sides = slots[:, :36].reshape(len(slots), 2, 9, 2).mean(axis=(1, 3))
    depths = slots[:, 36:]
    return [(part.mean(axis=0), part.std(axis=0) / 8.0) for part in (sides, depths)]


EGS5_SIDES = np.array([4.781, 4.715, 4.684, 4.508, 4.221, 0.8065, 0.5139, 0.3589])
EGS5_DEPTHS = np.array(
    [4.781, 4.756, 4.450, 4.046, 3.626, 3.191, 2.786, 2.418, 2.083, 1.778, 1.517, 1.292, 1.093, 0.922, 0.775]
)


def against_egs5(photons, sigmas):
    for (got, sd), want in zip(profile_of_egs5(photons), (EGS5_SIDES, EGS5_DEPTHS), strict=True):
        off = np.abs(got[: len(want)] - want)
        allowed = 0.01 * want + sigmas * np.hypot(sd[: len(want)], 0.005 * want)  # theirs: 0.24 to 0.88 %
        assert np.all(off < allowed), f"{got[: len(want)] / want}"


def test_case_2_profile_and_depth_dose():
    against_egs5(300_000, 3.0)


@pytest.mark.slow
def test_case_2_in_full():
    against_egs5(20_000_000, 2.0)
