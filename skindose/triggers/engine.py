"""Quantities of one procedure against a rule set -> Findings.

Each level is judged by itself: nothing that is missing, wrong or not exceeded for one quantity changes what is said
about another. A verdict has three values: fired, not fired, and not evaluable (None) with the reason in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from skindose.model import Finding, Findings, Quantity
from skindose.triggers.rules import QUANTITIES, Fact, Level, QuantityName, Rule, RuleSet

UNSIGNED = "levels not yet signed by this site's physicist"

# KAP / Ka,r outside these is a slip of unit rather than a field; a level is never scaled by it.
FIELD_AREAS_CM2 = (10.0, 900.0)
_STEP_SLACK = 1e-9  # 3.3 Gy is the third step of 0.1 Gy beyond 3 Gy although binary fractions say 2.9999999999999996
_MOST_STEPS = 2**30


@dataclass(frozen=True)
class Context:
    """What rules may ask for beside the quantities; None or "" means that it is not known.

    procedure      description and protocol, as text
    purpose        "examination" or "treatment"
    repeatable     whether the procedure may be repeated
    facts          name in the rule file -> number, e.g. {"skin_injury_grade": 2}; yes is 1, no is 0
    counted_days   how far back earlier procedures are contained in the quantities; 0: this procedure only
    signed_by      the physicist who signed this rule set; "" shows the levels as unsigned
    signed_on      the day, ISO 8601
    """

    procedure: str = ""
    station: str = ""
    region: str = ""
    purpose: str = ""
    age_years: float | None = None
    weight_kg: float | None = None
    repeatable: bool | None = None
    facts: Mapping[str, float] = field(default_factory=dict)
    counted_days: int = 0
    signed_by: str = ""
    signed_on: str = ""


@dataclass(frozen=True)
class _Hurdle:
    """Something beside the level that must hold; `holds` None: not known."""

    holds: bool | None
    words: str


def evaluate(ruleset: RuleSet, quantities: Mapping[str, Quantity], context: Context | None = None) -> Findings:
    """Every rule of the set on every quantity it has a level for, in the order of the file.

    quantities   "psd" Gy, "kar" Gy, "kap" Gy.cm2, "ft" min, as far as known; "field_area_cm2" (cm2) for levels of
                 KAP that scale with the field; others by their name in `rules.QUANTITIES`
    context      what is known about the procedure and the patient; None: nothing
                 one that is a lower bound below the level but may reach it is not evaluable, never "no"
    returns      one Finding per rule and quantity; `probability` is that of the true value being at or above the
                 level (of a lower bound: of the most that it can be), None where the rule is not evaluable or
                 something else that it asks for does not hold or is not known: nobody shall act on a share of a
                 conjunction
    """
    known = context or Context()
    return Findings(
        preset=ruleset.id,
        signed_by=known.signed_by,
        signed_on=known.signed_on,
        digest=ruleset.digest,
        findings=tuple(
            _finding(rule, name, quantities, known, ruleset.reference_field_cm2)
            for rule in ruleset.rules
            for name in rule.levels
        ),
        warnings=_warnings(ruleset, known),
    )


def probability(value: float, level: float, tolerance: float) -> float | None:
    """Probability that the true value is at or above `level` when the machine shows `value`.

        true = value / (1 + e), e rectangular in +-tolerance:  P = clip((value/level - 1 + t) / 2t, 0, 1)

    value, level   same unit, level > 0
    tolerance      relative, 0 <= t < 1; 0: exact, P is 0 or 1  [IEC 60601-2-43: 0.35 for air kerma and KAP]
    returns        None for a tolerance that is no tolerance
    """
    if not 0.0 <= tolerance < 1.0:
        return None
    if tolerance == 0.0:
        return float(value >= level)
    return min(1.0, max(0.0, (value / level - 1.0 + tolerance) / (2.0 * tolerance)))


def _finding(
    rule: Rule, name: QuantityName, quantities: Mapping[str, Quantity], known: Context, reference_cm2: float
) -> Finding:
    quantity = quantities.get(name) or Quantity(None, QUANTITIES[name].unit)
    why = _why_unusable(name, quantity)
    value = None if why or quantity.value is None else float(quantity.value)
    usual, other, notes = _levels(rule, name, quantities.get("field_area_cm2"), reference_cm2)
    acts = 1.0 if value is None else _ahead(quantity, rule.probability)
    judged = None if value is None else acts * value
    level, hurdles = _level_that_holds(usual, other, judged, rule.comparison, known)
    hurdles = hurdles + _hurdles(rule, known)
    fired, chance, steps = None, None, 0
    if value is not None and judged is not None:
        reached = _reaches(judged, level.level, rule.comparison)
        open_ = "" if reached else _may_reach(name, quantity, acts, level, rule.comparison)
        fired, why = _verdict(reached, hurdles, open_)
        if not open_ and all(h.holds for h in hurdles):
            shown = _reaches(value, level.level, rule.comparison)
            chance = _probability(quantity, _most(quantity, value), level, shown)
            if reached and not shown:
                notes = [*notes, f"the value is below the level; the rule acts from {rule.probability:.0%} probability"]
        steps = _steps(judged, level, rule.comparison) if fired else 0
    return Finding(
        rule=rule.id,
        kind=rule.kind,
        quantity=name,
        value=value,
        level=level.level,
        unit=level.unit,
        fired=fired,
        probability=chance,
        reason=why if fired is None else "",
        steps=steps,
        source=rule.source,
        provenance=rule.provenance,
        what_follows=rule.what_follows,
        acts_from_probability=rule.probability,
        note="; ".join(_notes(quantity, notes + _caveats(rule, known), fired, why)),
    )


def _notes(quantity: Quantity, notes: list[str], fired: bool | None, why: str) -> list[str]:
    bound = f"a lower bound: {_bound(quantity)}" if quantity.lacks and fired is not None else ""
    return [text for text in (bound, quantity.note, *notes, why if fired is False else "") if text]


def _bound(quantity: Quantity) -> str:
    """What a lower bound lacks, and how much it can be."""
    known = quantity.at_most is not None and math.isfinite(quantity.at_most)
    return quantity.lacks + (f"; it is at most {quantity.at_most:.3g} {quantity.unit}" if known else "")


def _ahead(quantity: Quantity, chance: float | None) -> float:
    """What the true value reaches with probability `chance`, over the value that is shown; never below 1, so that a
    rule fires on its value in any case. 1 where the rule does not ask for it.

        true = value / (1 + e):  P(true >= L) = chance  at  L = value / (1 - t + 2 t chance)
    """
    if chance is None or not quantity.value:
        return 1.0
    if quantity.draws is not None:
        last = max(1, math.ceil(chance * len(quantity.draws) - _STEP_SLACK))
        return max(1.0, float(np.partition(quantity.draws, -last)[-last]) / quantity.value)
    t = quantity.tolerance
    return max(1.0, 1.0 / (1.0 - t + 2.0 * t * chance)) if 0.0 <= t < 1.0 else 1.0


def _may_reach(name: str, quantity: Quantity, acts: float, level: Level, comparison: str) -> str:
    """Why a quantity below the level may nevertheless reach it; "" where it cannot."""
    if quantity.at_most is None or not _reaches(acts * quantity.at_most, level.level, comparison):
        return ""
    return f"{QUANTITIES[name].words} is only a lower bound and may reach the level: {_bound(quantity)}"


def _most(quantity: Quantity, value: float) -> float:
    return quantity.at_most if quantity.at_most is not None and math.isfinite(quantity.at_most) else value


def _caveats(rule: Rule, known: Context) -> list[str]:
    found = []
    if rule.window_days > known.counted_days:
        found.append(f"earlier procedures within {rule.window_days} days are not counted: a lower bound")
    if rule.stands_for_psd_gy:
        found.append(f"the level stands for a peak skin dose of {rule.stands_for_psd_gy:g} Gy")
    return found


def _why_unusable(name: str, quantity: Quantity) -> str:
    """Why a quantity cannot be compared with a level, in words; "" where it can."""
    kind = QUANTITIES[name]
    if quantity.value is None:
        return f"{kind.words} is missing" + (f": {quantity.reason}" if quantity.reason else "")
    if quantity.unit != kind.unit:
        return f"{kind.words} is in {quantity.unit or 'no unit'}, the level in {kind.unit}"
    if not math.isfinite(quantity.value) or quantity.value < 0:
        return f"{kind.words} is not a possible number"
    if quantity.value == 0:
        return f"{kind.words} is zero" + (f": {quantity.reason}" if quantity.reason else "")
    return ""


def _levels(
    rule: Rule, name: QuantityName, area: Quantity | None, reference_cm2: float
) -> tuple[Level, Level | None, list[str]]:
    """The rule's level, the one where the procedure may be repeated if it has one, and how they were scaled."""
    usual, other = rule.levels[name], rule.repeatable.get(name)
    if name != "kap" or not rule.kap_scales_with_field:
        return usual, other, []
    low, high = FIELD_AREAS_CM2
    if area is None or area.value is None or area.unit != "cm2" or not low <= area.value <= high:
        return usual, other, ["the field at the skin is not known: level not scaled"]  # it must still fire
    factor = area.value / reference_cm2
    note = f"level scaled to a field of {area.value:.0f} cm2"
    return _scaled(usual, factor), None if other is None else _scaled(other, factor), [note]


