"""Rule files: every preset loads; a mistake is refused in one line that names file, line, key and remedy."""

import random
import re

import pytest

from skindose.errors import ExitCode, SettingsError
from skindose.triggers import RuleSet, describe, load, names, source_text, to_dict
from skindose.triggers.rules import QUANTITIES, parse

GOOD = """\
id = "site"
title = "Our levels"

[[rule]]
id = "site.a"
title = "First"
kind = "intraprocedure"
severity = 1
provenance = "site"
source = "our physicist"
recipients = ["operator"]
what_follows = "The operator is told."

[rule.levels]
psd = { level = 2.0, step = 0.5, unit = "Gy" }  # "level" and "unit" here are not keys: # kap =

[[rule]]
id = "site.b"
title = "Second"
kind = "trigger"
severity = 2
provenance = "site"
source = "our physicist"
recipients = ["operator", "physicist"]
what_follows = "Follow-up."

[rule.levels]
kar = { level = 5.0, unit = "Gy" }
kap = { level = 500.0, unit = "Gy.cm2" }

[rule.when]
procedure = ["PCI"]
age_below_years = 16

[[rule.also]]
fact = "skin_injury_grade"
at_least = 2
words = "a skin injury"

[[rule.also]]
fact = "skin_injury_day"
at_most = 21
words = "within 21 days"
"""

NAMES = (
    "aapm_mppg12a", "acc2018", "be.struelens2014", "de.anl14", "eurados2018", "fr.has2014", "icrp-85",
    "institutional-15gy", "ncrp-168", "uk.saue",
)  # fmt: skip


def line_with(text, part, nth=1):
    """Line number (from 1) of the `nth` line that contains `part`."""
    return [number for number, line in enumerate(text.splitlines(), 1) if part in line][nth - 1]


def refused(text):
    """The error that `text` gives as a rule file."""
    with pytest.raises(SettingsError) as caught:
        parse(text, "site.toml")
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


def test_the_shipped_presets_are_these():
    assert names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_loads_under_its_own_name_and_every_rule_belongs_to_it(name):
    ruleset = load(name)
    assert ruleset.id == name
    assert all(rule.id == name or rule.id.startswith(f"{name}.") for rule in ruleset.rules)
    assert all(rule.provenance in ("seen", "second_hand", "recalled") for rule in ruleset.rules)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_copied_to_a_file_means_the_same(name, tmp_path):
    copy = tmp_path / "copy.toml"
    copy.write_text(source_text(name), encoding="utf-8")
    assert load(str(copy)) == load(name)
    assert load(str(copy)).digest == load(name).digest


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path):
    file = tmp_path / "site.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(str(file)).id == "site"


def test_the_digest_sees_a_changed_level_and_no_comment():
    base = parse(GOOD, "site.toml")
    assert parse(GOOD.replace("# ", "# really "), "site.toml").digest == base.digest
    assert parse(GOOD.replace("500.0", "501.0"), "site.toml").digest != base.digest


def test_a_rule_set_survives_json():
    ruleset = load("ncrp-168")
    assert RuleSet(**to_dict(ruleset)) == ruleset


def test_describe_has_one_row_per_rule_and_quantity_in_the_order_of_the_file():
    rows = describe(parse(GOOD, "site.toml"))
    assert [(row.rule, row.quantity, row.level, row.step) for row in rows] == [
        ("site.a", "psd", 2.0, 0.5),
        ("site.b", "kar", 5.0, None),
        ("site.b", "kap", 500.0, None),
    ]
    assert rows[0].conditions == ""
    for words in ("PCI", "age below 16 years", "a skin injury"):
        assert words in rows[1].conditions


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("icrp-85", "from 1 Gy where the procedure may be repeated"),
        ("institutional-15gy", "procedures within 365 days count; to a single field; withdrawn"),
        ("de.anl14", "only where the purpose is examination"),
        ("eurados2018", "stands for a peak skin dose of 5 Gy"),
    ],
)
def test_conditions_are_told_in_words(preset, words):
    assert words in describe(load(preset))[0].conditions


