"""Backscatter against Benmakhlouf 2011, and what superposition must do."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from skindose import kernel
from skindose.config import Settings
from skindose.dose import hit_dose_mgy, some_hits
from skindose.montecarlo import Budget, Pencil, Spectra, point_spread, simulate
from skindose.montecarlo import Scene as MonteCarlo
from skindose.phantom import shapes
from skindose.physics import backscatter, factors, medium
from skindose.physics.quality import quality, tables
from skindose.quantities import LARGEST_SCATTER_FACTOR
from tests import scenes
from tests.close import close
from tests.physics import scene
from tests.published import DIAMETERS_MM, SINGLE

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
    off = (1 + made.scatter) / want - 1
    assert [f"{end:+.1%}" for end in (off.min(), off.max())] == ["-0.3%", "+1.1%"], "the README's figures"
    close(made.medium, ratio, rtol=0.004, because="goal 1.5 %; measured 0.33 % at worst, rms 0.12 %")


def line(energy_kev, count=1):
    """Beams of one energy, as nearly as the spectra's energies allow."""
    grid = tables().energy_kev
    share = np.maximum(1 - np.abs(grid - energy_kev) / (grid[1] - grid[0]), 0.0)
    found = quality(np.full(count, 100.0), np.full(count, 2.5), np.zeros(count))
    return replace(found, kerma=np.tile(share / share.sum(), (count, 1)))


def water(found, scatter):
    """Ratio of water kermas: scattered over primary, from that of air kermas."""
    incident, scattered = medium.ratios(found, "water")
    return scatter * (scattered / incident)[0]


@pytest.mark.parametrize("energy_kev", SINGLE)
def test_single_energies_in_circles(energy_kev):
    beams = replace(scene.beams(8, side_mm=DIAMETERS_MM, reference_mm=1000.0), circular=np.ones(8, dtype=bool))
    found = line(energy_kev, 8)
    got = backscatter.scatter(backscatter.kernels(found), beams, scene.hits(8, distance_mm=np.full(8, 1000.0)))
    close(1 + water(found, got), SINGLE[energy_kev], rtol=0.015, because="two Monte Carlos of 0.5 %; goal 1.5 %")


def flat(points, field=(-50.0, 50.0, -50.0, 50.0), normal=None, circular=False, far_mm=1e6):
    """One beam, hits at points (n, 2) of the reference plane, and the body whose normal is the same everywhere."""
    points = np.asarray(points, dtype=float)
    beams = replace(scene.beams(1, reference_mm=far_mm), field_mm=np.array([field]), circular=np.array([circular]))
    distance = np.sqrt(far_mm**2 + (points**2).sum(axis=1))
    hits = scene.hits(1, len(points), distance_mm=distance, u_mm=points[:, 0].copy(), v_mm=points[:, 1].copy())
    body = None if normal is None else SimpleNamespace(normal=np.tile(normal, (len(points), 1)))
    return beams, hits, body


def superposed(made, points, field, cosine=1.0, tilt=(0.0, 0.0), inside=None):
    """The naive twin: the kernel summed over small squares of the field, for a beam from afar."""
    step, width = 0.5, backscatter.spread().width_mm
    u, v = (np.arange(low + step / 2, high, step) for low, high in (field[:2], field[2:]))
    u, v = np.meshgrid(u, v)
    lit = np.ones(u.shape, dtype=bool) if inside is None else inside(u, v)
    weight = made.weight[0, :, :, -1]
    at = np.linspace(0, 1, backscatter.COSINES)
    plain, lean = (np.array([np.interp(cosine, at, column) for column in weight[k].T]) for k in (0, 2))
    found = []
    for point in points:
        x, y = point[0] - u[lit], point[1] - v[lit]
        total = 0.0
        for j, s in enumerate(width):
            gauss = np.exp(-(x**2 + y**2) / (2 * s**2)) / (2 * np.pi * s**2)
            total += (gauss * (plain[j] + lean[j] * (tilt[0] * x + tilt[1] * y) / s)).sum() * step**2
        found.append(total)
    return np.array(found)


POINTS = [(0.0, 0.0), (30.0, -20.0), (49.0, 10.0), (52.0, 0.0), (-70.0, 60.0), (0.0, 120.0)]
CORNERS = [(-50.0, -50.0), (50.0, 50.0)]  # so that the body is seen to reach the field's edges
WATER_80 = backscatter.kernels(quality(np.array([80.0]), np.array([2.5]), np.array([0.2])))


