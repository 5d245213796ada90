"""Several files of one study: every event counts once, whatever the order of the files."""

import itertools
from dataclasses import replace

import pytest

from skindose.rdsr import merge, read_bytes
from tests.rdsr import build
from tests.rdsr.build import container, event, num, only, totals


def file(name, *items, study="1.2.4"):
    return read_bytes(build.encoded(build.report(*items, StudyInstanceUID=study)), name)


def uids(procedure):
    return sorted(only(each, "irradiation_event_uid").text for each in procedure.events)


def total_gy(procedure):
    return sorted(only(each, "dose_rp_total").values[0] for each in procedure.accumulated)


def merged(*files):
    """The one procedure of these files, the same for every order."""
    results = [merge(order) for order in itertools.permutations(files)]
    assert all(len(result) == 1 for result in results)
    assert all(result == results[0] for result in results)
    return results[0][0]


FIRST = file("a.dcm", event(1), event(2), totals(kerma="0.02"))
SUPERSET = file("b.dcm", event(1), event(2), event(3), totals(kerma="0.03"))
SECOND = file("c.dcm", event(4), event(5), totals(kerma="0.05"))
OVERLAP = file("d.dcm", event(2), event(6), totals(kerma="0.07"))


def test_a_single_file_is_left_as_it_is():
    assert merge([FIRST]) == (FIRST,)


def test_the_same_file_twice_is_one():
    assert merged(FIRST, replace(FIRST)) == FIRST


def test_a_superset_replaces_the_earlier_report_and_its_totals():
    found = merged(FIRST, SUPERSET)
    assert uids(found) == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert total_gy(found) == [0.03]


def test_a_continuation_adds_events_and_totals():
    found = merged(FIRST, SECOND)
    assert uids(found) == [f"1.2.3.{number}" for number in (1, 2, 4, 5)]
    assert total_gy(found) == [0.02, 0.05]


def test_an_overlap_counts_each_event_once():
    found = merged(FIRST, OVERLAP)
    assert uids(found) == [f"1.2.3.{number}" for number in (1, 2, 6)]


def test_three_files_in_any_order():
    found = merged(FIRST, SUPERSET, SECOND)
    assert uids(found) == [f"1.2.3.{number}" for number in range(1, 6)]
    assert total_gy(found) == [0.03, 0.05]
    assert {source.name for source in found.inputs} == {"a.dcm", "b.dcm", "c.dcm"}
    assert any("3 files of one study" in warning for warning in found.warnings)


def test_the_fuller_version_of_an_event_wins():
    kvp = num(("113733", "DCM", "KVP"), "80", unit="kV")
    found = merged(file("a.dcm", event(1, kvp), event(2)), file("b.dcm", event(1), event(3)))
    assert uids(found) == [f"1.2.3.{number}" for number in (1, 2, 3)]
    (first,) = [each for each in found.events if only(each, "irradiation_event_uid").text == "1.2.3.1"]
    assert only(first, "kvp").values == (80.0,)


def test_studies_stay_apart():
    other = file("x.dcm", event(1), totals(), study="1.2.99")
    assert [uids(each) for each in merge([FIRST, other])] == [["1.2.3.1", "1.2.3.2"], ["1.2.3.1"]]


def test_files_without_a_study_are_not_joined():
    made = [build.report(event(number)) for number in (1, 2)]
    for each in made:
        del each.StudyInstanceUID
    files = [read_bytes(build.encoded(each), "a.dcm") for each in made]
    assert len(merge(files)) == 2


@pytest.mark.parametrize(("start", "count"), [("20260101080000", 1), ("", 2)])
def test_events_without_uid_are_the_same_only_if_dated_and_equal(start, count):
    dated = [build.item("DATETIME", ("111526", "DCM", "DateTime Started"), DateTime=start)] if start else []
    nameless = container(build.EVENT, num(build.KERMA, "0.5"), *dated)
    found = merged(file("a.dcm", nameless, event(1)), file("b.dcm", nameless, event(2)))
    assert len(found.events) == 2 + count


def test_a_report_of_totals_alone_adds_nothing_to_one_with_events():
    found = merged(file("a.dcm", totals(kerma="0.02")), FIRST)
    assert (total_gy(found), len(found.events)) == ([0.02], 2)


def test_of_two_air_kermas_of_one_event_the_larger_counts_and_is_told():
    found = merged(file("a.dcm", event(1, kerma="0.30"), event(2)), file("b.dcm", event(1, kerma="0.10"), event(3)))
    (first,) = [each for each in found.events if only(each, "irradiation_event_uid").text == "1.2.3.1"]
    assert only(first, "dose_rp").values == (0.30,)
    (warning,) = [warning for warning in found.warnings if "different air kerma" in warning]
    assert "1 irradiation events" in warning
    assert "0.3 against 0.1 Gy; 0.2 Gy in all" in warning


def test_files_of_one_study_that_are_not_alike_are_told():
    heads = {"StudyDate": "20260101", "PatientSex": "M"}, {"StudyDate": "20260102", "PatientSex": "F"}
    made = [build.encoded(build.report(event(number), **head)) for number, head in enumerate(heads)]
    found = merged(*(read_bytes(one, f"{index}.dcm") for index, one in enumerate(made)))
    (warning,) = [warning for warning in found.warnings if "differ in" in warning]
    assert "date and patient's sex" in warning
    assert not [warning for warning in merged(FIRST, SECOND).warnings if "differ in" in warning]
