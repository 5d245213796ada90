"""Profiles: valid data, chosen by maker, model, software and items; mistakes named by file and key."""

from dataclasses import replace

import pytest

from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.normalise import normalise, shipped
from skindose.normalise.profiles import load, parse
from tests.normalise.build import COMPLETE, event, num, private, procedure

OWN = """
name = "room-7"
title = "Our own"
status = "commissioned"
evidence = "measured on 3 February"
date = 2026-02-03
sources = ["our report 12"]
detector_side_mm = 300
[match]
manufacturer = "siemens"
"""


def chosen(*events, settings=None, **machine):
    return normalise(procedure(*(events or (event(1),)), **machine), settings or Settings()).machine.profile


@pytest.mark.parametrize(
    ("maker", "model", "profile"),
    [
        ("Siemens", "AXIOM-Artis", "siemens_artis"),
        ("SIEMENS Healthineers", "ARTIS pheno", "siemens_artis"),
        ("Siemens", "", "siemens_artis"),
        ("", "AXIOM-Artis", "siemens_artis"),
        ("Philips", "Allura Clarity", "philips_allura"),
        ("Philips Medical Systems", "Azurion 7 M20", "philips_azurion"),
        ("CANON_MEC", "DFP-8000D", "canon_alphenix"),
        ("TOSHIBA_MEC", "INFX-8000V", "canon_alphenix"),
        ("GE Healthcare Surgery", "ESP 21 cm FPD Super-C", "ge_oec"),
        ("GE MEDICAL SYSTEMS", "Innova 4100", "ge_innova"),
        ("Shimadzu", "Trinias", "generic"),
        ("Siemens", "Luminos", "generic"),
        ("", "", "generic"),
    ],
)
def test_a_machine_gets_its_family(maker, model, profile):
    assert chosen(maker=maker, model=model) == profile


@pytest.mark.parametrize(("extra", "profile"), [((), "philips_allura"), ((private("016", 0.0),), "philips_azurion")])
@pytest.mark.parametrize("maker", ["", "Philips"])
def test_private_items_tell_families_apart_where_the_model_is_missing(maker, extra, profile):
    assert chosen(event(1, private("021", 890.0), *extra), maker=maker, model="") == profile


def test_a_machine_without_table_and_isocentre_is_a_mobile_stand():
    gone = (*(name for name in COMPLETE if name.startswith("table")), "distance_source_to_isocenter")
    assert chosen(event(1, without=gone), maker="Ziehm", model="Vision") == "generic_mobile_c_arm"


def test_empty_items_do_not_count_as_present():
    gone = (*(name for name in COMPLETE if name.startswith("table")), "distance_source_to_isocenter")
    assert chosen(event(1, num("table_height_position"), without=gone), maker="X", model="Y") == "generic_mobile_c_arm"


def test_a_name_may_be_given_and_an_unknown_one_lists_the_known():
    assert chosen(settings=Settings(profile="philips_azurion")) == "philips_azurion"
    with pytest.raises(SettingsError, match="siemens_artis") as error:
        chosen(settings=Settings(profile="none_such"))
    assert "none_such" in str(error.value)


def test_a_site_s_profiles_win_over_the_shipped_ones(tmp_path):
    (tmp_path / "room7.toml").write_text(OWN)
    settings = Settings(profile_folder=tmp_path)
    assert chosen(settings=settings) == "room-7"
    assert chosen(settings=settings, maker="Philips", model="Azurion") == "philips_azurion"
    assert chosen(settings=Settings(profile_folder=tmp_path, profile="room-7"), maker="Philips", model="x") == "room-7"


def test_a_profile_may_be_a_file(tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    events = normalise(procedure(event(1)), Settings(profile=str(tmp_path / "own.toml")))
    assert (events.machine.profile, events.machine.profile_status) == ("room-7", "commissioned")
    assert events.machine.detector_side_mm == 300


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (OWN.replace("300", '"wide"'), "detector_side_mm"),
        (OWN.replace("[match]", "[match]\nmodle = 'x'"), "match.modle"),
        (OWN.replace('manufacturer = "siemens"', 'manufacturer = "("'), "match.manufacturer"),
        (OWN.replace("2026-02-03", '"soon"'), "date"),
        (OWN.replace("commissioned", "fine"), "status"),
        (OWN + "[table.height]\nsign = 0\n", "table.height.sign"),
        (OWN + "[table.height]\nzero_mm = nan\n", "table.height.zero_mm"),
        (OWN + "[table.height]\nzero_mm = inf\n", "table.height.zero_mm"),
        (OWN.replace('name = "room-7"\n', ""), "name"),
        ("name = ", "TOML"),
    ],
)
def test_a_mistake_names_file_and_key(wrong, key):
    with pytest.raises(SettingsError) as error:
        parse(wrong, "room7.toml")
    assert "room7.toml" in str(error.value)
    assert key in str(error.value)
    assert error.value.remedy


def test_a_missing_file_or_folder_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        load(tmp_path / "gone.toml")
    with pytest.raises(SettingsError, match="folder of profiles"):
        chosen(settings=Settings(profile_folder=tmp_path / "gone"))


@pytest.mark.parametrize("profile", shipped(), ids=lambda profile: profile.name)
def test_a_shipped_profile_says_what_it_rests_on(profile):
    assert profile.status in ("documented", "assumed"), "a shipped profile is commissioned nowhere"
    assert len(profile.evidence) > 60
    assert profile.has_table is bool(profile.layers())


@pytest.mark.parametrize("profile", [profile for profile in shipped() if profile.has_table], ids=lambda p: p.name)
def test_the_support_is_stacked_without_gaps_and_the_pad_lies_on_top(profile):
    *table, pad = profile.layers()
    assert pad.name == "pad"
    assert pad.top_mm + pad.thickness_mm == 0
    top = 0.0
    for layer in table:
        assert layer.top_mm == top
        top += layer.thickness_mm


def test_a_measured_curve_belongs_to_the_family_it_was_measured_on():
    assert [profile.name for profile in shipped() if profile.transmission] == ["siemens_artis"]


def test_of_two_profiles_of_one_machine_the_later_counts(tmp_path):
    (tmp_path / "a.toml").write_text(OWN.replace("room-7", "anew").replace("2026-02-03", "2026-08-03"))
    (tmp_path / "b.toml").write_text(OWN)
    assert chosen(settings=Settings(profile_folder=tmp_path)) == "anew"


@pytest.mark.parametrize("key", ["serial_number", "station"])
def test_a_profile_of_one_room_is_for_no_other(tmp_path, key):
    (tmp_path / "own.toml").write_text(OWN + f"{key} = '^7$'\n")
    settings = Settings(profile_folder=tmp_path)
    field = {"serial_number": "device_serial_number", "station": "station"}[key]
    for value, profile in (("7", "room-7"), ("77", "siemens_artis"), ("", "siemens_artis")):
        report = procedure(event(1))
        report = replace(report, header=replace(report.header, **{field: value}))
        assert normalise(report, settings).machine.profile == profile
