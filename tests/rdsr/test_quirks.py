"""What makers write that the standard does not foresee: each quirk in a small file of its own."""

import pytest

from skindose.rdsr import read_bytes
from tests.rdsr import build
from tests.rdsr.build import EVENT, KERMA, coded, container, event, num, only, procedure, text, totals, uidref


def dose_item(*items, **header):
    return only(procedure(*items, **header).events[0], "dose_rp")


def test_several_numbers_come_in_several_measured_values():
    made = event(1, num(("113733", "DCM", "KVP"), "80", "81.5", "83", unit="kV"))
    item = only(procedure(made).events[0], "kvp")
    assert (item.values, item.unit) == ((80.0, 81.5, 83.0), "kV")


def test_or_in_a_backslash_list():
    made = event(1, num(("113733", "DCM", "KVP"), "80\\81.5\\\\83", unit="kV"))
    assert only(procedure(made).events[0], "kvp").values == (80.0, 81.5, 83.0)


def test_a_number_in_a_second_unit_is_not_taken_for_one_in_the_first():
    both = num(("113738", "DCM", "Dose (RP)"), "0.5")
    both.MeasuredValueSequence.append(build.measured("500", "mGy"))
    found = procedure(container(EVENT, uidref(build.EVENT_UID, "1"), both))
    assert only(found.events[0], "dose_rp").values == (0.5,)
    assert any("mGy" in warning for warning in found.warnings)


@pytest.mark.parametrize("values", [(), ("",), (" ",)])
def test_an_empty_number_is_missing_and_never_zero(values):
    made = event(1, num(("113733", "DCM", "KVP"), *values, unit="kV"))
    found = procedure(made)
    assert only(found.events[0], "kvp").values == ()
    assert not found.warnings


def test_a_number_qualified_as_unknown_is_missing():
    made = event(1, num(("113733", "DCM", "KVP"), "0", unit="kV", qualifier="114010"))
    assert only(procedure(made).events[0], "kvp").values == ()


@pytest.mark.parametrize("words", ["NaN", "inf", "-Infinity", "1e999", "abc", "1,5", "12 mGy", "1_0", "0x10", "--"])
def test_what_is_no_number_is_missing_and_said(words):
    found = procedure(event(1, num(("113733", "DCM", "KVP"), words, unit="kV")))
    item = only(found.events[0], "kvp")
    assert (item.values, item.text) == ((), words)
    assert any("KVP" in warning and "missing" in warning for warning in found.warnings)


def test_relationship_types_may_be_missing():
    made = event(1)
    del made.RelationshipType
    for child in made.ContentSequence:
        del child.RelationshipType
    assert dose_item(made).values == (0.01,)


def test_value_types_may_be_missing():
    made = event(1)
    for child in made.ContentSequence:
        del child.ValueType
    found = procedure(made).events[0]
    assert [child.kind for child in found.children] == ["UIDREF", "NUM"]


def test_a_value_may_stand_in_the_item_itself():
    flat = build.item("NUM", KERMA)
    flat.update(build.measured("0.25"))
    item = only(procedure(container(EVENT, uidref(build.EVENT_UID, "1"), flat)).events[0], "dose_rp")
    assert (item.values, item.unit) == ((0.25,), "Gy")


def test_flat_nesting_keeps_the_siblings():
    supine = coded(("113744", "DCM", "Patient Orientation Modifier"), ("F-10340", "SRT", "supine"))
    lying = coded(("113743", "DCM", "Patient Orientation"), ("F-10450", "SRT", "recumbent"))
    found = procedure(event(1, lying, supine)).events[0]
    assert only(found, "patient_orientation_modifier").code.value == "F-10340"


def test_a_uid_may_be_a_text():
    made = [container(EVENT, text(build.EVENT_UID, "1.2.9"), num(KERMA, "0.1")) for _ in range(2)]
    found = procedure(*made)
    assert len(found.events) == 1
    assert only(found.events[0], "irradiation_event_uid").text == "1.2.9"


