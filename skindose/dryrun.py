"""What a rule set would have said of cases that are stored: how often each level would have fired, where, and when.

Nothing is read or cast again: the quantities come out of result.json. What is not kept there is approximated
(APPROXIMATIONS); `Past.findings` of a case that was computed again takes its place.
"""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from skindose import triggers, units
from skindose.model import Finding, FloatArray, Quantity
from skindose.quantities import larger
from skindose.triggers import Context, RuleSet
from skindose.triggers.followup import starts_followup
from skindose.uncertainty import KERMA_TOLERANCE

APPROXIMATIONS = (
    "The peak's probabilities come from its stored standard deviations, not its draws: some points of percent off.",
    "Air kerma and kerma-area product have the display's tolerance of 35 %, also where the machine is calibrated.",
    "Whether air kerma, kerma-area product or fluoroscopy time is a lower bound is known only where the rules in force"
    " then looked at them.",
    "The procedure is known by its description, not by its protocols' names.",
)
"""What differs from computing the cases again, in words."""

COUNTING = (
    "Rules that count earlier procedures are judged on the registry's sums of just their window, with the display's"
    " tolerance; where it has none, and in result folders, on each procedure alone."
)
"""What is said besides where there are such rules, also of cases that are computed again."""

_DRAWS = 100  # of either part of the stored distribution: 10,000 in all
_DISPLAY = "air kerma display"  # the budget's line
_WIDEST = 0.9
_RECTANGULAR = 0.95  # 1 / (1 + e) spreads a little more than e itself: 0.213 for 0.35 / sqrt(3) = 0.202


@dataclass(frozen=True)
class Past:
    """A case of the past.

    name       its folder's name or its case number
    date       of the study, ISO 8601; "" where it is not stated
    facts      result.json
    findings   of the tried and of the other rule set, computed again; None: from `facts`
    sums       of the patient's procedures up to this one: window in days -> cumulative.json
    """

    name: str
    date: str
    facts: Mapping[str, Any]
    findings: tuple[tuple[Finding, ...], tuple[Finding, ...]] | None = None
    sums: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def dry_run(tried: RuleSet, other: RuleSet, past: Iterable[Past]) -> dict[str, Any]:
    """What `tried` would have said, beside `other`: a document for programs and for the table.

    Two cases of one name, of different folders, count as two.
    """
    cases: list[tuple[str, str]] = []
    said: tuple[list[tuple[Finding, ...]], list[tuple[Finding, ...]]] = ([], [])
    exact = True
    for one in past:
        cases.append((one.name, one.date))
        exact = exact and one.findings is not None
        found = one.findings or judged((tried, other), one.facts)
        for side, ruleset, findings in zip(said, (tried, other), found, strict=True):
            side.append(_with_sums(ruleset, findings, one))
    months = _months(date for _, date in cases)
    dates = sorted(date for _, date in cases if date)
    return {
        "cases": len(cases),
        "undated": sum(not date for _, date in cases),
        "from": dates[0] if dates else None,
        "to": dates[-1] if dates else None,
        "months": len(months),
        "exact": exact,
        "approximations": [*([] if exact else APPROXIMATIONS), *([COUNTING] if _count(tried, other) else [])],
        "tried": _told(tried, cases, said[0], months),
        "in_force": _told(other, cases, said[1], months),
    }


