"""Rule sets as data: what a preset or a site's own rule file says, validated, before any dose is looked at.

A rule set is a TOML file. Each `[[rule]]` has levels for one or more quantities; every level can fire alone. What a
rule asks for beyond its levels (the kind of procedure, a skin injury, earlier cases) stands beside them as data,
and where the program does not know it the rule is "not evaluable", in words.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from skindose.errors import SettingsError
from skindose.triggers import rulefile

Kind = Literal["trigger", "intraprocedure", "notification"]
Provenance = Literal["seen", "second_hand", "recalled", "site"]
QuantityName = Literal["psd", "kar", "kap", "ft", "kap_over_drl", "kap_over_local_drl", "skin_effect"]
Role = Literal[
    "operator", "followup_nurse", "physicist", "head_of_department", "radiation_protection", "quality", "risk"
]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Whole = Annotated[int, Field(ge=0, strict=True)]
Text = Annotated[str, Field(min_length=1)]
# Above a half a rule would say "no" to values that are above its level; who wants to be told later raises the level.
Chance = Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False, strict=True)]


class QuantityKind(NamedTuple):
    """How a quantity is spoken of: its words, its unit, and above which number a level is a slip of unit."""

    words: str
    unit: str
    implausible_from: float


QUANTITIES: dict[str, QuantityKind] = {
    "psd": QuantityKind("peak skin dose", "Gy", 100.0),
    "kar": QuantityKind("air kerma at the reference point", "Gy", 100.0),
    "kap": QuantityKind("kerma-area product", "Gy.cm2", 10_000.0),
    "ft": QuantityKind("fluoroscopy time", "min", 1_000.0),
    "kap_over_drl": QuantityKind("kerma-area product over the diagnostic reference level", "DRL", 100.0),
    "kap_over_local_drl": QuantityKind("kerma-area product over the local diagnostic reference level", "DRL", 100.0),
    "skin_effect": QuantityKind("skin effect beyond passing redness", "observed", 2.0),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # built once, as a whole


class Level(_Part):
    """From where a rule fires on one quantity, and every how much it fires again."""

    level: Positive
    unit: Text
    step: Positive | None = None


class Fact(_Part):
    """Something beside the dose that must hold too; exactly one of the comparisons is given.

    of_last, same_device   say of which cases a mean is taken, where it is one
    """

    fact: Text
    words: Text
    above: Number | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    of_last: Whole | None = None
    same_device: bool = False


class When(_Part):
    """To which procedures and patients a rule applies; what is not given does not restrict it.

    procedure, station, region   any of these must begin a word of the text, capitals aside
    """

    procedure: tuple[Text, ...] = ()
    station: tuple[Text, ...] = ()
    region: tuple[Text, ...] = ()
    purpose: Literal["examination", "treatment"] | None = None
    age_min_years: Number | None = None
    age_below_years: Positive | None = None
    weight_min_kg: Number | None = None
    weight_below_kg: Positive | None = None


class Rule(_Part):
    """One rule: any of its levels fires it, where `when` and all of `also` hold.

    repeatable             levels that hold instead where the procedure may be repeated
    window_days            earlier procedures that count; 0: this one only
    kap_scales_with_field  the level of `kap` is for the reference field and grows with the procedure's own
    probability            fires too where the true value is at or above the level with at least this probability
    severity               1 operator ... 4 quality and risk; decides who is told and how soon
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: Text
    kind: Kind
    severity: Annotated[int, Field(ge=1, le=4, strict=True)]
    levels: Annotated[dict[QuantityName, Level], Field(min_length=1)]
    repeatable: dict[QuantityName, Level] = {}
    comparison: Literal[">=", ">"] = ">="
    when: When = When()
    also: tuple[Fact, ...] = ()
    window_days: Whole = 0
    per: Literal["any", "single_field"] = "any"
    kap_scales_with_field: Annotated[bool, Field(strict=True)] = False
    probability: Chance | None = None
    stands_for_psd_gy: Positive | None = None
    status: Literal["current", "withdrawn", "recheck"] = "current"
    status_note: str = ""
    provenance: Provenance
    source: Text
    recipients: Annotated[tuple[Role, ...], Field(min_length=1)]
    what_follows: Text


class RuleSet(_Part):
    """A preset or a site's own rule file, in the order it was written."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: Text
    note: str = ""
    reference_field_cm2: Positive = 100.0
    rules: Annotated[tuple[Rule, ...], Field(alias="rule", min_length=1)]

    @property
    def content(self) -> bytes:
        """What the rules say, without comments and layout, as bytes; keys that are not given are left out, so that a
        later version of the program, which knows more of them, makes the same of the same file.
        """
        said = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps(said, sort_keys=True).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of `content`: what a physicist's signature is bound to."""
        return hashlib.sha256(self.content).hexdigest()


def names() -> tuple[str, ...]:
    """Names of the shipped presets, sorted."""
    folder = resources.files("skindose.triggers") / "presets"
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")))


