"""The room as a whole: which factor goes where, in which direction, and that nothing is ever missing."""

from dataclasses import replace

import numpy as np
import pytest

from skindose.calibration import uncalibrated
from skindose.config import Settings
from skindose.model import Status
from skindose.physics import factors, medium, table
from skindose.physics.quality import quality
from tests.close import close
from tests.physics import scene

FULL = np.array([layer.thickness_mm for layer in scene.LAYERS])
NAMES = ("inverse_square", "scatter", "medium", "transmission", "calibration")
CURVE = next(name for name in table.curves())


def dose(made):
    product = np.prod([getattr(made, name) for name in NAMES if name != "scatter"], axis=0)
    return product * (1 + made.scatter)


def test_only_the_beam_through_the_table_is_weakened():
    """Two equal beams: PA comes through table and pad, AP from above meets the patient first."""
    events = scene.events([80.0, 80.0], 0.1)
    pa, ap = scene.beams(1), scene.beams(1, axis=(0.0, 1.0, 0.0))
    both = scene.joined(pa, ap)
    made = factors(events, both, scene.hits(2, path_mm=[FULL, 0 * FULL]), Settings())
    assert made.transmission[1] == 1.0
    assert 0.6 < made.transmission[0] < 0.85
    close(dose(made)[0] / dose(made)[1], made.transmission[0], rtol=1e-12, because="the beams are equal otherwise")


def test_a_lateral_beam_above_the_table_is_not_weakened():
    made = factors(scene.events(80.0, 0.1), scene.beams(1, axis=(1.0, 0.0, 0.0)), scene.hits(1), Settings())
    assert made.transmission[0] == 1.0


def test_cells_beyond_the_tables_edge():
    """Rays of one beam: through all of it, cut short by the edge, past it."""
    path = [FULL, 0.4 * FULL, 0 * FULL]
    made = factors(scene.events(80.0, 0.1), scene.beams(1), scene.hits(1, 3, path), Settings())
    whole, cut, past = made.transmission
    assert whole < cut < past == 1.0
    close(
        np.log(cut), 0.4 * np.log(whole), rtol=0.01, because="ln T in proportion to the path, but for hardening: 0.5 %"
    )


def calibrated(*factor):
    """Every event with a factor of its own, all of record `lab`."""
    known = uncalibrated(len(factor))
    return replace(known, factor=np.array(factor), record=("lab",) * len(factor))


def test_without_corrections_only_the_inverse_square_holds():
    hits = scene.hits(1, 2, [FULL, FULL], distance_mm=np.array([600.0, 1200.0]))
    made = factors(scene.events(80.0, 0.1), scene.beams(1), hits, Settings(corrections=()), calibrated(1.3))
    np.testing.assert_array_equal(made.inverse_square, [1.0, 0.25])
    for name in NAMES[1:]:
        np.testing.assert_array_equal(getattr(made, name), 0.0 if name == "scatter" else 1.0)


@pytest.mark.parametrize(
    ("correction", "name"),
    [("backscatter", "scatter"), ("medium", "medium"), ("table", "transmission"), ("calibration", "calibration")],
)
def test_a_correction_left_out_is_one_and_is_told(correction, name):
    chosen = tuple(other for other in Settings().corrections if other != correction)
    events = scene.events(80.0, 0.1)
    made = factors(events, scene.beams(1), scene.hits(1, 1, [FULL]), Settings(corrections=chosen), calibrated(1.3))
    assert getattr(made, name)[0] == (0.0 if name == "scatter" else 1.0)
    assert any("left out" in sentence and correction in sentence for sentence in made.assumptions)
    every = factors(events, scene.beams(1), scene.hits(1, 1, [FULL]), Settings(), calibrated(1.3))
    assert getattr(every, name)[0] not in (0.0, 1.0)
    assert not any("left out (" in sentence for sentence in every.assumptions)


def test_the_inverse_square_is_from_the_reference_point_along_the_ray():
    """A cell on the reference plane but 300 mm off the axis is farther from the focal spot than the reference point."""
    distance = np.hypot(600.0, 300.0)
    hits = scene.hits(1, 1, None, distance_mm=np.array([distance]), u_mm=np.array([300.0]))
    made = factors(scene.events(80.0, 0.1), scene.beams(1, side_mm=700.0), hits, Settings(corrections=()))
    close(made.inverse_square, 600**2 / (600**2 + 300**2), rtol=1e-12, because="Pythagoras")


def test_the_field_counts_at_the_skin():
    """Backscatter at twice the distance is that of a field twice as large at the reference point."""
    events = scene.events(80.0, 0.3)
    far = factors(events, scene.beams(1, 80.0), scene.hits(1, distance_mm=np.array([1200.0])), Settings())
    large = factors(events, scene.beams(1, 160.0), scene.hits(1), Settings())
    small = factors(events, scene.beams(1, 80.0), scene.hits(1), Settings())
    assert far.scatter[0] == pytest.approx(large.scatter[0], rel=0.03), "the divergence of the beam is less from afar"
    assert far.scatter[0] > small.scatter[0]