def test_a_date_may_stand_in_the_element_of_another_type():
    made = event(1, build.item("DATETIME", ("111526", "DCM", "DateTime Started"), TextValue="20260102030405"))
    assert only(procedure(made).events[0], "date_time_started").text == "20260102030405"


@pytest.mark.parametrize(
    ("one", "twin", "name"),
    [
        (("91723000", "SCT", ""), ("T-D0005", "SRT", ""), "anatomical_structure"),
        (("272741003", "SCT", ""), ("G-C171", "SRT", ""), "laterality"),
        (("363703001", "SCT", ""), ("G-C0E8", "SNM3", ""), "has_intent"),
        (("113824", "DCM", ""), ("113735", "DCM", ""), "exposure_time"),
        (("113738", "DCM", ""), ("113738", "SRT", "wrong scheme"), "dose_rp"),
        (("113738", "DCM", ""), ("113738", "", "no scheme"), "dose_rp"),
        (("113738", "DCM", "Dose (RP)"), ("113738", "DCM", "Dosis am Referenzpunkt"), "dose_rp"),
    ],
)
def test_twins_schemes_and_meanings_do_not_matter(one, twin, name):
    found = procedure(
        container(EVENT, uidref(build.EVENT_UID, "1"), num(one, "0.1"), num(twin, "0.1"), num(KERMA, "1"))
    )
    assert [child.name for child in found.events[0].children[1:3]] == [name, name]


def test_a_private_code_gets_no_public_name():
    found = procedure(event(1, num(("113738", "99ACME", "Dose (RP)"), "9")))
    assert only(found.events[0], "dose_rp").values == (0.01,)
    assert found.events[0].children[-1].name == ""
    assert found.events[0].children[-1].concept.scheme == "99ACME"


def test_an_event_that_stands_twice_counts_once():
    found = procedure(event(1), event(2), event(1))
    assert [only(each, "irradiation_event_uid").text for each in found.events] == ["1.2.3.1", "1.2.3.2"]
    assert any("counted once" in warning for warning in found.warnings)
    assert not any("differ" in warning for warning in found.warnings)


def test_of_two_versions_of_an_event_the_fuller_counts_and_it_is_said():
    fuller = event(1, num(("113733", "DCM", "KVP"), "80", unit="kV"), kerma="0.02")
    for order in ((fuller, event(1)), (event(1), fuller)):
        found = procedure(*order)
        assert only(found.events[0], "dose_rp").values == (0.02,)
        assert any("differ" in warning for warning in found.warnings)


def test_both_planes_of_one_exposure_count_though_they_share_a_uid():
    planes = [
        container(
            EVENT, uidref(build.EVENT_UID, "1"), coded(("113764", "DCM", "Acquisition Plane"), plane), num(KERMA, "1")
        )
        for plane in (("113620", "DCM", "Plane A"), ("113621", "DCM", "Plane B"))
    ]
    assert len(procedure(*planes).events) == 2


def test_events_without_uid_all_count():
    found = procedure(container(EVENT, num(KERMA, "1")), container(EVENT, num(KERMA, "1")))
    assert len(found.events) == 2
    assert any("no UID" in warning for warning in found.warnings)


def test_events_may_be_nested_in_other_containers():
    found = procedure(container(("1", "99ACME", "Run"), event(1), event(2)), totals(event(3)))
    assert len(found.events) == 3
    assert len(found.accumulated) == 1
    assert not any(item.name.startswith("irradiation") for item in found.accumulated[0].walk())