def source_text(name: str) -> str:
    """The TOML text of a shipped preset, comments included: what a site copies and edits.

    raises   SettingsError listing the known presets
    """
    if name not in names():
        known = ", ".join(names())
        raise SettingsError(f"no preset of trigger levels {name!r}", "", f"Known: {known}; or give a TOML file.")
    return (resources.files("skindose.triggers") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def load(name_or_path: str) -> RuleSet:
    """A shipped preset by name, or a site's own rule file.

    raises   SettingsError: unknown preset (lists the known ones), or a mistake in the file with line and remedy
    """
    if name_or_path in names():
        return parse(source_text(name_or_path), f"{name_or_path}.toml")
    path = Path(name_or_path)
    if name_or_path and (path.suffix.lower() == ".toml" or len(path.parts) > 1 or path.exists()):
        return parse(rulefile.read(path), name_or_path)
    return parse(source_text(name_or_path), name_or_path)  # raises: says what is known


def parse(text: str, where: str) -> RuleSet:
    """Rules from the text of a TOML file; `where` names it in errors.

    raises   SettingsError: file and line, the key, what is wrong with it, what to write instead
    """
    ruleset = rulefile.validated(RuleSet, text, where)
    for place, what, remedy in _contradictions(ruleset):
        raise rulefile.mistake(rulefile.Source(text, where), place, what, remedy)
    return ruleset


def _contradictions(ruleset: RuleSet) -> list[tuple[tuple[str | int, ...], str, str]]:
    """What no single key shows: (place in the file, what is wrong, remedy), in the order of the file."""
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    seen: set[str] = set()
    for index, rule in enumerate(ruleset.rules):
        if rule.id in seen:
            found.append((("rule", index, "id"), f"the id {rule.id!r} is used twice", "Give each rule its own id."))
        seen.add(rule.id)
        for table, levels in (("levels", rule.levels), ("repeatable", rule.repeatable)):
            for name, level in levels.items():
                found += _level_contradictions(("rule", index, table, name), level)
        found += _rule_contradictions(("rule", index), rule)
    return found


def _level_contradictions(place: tuple[str | int, ...], level: Level) -> list[tuple[tuple[str | int, ...], str, str]]:
    kind = QUANTITIES[str(place[-1])]
    if level.unit != kind.unit:
        what = f"{place[-1]} is in {kind.unit}, not {level.unit!r}"
        return [((*place, "unit"), what, f'Convert the level and write unit = "{kind.unit}".')]
    if level.level >= kind.implausible_from:
        what = f"a level of {level.level:g} {level.unit} for {place[-1]} is implausible"
        return [((*place, "level"), what, f"Levels of {place[-1]} are in {kind.unit}: check the unit.")]
    return []


def _rule_contradictions(place: tuple[str | int, ...], rule: Rule) -> list[tuple[tuple[str | int, ...], str, str]]:
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    for name in rule.repeatable:
        if name not in rule.levels:
            what = f"{name} has a level under repeatable but none under levels"
            found.append(((*place, "repeatable", name), what, "Add the level that holds otherwise."))
    for number, fact in enumerate(rule.also):
        if sum(bound is not None for bound in (fact.above, fact.at_least, fact.at_most)) != 1:
            what = f"the fact {fact.fact!r} needs exactly one of above, at_least, at_most"
            found.append(((*place, "also", number, "fact"), what, "Keep the one that is meant."))
    if rule.kap_scales_with_field and "kap" not in rule.levels:
        what = "kap_scales_with_field is on but the rule has no level of kap"
        found.append(((*place, "kap_scales_with_field"), what, "Add a level of kap or take the key out."))
    return found


class Row(NamedTuple):
    """One level of one rule, as a table shows it."""

    rule: str
    kind: str
    quantity: str
    level: float
    step: float | None
    unit: str
    comparison: str
    provenance: str
    source: str
    conditions: str


def describe(ruleset: RuleSet) -> list[Row]:
    """The rule set as rows for people, one per rule and quantity, in the order of the file."""
    return [
        Row(
            rule.id, rule.kind, name, level.level, level.step, level.unit, rule.comparison,
            rule.provenance, rule.source, "; ".join(conditions(rule, name)),
        )
        for rule in ruleset.rules
        for name, level in rule.levels.items()
    ]  # fmt: skip


def conditions(rule: Rule, quantity: QuantityName) -> list[str]:
    """What a rule asks for or assumes beyond its level of `quantity`, in words."""
    words = [when_words(key, value) for key, value in rule.when.model_dump(exclude_defaults=True).items()]
    words += [f"only with {fact.words}" for fact in rule.also]
    if quantity in rule.repeatable:
        other = rule.repeatable[quantity]
        words.append(f"from {other.level:g} {other.unit} where the procedure may be repeated")
    if rule.window_days:
        words.append(f"procedures within {rule.window_days} days count")
    if rule.per == "single_field":
        words.append("to a single field")
    if rule.probability is not None:
        words.append(f"also where the true value is there with at least {rule.probability:.0%} probability")
    if quantity == "kap" and rule.kap_scales_with_field:
        words.append("level scales with the field")
    if rule.stands_for_psd_gy:
        words.append(f"stands for a peak skin dose of {rule.stands_for_psd_gy:g} Gy")
    return words + ([rule.status] if rule.status != "current" else [])


def when_words(key: str, value: Any) -> str:
    """One condition of `when` in words, e.g. "only where the procedure is named TACE, chemoembol"."""
    if isinstance(value, (tuple, list)):
        return f"only where the {key} is named {', '.join(value)}"
    if key == "purpose":
        return f"only where the purpose is {value}"
    quantity, bound, unit = key.split("_")
    return f"only for {quantity} {'from' if bound == 'min' else 'below'} {value:g} {unit}"


def to_dict(ruleset: RuleSet) -> dict[str, Any]:
    """The rule set for programs (`--json`): the keys of the file, every default filled in."""
    return ruleset.model_dump(mode="json", by_alias=True)
