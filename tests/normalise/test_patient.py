"""Orientation and region."""

import pytest

from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.model import Code, Status
from skindose.normalise import REGIONS, normalise
from skindose.normalise.region import region_of_text
from tests.normalise.build import FEET_FIRST, HEAD_FIRST, PRONE, SUPINE, coded, container, event, procedure, text

XML = '<Root><PatientPosition><Position SRData="FFP "/><PositionTime SRData="x"/></PatientPosition></Root>'


def lying(head, modifier):
    recumbent = Code("F-10450", "SRT", "recumbent")
    relation = coded("patient_table_relationship", head)
    return relation, coded("patient_orientation", recumbent, coded("patient_orientation_modifier", modifier))


@pytest.mark.parametrize(
    ("head", "modifier", "expected"),
    [
        (HEAD_FIRST, SUPINE, "hfs"),
        (FEET_FIRST, PRONE, "ffp"),
        (HEAD_FIRST, Code("F-10317", "SRT", "right lateral decubitus"), "hfdr"),
        (FEET_FIRST, Code("102536004", "SCT", "left lateral decubitus"), "ffdl"),
    ],
)
def test_registered_orientation_by_code(head, modifier, expected):
    assert normalise(procedure(event(1, *lying(head, modifier)))).registered_orientation == expected


def test_registered_orientation_as_siblings():
    found = event(1, coded("patient_table_relationship", HEAD_FIRST), coded("patient_orientation_modifier", PRONE))
    assert normalise(procedure(found)).registered_orientation == "hfp"


def test_registered_orientation_from_the_root_s_comment_by_the_profile_s_pattern():
    context = (text("comment", XML),)
    assert normalise(procedure(event(1), context=context)).registered_orientation == "ffp"
    other = normalise(procedure(event(1), context=context, maker="Philips", model="Allura"))
    assert other.registered_orientation == ""


def test_a_silent_file_says_nothing():
    assert normalise(procedure(event(1))).registered_orientation == ""


def test_half_a_statement_is_completed_and_said():
    events = normalise(procedure(event(1, coded("patient_orientation_modifier", PRONE))))
    assert events.registered_orientation == "hfp"
    assert any("head first is assumed" in sentence for sentence in events.assumptions)


def test_a_patient_who_turned_is_told():
    first, second = event(1, *lying(HEAD_FIRST, SUPINE), dose_rp=0.001), event(2, *lying(HEAD_FIRST, PRONE))
    events = normalise(procedure(first, second))
    assert events.registered_orientation == "hfp"
    assert any("orientation changes" in sentence for sentence in events.warnings)


@pytest.mark.parametrize(
    ("words", "region"),
    [
        ("Kardiologisk 7,5 b/s", "heart"),
        ("Coronarografia + PTCA", "heart"),
        ("Functieonderzoek t.b.v. HCK", "heart"),
        ("Huvud", "head"),
        ("Schädel DSA", "head"),
        ("angiographie cérébrale", "head"),
        ("Gastrostomy Insertion", "abdomen"),
        ("Abdomen 2fps 25%", "abdomen"),
        ("TACE", "liver"),
        ("PTC/Nefro", "liver"),
        ("neuro_dsa", "head"),
        ("Becken-Bein links", "pelvis"),
        ("Jambe gauche", "left leg"),
        ("vänster ben", "left leg"),
        ("Leg runoff", "right leg"),
        ("Shunt left arm", "left arm"),
        ("głowa", "head"),
        ("C-arm fluoroscopy", ""),
        ("FL - High Con.", ""),
        ("DSA Body", ""),
        ("", ""),
    ],
)
def test_words_of_several_languages_name_a_region(words, region):
    assert region_of_text(words) == region


def test_a_limb_without_a_side_is_said_to_be_assumed_right():
    assert "right is assumed" in normalise(procedure(event(1), description="Leg")).region_reason
    assert "assumed" not in normalise(procedure(event(1), description="Leg right")).region_reason


def target(value, meaning=""):
    return coded("target_region", Code(value, "SRT", meaning))


def test_text_comes_before_code_and_code_before_the_trunk():
    chest = target("T-D3000", "Chest")
    by_text = normalise(procedure(event(1, chest), description="Cardiac"))
    by_code = normalise(procedure(event(1, chest), description="Study"))
    nothing = normalise(procedure(event(1, target("T-D0010", "Entire body"))))
    assert (by_text.region, by_text.region_status) == ("heart", Status.DERIVED)
    assert (by_code.region, by_code.region_status) == ("chest", Status.DERIVED)
    assert (nothing.region, nothing.region_status) == ("trunk", Status.ASSUMED)
    assert any("middle of the trunk" in sentence for sentence in nothing.assumptions)


def test_the_option_wins_in_any_spelling():
    events = normalise(procedure(event(1), description="Cardiac"), Settings(region="Left-Leg"))
    assert (events.region, events.region_status) == ("left leg", Status.REPORTED)


def test_an_unknown_region_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="left arm") as error:
        normalise(procedure(event(1)), Settings(region="knee"))
    assert all(name in str(error.value) for name in REGIONS)


def test_every_code_and_word_names_a_region_that_exists():
    from skindose.normalise.region import _data

    limbs = {"arm", "leg"}
    assert set(_data()["codes"].values()) - limbs <= set(REGIONS)
    assert set(_data()["words"]) - limbs <= set(REGIONS)


def test_laterality_gives_limbs_their_side():
    left = Code("7771000", "SCT", "Left")
    knee = coded("anatomical_structure", Code("72696002", "SCT", "Knee"), coded("laterality", left))
    assert normalise(procedure(event(1, knee))).region == "left leg"


def test_items_in_a_container_of_their_own_are_found():
    found = event(1, container("", *lying(FEET_FIRST, SUPINE)))
    assert normalise(procedure(found)).registered_orientation == "ffs"