def test_a_rectangle_against_its_naive_twin():
    field = (-50.0, 50.0, -30.0, 60.0)
    got = backscatter.scatter(WATER_80, *flat(POINTS, field))
    close(got, superposed(WATER_80, POINTS, field), atol=4e-4, because="nearest places; squares of 0.5 mm")


def test_a_circle_against_its_naive_twin():
    def inside(u, v):
        return u**2 + v**2 < 50.0**2

    field = (-50.0, 50.0, -50.0, 50.0)
    got = backscatter.scatter(WATER_80, *flat(POINTS, field, circular=True))
    want = superposed(WATER_80, POINTS, field, inside=inside)
    close(got, want, atol=0.01, because="10 strips of equal area; measured at the edge, elsewhere below 0.002")


def test_an_oblique_surface_against_its_naive_twin():
    """It falls away towards +u: more scatter there than on the near side."""
    cosine = 0.5
    normal = (np.sqrt(1 - cosine**2), cosine, 0.0)  # u is +x for the beam from below
    places = [*POINTS, *CORNERS]
    beams, hits, body = flat(places, normal=normal)
    tilt = np.array([beams.u[0] @ normal, beams.v[0] @ normal]) / np.sqrt(1 - cosine**2)
    got = backscatter.scatter(WATER_80, beams, hits, body)
    want = superposed(WATER_80, places, beams.field_mm[0], cosine, tilt)
    close(got, want, atol=1e-3, because="nearest places; squares of 0.5 mm")
    places = [(60 * tilt[0], 0.0), (-60 * tilt[0], 0.0), *CORNERS]
    down, up = backscatter.scatter(WATER_80, *flat(places, normal=normal))[:2]
    assert down > 2 * up


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 60.0, 75.0])
def test_incidence_against_monte_carlo(angle_deg):
    """A disc across the beam, at its middle: the sum over rings of a fresh Monte Carlo."""
    radii = np.array([10.0, 30.0, 60.0, 100.0])
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    truth = point_spread(Pencil(60.0, cosine), radii, np.array([300.0]), 100_000, seed=5)
    made = backscatter.kernels(line(60.0))
    got = []
    for radius in radii:
        corners = [(0.0, 0.0), (radius, 0.0), (-radius, 0.0), (0.0, radius), (0.0, -radius)]
        field = (-radius, radius, -radius, radius)
        got.append(backscatter.scatter(made, *flat(corners, field, (sine, cosine, 0.0), circular=True))[0])
    close(1 + np.array(got), 1 + truth.across_beam[0].cumsum(), rtol=0.01, because="0.3 % of noise; angles between")


def test_two_half_fields_are_one():
    whole, left, right = ((-50.0, 50.0), (-50.0, 10.0), (10.0, 50.0))
    one, two, three = (
        backscatter.scatter(WATER_80, *flat(POINTS, (*edges, -50.0, 50.0))) for edges in (whole, left, right)
    )
    close(two + three, one, rtol=1e-12, because="the common edge is the same place for both")


def test_symmetry():
    points = np.array(POINTS)
    one = backscatter.scatter(WATER_80, *flat(points))
    for turned in (points * [-1, 1], points * [1, -1], points[:, ::-1]):
        close(backscatter.scatter(WATER_80, *flat(turned)), one, rtol=1e-12, because="a square field")


def test_the_field_grows_with_the_distance():
    """Twice as far from the focal spot the field is twice as large: as one of twice the size, but for divergence."""
    beams = scene.beams(1, 80.0, reference_mm=600.0)
    far = backscatter.scatter(WATER_80, beams, scene.hits(1, distance_mm=np.array([1200.0])))
    large = scene.beams(1, 160.0, reference_mm=1200.0)
    same = backscatter.scatter(WATER_80, large, scene.hits(1, distance_mm=np.array([1200.0])))
    close(far, same, rtol=1e-12, because="the same rays")


def test_beams_apart_or_together_give_the_same():
    events, random = scene.events(np.full(5, 80.0), [0.0, 0.1, 0.3, 0.6, 0.9]), np.random.default_rng(8)
    values = {name: random.uniform(-90, 90, 500) for name in ("u_mm", "v_mm")}
    values["distance_mm"] = random.uniform(550, 700, 500)
    made = factors(events, scene.beams(5), scene.hits(5, 100, **values), Settings()).scatter
    for k in range(5):
        part = scene.hits(1, 100, **{name: column[100 * k : 100 * k + 100] for name, column in values.items()})
        alone = factors(events, scene.beams(1, event=[k]), part, Settings()).scatter
        close(alone, made[100 * k : 100 * k + 100], rtol=1e-12, because="sums over energies in another order")


