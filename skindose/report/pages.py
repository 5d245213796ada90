"""What the two-page report says: the content of result.json in words, by the names that report.typ gives them."""

from __future__ import annotations

import datetime
from typing import Any

from skindose.report import counted
from skindose.report.scene import NO_VALUE, format_dose_mgy, format_interval_mgy, percent, words
from skindose.report.wording import Facts, say
from skindose.triggers import followup
from skindose.triggers.bands import BANDS, band
from skindose.units import mgy_to_gy

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DETAILS = {"What": "Peak", "Highest cell": "Highest cell"}  # of the headline, for physicists: their names on page two
_MOST_TEXTS = 80
_MOST_FILES = 4
_MOST_NAMED = 3
_MOST_ASKED = 5
_SURE = 0.999  # of the air kerma: a smaller share on the map is worth a line


def page_one(facts: Facts) -> dict[str, Any]:
    """What clinicians read: the peak, where, what it means, what follows, how good the data are."""
    said = say(facts)
    return {
        "description": facts["procedure"]["description"] or "",
        "subtitle": said["subtitle"],
        "banners": [*said["banners"], *_unsigned(facts)],
        "peak": said["peak"],
        "meaning": _meaning(facts),
        "headline": [*(row for row in said["headline"] if row[0] not in _DETAILS), *_machine_said(said["totals"])],
        "areas": said["areas"] if facts["peak"] else [],
        "signed": said["signed"],
        "fired": [_fired(row) for row in said["triggers"] if row["kind"] == "fired"],
        "others": _others(said["triggers"]),
        "reaction": _reaction(facts, said["reaction"]),
        "plan": contacts(facts),
        "asked": _asked(facts),
        "flags": _flags(facts),
        "alt": _alt(said["peak"], facts),
        "disclaimer": facts["disclaimer"],
        "foot": _foot(facts),
    }


def page_two(facts: Facts) -> dict[str, Any]:
    """What physicists read: totals, budget, placement, provenance, every warning and assumption that fits."""
    said = say(facts)
    lines = [("Warning:", text) for text in facts["warnings"]] + [("Assumed:", text) for text in facts["assumptions"]]
    others = [row for row in said["provenance"] if row[0] != "File"]
    return {
        "totals": said["totals"],
        "shares": said["shares"],
        "budget": said["budget"],
        "placement": [
            *((_DETAILS[name], text) for name, text in said["headline"] if name in _DETAILS),
            *(row for row in said["placement"] if row[0] != "Highest cell by region"),
            *((said["earlier"] or {"rows": []})["rows"]),
        ],
        "texts": lines[:_MOST_TEXTS],
        "texts_left": max(0, len(lines) - _MOST_TEXTS),
        "provenance": [*_files(facts["inputs"]), *others],
    }


def _files(inputs: list[Facts]) -> list[tuple[str, str]]:
    """Name and digest in a row each: a long name must not push the digest off the page."""
    rows = [row for one in inputs[:_MOST_FILES] for row in (("File", one["file"]), ("sha256", one["sha256"]))]
    return [*rows, ("Files", f"and {len(inputs) - _MOST_FILES} more")] if len(inputs) > _MOST_FILES else rows


def contacts(facts: Facts) -> list[tuple[str, str, str]]:
    """The contacts with the patient that are due: name, when (dates where the procedure's is known), what."""
    return [(one.name, _when(facts, one.from_day, one.to_day), one.what) for one in followup.of_facts(facts)]


def _when(facts: Facts, first: int, last: int) -> str:
    if last == 0:
        return "at once"
    try:
        start = datetime.date.fromisoformat(facts["procedure"]["date"] or "")
        days = [start + datetime.timedelta(days=first), start + datetime.timedelta(days=last)]
    except (ValueError, OverflowError):
        return f"day {first} to {last}"
    return " to ".join(f"{day.day} {_MONTHS[day.month - 1]} {day.year}" for day in days)


# --- Page one


def _machine_said(totals: list[Facts]) -> list[tuple[str, str]]:
    """The totals as clinicians know them from the machine; where it reports none, the sum over the events."""
    names = ("Air kerma Ka,r", "KAP", "Fluoroscopy")
    whole = [row for row in totals if not row["kind"]]
    shown = [row["summed"] if row["reported"] == NO_VALUE else row["reported"] for row in whole]
    return list(zip(names, shown, strict=True))


def _unsigned(facts: Facts) -> list[tuple[str, str, str]]:
    if facts["trigger_set"]["signed_by"]:
        return []
    text = f"No physicist of this site has signed the levels of “{facts['trigger_set']['preset']}”"
    text += "." if facts.get("review") else "; nor is this estimate signed."
    return [("", "Unsigned.", text)]


def _meaning(facts: Facts) -> str:
    """The number in a sentence for people who did not compute it."""
    peak = facts["peak"]
    if not peak:
        return "The dose to the skin is not known. What the machine displayed stands below."
    dose = format_dose_mgy(peak["skin_dose_mgy"])
    if peak["lower_bound_reason"]:
        return (
            f"The patch of skin with the highest dose got at least {dose}, and maybe more: part of the dose is missing."
        )
    if not peak["interval_95_mgy"]:
        return f"The patch of skin (1 cm²) with the highest dose got about {dose}; how far off that is, is not known."
    interval = format_interval_mgy(*peak["interval_95_mgy"])
    return (
        f"The patch of skin (1 cm²) with the highest dose got about {dose}. With 95 % probability the true peak lies"
        f" between {interval.replace(' to ', ' and ')}, if what page 2 lists as assumed holds."
    )


