"""What an alert's mail says, as sections of labelled lines; text and HTML both show exactly these.

Only what `allowed` lets through is ever looked at: result.json also holds texts that a file or a user wrote (the
procedure's description, the station, notes, names on calibration records), and those may name a patient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from skindose.changes import EXCLUDED
from skindose.quantities import larger
from skindose.report.budget import where
from skindose.report.counted import Earlier, told
from skindose.report.findings import trigger_row
from skindose.report.scene import NO_VALUE, format_dose_mgy, format_interval_mgy, format_quantity
from skindose.report.wording import banners, peak_words, reaction
from skindose.triggers import followup
from skindose.triggers.followup import Due, due

Facts = dict[str, Any]

ESTIMATE = "unsigned estimate"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONGEST_TEXT = 300  # of what comes from a file of the site or the report

LEVELS = {
    1: "first notification",
    2: "substantial radiation dose level",
    3: "very high dose",
    4: "highest level",
}
_NO_MAP = "no dose map could be made, the dose is not known from one"
_REVIEW = "Review the map (placement, profile, assumptions) and sign it off or correct it within 5 working days."
_CONTACTS = "Make the contacts below. A contact that was missed stays an open task; it is not \u201cno finding\u201d."
_OF_THE_SUM = (
    "This procedure and the earlier ones together passed the level below; the value is theirs. A picture in this mail "
    "shows this procedure alone."
)
ASKED = {
    "operator": (
        "Tell the patient before discharge: where on the skin, what to look for and whom to call. Record the dose and "
        "that the patient was told."
    ),
    "followup_nurse": _CONTACTS,
    "physicist": _REVIEW,
    "head_of_department": "See to it that the patient is informed and the contacts below have somebody who makes them.",
    "radiation_protection": "See to it that the map is reviewed within 5 working days and the case is assessed.",
    "quality": "Decide whether this is an incident to be examined; the physicist's review follows.",
    "risk": "Decide whether this is an incident to be examined; the physicist's review follows.",
}


@dataclass(frozen=True)
class Alert:
    """What a mail needs beside the result; nothing here may name a patient.

    case             random local case number: "K-2026-0147"
    level            the rule's severity, 1 to 4
    rule, quantity   the finding in result.json's `triggers`; both "" where the alert is that there is no map
    acknowledge_by   with its time zone
    role             the recipient's
    told             roles of the others who are told
    room             the site's alias of the room
    base_address     "https://dose.example.org": where a reader logs in; "": no link
    earlier          None: earlier procedures were not looked for
    of_sum           the alert is of the sum with earlier procedures, not of this one alone
    escalated_from   the role that did not acknowledge in time; "" where this is the first mail
    contacts         the follow-up
    also             rule, quantity and severity of the other alerts that the same mail tells; none is more severe
    """

    case: str
    level: int
    rule: str
    quantity: str
    acknowledge_by: datetime
    role: str
    told: tuple[str, ...] = ()
    room: str = ""
    base_address: str = ""
    earlier: Earlier | None = None
    of_sum: bool = False
    escalated_from: str = ""
    contacts: tuple[Due, ...] = field(default=())
    also: tuple[tuple[str, str, int], ...] = ()


class Section(NamedTuple):
    """A heading, and lines of (label, text); label "" for a line of its own."""

    title: str
    rows: tuple[tuple[str, str], ...]


# --- What may be said

# What is taken from result.json; None: as it is; a dict: those keys of it; a list of a dict: those of every element.
_ALLOWED: dict[str, Any] = {
    "procedure": {"date": None},
    "profile": {"name": None, "status": None},
    "calibration": {"status": None},
    "placement": {"axes": None, "region_status": None},
    "totals": {
        "air_kerma_mgy": {"together": None},
        "kap_gycm2": {"together": None},
        "events": None,
        "events_mapped": None,
        "air_kerma_mapped_fraction": None,
    },
    "peak": {
        "skin_dose_mgy": None,
        "cell_max_mgy": None,
        "position_mm": None,
        "cell": None,
        "region": None,
        "interval_95_mgy": None,
        "lower_bound_reason": None,
        "uncertainty": {"place_within_mm_95": None, "regions": None},
    },
    "no_map_reason": None,
    "peak_upper_bound_mgy": None,
    "regions": None,
    "trigger_set": {"preset": None},
    "triggers": [
        dict.fromkeys(
            (
                "rule", "kind", "quantity", "value", "level", "unit", "fired", "probability", "reason", "steps",
                "source", "provenance", "what_follows", "note", "acts_from_probability",
            )
        )
    ],
}  # fmt: skip


def allowed(facts: Mapping[str, Any]) -> Facts:
    """Of result.json what a mail may say, texts on one line, without control signs and shortened.

    A user's note stands within the program's own reason where an event is excluded: it is taken out there. Also says
    whether a physicist signed the rules (`rules_signed`), not who, and how many changes the user made.
    """
    changes = facts.get("user_changes") or ()
    noted = [f"{EXCLUDED}: {change['note']}" for change in changes if change.get("note")]

    def said(text: str) -> str:
        for one in sorted(noted, key=len, reverse=True):  # of two notes, one may begin like the other
            text = text.replace(one, EXCLUDED)
        return plain(text)

    picked: Facts = _picked(facts, _ALLOWED, said)
    picked["rules_signed"] = bool((facts.get("trigger_set") or {}).get("signed_by"))
    picked["user_changes"] = len(changes)
    return picked


def _picked(value: Any, pattern: Any, said: Callable[[str], str]) -> Any:
    """What `pattern` lets through, every text as `said` has it."""
    if isinstance(pattern, dict):
        return None if value is None else {key: _picked(value.get(key), inner, said) for key, inner in pattern.items()}
    if isinstance(pattern, list):
        return [_picked(item, pattern[0], said) for item in value or ()]
    if isinstance(value, Mapping):
        return {said(str(key)): _picked(inner, None, said) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_picked(item, None, said) for item in value]
    return said(value) if isinstance(value, str) else value


def plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """One line without control signs, shortened.

    >>> plain("a" + chr(10) + "Bcc: x" + chr(0x202e)), plain("abcdef", 4)
    ('a Bcc: x?', 'abc…')
    """
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "\u2026"


def procedure_day(facts: Mapping[str, Any]) -> date | None:
    """The day of the procedure; None where the report does not state it."""
    try:
        return date.fromisoformat((facts.get("procedure") or {}).get("date") or "")
    except ValueError:
        return None


def planned(facts: Mapping[str, Any]) -> tuple[Due, ...]:
    """The follow-up contacts of a result, dated; none without a fired trigger or where the day is not known."""
    day = procedure_day(facts)
    return due(followup.of_facts(facts), day) if day else ()


# --- Words


def short_time(moment: datetime) -> str:
    """As a subject has it, whatever the machine's language: "25 Nov 16:00"."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment:%H:%M}"