def test_oblique_rays_take_their_angle_from_the_table():
    """A tilted table turns the normal: the same beam then crosses it obliquely."""
    events = scene.events(80.0, 0.2, transmission=CURVE)
    level = scene.beams(1)
    tilt = np.radians(60.0)
    turn = np.array([[[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]])
    straight = factors(events, level, scene.hits(1, 1, [FULL]), Settings()).transmission[0]
    oblique = factors(
        events, replace(level, table_rotation=turn), scene.hits(1, 1, [2 * FULL]), Settings()
    ).transmission[0]
    assert 0.72 < straight < 0.72**0.45, "the measured curve at 80 kV and 0.2 mm Cu; half of the loss comes forwards"
    loss = np.log(oblique) / np.log(straight)
    assert loss > 2.0, "twice the path, of which less is sent forwards: the layers are farther away along the ray"


def test_calibration_of_the_machine():
    events = scene.events(80.0, 0.1)
    plain = factors(events, scene.beams(1), scene.hits(1), Settings())
    assert plain.calibration[0] == 1.0
    assert any("uncalibrated" in sentence for sentence in plain.assumptions)
    known = factors(events, scene.beams(1), scene.hits(1), Settings(), calibrated(0.87))
    assert known.calibration[0] == 0.87
    assert not any("uncalibrated" in sentence for sentence in known.assumptions)
    assert any("0.87:" in sentence for sentence in known.assumptions)


def test_media_change_the_medium_only():
    events, beams, hits = scene.events(80.0, 0.0), scene.beams(1), scene.hits(1, 1, [FULL])
    water, skin, tissue = (
        factors(events, beams, hits, Settings(medium=name)) for name in ("water", "skin", "soft-tissue")
    )
    close(skin.medium / water.medium, 0.95, rtol=0.01, because="design: ICRU-44 skin is 3 to 5 % lower")
    close(tissue.medium / water.medium, 1.035, rtol=0.01, because="design: ICRU-44 soft tissue is 3 to 4 % higher")
    for name in ("inverse_square", "scatter", "transmission", "calibration"):
        np.testing.assert_array_equal(getattr(skin, name), getattr(water, name))


def test_each_hit_gets_its_own_events_quality():
    """Beams of several events, several beams of one event, empty beams, in any order of quality."""
    events = scene.events([60.0, 80.0, 100.0, 120.0], [0.0, 0.3, 0.0, 0.9])
    beams = scene.beams(6, event=[3, 0, 0, 2, 1, 1])
    starts = np.array([0, 2, 2, 5, 6, 6, 9], dtype=np.int64)
    hits = replace(scene.hits(1, 9), beam_start=starts, path_mm=np.tile(FULL, (9, 1)))
    made = factors(events, beams, hits, Settings())
    for row, event in enumerate([3, 3, 0, 0, 0, 2, 1, 1, 1]):
        alone = factors(events, scene.beams(1, event=[event]), scene.hits(1, 1, [FULL]), Settings())
        for name in NAMES:
            assert getattr(made, name)[row] == pytest.approx(getattr(alone, name)[0], rel=1e-12)


def test_many_blocks_of_hits():
    """More hits than one block: the same numbers as beam by beam."""
    random = np.random.default_rng(3)
    events, beams = scene.events(random.uniform(50, 120, 7), random.uniform(0, 0.9, 7)), scene.beams(7)
    whole = scene.hits(
        7, 4001, FULL * random.uniform(0, 1, (7 * 4001, 1)), distance_mm=random.uniform(500, 700, 7 * 4001)
    )
    made = factors(events, beams, whole, Settings())
    for beam in (0, 3, 6):
        rows = slice(4001 * beam, 4001 * (beam + 1))
        part = scene.hits(1, 4001, whole.path_mm[rows], distance_mm=whole.distance_mm[rows])
        alone = factors(events, scene.beams(1, event=[beam]), part, Settings())
        np.testing.assert_allclose(made.transmission[rows], alone.transmission, rtol=1e-12)
        np.testing.assert_allclose(made.scatter[rows], alone.scatter, rtol=1e-12)


def test_no_hits():
    made = factors(scene.events([], []), scene.beams(0), scene.hits(0), Settings())
    assert all(getattr(made, name).shape == (0,) for name in NAMES)
    made = factors(scene.events(80.0, 0.0), scene.beams(3, event=[0, 0, 0]), scene.hits(3, 0), Settings())
    assert all(getattr(made, name).shape == (0,) for name in NAMES)


def test_no_table():
    events = scene.events(80.0, 0.0, has_table=False, support=())
    made = factors(events, scene.beams(1, layers=()), scene.hits(1, layers=0), Settings())
    assert made.transmission[0] == 1.0
    assert any("No patient support" in sentence for sentence in made.assumptions)


def test_outside_the_primary_beam_there_is_scatter_alone():
    hits = scene.hits(1, 2, primary=np.array([True, False]), coverage=np.array([1.0, 0.0]), u_mm=np.array([0.0, 80.0]))
    events = scene.events(100.0, 0.3)
    made = factors(events, scene.beams(1), hits, Settings())
    assert made.scatter[0] > 0.3
    assert 0.01 < made.scatter[1] < 0.1
    found = medium.ratios(quality(np.array([100.0]), np.array([2.5]), np.array([0.3])), "water")
    close(made.medium[1], found[1], rtol=1e-12, because="no incident photon reaches the halo")
    without = factors(events, scene.beams(1), hits, Settings(corrections=("medium",)))
    np.testing.assert_array_equal(without.scatter, 0.0)
    assert np.isfinite(without.medium).all()


@pytest.mark.parametrize("gap", [(np.nan, 0.1, 0.0), (80.0, np.nan, 0.0), (80.0, 0.1, np.nan)])
def test_a_beam_without_quality_is_refused(gap):
    """What is missing is filled in one place, `normalise`, which says so; nothing is filled in silence here."""
    with pytest.raises(ValueError, match="no tube voltage or filter"):
        factors(scene.events(*gap), scene.beams(1), scene.hits(1, 1, [FULL]), Settings())


def test_events_without_a_beam_say_nothing():
    events = replace(scene.events([80.0, np.nan, 500.0], 0.1), mapped=np.array([True, False, False]))
    made = factors(events, scene.beams(1, event=[0]), scene.hits(1), Settings())
    assert not any("missing" in sentence for sentence in made.assumptions)
    assert made.warnings == ()


@pytest.mark.parametrize("kvp_kv", [-5.0, 0.0, 1e-9, 20.0, 300.0, 1e9])
@pytest.mark.parametrize("cu_mm", [-1.0, 0.0, 50.0])
def test_absurd_beams_give_finite_factors_and_a_warning(kvp_kv, cu_mm):
    for curve in ("", CURVE):
        events = scene.events(kvp_kv, cu_mm, transmission=curve)
        made = factors(events, scene.beams(1), scene.hits(1, 1, [FULL]), Settings())
        values = np.array([getattr(made, name)[0] for name in NAMES])
        assert np.isfinite(values).all()
        assert (values > 0).all()
        assert any("outside the beam table" in sentence for sentence in made.warnings)


def test_scene_is_what_the_types_say():
    """The hand-made events have every column, so that a new one in the model is noticed here."""
    events = scene.events([80.0, 90.0], 0.1)
    assert len(events) == 2
    assert events.region_status is Status.ASSUMED


def test_the_file_s_other_filters_and_the_tube_s_own_harden_the_beam():
    hits = scene.hits(1, 1, [FULL])
    plain = scene.events(80.0, 0.1)
    tantalum = replace(plain, filter_other_mm={"Ta": np.array([0.1])})
    glass = scene.events(80.0, 0.1, inherent_filters_mm={"glass": 2.0})
    through = [factors(events, scene.beams(1), hits, Settings()).transmission[0] for events in (plain, tantalum, glass)]
    assert through[0] < through[2] < through[1], "a harder beam passes the table better"
    both = replace(glass, filter_other_mm={"glass": np.array([2.0])})
    double = scene.events(80.0, 0.1, inherent_filters_mm={"glass": 4.0})
    ends = [factors(events, scene.beams(1), hits, Settings()).transmission[0] for events in (both, double)]
    close(ends[0], ends[1], rtol=1e-12, because="one material, in the tube or added")


@pytest.mark.parametrize(("name", "column"), [("Cu", "filter_cu_mm"), ("Al", "filter_al_mm")])
def test_the_tube_s_own_copper_or_aluminium_comes_on_top_of_the_event_s(name, column):
    hits, plain = scene.hits(1, 1, [FULL]), scene.events(80.0, 0.2, 1.0)
    own = replace(plain, machine=replace(plain.machine, inherent_filters_mm={name: 0.1}))
    added = replace(plain, **{column: getattr(plain, column) + 0.1})
    ends = [factors(events, scene.beams(1), hits, Settings()).transmission[0] for events in (own, added)]
    close(ends[0], ends[1], rtol=1e-12, because="one material, in the tube or added")


def test_what_is_said_of_the_procedure_is_the_same_from_a_part_of_its_beams():
    """A large procedure goes through in blocks, whose sentences are joined: counts are of all its events."""
    events, hits = scene.events([80.0, 90.0, 300.0], 0.1), scene.hits(1)
    known = replace(calibrated(1.3, 1.0, 1.0), record=("lab", "", ""))
    said = [factors(events, scene.beams(1, event=[k]), hits, Settings(), known) for k in range(3)]
    assert len({(one.assumptions, one.warnings) for one in said}) == 1
    assert any("in 2 of 3 events" in sentence for sentence in said[0].assumptions)
