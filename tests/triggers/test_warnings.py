"""What is said around the findings: unsigned levels, doubtful numbers, withdrawn rules."""

import pytest

from skindose.triggers import UNSIGNED, Context, evaluate, load, names


def test_unsigned_levels_say_so_and_signed_ones_name_the_physicist():
    unsigned = evaluate(load("be.struelens2014"), {})
    assert unsigned.signed_by == ""
    assert any(UNSIGNED in warning for warning in unsigned.warnings)
    signed = evaluate(load("be.struelens2014"), {}, Context(signed_by="A. Physicist"))
    assert signed.signed_by == "A. Physicist"
    assert signed.warnings == ()


@pytest.mark.parametrize("name", names())
def test_numbers_not_seen_at_the_source_carry_a_warning_although_signed(name):
    findings = evaluate(load(name), {}, Context(signed_by="A. Physicist"))
    for found in findings.findings:
        said = [warning for warning in findings.warnings if found.rule in warning]
        assert bool(said) == (found.provenance != "seen" or name in ("institutional-15gy", "uk.saue"))
        if found.provenance == "recalled":
            assert "not checked against the source" in said[0]


def test_withdrawn_and_amended_rules_say_so():
    assert any("withdrawn" in warning for warning in evaluate(load("institutional-15gy"), {}).warnings)
    assert any("2023" in warning for warning in evaluate(load("uk.saue"), {}).warnings)
