"""Several procedures of one patient: the sum against one run over all events, and what it must say."""

from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from skindose import rdsr
from skindose.case import Revision
from skindose.config import Settings
from skindose.cumulative import add, part_of_case, part_of_facts
from skindose.dose import find_peak
from skindose.errors import InputError
from skindose.pipeline import compute_case
from skindose.prepare import prepare
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from skindose.report import cumulative as report
from skindose.report.summary import summary
from skindose.uncertainty import sample
from tests.close import close

OVAL = Settings(phantom="oval")
DEMO = replace(demo_procedure(), events=demo_procedure().events[:18])


def case(written, settings=OVAL):
    return prepare(rdsr.read_bytes(to_bytes(written), f"{written.seed}.dcm"), settings)


def part(name, written, settings=OVAL):
    return part_of_case(name, case(written, settings))


def demo(events, seed, date="20260101", **changes):
    return replace(DEMO, events=events, seed=seed, date=date, **changes)


def shot(primary, kerma_mgy, seed, date="20260101", **header):
    """A procedure of one event; without kerma it can have no map."""
    event = WrittenEvent(
        air_kerma_rp_mgy=kerma_mgy,
        kap_gycm2=kerma_mgy and kerma_mgy / 10,
        kvp_kv=80.0,
        positioner_primary_angle_deg=primary,
        distance_source_to_isocenter_mm=750.0,
        distance_source_to_detector_mm=1050.0,
        collimated_field_area_mm2=30625.0,
        table_longitudinal_position_mm=0.0,
        table_lateral_position_mm=400.0,
        table_height_position_mm=150.0,
    )
    described = {"height_cm": 178.0, "weight_kg": 80.0, "sex": "M", **header}
    return WrittenProcedure(events=(event,), seed=seed, date=date, **described)


@pytest.fixture(scope="module")
def three():
    """The demonstration dealt out to three procedures, a month apart, whose fields all overlap."""
    return [part(f"p{k}", demo(DEMO.events[k::3], f"s{k}", f"20260{k + 1}01")) for k in range(3)]


@pytest.fixture(scope="module")
def found(three):
    return add(three)


def test_overlapping_procedures_give_the_peak_of_one_run_over_all_events(found):
    whole = compute_case(case(demo(DEMO.events, "whole")), sampled=False)
    close(
        found.peak.skin_dose_mgy,
        whole.dosemap.peak.skin_dose_mgy,
        rtol=1e-3,
        because="placement by anatomy differs by as much as the parts' mean isocentres do",
    )
    assert found.peak.skin_dose_mgy > 2.5 * max(one.peak.skin_dose_mgy for one in found.procedures)


def test_with_the_same_placement_the_sum_is_that_of_one_run_in_every_cell(three):
    given = Settings(phantom="oval", placement="table")
    parts = [part(f"p{k}", demo(DEMO.events[k::3], f"s{k}"), given) for k in range(3)]
    whole = compute_case(case(demo(DEMO.events, "whole"), given), sampled=False)
    found = add(parts)
    close(
        found.dose_mgy,
        whole.dosemap.dose_mgy,
        rtol=1e-3,
        atol=1e-9,
        because="found 9e-4 in a few cells of little dose, not traced: not all factors are of one beam alone",
    )
    close(found.peak.skin_dose_mgy, whole.dosemap.peak.skin_dose_mgy, rtol=1e-6, because="6e-10 at the peak")


def test_on_separate_fields_the_peak_stays_the_largest_single_one():
    parts = [part(f"{angle}", shot(angle, kerma, f"f{angle}")) for angle, kerma in ((0, 900), (90, 500), (-90, 400))]
    found = add(parts)
    largest = max(one.peak.skin_dose_mgy for one in found.procedures)
    close(found.peak.skin_dose_mgy, largest, rtol=0.01, because="scatter from fields a quarter turn away, under 1 %")
    assert found.driver.part.name == "0"
    close(found.driver.at_peak_mgy, found.peak.skin_dose_mgy, rtol=0.01, because="all but that scatter")
    assert found.sum_of_peaks_mgy > 1.5 * found.peak.skin_dose_mgy


