"""Tissue-reaction bands (Balter 2010) and the contacts that follow an alert."""

import math

import pytest

from skindose.model import Quantity
from skindose.triggers import evaluate, load
from skindose.triggers.bands import BANDS, CAVEAT, band
from skindose.triggers.followup import CONTACTS, plan, starts_followup


@pytest.mark.parametrize(
    ("psd_gy", "name"),
    [
        (0.0, "A1"), (1.99, "A1"), (2.0, "A2"), (4.99, "A2"), (5.0, "B"), (9.99, "B"), (10.0, "C"), (14.9, "C"),
        (15.0, "C"), (15.01, "D"), (200.0, "D"),
    ],
)  # fmt: skip
def test_band_of_a_dose(psd_gy, name):
    assert band(psd_gy).name == name


def test_bands_join_without_a_gap():
    assert [one.high_gy for one in BANDS[:-1]] == [one.low_gy for one in BANDS[1:]]
    assert (BANDS[0].low_gy, BANDS[-1].high_gy) == (0.0, None)


def test_texts_of_balter_2010():
    assert band(1).prompt == "none expected"
    assert "transient erythema" in band(3).prompt
    assert "desquamation" in band(12).early
    assert "necrosis" in band(20).mid_term
    assert "telangiectasia" in band(12).long_term
    assert "not for the scalp" in CAVEAT


@pytest.mark.parametrize("psd_gy", [-0.1, math.nan, math.inf])
def test_no_band_for_what_is_no_dose(psd_gy):
    with pytest.raises(ValueError, match="not a peak skin dose"):
        band(psd_gy)


ALWAYS = ["before discharge", "10-14 days", "2-4 weeks", "30 days"]


@pytest.mark.parametrize(
    ("psd_gy", "more"),
    [
        (3.0, []), (4.99, []), (5.0, ["3 months"]), (9.9, ["3 months"]), (None, ["3 months"]),
        (10.0, ["3 months", "6 months", "12 months"]), (20.0, ["3 months", "6 months", "12 months"]),
    ],
)  # fmt: skip
def test_contacts_by_dose(psd_gy, more):
    assert [contact.name for contact in plan(psd_gy, True)] == ALWAYS + more


def test_nothing_is_due_without_a_fired_trigger():
    assert plan(20.0, False) == ()


def test_any_finding_brings_the_late_contacts_whatever_the_dose():
    assert plan(3.0, True, finding=True) == CONTACTS


def test_contacts_are_in_order_of_time():
    days = [(contact.from_day, contact.to_day) for contact in CONTACTS]
    assert days == sorted(days)
    assert all(first <= last for first, last in days)


@pytest.mark.parametrize(("kar", "starts"), [(2.0, False), (3.5, False), (5.0, True), (None, False)])
def test_a_first_notification_alone_starts_no_follow_up(kar, starts):
    assert starts_followup(evaluate(load("ncrp-168"), {"kar": Quantity(kar, "Gy")}).findings) is starts


def test_a_notification_rule_starts_no_follow_up():
    assert not starts_followup(evaluate(load("uk.saue"), {"skin_effect": Quantity(1.0, "observed")}).findings)
