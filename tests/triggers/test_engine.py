"""Evaluation: every level by itself, three-valued verdicts, exceedance under the display's tolerance."""

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skindose.errors import SettingsError
from skindose.model import Quantity
from skindose.triggers import Context, evaluate, load, names, probability
from skindose.triggers.rules import QUANTITIES, parse
from tests.close import close

UNITS = {name: kind.unit for name, kind in QUANTITIES.items()}


def amounts(tolerance=0.0, **values):
    """Quantities by name, in the units of the rules."""
    units = {**UNITS, "field_area_cm2": "cm2"}
    return {name: Quantity(value, units[name], tolerance=tolerance) for name, value in values.items()}


def one(findings, rule, quantity):
    """The single finding of that rule on that quantity."""
    (found,) = [f for f in findings.findings if (f.rule, f.quantity) == (rule, quantity)]
    return found


def site(levels, extra=""):
    """A rule set with one rule `site.a`."""
    return parse(
        f"""
id = "site"
title = "Site"
[[rule]]
id = "site.a"
title = "A"
kind = "trigger"
severity = 2
provenance = "site"
source = "us"
recipients = ["operator"]
what_follows = "Something."
{extra}
[rule.levels]
{levels}
""",
        "site.toml",
    )


# --- levels and steps


def test_findings_come_in_the_order_of_the_file_one_per_rule_and_quantity():
    findings = evaluate(load("ncrp-168"), {}).findings
    quantities = ("psd", "kar", "kap", "ft")
    assert [(f.rule, f.quantity) for f in findings] == [
        (f"ncrp-168.{rule}", quantity) for rule in ("first", "substantial") for quantity in quantities
    ]


@pytest.mark.parametrize(
    ("quantity", "below", "at"), [("psd", 2.999, 3.0), ("kar", 4.999, 5.0), ("kap", 499.9, 500.0), ("ft", 59.9, 60.0)]
)
def test_ncrp168_substantial_level_fires_from_its_level_on(quantity, below, at):
    preset = load("ncrp-168")
    assert one(evaluate(preset, amounts(**{quantity: below})), "ncrp-168.substantial", quantity).fired is False
    assert one(evaluate(preset, amounts(**{quantity: at})), "ncrp-168.substantial", quantity).fired is True


@pytest.mark.parametrize(
    ("quantity", "value", "steps"),
    [
        ("psd", 1.99, 0), ("psd", 2.0, 0), ("psd", 2.49, 0), ("psd", 2.5, 1), ("psd", 3.6, 3),
        ("kar", 7.7, 4), ("kap", 300.0, 0), ("kap", 699.0, 3), ("ft", 45.0, 1), ("ft", 74.0, 2),
    ],
)  # fmt: skip
def test_increments_of_the_first_notification(quantity, value, steps):
    found = one(evaluate(load("ncrp-168"), amounts(**{quantity: value})), "ncrp-168.first", quantity)
    assert found.steps == steps
    assert found.fired is (value >= found.level)


@pytest.mark.parametrize("value", [1e30, 1e300])
@pytest.mark.parametrize("comparison", [">=", ">"])
def test_steps_of_an_absurd_value_fit_a_database_s_integer(value, comparison):
    preset = site('kar = { level = 3.0, step = 1.0, unit = "Gy" }', f'comparison = "{comparison}"')
    found = one(evaluate(preset, amounts(kar=value)), "site.a", "kar")
    assert found.fired is True
    assert 1e6 < found.steps < 2**31


def test_a_step_is_reached_although_binary_fractions_fall_short():
    preset = site('psd = { level = 3.0, step = 0.1, unit = "Gy" }')
    assert (3.3 - 3.0) / 0.1 < 3
    assert one(evaluate(preset, amounts(psd=3.3)), "site.a", "psd").steps == 3


