"""Biplane: both planes in one map, and each plane's own peak beside the sum's."""

import pytest

from skindose.config import Settings
from skindose.report import terminal
from skindose.report.summary import summary
from skindose.report.wording import say
from tests.close import close
from tests.test_bad_geometry import computed

SETTINGS = Settings(phantom="oval", placement="anatomy", region="heart", height_cm=170, weight_kg=70, sex="male")
FRONTAL = {"plane": "A"}
LATERAL = {"plane": "B", "positioner_primary_angle_deg": 90.0, "air_kerma_rp_mgy": 60.0, "kap_gycm2": 6.0}


def run(*events, **options):
    return computed(*events, settings=SETTINGS.model_copy(update=options))


def alone(event):
    return run({**event, "plane": "single"})


def test_the_map_is_the_sum_and_each_plane_has_its_own_peak():
    both, frontal, lateral = run(FRONTAL, LATERAL), alone(FRONTAL), alone(LATERAL)
    close(both.dosemap.dose_mgy, frontal.dosemap.dose_mgy + lateral.dosemap.dose_mgy, rtol=1e-9, atol=1e-12,
          because="one map, the isocentre is the same for both")  # fmt: skip
    for plane, own in (("A", frontal), ("B", lateral)):
        peak = both.plane_peaks[plane]
        close(
            peak.skin_dose_mgy,
            own.dosemap.peak.skin_dose_mgy,
            rtol=1e-7,
            because="the plane's events alone, each kept in 4 bytes",
        )
        assert peak.region == own.dosemap.peak.region
    assert "posterior" in both.plane_peaks["A"].region
    assert "right" in both.plane_peaks["B"].region
    assert both.plane_peaks["A"].cell != both.plane_peaks["B"].cell


def test_planes_that_meet_on_the_skin_have_a_higher_peak_together():
    crossed = {**LATERAL, "positioner_primary_angle_deg": 5.0}
    both = run(FRONTAL, crossed)
    together = both.dosemap.peak.skin_dose_mgy
    parts = [peak.skin_dose_mgy for peak in both.plane_peaks.values()]
    assert max(parts) < together <= sum(parts) * (1 + 1e-9)
    close(together, sum(parts), rtol=0.05, because="5 degrees are 13 mm at the skin, the fields 10 cm")


@pytest.mark.parametrize("planes", [("single",), ("A",), ("A", "A")])
def test_one_plane_alone_is_not_told_twice(planes):
    result = run(*[{"plane": plane} for plane in planes])
    facts = summary(result)
    assert set(result.plane_peaks) <= {"A"}
    assert not [label for label, _ in say(facts)["headline"] if label.startswith("Plane")]


def test_page_terminal_and_json_say_both(capsys):
    result = run(FRONTAL, LATERAL)
    facts = summary(result)
    assert set(facts["plane_peaks"]) == {"A", "B"}
    rows = dict(say(facts)["headline"])
    terminal.print_result(facts, "out", brief=False)
    printed = capsys.readouterr().out
    for plane in "AB":
        assert facts["plane_peaks"][plane]["region"] in rows[f"Plane {plane} alone"]
        assert f"plane {plane} alone" in printed


def test_an_excluded_plane_has_no_peak():
    assert set(run(FRONTAL, LATERAL, exclude="2").plane_peaks) == {"A"}


def test_where_nothing_is_hit_there_is_no_peak():
    result = run(FRONTAL, LATERAL, offset_mm=(0.0, 3000.0, 0.0))
    assert result.dosemap.peak is None
    assert result.plane_peaks == {}
    assert summary(result)["plane_peaks"] == {}