def test_order_does_not_matter(three, found):
    turned = add([three[2], three[0], three[1]])
    assert turned.peak.skin_dose_mgy == found.peak.skin_dose_mgy
    assert turned.interval_mgy == found.interval_mgy
    assert np.array_equal(turned.dose_mgy, found.dose_mgy)
    assert report.to_dict(turned) == report.to_dict(found)


def test_adding_a_procedure_never_lowers_the_peak(found):
    maps = [one.result.dosemap.dose_mgy for one in found.procedures]
    rng = np.random.default_rng(1)
    for _ in range(10):
        shifted = [np.roll(dose, rng.integers(len(dose))) for dose in maps]  # anywhere on the body
        peaks = [find_peak(np.sum(shifted[: k + 1], axis=0), found.body).skin_dose_mgy for k in range(3)]
        assert peaks == sorted(peaks)
    windows = [one.peak.skin_dose_mgy for one in found.windows]
    assert windows == sorted(windows)


def test_of_one_procedure_the_sum_is_its_own_result(three):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "PLACEMENTS", 64)
        patch.setattr(sample, "DRAWS", 1000)
        alone = compute_case(three[0].case)
        found = add(three[:1])
    assert found.peak.skin_dose_mgy == alone.dosemap.peak.skin_dose_mgy
    close(
        found.interval_mgy,
        alone.peak_interval_mgy,
        rtol=0.05,
        because="the rough map's doses instead of all factors, and other draws",
    )


def test_a_shared_display_does_not_average_out_and_two_machines_do():
    """Two equal shots on one place: the spread of the sum with one machine is wider than with two."""

    def spread(model):
        parts = [part("a", shot(0, 500, "a", date="20260101")), part("b", shot(0, 500, "b", model=model))]
        low, high = add(parts).interval_mgy
        return high / low

    assert spread("Synthetic") > 1.1 * spread("Another")


# --- What counts


def test_windows_count_days_before_the_newest(three, found):
    counted = {one.days: one.names for one in found.windows}
    assert counted == {
        0: ("p2",),
        14: ("p2",),
        42: ("p1", "p2"),
        **dict.fromkeys((60, 183, 365, None), ("p0", "p1", "p2")),
    }
    asked = add(three, window_days=42)
    assert asked.outside == ("p0",)
    assert [one.part.name for one in asked.procedures] == ["p1", "p2"]
    assert asked.windows[-1].days == 42


def test_without_a_date_it_counts_in_every_window_and_says_so(three):
    undated = replace(three[0], date="")
    found = add([undated, *three[1:]], window_days=0)
    assert [one.part.name for one in found.procedures] == ["p0", "p2"]
    assert any("without a date" in note and "p0" in note for note in found.notes)


def test_plain_sums_are_those_of_all_events(found):
    totals = found.windows[-1].totals
    kerma = sum(event.air_kerma_rp_mgy for event in DEMO.events)
    close(totals["air_kerma_mgy"], kerma, rtol=1e-6, because="totals are written with six decimals")
    close(totals["kap_gycm2"], sum(event.kap_gycm2 for event in DEMO.events), rtol=1e-6, because="as above")


def test_a_procedure_given_twice_counts_once_and_its_correction_wins(three, found):
    corrected = replace(three[0].case, revises=Revision("p0", "0" * 64, "physicist", "moved"))
    again = add([*three, replace(three[0], name="corrected", case=corrected)])
    assert again.twice == ("p0",)
    assert again.peak.skin_dose_mgy == found.peak.skin_dose_mgy