def test_an_unknown_preset_lists_the_known_ones():
    for name in ("ncrp168", "de.anl15", ""):
        with pytest.raises(SettingsError, match=r"ncrp-168.*TOML") as caught:
            load(name)
        assert caught.value.exit_code == ExitCode.USAGE


# (what is changed, into what, part of the line that must be named, what must be said)
MISTAKES = {
    "typo in a key of a rule": ("severity = 2", "severty = 2", "severty", "severty"),
    "typo in a key of a level": ("{ level = 5.0", "{ levl = 5.0", "levl", "levl"),
    "typo in a quantity": ("kar = {", "karr = {", "karr", "karr"),
    "typo in a table": ("[rule.when]", "[rule.wenn]", "[rule.wenn]", "wenn"),
    "typo in a fact": ("at_most = 21", "atmost = 21", "atmost", "atmost"),
    "a negative level": ("level = 5.0", "level = -5.0", "-5.0", "greater than 0"),
    "a level of zero": ("level = 5.0", "level = 0", "level = 0,", "greater than 0"),
    "a level that is no number": ("level = 5.0", "level = nan", "= nan", "finite"),
    "an infinite level": ("level = 5.0", "level = inf", "inf,", "finite"),
    "a level in quotes": ("level = 5.0", 'level = "5"', '"5"', "number"),
    "a level that is yes": ("level = 5.0", "level = true", "level = true", "number"),
    "a negative step": ("step = 0.5", "step = -0.5", "-0.5", "step"),
    "another unit": ('kap = { level = 500.0, unit = "Gy.cm2" }', 'kap = { level = 50000, unit = "cGy.cm2" }',
                     "kap = { level", "kap is in Gy.cm2"),
    "no unit": ('{ level = 5.0, unit = "Gy" }', "{ level = 5.0 }", "kar =", "'unit' is missing"),
    "mGy meant": ("level = 5.0", "level = 5000", "5000", "implausible"),
    "a bare number": ('kar = { level = 5.0, unit = "Gy" }', "kar = 5.0", "kar = 5.0", "kar"),
    "the same id twice": ('id = "site.b"', 'id = "site.a"', None, "used twice"),
    "an id with a space": ('id = "site.b"', 'id = "site b"', "site b", "id"),
    "another kind": ('kind = "trigger"', 'kind = "alarm"', "alarm", "kind"),
    "an unknown role": ('"operator", "physicist"', '"operator", "boss"', "boss", "recipients"),
    "nobody told": ('["operator", "physicist"]', "[]", "recipients = []", "recipients"),
    "a severity too high": ("severity = 2", "severity = 5", "severity = 5", "severity"),
    "an unknown provenance": ('provenance = "site"\nsource = "our physicist"\nrecipients = ["operator", "p',
                              'provenance = "heard"\nsource = "our physicist"\nrecipients = ["operator", "p',
                              "heard", "provenance"),
    "an age below zero": ("age_below_years = 16", "age_below_years = -1", "age_below", "age_below_years"),
    "a fact with two comparisons": ("at_most = 21", "at_most = 21\nat_least = 1", "skin_injury_day", "exactly one"),
    "a word instead of a list": ('procedure = ["PCI"]', 'procedure = "PCI"', 'procedure = "PCI"', "procedure"),
    "an empty level table": ('kar = { level = 5.0, unit = "Gy" }\nkap = { level = 500.0, unit = "Gy.cm2" }\n', "",
                             None, "levels"),
    "not TOML": ("severity = 2", "severity = = 2", "= = 2", "not TOML"),
    "a key twice": ("severity = 2", "severity = 2\nseverity = 2", None, "not TOML"),
    "an open bracket": ('procedure = ["PCI"]', 'procedure = ["PCI"', None, "not TOML"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_refused_with_its_line(case):
    old, new, at, said = MISTAKES[case]
    text = GOOD.replace(old, new)
    assert text != GOOD
    error = refused(text)
    assert said in str(error)
    file, _, line = error.where.rpartition(":")
    assert file == "site.toml"
    assert 1 <= int(line) <= len(text.splitlines())
    if at is not None:
        assert int(line) == line_with(text, at)


def test_the_second_of_two_equal_ids_is_named():
    text = GOOD.replace('id = "site.b"', 'id = "site.a"')
    assert refused(text).where == f"site.toml:{line_with(text, 'site.a', nth=2)}"


def test_a_missing_key_is_named_at_its_rule():
    text = GOOD.replace('title = "Second"\n', "")
    error = refused(text)
    assert "rule 'site.b'" in str(error)
    assert "'title' is missing" in str(error)
    assert error.where == f"site.toml:{line_with(text, '[[rule]]', nth=2)}"


def test_a_misspelt_required_key_is_told_by_its_spelling():
    error = refused(GOOD.replace('what_follows = "Follow-up."', 'what_folows = "Follow-up."'))
    assert "unknown key 'what_folows'" in str(error)
    assert "Missing here: what_follows" in str(error)


def test_a_level_under_repeatable_needs_one_otherwise():
    text = GOOD + '\n[rule.repeatable]\npsd = { level = 1.0, unit = "Gy" }\n'
    error = refused(text)
    assert "repeatable" in str(error)
    assert error.where == f"site.toml:{line_with(text, 'psd = { level = 1.0')}"


def test_scaling_without_a_level_of_kap_is_refused():
    text = GOOD.replace("severity = 1", "severity = 1\nkap_scales_with_field = true")
    assert refused(text).where == f"site.toml:{line_with(text, 'kap_scales')}"


def test_a_rule_file_cannot_sign_itself():
    assert "signed_by" in str(refused('signed_by = "Dr A"\n' + GOOD))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rules"),
        (b"# nothing but a comment\n", "no rules"),
        (b'id = "site"\ntitle = "Ours"\n', "'rule' is missing"),
        (b'id = "site"\ntitle = "Ours"\nrule = []\n', "rule"),
        (b'id = "site"\ntitle = "Ours"\nrule = 3\n', "rule"),
        (b'id = "site"\ntitle = "Ours"\nrule = [3]\n', "rule"),
        (b"\x00\x01\x02DICM", "not TOML"),
        (bytes(range(256)), "not a text file"),
        (b"x" * (2**20 + 1), "too large"),
    ],
)
def test_a_file_that_is_no_rule_file_is_refused(content, said, tmp_path):
    file = tmp_path / "site.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(str(file))
    assert said in str(caught.value)
    assert "site.toml" in caught.value.where
    assert "\n" not in str(caught.value)
    assert "\x00" not in str(caught.value)