def long_day(day: date) -> str:
    """As a text has it: "Wed 25 Nov 2026"."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def long_time(moment: datetime) -> str:
    """With day and time zone: "Wed 25 Nov 2026, 16:00 (UTC+01:00)"."""
    zone = f"{moment:%z}"
    return f"{long_day(moment)}, {moment:%H:%M} (UTC{zone[:3]}:{zone[3:5]})"


def role_words(role: str) -> str:
    """A role as words: "followup_nurse" -> "follow-up nurse"."""
    return plain(role.replace("followup", "follow-up").replace("_", " "))


def link(alert: Alert) -> str:
    """Where a reader who logs in finds the case; "" without a base address."""
    return f"{alert.base_address.rstrip('/')}/cases/{alert.case}" if alert.base_address else ""


def headline(alert: Alert) -> str:
    """The mail's first line."""
    return f"Level {alert.level} of {len(LEVELS)}: {LEVELS[alert.level] if alert.rule else _NO_MAP}"


def under_headline(alert: Alert, facts: Facts) -> str:
    """Which case, in which room, on which day."""
    day = procedure_day(facts)
    parts = (f"case {alert.case}", plain(alert.room, 60), long_day(day) if day else "day not stated in the report")
    return " \u00b7 ".join(filter(None, parts))


def sections(alert: Alert, facts: Facts) -> tuple[Section, ...]:
    """Everything a mail says below its headline; `facts` as `allowed` gives them."""
    found = (
        Section("What is asked of you", tuple(_asked(alert))),
        Section(f"Result: {ESTIMATE}", tuple(_result(alert, facts))),
        Section("Why this alert", tuple(_why(alert, facts))),
        Section("Quality of the data", tuple(_quality(facts))),
        Section("Follow-up", tuple(_followup(alert, facts))),
        Section("Who else is told", tuple(_told(alert))),
    )
    return tuple(section for section in found if section.rows)


def _asked(alert: Alert) -> Iterator[tuple[str, str]]:
    yield "Acknowledge by", long_time(alert.acknowledge_by)
    yield "How", f"skindose alerts ack {alert.case} --by NAME, where skindose runs; or tell who looks after it"
    yield f"As {role_words(alert.role)}", ASKED.get(alert.role, _CONTACTS)
    if alert.escalated_from:
        yield "Escalated", f"The {role_words(alert.escalated_from)} did not acknowledge in time."
    if address := link(alert):
        yield "After log-in", address


def _result(alert: Alert, facts: Facts) -> Iterator[tuple[str, str]]:
    peak, totals = facts["peak"], facts["totals"]
    if alert.of_sum:
        yield "Earlier procedures", told(alert.earlier)
        yield "This procedure", "what follows is of this procedure alone, not of the sum"
    yield "Peak skin dose", _peak(facts)
    if peak:
        yield "Where", where(peak)
    kerma_mgy, _ = larger(totals["air_kerma_mgy"]["together"])
    kap, _ = larger(totals["kap_gycm2"]["together"])
    yield "Air kerma at the reference point", format_dose_mgy(kerma_mgy)
    yield "Kerma-area product", format_quantity(kap, "Gy.cm2")
    yield from _reaction(facts, alert.of_sum)
    if not alert.of_sum:
        yield "Earlier procedures", told(alert.earlier)