def test_edge_and_tail_lie_in_the_measured_bands():
    """cases.md 5, film: about 10 % below the centre at the edge, 3 % of the maximum 6 cm outside."""
    events = scene.events(80.0, 0.3)
    u = np.array([0.0, 95.0, 160.0])
    hits = scene.hits(1, 3, distance_mm=np.hypot(600.0, u), u_mm=u)
    centre, edge, outside = factors(events, scene.beams(1, 200.0), hits, Settings()).scatter
    close((1 + edge) / (1 + centre), 0.90, atol=0.07, because="film +-7 %")
    close(
        outside / (1 + centre), 0.03, atol=0.015, because="depends on the field, which the paper's summary leaves out"
    )


EGS5 = np.array([4.781, 4.715, 4.684, 4.508, 4.221, 0.8065, 0.5139, 0.3589])


def test_profile_of_egs5():
    """cases.md 2: 60 keV, 10 x 10 cm parallel; mean over the field at the surface, and the tail beside the axis."""
    made, found = backscatter.kernels(line(60.0)), line(60.0)
    middle = np.arange(-47.5, 50, 5.0)
    grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    mean = backscatter.scatter(made, *flat(grid)).mean()
    close(1 + water(found, mean), 1.3651, rtol=0.02, because="measured 1.6 % above; theirs 0.4 % and of a 30 cm block")
    places = [(x, 0.0) for x in (5.0, 15.0, 25.0, 35.0, 45.0, 55.0, 65.0, 75.0)]
    got = water(found, backscatter.scatter(made, *flat(places)))
    got[:5] += 1
    close(
        got[1:5] / got[0], EGS5[1:5] / EGS5[0], rtol=0.035, because="measured 3.1 %: theirs is the mean of the first cm"
    )
    close(
        got[5:] / got[0], EGS5[5:] / EGS5[0], rtol=0.3, because="theirs is the mean of the first cm, with more scatter"
    )


def both(body, beams, photons):
    """Dose of every cell: ours, and the Monte Carlo's; 80 kV, 2.5 mm Al + 0.2 mm Cu, no table."""
    events = scene.events(80.0, 0.2, support=(), has_table=False)
    found = quality(np.array([80.0]), np.array([2.5]), np.array([0.2]))
    fluence = found.kerma / (tables().energy_kev * tables().kerma_rho)
    there = fluence[0] > 0
    spectra = Spectra(tables().energy_kev[there], np.ascontiguousarray(fluence[:, there]))
    truth = simulate(MonteCarlo(beams, body, spectra), Budget(photons))
    hits = kernel.cast(beams, body, thickness=True)
    made = factors(events, beams, hits, Settings(), body=body)
    dose = np.bincount(hits.cell, hit_dose_mgy(beams, hits, made), minlength=len(body.area_mm2))
    return dose, truth, hits, made


def compared(dose, truth, place, body, rtol, because):
    """Means over groups of cells."""
    want, sd = truth.groups(place, body.area_mm2)
    got = [np.average(dose[place == k], weights=body.area_mm2[place == k]) for k in range(len(want))]
    close(got, want, rtol=rtol + 2 * float((sd / want).max()), because=because)


@pytest.mark.parametrize("radius_mm", [40.0, 60.0])
def test_limbs_against_monte_carlo(radius_mm):
    """A limb along z, and a beam of 20 cm from below that is wider than it: its middle and its sides."""
    body = scenes.phantom(*shapes.cylinder(radius_mm, radius_mm, 400.0))
    beams = replace(scene.beams(1, 200.0, layers=()), source_mm=np.array([[0.0, 600.0, -200.0]]))
    dose, truth, hits, made = both(body, beams, 300_000)
    x, z = body.centroid_mm[:, 0], body.centroid_mm[:, 2]
    place = np.where((dose > 0) & (np.abs(z + 200) < 60), (np.abs(x) > radius_mm / 2).astype(int), -1)
    compared(dose, truth, place, body, 0.02, "measured 1.7 % at worst, and twice the statistics")
    events = scene.events(80.0, 0.2, support=(), has_table=False)
    wide = factors(events, beams, hits, Settings())
    assert wide.scatter.max() > 1.15 * made.scatter.max(), "a wide flat body scatters more"