def _fired(row: Facts) -> dict[str, str]:
    steps = row["state"].partition(", ")[2]
    steps = ", ".join(filter(None, ("on its probability" if row["on_probability"] else "", steps)))
    return {key: row[key] for key in ("quantity", "value", "level", "probability", "rule", "source")} | {"steps": steps}


def _others(rows: list[Facts]) -> str:
    """The rules that did not fire, in a line."""
    calm = sum(row["kind"] == "calm" for row in rows)
    open_ = list(
        dict.fromkeys(f"{row['quantity']} ({'; '.join(row['remarks'])})" for row in rows if row["kind"] == "open")
    )
    parts = [f"Not reached: {calm}." if calm else ""]
    if open_:
        more = f" and {len(open_) - _MOST_NAMED} more" if len(open_) > _MOST_NAMED else ""
        parts.append(f"Not evaluable: {'; '.join(open_[:_MOST_NAMED])}{more}.")
    return " ".join(filter(None, parts))


def _reaction(facts: Facts, said: Facts | None) -> Facts | None:
    """The band of the peak, with that of the interval's upper end where it is a higher one."""
    peak = facts["peak"]
    if said is None or not said["periods"] or not peak["interval_95_mgy"]:
        return said
    high_mgy = peak["interval_95_mgy"][1]
    upper = band(mgy_to_gy(high_mgy))
    if BANDS.index(upper) <= BANDS.index(band(mgy_to_gy(peak["skin_dose_mgy"]))):
        return said
    more = f"At the upper end of the interval, {format_dose_mgy(high_mgy)}, it would be band {upper.name}. "
    return {**said, "caveat": more + said["caveat"]}


def _asked(facts: Facts) -> list[str]:
    """What the rules ask for, each once, and what always follows a trigger."""
    fired = [one for one in facts["triggers"] if one["fired"] is True]
    asked = list(dict.fromkeys(one["what_follows"] for one in fired if one["what_follows"]))
    if len(asked) > _MOST_ASKED:
        asked = [*asked[:_MOST_ASKED], f"What {len(asked) - _MOST_ASKED} more rules ask for: see report.html."]
    if facts["peak"] and facts["peak"]["lower_bound_reason"] and contacts(facts):
        asked.append("The peak is only a lower bound: contacts are planned as from 5 Gy at least.")
    if not facts["peak"] and contacts(facts):
        asked.append("Without a dose map contacts are planned as from 5 Gy.")
    if any(one["kind"] == "trigger" for one in fired):
        asked.append("A medical physicist reviews and signs this estimate, or corrects it, within 5 working days.")
        asked.append("A missed contact is an open task, not “no finding”.")
    return asked or [
        "No follow-up is asked for by these rules. Any finding on the skin is to be reported all the same."
    ]


def _flags(facts: Facts) -> list[str]:
    """What a reader must know of the data behind the number."""
    totals, calibration = facts["totals"], facts["calibration"]["status"]
    flags = [f"Machine profile: {facts['profile']['status']}. Air kerma: {calibration}."]
    mapped, on_body = totals["air_kerma_mapped_fraction"], totals["kap_on_patient_fraction"]
    if mapped is not None and mapped < _SURE:
        flags.append(f"{percent(mapped)} of the air kerma is on the map; the rest could not be placed.")
    if on_body is not None and on_body < 0.9:
        flags.append(f"{percent(on_body)} of the kerma-area product meets the body as it is placed.")
    flags += [*_placed(facts), *_sized(facts), *_changed(facts)]
    flags.append(counted.flag(facts))
    flags.append(f"Warnings: {len(facts['warnings'])}; assumptions: {len(facts['assumptions'])}: see page 2.")
    return flags


def _placed(facts: Facts) -> list[str]:
    placement = facts["placement"]
    guessed = [axis for axis, how in placement["axes"].items() if how.startswith("anatomy")] if placement else []
    if not guessed:
        return []
    region = f"the region “{words(placement['region'] or '')}” ({placement['region_status']})"
    return [f"Where the patient lay ({', '.join(guessed)}) is inferred from {region}, not read from the table."]


def _sized(facts: Facts) -> list[str]:
    names = {"height_cm": "height", "weight_kg": "weight", "sex": "sex"}
    missing = [name for key, name in names.items() if facts["patient"][key] is None]
    return [f"Not stated: {', '.join(missing)}; an average body stands in."] if missing else []


def _changed(facts: Facts) -> list[str]:
    changes, left_out = len(facts["user_changes"]), len(facts["excluded_events"])
    flags = [f"Corrected by the user: {changes} times, see page 2."] if changes else []
    return [*flags, f"Events left out of the map: {left_out}."] if left_out else flags


def _alt(peak: str, facts: Facts) -> dict[str, str]:
    """What the pictures show, for those who cannot see them."""
    place = f", highest at {words(facts['peak']['region'])}: {peak}" if facts["peak"] else ""
    return {
        "body": f"The patient's body from four sides, coloured by skin dose{place}",
        "unrolled": f"The skin of the trunk unrolled to a plane, coloured by dose{place}",
        "chart": "Dose per event, and cumulated over time",
    }


def _foot(facts: Facts) -> str:
    software, first = facts["software"], facts["inputs"][0]
    more = f" and {len(facts['inputs']) - 1} more" if len(facts["inputs"]) > 1 else ""
    return f"{software['name']} {software['version']} · report sha256 {first['sha256'][:16]}{more}"
