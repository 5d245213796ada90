"""Every number of the drafted presets is ours, and we have no other: read in place, compared, never copied.

The draft is flow-style YAML, one rule a line; the few lines below read just that much of it.
"""

import re

import pytest

from skindose.triggers import load, names

pytestmark = pytest.mark.shared

# The draft says this one in its source: "KAP/Kar matching PSD 3 Gy".
STANDS_FOR_IN_WORDS = {"be.struelens2014": 3.0}


def flow(text):
    """`{a: 1, b: {c: 2}, d: "x, y", e: [..]}` as nested dicts, numbers as float; commas in quotes and braces aside."""
    found = {}
    for part in re.findall(r"(\w+): (\{[^{}]*\}|\"[^\"]*\"|[^,{}]+)", text.strip()[1:-1]):
        key, value = part[0], part[1].strip()
        if value.startswith("{"):
            found[key] = flow(value)
        elif value.startswith('"'):
            found[key] = value[1:-1]
        else:
            found[key] = {"true": True, "false": False}.get(value, number(value))
    return found


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


@pytest.fixture
def text(reference_folder):
    """The drafted presets, as they lie beside the project."""
    return (reference_folder.parent / "clinical_presets.yaml").read_text(encoding="utf-8")


@pytest.fixture
def drafted(text):
    """The drafted rules by id."""
    rules = [flow(line.strip()[2:]) for line in text.splitlines() if line.strip().startswith("- {id:")]
    assert len(rules) == 18
    return {rule["id"]: rule for rule in rules}


def ours():
    return {rule.id: rule for name in names() for rule in load(name).rules}


def test_the_rules_are_the_drafted_ones(drafted):
    assert sorted(ours()) == sorted(drafted)


def test_levels_and_steps_are_the_drafted_ones(drafted):
    for name, draft in drafted.items():
        levels = {quantity: level.level for quantity, level in ours()[name].levels.items()}
        steps = {quantity: level.step for quantity, level in ours()[name].levels.items() if level.step is not None}
        if "any_of" in draft:
            assert levels == draft["any_of"], name
        assert steps == draft.get("step", {}), name


def test_kind_provenance_comparison_and_switches_are_the_drafted_ones(drafted):
    for name, draft in drafted.items():
        rule = ours()[name]
        assert rule.kind == draft["kind"], name
        assert rule.provenance == draft["provenance"], name
        assert rule.kap_scales_with_field == draft.get("kap_scales_with_field", False), name
        assert rule.stands_for_psd_gy == draft.get("stands_for_psd", STANDS_FOR_IN_WORDS.get(name)), name
        assert rule.when.purpose == draft.get("purpose"), name
        if "comparison" in draft:
            assert rule.comparison == draft["comparison"].strip('"'), name


def test_reference_field_is_the_drafted_one(text):
    area_cm2 = float(re.search(r"reference_field_cm2: (\d+)", text).group(1))
    assert {load(name).reference_field_cm2 for name in names()} == {area_cm2}


def test_repeatable_window_and_field_are_the_drafted_ones(drafted):
    draft, rules = drafted, ours()
    assert rules["icrp-85.record"].repeatable["psd"].level == draft["icrp-85.record"]["repeatable"]["psd"]
    legacy = draft["institutional-15gy"]
    assert rules["institutional-15gy"].window_days == round(legacy["window_months"] * 365 / 12)
    assert rules["institutional-15gy"].per == legacy["per"]
    assert rules["institutional-15gy"].status == legacy["status"]
    for ending, word in (("tace", "TACE"), ("pci", "PCI"), ("ne", "neuroembol")):
        assert any(w.startswith(word) for w in rules[f"eurados2018.{ending}"].when.procedure)
        assert draft[f"eurados2018.{ending}"]["procedure"].startswith(word)


def test_conjunctions_are_the_drafted_ones(drafted):
    draft, rules = drafted, ours()
    injury, within = rules["de.anl14.II3a"].also
    asked = draft["de.anl14.II3a"]["all_of"]
    assert rules["de.anl14.II3a"].levels["kap"].level == asked["kap"]
    assert (injury.at_least, within.at_most) == (asked["skin_injury_grade_min"], asked["within_days"])
    group, mean = draft["de.anl14.II1"]["group"], rules["de.anl14.II1"].also[0]
    assert (mean.of_last, mean.above, mean.same_device) == (
        group["n_last"],
        group["mean_over_drl"],
        group["same_device"],
    )
    assert rules["de.anl14.II1"].levels["kap_over_drl"].level == group["single_over_drl"]
    events, code3 = draft["uk.saue.code3"]["any_of_events"], rules["uk.saue.code3"]
    assert code3.levels["kap_over_local_drl"].level == events["kap_over_local_drl"]
    assert events["deterministic_effect_excluding_transient_erythema"] is True
    assert "skin_effect" in code3.levels
    assert draft["uk.saue.code3"]["only_if_no_procedural_failure"] is True
    assert code3.also[0].fact == "procedural_failure"