def test_containers_that_are_misnamed_are_known_by_what_they_hold():
    found = procedure(container(("113799", "DCM", "?"), *event(1).ContentSequence))
    assert len(found.events) == 1
    assert any("content does" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("declared", "words", "raw"),
    [
        ("ISO_IR 100", "Größe Élan", "Größe Élan".encode("latin-1")),
        ("ISO_IR 192", "Größe 冠動脈 Łódź", "Größe 冠動脈 Łódź".encode()),
        ("ISO_IR 144", "Коронарография", "Коронарография".encode("iso8859_5")),
        ("GB18030", "冠状动脉造影", "冠状动脉造影".encode("gb18030")),
        ("\\ISO 2022 IR 87", "冠動脈造影", "冠動脈造影".encode("iso2022_jp")),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", "冠動脈", "冠動脈".encode("iso2022_jp")),
        ("", "Größe", "Größe".encode()),
        ("", "Größe", "Größe".encode("latin-1")),
        ("no such set", "plain", b"plain"),
    ],
)
def test_character_sets(declared, words, raw):
    head = b"".join(
        tag + vr + len(value).to_bytes(2, "little") + value
        for tag, vr, value in ((b"\x08\0\x05\0", b"CS", declared.encode()), (b"\x08\0\x30\x10", b"LO", raw))
    )
    data = head + build.encoded(build.report(event(1)), preamble=False)
    assert read_bytes(data, "a.dcm").header.description == words


def test_no_person_is_read():
    persons = [
        build.item("PNAME", ("113870", "DCM", "Person Name"), PersonName=build.NAME),
        text(("113871", "DCM", "Person ID"), build.ID),
        text(("7", "99ACME", "Name of Physician"), build.NAME),
        text(("8", "99ACME", "Patient ID"), build.ID),
    ]
    shown = repr(procedure(*persons, event(1, *persons)))
    assert "SECRET" not in shown


def test_the_header_falls_back_on_what_the_items_say():
    found = procedure(
        text(("121014", "DCM", "Device Observer Manufacturer"), "Made-up"),
        text(("121015", "DCM", "Device Observer Model Name"), "M 1"),
        event(1),
        SoftwareVersions=["1.0", "2.0"],
        PatientSize="172",
        PatientWeight="0",
        PatientAge="000Y",
        PatientSex="O",
        StudyDate="2026.01.05",
    )
    header = found.header
    assert (header.manufacturer, header.model, header.software) == ("Made-up", "M 1", "1.0, 2.0")
    assert (header.study_date, header.patient.height_cm) == ("2026-01-05", 172.0)
    assert (header.patient.weight_kg, header.patient.age_years, header.patient.sex) == (None, None, None)
    assert any("cm" in warning for warning in found.warnings)


def test_texts_of_several_lines_do_not_break_a_line():
    found = procedure(event(1), StationName="LAB\x1b[31m\n1")
    assert found.header.station.isprintable()


def test_a_report_with_totals_only_is_kept_for_the_triggers():
    found = procedure(totals())
    assert (len(found.events), len(found.accumulated)) == (0, 1)


def started(text):
    return build.item("DATETIME", ("111526", "DCM", "DateTime Started"), DateTime=text)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_uid_with_two_air_kermas_counts_with_the_larger_in_any_order(order):
    kvp = num(("113733", "DCM", "KVP"), "80", unit="kV")
    versions = event(1, kerma="0.50"), event(1, kvp, kerma="0.05")  # the smaller one says more
    found = procedure(*(versions[index] for index in order), event(2))
    assert sorted(only(each, "dose_rp").values[0] for each in found.events) == [0.01, 0.50]
    assert any("0.5 against 0.05 Gy; 0.45 Gy in all" in warning for warning in found.warnings)


def test_one_uid_with_two_units_of_air_kerma_is_compared_in_one():
    milligray = build.container(
        build.EVENT, build.uidref(build.EVENT_UID, "1.2.3.1"), num(build.KERMA, "20", unit="mGy")
    )
    found = procedure(milligray, event(1, kerma="0.01"))
    assert only(found.events[0], "dose_rp").values == (20.0,)


def test_one_uid_on_events_of_different_start_loses_no_dose():
    found = procedure(*(event(1, started(f"2026010108{minute:02d}00")) for minute in range(5)))
    assert len(found.events) == 5
    assert any("4 irradiation events have the UID of another one but another start" in text for text in found.warnings)


def test_a_start_that_is_missing_or_more_exact_is_no_other_event():
    starts = started("20260101080000"), started("20260101080000.50"), started("202601010800")
    found = procedure(*(event(1, start) for start in starts), event(1))
    assert len(found.events) == 1