@pytest.mark.parametrize(
    ("value", "fired", "steps"), [(3.0, False, 0), (3.0001, True, 0), (4.0, True, 0), (4.1, True, 1)]
)
def test_above_is_not_at(value, fired, steps):
    preset = site('psd = { level = 3.0, step = 1.0, unit = "Gy" }', 'comparison = ">"')
    found = one(evaluate(preset, amounts(psd=value)), "site.a", "psd")
    assert (found.fired, found.steps, found.probability) == (fired, steps, float(fired))


def test_a_finding_carries_level_source_provenance_and_what_follows():
    found = one(evaluate(load("ncrp-168"), amounts(kar=7.7)), "ncrp-168.substantial", "kar")
    assert (found.kind, found.value, found.level, found.unit) == ("trigger", 7.7, 5.0, "Gy")
    assert "Stecker" in found.source
    assert found.provenance == "recalled"
    assert "physicist" in found.what_follows


def test_a_quantity_s_note_is_kept():
    quantity = Quantity(6.0, "Gy", note="reported total, larger than the sum over events")
    assert "larger than the sum" in one(evaluate(load("ncrp-168"), {"kar": quantity}), "ncrp-168.first", "kar").note


# --- probability


def test_probability_at_four_fifths_of_the_level():
    """true >= level  <=>  e <= value/level - 1, e rectangular in +-0.35: (0.8 - 0.65) / 0.7 = 0.214."""
    close(probability(4.0, 5.0, 0.35), 0.15 / 0.7, rtol=1e-12, because="closed form, rounding only")


@pytest.mark.parametrize(
    ("ratio", "want"), [(0.0, 0.0), (0.65, 0.0), (1.0, 0.5), (1.35, 1.0), (0.65 + 0.07, 0.1), (1e300, 1.0)]
)
def test_probability_is_linear_between_its_ends(ratio, want):
    close(probability(ratio * 5.0, 5.0, 0.35), want, atol=1e-12, because="closed form, rounding only")


def test_probability_agrees_with_draws_of_the_true_value():
    draw = random.Random(1)
    n = 20_000
    for shown in (3.5, 4.0, 5.0, 6.0, 6.7):
        hits = sum(shown / (1 + draw.uniform(-0.35, 0.35)) >= 5.0 for _ in range(n))
        close(hits / n, probability(shown, 5.0, 0.35), atol=0.015, because="4 sigma of 20,000 draws")


def test_an_exact_quantity_has_probability_0_or_1():
    assert [probability(v, 5.0, 0.0) for v in (4.99, 5.0, 5.01)] == [0.0, 1.0, 1.0]


def test_draws_of_the_true_value_win_over_the_tolerance():
    """3 of 4 draws reach 3 Gy; of a lower bound that may be twice as high all do, for the draws scale with it."""
    draws = np.array([2.0, 3.0, 3.5, 4.0])
    shown = Quantity(2.8, "Gy", tolerance=0.35, draws=draws)
    level = site('psd = { level = 3.0, unit = "Gy" }')
    found = one(evaluate(level, {"psd": shown}), "site.a", "psd")
    assert (found.fired, found.probability) == (False, 0.75)
    high = dataclasses.replace(shown, value=3.2, at_most=6.4, lacks="an event")
    assert one(evaluate(level, {"psd": high}), "site.a", "psd").probability == 1.0


@pytest.mark.parametrize("tolerance", [math.nan, -0.1, 1.0, math.inf])
def test_a_tolerance_that_is_none_gives_no_probability(tolerance):
    assert probability(4.0, 5.0, tolerance) is None


# --- not evaluable


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        (None, "missing"),
        (Quantity(None, "Gy"), "missing"),
        (Quantity(None, "Gy", "no map: no event has kerma"), "no map: no event has kerma"),
        (Quantity(0.0, "Gy"), "zero"),
        (Quantity(-1.0, "Gy"), "not a possible number"),
        (Quantity(math.nan, "Gy"), "not a possible number"),
        (Quantity(math.inf, "Gy"), "not a possible number"),
        (Quantity(7700.0, "mGy"), "mGy"),
        (Quantity(7.7, ""), "no unit"),
    ],
)
def test_what_cannot_be_compared_is_not_evaluable_and_says_why(quantity, said):
    quantities = {} if quantity is None else {"psd": quantity}
    found = one(evaluate(load("ncrp-168"), quantities), "ncrp-168.substantial", "psd")
    assert (found.fired, found.value, found.probability, found.steps) == (None, None, None, 0)
    assert "peak skin dose" in found.reason
    assert said in found.reason