def _scaled(level: Level, factor: float) -> Level:
    step = None if level.step is None else level.step * factor
    return Level(level=level.level * factor, unit=level.unit, step=step)


def _level_that_holds(
    usual: Level, other: Level | None, value: float | None, comparison: str, known: Context
) -> tuple[Level, tuple[_Hurdle, ...]]:
    """The usual level, or the other one where the procedure may be repeated.

    Where nobody knows whether it may, a value above both or below both is clear; between them the question is open.
    """
    if other is None or known.repeatable is False:
        return usual, ()
    if known.repeatable:
        return other, ()
    low, high = sorted((usual, other), key=lambda level: level.level)
    if value is not None and _reaches(value, high.level, comparison):
        return high, ()
    words = f"the procedure may be repeated (then from {other.level:g}, otherwise from {usual.level:g} {usual.unit})"
    return low, (_Hurdle(None, words),)


def _reaches(value: float, level: float, comparison: str) -> bool:
    return value > level if comparison == ">" else value >= level


def _verdict(reached: bool, hurdles: Iterable[_Hurdle], open_: str) -> tuple[bool | None, str]:
    """Fired, not fired or not evaluable (None), and why where more than the level decided.

    A level that is not reached is clear whatever else is unknown. Of what must also hold, one that does not is
    enough for "not fired", and else one that is not known for "not evaluable".

    open_   why a level that is not reached may be reached nevertheless
    """
    if not reached and not open_:
        return False, ""
    failed = [hurdle.words for hurdle in hurdles if hurdle.holds is False]
    if failed:
        state = "may be" if open_ else "is"
        return False, f"the level {state} reached but the rule does not apply: it asks whether {' and '.join(failed)}"
    if open_:
        return None, open_
    unknown = [hurdle.words for hurdle in hurdles if hurdle.holds is None]
    if unknown:
        return None, f"the level is reached, but it is not known whether {' and whether '.join(unknown)}"
    return True, ""