@pytest.mark.parametrize("thick_mm", [20.0, 40.0])
def test_a_hand_against_monte_carlo(thick_mm):
    """A flat part, wider than the field: little of it lies behind the skin to scatter back."""
    mesh = scenes.lying_box(240.0, thick_mm, 300.0)
    vertices, triangles = mesh.vertices_mm, mesh.triangles
    for _ in range(4):
        vertices, triangles = scenes.refined(vertices, triangles)
    body = scenes.phantom(vertices, triangles)
    beams = replace(scene.beams(1, 100.0, layers=()), source_mm=np.array([[0.0, 600.0, -150.0]]))
    dose, truth, hits, made = both(body, beams, 300_000)
    x, z = body.centroid_mm[:, 0], body.centroid_mm[:, 2]
    middle = (dose > 0) & (np.abs(x) < 30) & (np.abs(z + 150) < 30)
    compared(
        dose,
        truth,
        np.where(middle, 0, -1),
        body,
        0.01,
        "measured 0.2 %, and twice the statistics",
    )
    events = scene.events(80.0, 0.2, support=(), has_table=False)
    thick = factors(events, beams, replace(hits, thickness_mm=None), Settings(), body=body)
    assert thick.scatter.max() > 1.1 * made.scatter.max(), "a thick body scatters more"


def test_a_beam_beside_the_body_scatters_nothing():
    """The halo's cells lie within reach of the field, but no photon of it enters the body."""
    body = scenes.phantom(*scenes.plate(300.0, 0.0, cells=30, facing=1.0))
    beams = replace(scene.beams(1, layers=()), source_mm=np.array([[220.0, 600.0, 0.0]]))
    hits = kernel.cast(beams, body, halo_mm=100.0)
    assert len(hits.cell) > 100
    assert not hits.primary.any()
    assert backscatter.scatter(WATER_80, beams, hits, body).max() == 0.0


def test_some_of_the_hits_scatter_as_among_all_of_them():
    body = scenes.phantom(*shapes.cylinder(60.0, 60.0, 400.0))
    beams = replace(scene.beams(1, 200.0, layers=()), source_mm=np.array([[0.0, 600.0, -200.0]]))
    hits = kernel.cast(beams, body, thickness=True)
    rows = np.zeros(len(hits.cell), dtype=bool)
    rows[50:70] = True
    whole = backscatter.lit(beams, hits, body)
    found = backscatter.scatter(WATER_80, beams, some_hits(hits, rows), whole)
    assert np.array_equal(found, backscatter.scatter(WATER_80, beams, hits, body)[rows])


@pytest.mark.slow
@pytest.mark.parametrize("source_mm", [(0.0, 600.0, -250.0), (450.0, 400.0, -250.0), (0.0, 500.0, -650.0)])
def test_a_trunk_against_monte_carlo(source_mm):
    """PA, from the side, cranial: 10 x 10 cm, the middle and both halves beside it along u and v."""
    body = scenes.phantom(*shapes.cylinder(172.0, 100.0, 500.0))
    axis = np.array([0.0, -100.0, -250.0]) - source_mm
    axis /= np.linalg.norm(axis)
    v = np.array([0.0, 0.0, 1.0]) - axis * axis[2]
    v /= np.linalg.norm(v)
    arms = {"source_mm": source_mm, "axis": axis, "u": np.cross(v, axis), "v": v}
    beams = replace(scene.beams(1, 100.0, layers=()), **{name: np.array([value]) for name, value in arms.items()})
    dose, truth, hits, _ = both(body, beams, 1_500_000)
    for across in (hits.u_mm, hits.v_mm):
        place = np.full(len(dose), -1)
        inside = (np.abs(hits.u_mm) < 42) & (np.abs(hits.v_mm) < 42)
        place[hits.cell[inside]] = np.digitize(across[inside], [-15.0, 15.0])
        compared(dose, truth, place, body, 0.015, "measured 1.5 % at worst, and twice the statistics")


def test_equivalent_side():
    fields = np.array([(-50, 50, -50, 50), (-100, 100, -25, 25), (-50, 50, -50, 50), (-30, 70, 0, 40)], dtype=float)
    circular = np.array([False, False, True, False])
    got = backscatter.equivalent_side_mm(fields, circular)
    close(got, [100, 80, 88.6227, 2 * 100 * 40 / 140], rtol=1e-5, because="2ab/(a+b) and sqrt(pi)/2 times the diameter")


@pytest.mark.parametrize("name", ["water", "skin", "soft-tissue"])
def test_no_beam_scatters_more_than_the_upper_bound_of_the_peak_says(name):
    most = [
        (1 + found.scatter[0]) * found.medium[0]
        for kvp_kv in (70, 90, 110)
        for cu_mm in (0.9, 1.5)
        for found in [factors(scene.events(kvp_kv, cu_mm), scene.beams(1, 480.0), scene.hits(1), Settings(medium=name))]
    ]
    assert max(most) < LARGEST_SCATTER_FACTOR