amount = st.one_of(
    st.none(), st.sampled_from([0.0, -1.0, math.nan, math.inf]), st.floats(0.01, 2000), st.sampled_from([2.0, 500.0])
)


@given(
    preset=st.sampled_from(names()),
    values=st.dictionaries(st.sampled_from(sorted(UNITS)), amount, max_size=7),
    blanked=st.sampled_from(sorted(UNITS)),
    purpose=st.sampled_from(["", "examination", "treatment"]),
    tolerance=st.sampled_from([0.0, 0.35]),
)
def test_blanking_one_quantity_changes_no_other_finding(preset, values, blanked, purpose, tolerance):
    """Any rule fires alone, and none is suppressed by another."""
    ruleset, context = load(preset), Context(purpose=purpose, procedure="PCI")
    full = amounts(tolerance=tolerance, **values)
    before = evaluate(ruleset, full, context).findings
    for fewer in (
        {name: quantity for name, quantity in full.items() if name != blanked},
        {**full, blanked: Quantity(None, UNITS[blanked])},
    ):
        after = evaluate(ruleset, fewer, context).findings
        assert len(after) == len(before)
        for old, new in zip(before, after, strict=True):
            if old.quantity == blanked:
                assert new.fired is None
                assert new.reason
            else:
                assert new == old


@given(
    preset=st.sampled_from(names()),
    values=st.dictionaries(st.sampled_from(sorted(UNITS)), amount, max_size=7),
    tolerance=st.sampled_from([0.0, 0.35, math.nan]),
)
def test_every_finding_is_clean_for_json_and_a_null_has_a_reason(preset, values, tolerance):
    for found in evaluate(load(preset), amounts(tolerance=tolerance, **values)).findings:
        numbers = [number for number in (found.value, found.level, found.probability) if number is not None]
        assert all(math.isfinite(number) for number in numbers)
        assert (found.fired is None) == bool(found.reason)
        assert found.probability is None or 0.0 <= found.probability <= 1.0


@pytest.mark.parametrize("quantity", ["psd", "kar", "kap", "ft"])
def test_any_quantity_alone_fires_the_substantial_level(quantity):
    findings = evaluate(load("ncrp-168"), amounts(**{quantity: 600.0})).findings
    assert [f.quantity for f in findings if f.rule == "ncrp-168.substantial" and f.fired] == [quantity]


# --- levels of KAP that scale with the field


SCALED = site('kap = { level = 500.0, step = 100.0, unit = "Gy.cm2" }', "kap_scales_with_field = true")


@pytest.mark.parametrize(("area", "level"), [(100.0, 500.0), (49.0, 245.0), (225.0, 1125.0), (25.0, 125.0)])
def test_a_level_of_kap_scales_with_the_field(area, level):
    found = one(evaluate(SCALED, amounts(kap=600.0, field_area_cm2=area)), "site.a", "kap")
    close(found.level, level, rtol=1e-12, because="one multiplication")
    assert found.fired is (level <= 600.0)
    assert "scaled to a field" in found.note


def test_the_step_scales_with_the_field_too():
    found = one(evaluate(SCALED, amounts(kap=350.0, field_area_cm2=50.0)), "site.a", "kap")
    assert found.steps == 2  # 250, then 300, 350


