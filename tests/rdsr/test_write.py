"""Writing and reading back; and dcmtk, a reader of another family, finds nothing to complain of."""

import os
import shutil
import subprocess

import pytest

from skindose.errors import OutputError
from skindose.rdsr import read, read_bytes
from skindose.rdsr.demo import demo_procedure, write_demo
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes, uid, write
from skindose.units import convert
from tests.close import close

SMALL = "the writer prints nine digits"
NUMBERS = {
    "dose_rp": ("air_kerma_rp_mgy", "dose_mgy"),
    "dose_area_product": ("kap_gycm2", "kap_gycm2"),
    "kvp": ("kvp_kv", "voltage_kv"),
    "positioner_primary_angle": ("positioner_primary_angle_deg", "angle_deg"),
    "positioner_secondary_end_angle": ("positioner_secondary_end_angle_deg", "angle_deg"),
    "collimated_field_area": ("collimated_field_area_mm2", "area_mm2"),
    "pulse_rate": ("pulse_rate_per_s", "rate_per_s"),
    "number_of_pulses": ("number_of_pulses", "number"),
    "irradiation_duration": ("irradiation_duration_s", "time_s"),
    "x_ray_tube_current": ("x_ray_tube_current_ma", "current_ma"),
    "distance_source_to_isocenter": ("distance_source_to_isocenter_mm", "length_mm"),
    "distance_source_to_detector": ("distance_source_to_detector_mm", "length_mm"),
    "table_longitudinal_position": ("table_longitudinal_position_mm", "length_mm"),
    "table_lateral_position": ("table_lateral_position_mm", "length_mm"),
    "table_height_position": ("table_height_position_mm", "length_mm"),
    "table_cradle_tilt_angle": ("table_cradle_tilt_angle_deg", "angle_deg"),
}
EVENT = WrittenEvent(
    air_kerma_rp_mgy=12.3456789,
    kap_gycm2=1.23,
    kvp_kv=81.5,
    positioner_primary_angle_deg=-31.25,
    positioner_secondary_end_angle_deg=20.0,
    collimated_field_area_mm2=34567.0,
    pulse_rate_per_s=7.5,
    number_of_pulses=99,
    irradiation_duration_s=13.2,
    x_ray_tube_current_ma=432.1,
    distance_source_to_isocenter_mm=765.0,
    distance_source_to_detector_mm=1101.5,
    table_longitudinal_position_mm=-12.5,
    table_lateral_position_mm=445.0,
    table_height_position_mm=152.0,
    table_cradle_tilt_angle_deg=-3.0,
    filters_mm=(("copper", 0.4), ("aluminium", 1.0)),
    private=((("007", "99MADEUP", "Shutter"), 61.5, "mm"),),
    protocol="Koronar Übersicht",
)


def described(*events, **values):
    return WrittenProcedure(events=events or (EVENT,), **values)


def back(procedure):
    return read_bytes(to_bytes(procedure), "written.dcm")


def named(event, name):
    return [item for item in event.walk() if item.name == name]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_comes_back(name):
    field, kind = NUMBERS[name]
    (item,) = named(back(described()).events[0], name)
    close(convert(item.values[0], item.unit, kind), getattr(EVENT, field), rtol=1e-8, because=SMALL)


def test_what_is_no_number_comes_back():
    event = back(described()).events[0]
    assert [item.code.meaning[:6] for item in named(event, "x_ray_filter_material")] == ["Copper", "Alumin"]
    assert [item.values for item in named(event, "x_ray_filter_thickness_maximum")] == [(0.4,), (1.0,)]
    assert named(event, "acquisition_protocol")[0].text == "Koronar Übersicht"
    assert named(event, "patient_orientation_modifier")[0].code.value == "40199007"
    (private,) = [item for item in event.walk() if item.concept.value == "007"]
    assert (private.name, private.values, private.unit) == ("", (61.5,), "mm")


def test_none_leaves_the_item_out():
    event = back(described(WrittenEvent(air_kerma_rp_mgy=1.0))).events[0]
    assert not named(event, "kvp")
    assert not named(event, "dose_area_product")


def test_the_header_comes_back():
    header = back(described(manufacturer="Made-up", model="M 1", software="2.3", station="Lab ü", height_cm=171.0,
                            weight_kg=66.5, sex="F", age="045Y", description="Angiographie")).header  # fmt: skip
    assert (header.manufacturer, header.model, header.software, header.station) == ("Made-up", "M 1", "2.3", "Lab ü")
    patient = header.patient
    assert (patient.height_cm, patient.weight_kg, patient.sex, patient.age_years) == (171.0, 66.5, "female", 45.0)
    assert (header.description, header.study_date) == ("Angiographie", "2026-01-01")


def test_totals_are_the_sums_of_each_plane():
    events = [WrittenEvent(air_kerma_rp_mgy=dose, plane=plane) for dose, plane in ((3.0, "A"), (4.0, "A"), (8.0, "B"))]
    read_back = back(described(*events))
    found = {
        named(item, "acquisition_plane")[0].code.meaning: named(item, "dose_rp_total")[0].values[0]
        for item in read_back.accumulated
    }
    assert found.keys() == {"Plane A", "Plane B"}
    close([found["Plane A"], found["Plane B"]], [0.007, 0.008], rtol=1e-8, because=SMALL)


def test_the_same_description_gives_the_same_bytes():
    assert to_bytes(described()) == to_bytes(described())
    assert to_bytes(described()) != to_bytes(described(seed="2"))
    assert uid("a").startswith("2.25.")
    assert len(uid("a")) <= 64


@pytest.mark.parametrize("words", ["Größe", "Łódź Ωmega", "冠動脈造影"])
def test_any_script_can_be_written(words):
    assert back(described(description=words)).header.description == words


def test_the_demo_is_a_long_intervention(tmp_path):
    procedure = read(write_demo(tmp_path / "demo.dcm"))
    kerma_gy = sum(item.values[0] for event in procedure.events for item in named(event, "dose_rp"))
    assert 60 <= len(procedure.events) <= 90
    close(kerma_gy, 6.4, rtol=0.05, because="the demonstration is described as about 6.4 Gy")
    assert procedure.warnings == ()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OutputError, match=r"demo\.dcm: cannot write"):
        write_demo(tmp_path / "nowhere" / "demo.dcm")


@pytest.mark.skipif(
    shutil.which("dsrdump") is None and os.environ.get("CI", "").lower() != "true",
    reason="dsrdump of dcmtk is not installed",
)
@pytest.mark.parametrize("which", ["demo", "odd"])
def test_dcmtk_reads_it_without_complaint(tmp_path, which):
    biplane = WrittenEvent(air_kerma_rp_mgy=1.0, plane="B", orientation="ffp", reference_point="530 mm from focus")
    procedure = demo_procedure() if which == "demo" else described(EVENT, biplane, comment="a comment")
    path = write(procedure, tmp_path / "a.dcm")
    done = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, errors="replace", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Irradiation Event X-Ray Data" in done.stdout