def test_a_folder_or_an_absent_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(SettingsError, match="cannot read the rule file"):
            load(str(path))


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_can_be_a_rule(name):
    unit = QUANTITIES[name].unit
    text = GOOD.replace('kar = { level = 5.0, unit = "Gy" }', f'{name} = {{ level = 1.0, unit = "{unit}" }}')
    if name != "kap":
        assert name in parse(text, "site.toml").rules[1].levels
    else:
        assert "not TOML" in str(refused(text))  # the key is there twice


HOSTILE = {
    "nested a thousand deep": "a = " + "[" * 5000 + "]" * 5000,
    "a number of 5000 digits": GOOD.replace("level = 5.0", "level = " + "9" * 5000),
    "a number beyond double": GOOD.replace("level = 5.0", "level = " + "9" * 400),
    "a key of 5000 letters": GOOD + "x" * 5000 + " = 1\n",
    "a key with a line break": GOOD + '"a\\nb" = 1\n',
    "a date": GOOD.replace("level = 5.0", "level = 2025-01-01"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_gets_one_short_line(case):
    assert len(str(refused(HOSTILE[case]))) < 400


def told(text):
    """What is said about a file; "" where it is good."""
    try:
        parse(text, "site.toml")
    except SettingsError as error:
        return str(error)
    return ""


def test_damaged_files_by_the_hundred_load_or_get_one_line():
    draw = random.Random(7)
    said = []
    for _ in range(400):
        text = list(GOOD)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text))
            text[at : at + draw.randint(0, 30)] = draw.choice(
                ["", "x", "-", '"', "[", "=", "\n", "0", "#", "{", "\x07"]
            )
        said.append(told("".join(text)))
    refusals = [line for line in said if line]
    assert len(refusals) > 200
    assert all(re.fullmatch(r"site\.toml:\d+: [^\n]{1,400}", line) for line in refusals)