@pytest.mark.parametrize("area", [None, 0.0, -5.0, math.nan, math.inf, 4900.0, 0.49])
def test_an_unknown_or_impossible_field_leaves_the_level_and_says_so(area):
    found = one(evaluate(SCALED, amounts(kap=600.0, field_area_cm2=area)), "site.a", "kap")
    assert (found.level, found.fired) == (500.0, True)
    assert "not scaled" in found.note


def test_scaling_is_off_unless_switched_on():
    found = one(evaluate(load("ncrp-168"), amounts(kap=400.0, field_area_cm2=49.0)), "ncrp-168.substantial", "kap")
    assert (found.level, found.fired) == (500.0, False)


# --- conditions


@pytest.mark.parametrize(
    ("purpose", "grade", "day", "want"),
    [
        ("", None, None, None),
        ("treatment", None, None, None),
        ("treatment", 2, None, None),
        ("treatment", 2, 10, True),
        ("treatment", 2, 22, False),
        ("treatment", 1, 10, False),
        ("treatment", 1, None, False),
        ("examination", 2, 10, False),
        ("", 2, 10, None),
    ],
)
def test_german_notification_needs_treatment_injury_and_kap(purpose, grade, day, want):
    facts = {"skin_injury_grade": grade, "skin_injury_day": day}
    facts = {name: value for name, value in facts.items() if value is not None}
    context = Context(purpose=purpose, facts=facts)
    found = one(evaluate(load("de.anl14"), amounts(kap=800.0), context), "de.anl14.II3a", "kap")
    assert found.fired is want
    assert (found.probability is None) == (want is not True)
    assert found.kind == "notification"


@given(kap=st.floats(0.01, 1e5), tolerance=st.sampled_from([0.0, 0.35]))
def test_german_notification_never_fires_from_kap_alone(kap, tolerance):
    for found in evaluate(load("de.anl14"), amounts(tolerance, kap=kap)).findings:
        assert found.fired is not True
        assert found.probability is None


def test_german_notification_says_what_is_not_known():
    found = one(evaluate(load("de.anl14"), amounts(kap=800.0)), "de.anl14.II3a", "kap")
    for words in ("level is reached", "purpose is treatment", "skin injury of grade 2", "within 21 days"):
        assert words in found.reason
    assert one(evaluate(load("de.anl14"), amounts(kap=500.0)), "de.anl14.II3a", "kap").fired is False


def test_german_mean_over_the_reference_level_is_not_evaluable_without_one():
    found = one(evaluate(load("de.anl14"), amounts(kap=800.0)), "de.anl14.II1", "kap_over_drl")
    assert found.fired is None
    assert "diagnostic reference level" in found.reason
    context = Context(facts={"kap_mean_over_drl": 2.1})
    assert one(evaluate(load("de.anl14"), amounts(kap_over_drl=3.5), context), "de.anl14.II1", "kap_over_drl").fired


@pytest.mark.parametrize(("failure", "want"), [(None, None), (0, True), (1, False)])
def test_uk_code_3_applies_only_where_no_procedure_failed(failure, want):
    context = Context(facts={} if failure is None else {"procedural_failure": failure})
    findings = evaluate(load("uk.saue"), amounts(kap_over_local_drl=10.0, skin_effect=1.0), context)
    assert [f.fired for f in findings.findings] == [want, want]


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("PCI LAD", ["pci"]),
        ("Card_PCI/stent", ["pci"]),
        ("Koronarangiographie und ptca", ["pci"]),
        ("Hepatic chemoembolization", ["tace"]),
        ("Neuroembolisation, coils", ["ne"]),
        ("spci", []),
        ("", []),
        ("angiography of the leg", []),
    ],
)
def test_eurados_levels_apply_to_the_procedure_that_is_named(text, fires):
    findings = evaluate(load("eurados2018"), amounts(kap=800.0), Context(procedure=text)).findings
    assert [f.rule.rpartition(".")[2] for f in findings if f.fired] == fires
    assert all("procedure is one of" in f.reason for f in findings if not f.fired)
    assert all("peak skin dose of 5 Gy" in f.note for f in findings)