def test_an_event_of_two_reports_counts_once():
    uids = tuple(replace(event, uid=f"1.2.3.{k}") for k, event in enumerate(DEMO.events[:12]))
    whole, less, other = demo(uids, "whole"), demo(uids[:8], "less"), demo(uids[6:], "other")
    one = add([part("whole", whole)])
    superset = add([part("less", less), part("whole", whole)])
    assert np.array_equal(superset.dose_mgy, one.dose_mgy)
    assert [one.part.name for one in superset.procedures if one.contained] == ["less"]
    assert not superset.lacks
    assert superset.windows[-1].totals == one.windows[-1].totals
    overlap = add([part("less", less), part("other", other)])
    close(
        overlap.peak.skin_dose_mgy, one.peak.skin_dose_mgy, rtol=0.01, because="each part is placed by its own events"
    )
    close(overlap.windows[-1].totals["air_kerma_mgy"], one.windows[-1].totals["air_kerma_mgy"], rtol=1e-6,
          because="each event once")  # fmt: skip


def test_without_a_map_it_is_listed_and_the_sum_a_lower_bound(three, found):
    facts = {**summary(compute_case(three[0].case, sampled=False)), "peak": None, "no_map_reason": "no geometry"}
    known, unknown = (part_of_facts("p0", {**facts, "peak_upper_bound_mgy": bound}) for bound in (5000.0, None))
    lower = add([known, *three[1:]])
    assert lower.lacks == ("p0 has no map: no geometry",)
    close(lower.at_most_mgy, lower.peak.skin_dose_mgy + 5000.0, rtol=1e-12, because="the most it can add")
    assert lower.interval_mgy[1] > lower.at_most_mgy
    assert lower.windows[-1].totals == pytest.approx(found.windows[-1].totals)
    nobody = add([unknown, *three[1:]])
    assert nobody.at_most_mgy is None
    assert nobody.interval_mgy is None
    with pytest.raises(InputError, match="none of these results has a map"):
        add([known])


# --- One patient, one body


def test_all_are_cast_on_the_body_of_the_newest_and_that_is_said():
    parts = [part("old", shot(0, 500, "old", height_cm=176.0)), part("new", shot(0, 500, "new", "20260401"))]
    found = add(parts)
    assert found.body_of == "new"
    assert found.body.parameters["height_cm"] == 178.0
    assert "height cm 176.0 instead of 178.0" in found.procedures[0].differs
    assert not found.procedures[1].differs
    silent = part("silent", shot(0, 500, "silent", "20260601", height_cm=None))
    assert add([*parts, silent]).body_of == "new", "a stated height wins over one that is assumed"


@pytest.mark.parametrize(
    ("other", "words"),
    [({"sex": "F"}, "sex differs"), ({"age": "040Y"}, "births 10 years apart")],
)
def test_what_cannot_be_one_patient_is_refused_unless_vouched_for(other, words):
    parts = [part("a", shot(0, 500, "a", age="050Y")), part("b", shot(0, 500, "b", **{"age": "050Y", **other}))]
    with pytest.raises(InputError, match=words):
        add(parts)
    assert any(words in note for note in add(parts, same_patient=True).notes)


def test_ages_that_go_with_the_dates_are_no_contradiction():
    found = add([part("a", shot(0, 500, "a", "20200101", age="050Y")), part("b", shot(0, 500, "b", age="056Y"))])
    assert not any("ages" in note for note in found.notes)


def test_overlap_by_construction_is_said_where_anatomy_placed(found, three):
    assert any("overlap by construction" in note for note in found.notes)
    assert not any("overlap by construction" in note for note in add(three[:1]).notes)


# --- Outputs


def test_the_document_keeps_its_schema_and_names_nobody(found):
    document = report.to_dict(found)
    jsonschema.validate(document, report.schema())
    assert document["driven_by"] == max(document["procedures"], key=lambda one: one["share_at_peak"])["name"]
    close(sum(one["share_at_peak"] for one in document["procedures"]), 1.0, rtol=1e-5, because="six digits each")
    assert report.NOBODY_CHECKED in document["notes"]
    assert "SYNTHETIC" not in str(document)


def test_terminal_and_picture_show_the_sum(found, capsys):
    report.print_sum(report.to_dict(found), ("sum/cumulative.json",))
    printed = capsys.readouterr().out
    for words in ("Peak of the sum", "only an upper bound", "42 days", "overlap by construction", "no identifiers"):
        assert words in printed
    assert report.picture(found)[:4] == b"\x89PNG"