def _probability(quantity: Quantity, most: float, level: Level, reached: bool) -> float | None:
    """Of the true value being at or above the level: by the quantity's draws, else by its tolerance.

    most   the value, or of a lower bound the most that it can be: the draws are taken to spread as about the value
    """
    if quantity.draws is not None and quantity.value:
        return float((quantity.draws * (most / quantity.value) >= level.level).mean())
    return float(reached) if quantity.tolerance == 0 else probability(most, level.level, quantity.tolerance)


def _steps(value: float, level: Level, comparison: str) -> int:
    """Increments passed beyond the first level; of an absurd value no more than a database's integer holds."""
    if level.step is None:
        return 0
    passed = min((value - level.level) / level.step, _MOST_STEPS)
    if comparison == ">":
        return max(0, math.ceil(passed - _STEP_SLACK) - 1)
    return max(0, math.floor(passed + _STEP_SLACK))


def _hurdles(rule: Rule, known: Context) -> tuple[_Hurdle, ...]:
    when = rule.when
    found = [_named(key, getattr(when, key), getattr(known, key)) for key in ("procedure", "station", "region")]
    if when.purpose:
        holds = known.purpose == when.purpose if known.purpose else None
        found.append(_Hurdle(holds, f"the purpose is {when.purpose}"))
    found += _within("age", known.age_years, when.age_min_years, when.age_below_years)
    found += _within("weight", known.weight_kg, when.weight_min_kg, when.weight_below_kg)
    found += [_fact(fact, known.facts.get(fact.fact)) for fact in rule.also]
    return tuple(hurdle for hurdle in found if hurdle is not None)


def _named(key: str, wanted: tuple[str, ...], text: str) -> _Hurdle | None:
    """Whether a text names one of the words. That it does not is no proof: texts are free, so this is never False."""
    if not wanted:
        return None
    starts = "|".join(re.escape(word.casefold()) for word in wanted)
    holds = re.search(rf"(?<![^\W_])(?:{starts})", text.casefold()) is not None
    return _Hurdle(holds or None, f"the {key} is one of {', '.join(wanted)}")


def _within(name: str, value: float | None, low: float | None, below: float | None) -> list[_Hurdle]:
    if low is None and below is None:
        return []
    bounds = [f"{words} {bound:g}" for words, bound in (("at least", low), ("below", below)) if bound is not None]
    holds = None
    if value is not None and math.isfinite(value) and value > 0:
        holds = (low is None or value >= low) and (below is None or value < below)
    return [_Hurdle(holds, f"the {name} is {' and '.join(bounds)}")]


def _fact(fact: Fact, value: float | None) -> _Hurdle:
    if value is None or not math.isfinite(value):
        return _Hurdle(None, f"there is {fact.words}")
    holds = (
        (fact.above is None or value > fact.above)
        and (fact.at_least is None or value >= fact.at_least)
        and (fact.at_most is None or value <= fact.at_most)
    )
    return _Hurdle(holds, f"there is {fact.words}")


_DOUBTS = {
    "recalled": "recalled from the literature, not checked against the source: a physicist must check and sign them",
    "second_hand": "quoted second hand: a physicist must check them against the source",
}


def _warnings(ruleset: RuleSet, known: Context) -> tuple[str, ...]:
    """What must be said wherever the findings are shown."""
    found = [] if known.signed_by else [f"{ruleset.id}: {UNSIGNED}"]
    for provenance, words in _DOUBTS.items():
        ids = [rule.id for rule in ruleset.rules if rule.provenance == provenance]
        if ids:
            found.append(f"levels of {', '.join(ids)} are {words}")
    for rule in ruleset.rules:
        if rule.status != "current":
            found.append(f"{rule.id}: {rule.status}" + (f" ({rule.status_note})" if rule.status_note else ""))
    return tuple(found)