@pytest.mark.parametrize(
    ("psd", "repeatable", "fired", "level"),
    [
        (0.9, None, False, 1.0), (0.9, True, False, 1.0), (0.9, False, False, 3.0),
        (1.0, True, True, 1.0), (2.0, None, None, 1.0), (2.0, False, False, 3.0),
        (3.0, None, True, 3.0), (3.0, True, True, 1.0), (3.0, False, True, 3.0),
    ],
)  # fmt: skip
def test_icrp85_records_from_1_gy_where_the_procedure_may_be_repeated(psd, repeatable, fired, level):
    found = one(evaluate(load("icrp-85"), amounts(psd=psd), Context(repeatable=repeatable)), "icrp-85.record", "psd")
    assert (found.fired, found.level) == (fired, level)
    if fired is None:
        assert "may be repeated (then from 1, otherwise from 3 Gy)" in found.reason


@pytest.mark.parametrize(
    ("age", "weight", "want"), [(None, 20, None), (10, None, None), (10, 20, True), (16, 20, False), (10, 4, False)]
)
def test_levels_for_children(age, weight, want):
    preset = site(
        'psd = { level = 1.0, unit = "Gy" }',
        "when = { age_below_years = 16, weight_min_kg = 5 }",
    )
    context = Context(age_years=age, weight_kg=weight)
    assert one(evaluate(preset, amounts(psd=1.5), context), "site.a", "psd").fired is want


def test_a_rule_that_does_not_apply_says_so():
    preset = site('psd = { level = 1.0, unit = "Gy" }', "when = { age_below_years = 16 }")
    found = one(evaluate(preset, amounts(psd=1.5), Context(age_years=50)), "site.a", "psd")
    assert (found.fired, found.probability, found.reason) == (False, None, "")
    assert "does not apply" in found.note
    assert "age is below 16" in found.note


def test_station_and_region_are_texts_too():
    preset = site('psd = { level = 1.0, unit = "Gy" }', 'when = { station = ["lab 2"], region = ["head"] }')
    quantities = amounts(psd=1.5)
    known = Context(station="LAB 2", region="Head and neck")
    assert one(evaluate(preset, quantities, known), "site.a", "psd").fired is True
    assert one(evaluate(preset, quantities, dataclasses.replace(known, region="")), "site.a", "psd").fired is None


@pytest.mark.parametrize(("counted", "says"), [(0, True), (60, True), (365, False), (400, False)])
def test_a_window_that_is_not_counted_is_a_lower_bound(counted, says):
    context = Context(counted_days=counted)
    found = one(evaluate(load("institutional-15gy"), amounts(psd=8.0), context), "institutional-15gy", "psd")
    assert found.fired is False
    assert ("lower bound" in found.note) is says


# --- Lower bounds


def bounded(value, at_most):
    return {"psd": Quantity(value, "Gy", tolerance=0.35, at_most=at_most, lacks="half of the kerma is missing")}


@pytest.mark.parametrize(
    ("value", "at_most", "fired"),
    [(1.0, 2.9, False), (1.0, 3.0, None), (1.0, float("inf"), None), (3.0, 9.0, True), (3.0, float("inf"), True)],
)
def test_a_lower_bound_is_no_only_where_the_most_that_it_can_be_is_below_the_level(value, at_most, fired):
    found = one(evaluate(load("ncrp-168"), bounded(value, at_most)), "ncrp-168.substantial", "psd")
    assert found.fired is fired
    assert "half of the kerma is missing" in (found.reason if fired is None else found.note)
    assert (found.probability is None) is (fired is None)


def test_the_probability_of_a_lower_bound_is_that_of_the_most_that_it_can_be():
    found = one(evaluate(load("ncrp-168"), bounded(1.0, 2.9)), "ncrp-168.substantial", "psd")
    close(found.probability, probability(2.9, 3.0, 0.35), rtol=1e-12, because="never less than the truth")