def _peak(facts: Facts) -> str:
    peak, bound = facts["peak"], facts["peak_upper_bound_mgy"]
    most = f", not above {format_dose_mgy(bound)}" if bound is not None else ""
    if not peak:
        return f"not known{most}"
    interval = peak["interval_95_mgy"]
    spread = f"95 % interval {format_interval_mgy(*interval)}" if interval else "range not known"
    return f"{peak_words(peak)} ({spread}{most}), {ESTIMATE}"


def _reaction(facts: Facts, of_sum: bool) -> Iterator[tuple[str, str]]:
    found = reaction(facts)
    if found:
        periods = "".join(f"; {when}: {what}" for when, what in found["periods"])
        alone = "by this procedure's dose alone: " if of_sum else ""
        yield (
            "Tissue reaction",
            f"{alone}band {found['name']}" + (f" ({found['doses']})" if found["doses"] else "") + periods,
        )
        yield "How to read it", found["caveat"]


def _why(alert: Alert, facts: Facts) -> Iterator[tuple[str, str]]:
    """The finding the alert is about, then what else was exceeded, by rule."""
    if not alert.rule:
        yield "No map", f"{facts['no_map_reason'] or 'the map failed'}. Judge by the totals above."
    if alert.of_sum:
        yield "Of the sum", _OF_THE_SUM
    own = _of(facts, alert.rule, alert.quantity)
    for finding in own:
        yield from _own(trigger_row(finding))
    if alert.rule and not own:  # the rules have changed since
        yield "Rule", plain(alert.rule)
    for rule, quantity, severity in alert.also:
        found = _of(facts, rule, quantity)
        own += found
        said = "; ".join(_finding(trigger_row(one)) for one in found)
        what = f"{plain(rule)}: {said}" if said else plain(rule) or "there is no map"
        yield "Also alerted", f"level {severity}, {what}"
    others: dict[str, list[str]] = {}
    for finding in facts["triggers"]:
        if finding["fired"] and finding not in own:
            row = trigger_row(finding)
            others.setdefault(row["rule"], []).append(_finding(row))
    yield from (("Also exceeded", f"{rule}: {'; '.join(found)}") for rule, found in others.items())
    signed = "signed by this site's physicist" if facts["rules_signed"] else "not yet signed by this site's physicist"
    yield "Rule set", f"{facts['trigger_set']['preset']}, levels {signed}"


def _of(facts: Facts, rule: str, quantity: str) -> list[Facts]:
    return [one for one in facts["triggers"] if (one["rule"], one["quantity"]) == (rule, quantity)]


def _own(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Rule", f"{row['rule']}: {_finding(row)}"
    yield "Its source", row["source"] or "not stated"
    yield from (("Note", remark) for remark in row["remarks"])
    if row["follows"]:
        yield "What follows", row["follows"]


def _finding(row: dict[str, Any]) -> str:
    chance = "" if row["probability"] == NO_VALUE else f", exceeded with a probability of {row['probability']}"
    below = " (below it: the rule acts on the probability)" if row["on_probability"] else ""
    return f"{row['quantity']} {row['value']}, level {row['level']}{below}{chance}"


def _quality(facts: Facts) -> Iterator[tuple[str, str]]:
    """What makes the numbers above less sure; nothing where nothing does."""
    mapped = facts["peak"] is not None
    if not mapped:
        yield "No dose", f"{facts['no_map_reason'] or 'the map failed'}. The totals above hold nevertheless."
    for _, first, text in banners(facts)[0 if mapped else 1 :]:  # the first one would speak of totals below
        yield first.rstrip(":."), text
    totals, placement = facts["totals"], facts["placement"]
    if totals["events_mapped"] < totals["events"]:
        share = totals["air_kerma_mapped_fraction"]
        kerma = "" if share is None or not math.isfinite(share) else f", with {100 * share:.1f} % of the air kerma"
        yield "Events", f"{totals['events_mapped']} of {totals['events']} are in the map{kerma}."
    if placement and any(not how.startswith("table") for how in placement["axes"].values()):
        yield "Placement", f"by anatomy ({placement['region_status']} region), not by the table alone."
    if facts["calibration"]["status"] != "calibrated":
        yield "Air kerma display", f"{facts['calibration']['status']}."
    unknown = sum(finding["fired"] is None for finding in facts["triggers"])
    if unknown:
        yield "Not evaluable", f"{unknown} of {len(facts['triggers'])} rules."
    if facts["user_changes"]:
        yield "Changed by a user", f"{facts['user_changes']} changes of events or placement are in this result."


def _followup(alert: Alert, facts: Facts) -> Iterator[tuple[str, str]]:
    if procedure_day(facts) is None and followup.starts(facts):
        yield "", "The report does not state its day: plan the contacts from the day of the procedure."
    for contact in alert.contacts:
        first, last = long_day(contact.first), long_day(contact.last)
        name = plain(contact.name, 40)
        yield name[:1].upper() + name[1:], f"{first if first == last else f'{first} to {last}'}. {plain(contact.what)}"


def _told(alert: Alert) -> Iterator[tuple[str, str]]:
    yield "", ", ".join(role_words(role) for role in alert.told) or "nobody"