def judge(ruleset: RuleSet, facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What the rules say of a stored result.

    facts   result.json
    """
    return judged((ruleset,), facts)[0]


def judged(sets: Iterable[RuleSet], facts: Mapping[str, Any]) -> tuple[tuple[Finding, ...], ...]:
    """What each rule set says of a stored result, whose quantities are the same for all."""
    known, asked = quantities(facts), context(facts)
    return tuple(triggers.evaluate(one, known, asked).findings for one in sets)


def _count(*sets: RuleSet) -> bool:
    """Whether any rule counts earlier procedures."""
    return any(rule.window_days for one in sets for rule in one.rules)


def _with_sums(ruleset: RuleSet, findings: tuple[Finding, ...], one: Past) -> tuple[Finding, ...]:
    """The findings, of which those of rules that count earlier procedures are the sums'."""
    of_sums: dict[tuple[str, str], Finding] = {}
    for days, document in one.sums.items():
        counting = tuple(rule for rule in ruleset.rules if rule.window_days == days)
        asked = replace(context(one.facts), counted_days=days)
        said = triggers.evaluate(ruleset.model_copy(update={"rules": counting}), _of_sum(document), asked)
        of_sums |= {(each.rule, each.quantity): each for each in said.findings}
    return tuple(of_sums.get((each.rule, each.quantity), each) for each in findings)


def _of_sum(document: Mapping[str, Any]) -> dict[str, Quantity]:
    """What the rules judge of several procedures, as far as cumulative.json has it."""
    peak, totals = document["peak"], document["totals"]
    kerma_mgy, kap, time_s = totals["air_kerma_mgy"], totals["kap_gycm2"], totals["fluoro_time_s"]
    shown = units.mgy_to_gy(peak["skin_dose_mgy"]) if peak else None
    lacks = (peak["lower_bound_reason"] or "") if peak else ""
    bound = units.mgy_to_gy(peak["at_most_mgy"]) if peak and peak["at_most_mgy"] is not None else math.inf
    none = "no procedure reports a usable number"
    return {
        "psd": Quantity(shown, "Gy", none, "", KERMA_TOLERANCE, bound if lacks else None, lacks),
        "kar": Quantity(units.mgy_to_gy(kerma_mgy) if kerma_mgy else None, "Gy", none, "", KERMA_TOLERANCE),
        "kap": Quantity(kap, "Gy.cm2", none, "", KERMA_TOLERANCE),
        "ft": Quantity(units.s_to_min(time_s) if time_s else None, "min", none),
    }


# --- Quantities from result.json


def quantities(facts: Mapping[str, Any]) -> dict[str, Quantity]:
    """What the rules judge, as far as result.json has it: psd, kar, kap, ft and the field's area."""
    totals = facts["totals"]
    kerma_mgy, kap, time_s = (
        larger(totals[name]["together"])[0] for name in ("air_kerma_mgy", "kap_gycm2", "fluoro_time_s")
    )
    kerma_gy = units.mgy_to_gy(kerma_mgy) if kerma_mgy else None
    found = {
        "psd": _peak(facts),
        "kar": _total(facts, "kar", kerma_gy, "Gy", KERMA_TOLERANCE),
        "kap": _total(facts, "kap", kap, "Gy.cm2", KERMA_TOLERANCE),
        "ft": _total(facts, "ft", units.s_to_min(time_s) if time_s else None, "min", 0.0),
    }
    return {**found, **({"field_area_cm2": Quantity(kap / kerma_gy, "cm2")} if kap and kerma_gy else {})}


def _total(facts: Mapping[str, Any], name: str, value: float | None, unit: str, tolerance: float) -> Quantity:
    if value is None:
        return Quantity(None, unit, reason="neither a total nor events report a usable number")
    lacks = _lower_bound(facts, name)
    return Quantity(value, unit, tolerance=tolerance, at_most=math.inf if lacks else None, lacks=lacks)


def _lower_bound(facts: Mapping[str, Any], name: str) -> str:
    """Why a quantity is only a lower bound, as the rules of then said it; "" where they did not."""
    said = (text for one in facts["triggers"] if one["quantity"] == name for text in (one["note"], one["reason"]))
    return next((text for text in said if text and re.search(r"a lower bound( and|:)", text)), "")


def _peak(facts: Mapping[str, Any]) -> Quantity:
    peak = facts["peak"]
    if not peak:
        return Quantity(None, "Gy", reason=f"no map: {facts['no_map_reason']}")
    shown, bound = peak["skin_dose_mgy"], facts["peak_upper_bound_mgy"]
    lacks, stood = peak["lower_bound_reason"] or "", peak["if_runs_stood_mgy"]
    most = None if not lacks else math.inf if bound is None else bound
    if stood is not None:
        most = (shown if most is None else most) + stood - shown
        lacks = lacks or "where rotational runs turned is assumed"
    draws = _draws_mgy(peak)
    return Quantity(
        units.mgy_to_gy(shown),
        "Gy",
        tolerance=KERMA_TOLERANCE if draws is None else 0.0,
        at_most=None if most is None else units.mgy_to_gy(most),
        lacks=lacks,
        draws=None if draws is None else units.mgy_to_gy(1.0) * draws,
    )


def _draws_mgy(peak: Mapping[str, Any]) -> FloatArray | None:
    """Equally likely true peaks, of the mean and standard deviation that are stored; None where none are.

    true = c b / (1 + e),  e rectangular: the air kerma display; b log-normal: everything else together
    """
    known = peak["uncertainty"]
    if not known or not known["mean_mgy"]:
        return None
    shown = (one["relative_standard"] for one in known["sources"] if one["source"] == _DISPLAY)
    display = _display(next(shown, 0.0))
    total = known["relative_standard"] * peak["skin_dose_mgy"] / known["mean_mgy"]
    rest = max(1.0, (1.0 + total**2) / float((display**2).mean()))  # the display's mean is 1
    z = np.array([NormalDist().inv_cdf((i + 0.5) / _DRAWS) for i in range(_DRAWS)])
    other = np.exp(math.sqrt(math.log(rest)) * z)
    drawn: FloatArray = known["mean_mgy"] / other.mean() * np.outer(display, other).ravel()
    return drawn


def _display(standard: float) -> FloatArray:
    """True over displayed air kerma of this relative standard deviation, the mean 1."""
    within = 0.0 if not standard else min(_WIDEST, math.sqrt(3.0) * standard * _RECTANGULAR)
    ratio: FloatArray = 1.0 / (1.0 + within * (2.0 * (np.arange(_DRAWS) + 0.5) / _DRAWS - 1.0))
    return ratio / float(ratio.mean())


def context(facts: Mapping[str, Any]) -> Context:
    """What rules may ask for beside the quantities, as far as result.json has it."""
    placed, patient = facts["placement"], facts["patient"]
    region = placed["region"] if placed and placed["region_status"] != "assumed" else None
    return Context(
        procedure=facts["procedure"]["description"] or "",
        station=facts["procedure"]["station"] or "",
        region=region or "",
        age_years=patient["age_years"],
        weight_kg=patient["weight_kg"],
    )


# --- Counting


def _told(
    ruleset: RuleSet, cases: list[tuple[str, str]], said: list[tuple[Finding, ...]], months: list[str]
) -> dict[str, Any]:
    """A rule set's counts; the findings of every case come in the order of the rules' levels."""
    levels = [(rule, name) for rule in ruleset.rules for name in rule.levels]
    pairs = list(zip(cases, said, strict=True))
    any_fired = [case for case, found in pairs if any(one.fired for one in found)]
    starts = [case for case, found in pairs if starts_followup(found)]
    return {
        "id": ruleset.id,
        "digest": ruleset.digest,
        "cases_fired": len(any_fired),
        "cases_with_follow_up": len(starts),
        "per_month": _per_month(any_fired, months),
        "levels": [
            _level(rule, name, [(case, found[index]) for case, found in pairs], months)
            for index, (rule, name) in enumerate(levels)
        ],
    }


def _level(rule: Any, name: Any, found: list[tuple[tuple[str, str], Finding]], months: list[str]) -> dict[str, Any]:
    """One level of one rule over all cases."""
    fired = [(case, one) for case, one in found if one.fired]
    level = rule.levels[name]
    beyond = (one.value is not None and one.value < one.level for _, one in fired)
    return {
        "rule": rule.id,
        "kind": rule.kind,
        "quantity": name,
        "level": level.level,
        "step": level.step,
        "unit": level.unit,
        "fired": len(fired),
        "on_probability": sum(beyond),
        "steps": {str(step): count for step, count in sorted(Counter(one.steps for _, one in fired).items())},
        "not_evaluable": sum(one.fired is None for _, one in found),
        "per_month": _per_month([case for case, _ in fired], months),
        "cases": [name for (name, _), _ in fired],
    }


def _months(dates: Iterable[str]) -> list[str]:
    """Every month from the first to the last, "2026-01"."""
    known = sorted(date[:7] for date in dates if _is_date(date))
    if not known:
        return []
    first, last = (12 * int(month[:4]) + int(month[5:]) - 1 for month in (known[0], known[-1]))
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(first, last + 1)]


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _per_month(cases: list[tuple[str, str]], months: list[str]) -> dict[str, int]:
    """How many in each month; cases without a date are in none."""
    count = Counter(date[:7] for _, date in cases)
    return {month: count[month] for month in months}