def test_a_rule_that_does_not_apply_says_no_also_to_a_lower_bound():
    rules = site('psd = { level = 3.0, unit = "Gy" }', "when = { age_below_years = 16 }")
    found = one(evaluate(rules, bounded(1.0, 99.0), Context(age_years=40.0)), "site.a", "psd")
    assert found.fired is False
    assert "may be reached but the rule does not apply" in found.note


# --- acting on the probability of exceedance


CHANCE = "probability = 0.2"


def test_a_rule_acts_on_its_value_unless_it_says_otherwise():
    found = evaluate(site('kar = { level = 5.0, unit = "Gy" }'), amounts(0.35, kar=4.9)).findings[0]
    assert (found.fired, found.acts_from_probability) == (False, None)
    assert found.probability > 0.4


@pytest.mark.parametrize(("share", "fired"), [(0.789, False), (0.791, True), (1.0, True)])
def test_by_tolerance_it_fires_from_the_share_of_the_level_where_the_probability_is_reached(share, fired):
    """(shown / level - 0.65) / 0.7 = 0.2 at 0.79 of the level."""
    found = evaluate(site('kar = { level = 5.0, unit = "Gy" }', CHANCE), amounts(0.35, kar=5.0 * share)).findings[0]
    assert found.fired is fired
    assert (found.probability >= 0.2) is fired
    assert ("below the level" in found.note) is (fired and share < 1)


@pytest.mark.parametrize(("above", "fired"), [(199, False), (200, True), (201, True)])
def test_by_draws_it_fires_where_so_many_reach_the_level(above, fired):
    draws = np.full(1000, 2.0)
    draws[:above] = 3.5
    quantity = {"psd": Quantity(2.2, "Gy", draws=draws)}
    found = evaluate(site('psd = { level = 3.0, unit = "Gy" }', CHANCE), quantity).findings[0]
    assert (found.fired, found.probability) == (fired, above / 1000)


def test_a_value_at_its_level_fires_whatever_the_draws_say():
    quantity = {"psd": Quantity(3.0, "Gy", draws=np.full(100, 2.0))}
    found = evaluate(site('psd = { level = 3.0, unit = "Gy" }', CHANCE), quantity).findings[0]
    assert (found.fired, found.probability) == (True, 0.0)


def test_increments_count_by_the_probability_too():
    """4 Gy with 35 %: 4 / 0.79 = 5.06 Gy is reached with a probability of 20 %; two steps of 1 Gy beyond 3 Gy."""
    levels = 'kar = { level = 3.0, step = 1.0, unit = "Gy" }'
    assert evaluate(site(levels, CHANCE), amounts(0.35, kar=4.0)).findings[0].steps == 2
    assert evaluate(site(levels), amounts(0.35, kar=4.0)).findings[0].steps == 1


def test_a_lower_bound_that_may_reach_the_level_with_that_probability_is_open():
    quantity = {"kar": Quantity(1.0, "Gy", tolerance=0.35, at_most=4.2, lacks="something")}
    levels = 'kar = { level = 5.0, unit = "Gy" }'
    assert evaluate(site(levels), quantity).findings[0].fired is False
    assert evaluate(site(levels, CHANCE), quantity).findings[0].fired is None


@pytest.mark.parametrize("wrong", ["0.0", "0.51", "1.5", "-0.2", '"0.2"', "true"])
def test_a_probability_that_is_none_or_would_be_told_later_is_refused_with_its_line(wrong):
    with pytest.raises(SettingsError, match=r"site\.toml:13: rule 'site\.a': probability"):
        site('psd = { level = 3.0, unit = "Gy" }', f"probability = {wrong}")


def test_a_signature_outlives_keys_that_a_later_version_knows():
    """A key that is not given is not part of what is signed."""
    ruleset = site('psd = { level = 3.0, unit = "Gy" }')
    assert b"probability" not in ruleset.content
    assert ruleset.digest != site('psd = { level = 3.0, unit = "Gy" }', CHANCE).digest
