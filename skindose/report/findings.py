"""The triggers in words: which levels are passed, what follows, and every rule as a row."""

from __future__ import annotations

from typing import Any

from skindose.report.scene import NO_VALUE, format_dose_mgy, format_quantity, percent, words
from skindose.triggers.rules import QUANTITIES
from skindose.units import gy_to_mgy

Facts = dict[str, Any]
Rows = list[tuple[str, str]]


def fired(triggers: list[Facts]) -> Rows:
    """Which levels are passed, and what follows of that."""
    reached = sorted((finding for finding in triggers if finding["fired"]), key=urgency)
    unknown = sum(finding["fired"] is None for finding in triggers)
    rows = [("Not evaluable", f"{unknown} of {len(triggers)} triggers, see below")] if unknown else []
    if not reached:
        return [("Triggers", "none exceeded"), *rows]
    passed: dict[str, list[Facts]] = {}
    for finding in reached:
        passed.setdefault(_quantity(finding), []).append(finding)
    said = "; ".join(f"{name} over {_levels(own)}" for name, own in passed.items())
    follows = dict.fromkeys(finding["what_follows"] for finding in reached if finding["what_follows"])
    rows = [("Triggers", f"{len(reached)} of {len(triggers)} exceeded: {said}"), *rows]
    return [*rows, ("What follows", " ".join(follows))] if follows else rows


def _levels(findings: list[Facts]) -> str:
    """The levels of one quantity, from low to high."""
    ordered = sorted(findings, key=lambda finding: float(finding["level"]))
    return " and ".join(
        dict.fromkeys(
            _value(finding["level"], finding["unit"]) + (" (on its probability)" if on_probability(finding) else "")
            for finding in ordered
        )
    )


def on_probability(finding: Facts) -> bool:
    """Whether a rule fired on the probability of exceedance alone: the value that is shown is below the level."""
    asked, value = finding.get("acts_from_probability"), finding["value"]
    return bool(finding["fired"] and asked is not None and value is not None and value < finding["level"])


def _quantity(finding: Facts) -> str:
    """A rule's quantity in words."""
    quantity: str = finding["quantity"]
    return QUANTITIES[quantity].words if quantity in QUANTITIES else words(quantity)


def signed(trigger_set: Facts) -> str:
    """The rule set, and whether a physicist signed its levels."""
    if trigger_set["signed_by"]:
        on = f" on {trigger_set['signed_on']}" if trigger_set.get("signed_on") else ""
        return f"{trigger_set['preset']}, levels signed by {trigger_set['signed_by']}{on}"
    return f"{trigger_set['preset']}, levels not yet signed by this site's physicist"


def urgency(finding: Facts) -> tuple[int, int]:
    """What fired stands first, then what could not be evaluated; in each what starts follow-up; then in rule order."""
    return _CLASSES.index(_class(finding)), finding["kind"] == "intraprocedure"


_CLASSES = ("fired", "open", "calm")


def _class(finding: Facts) -> str:
    return "fired" if finding["fired"] else "open" if finding["fired"] is None else "calm"


def _value(value: float | None, unit: str) -> str:
    """A quantity or level; doses as everywhere on the page."""
    return format_dose_mgy(gy_to_mgy(value)) if value is not None and unit == "Gy" else format_quantity(value, unit)


def trigger_row(finding: Facts) -> dict[str, Any]:
    """A rule as a row of the page, its texts by the name that the template gives them."""
    chance = finding["probability"]
    kind = "" if finding["kind"] == "trigger" else f"{finding['kind']} rule"
    return {
        "kind": _class(finding),
        "state": _state(finding),
        "quantity": _quantity(finding),
        "remarks": [text for text in (finding["reason"], finding["note"]) if text],
        "value": _value(finding["value"], finding["unit"]),
        "level": _value(finding["level"], finding["unit"]),
        "probability": NO_VALUE if chance is None else percent(chance),
        "on_probability": on_probability(finding),
        "rule": finding["rule"],
        "source": "; ".join(filter(None, (kind, finding["source"], words(finding["provenance"] or "")))),
        "follows": (finding["what_follows"] or "") if finding["fired"] else "",
    }


def _state(finding: Facts) -> str:
    if finding["fired"] is None:
        return "? not evaluable"
    if not finding["fired"]:
        return "not reached"
    steps = finding["steps"]
    state = "▲ may be exceeded" if on_probability(finding) else "▲ exceeded"
    return f"{state}, +{steps} step{'s' if steps > 1 else ''}" if steps else state
