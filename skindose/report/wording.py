"""What the page says: the content of result.json as labels, words and numbers with units, ready to be escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skindose.quantities import contradiction
from skindose.report.budget import budget_rows, where
from skindose.report.counted import counted, headline
from skindose.report.findings import fired, signed, trigger_row, urgency
from skindose.report.scene import (
    NO_VALUE,
    format_dose_mgy,
    format_interval_mgy,
    format_quantity,
    three_digits,
    words,
)
from skindose.triggers.bands import CAVEAT, band
from skindose.units import mgy_to_gy, s_to_min

Facts = dict[str, Any]
Rows = list[tuple[str, str]]

_HEADLINE_LEVELS_GY = (2, 3, 5, 10)
_MOST_REGIONS = 12
_MOST = 10  # events named in a line


def say(facts: Facts) -> dict[str, Any]:
    """Every text of the page, by the name that the template gives it.

    facts    what `summary.summary` returns
    """
    peak, phantom = facts["peak"], facts["phantom"]
    return {
        "title": " ".join(filter(None, ("Skin dose", facts["procedure"]["date"], facts["input"]["file"]))),
        "subtitle": _subtitle(facts),
        "banners": [*banners(facts), *_review(facts)],
        "peak": peak_words(peak),
        "headline": [*_headline(facts), *headline(facts)],
        "fired": fired(facts["triggers"]),
        "areas": _areas(facts),
        "reaction": reaction(facts),
        "signed": signed(facts["trigger_set"]),
        "triggers": [trigger_row(finding) for finding in sorted(facts["triggers"], key=urgency)],
        "earlier": counted(facts),
        "budget": budget_rows(facts["peak"]),
        "totals": _totals(facts["totals"]),
        "shares": _shares(facts["totals"]),
        "placement": _placement(facts),
        "provenance": _provenance(facts),
        "map_note": f"{phantom['name']}, {phantom['cells']} cells; blue ring: the peak; L and R: the patient's",
    }


def peak_words(peak: Facts | None) -> str:
    """The peak skin dose, marked where it is only a lower bound."""
    if not peak:
        return "not known"
    return ("\u2265 " if peak["lower_bound_reason"] else "") + format_dose_mgy(peak["skin_dose_mgy"])


def _joined(values: tuple[str | None, ...], separator: str = ", ", none: str = "not stated") -> str:
    return separator.join(filter(None, values)) or none


def _subtitle(facts: Facts) -> str:
    device, procedure = facts["device"], facts["procedure"]
    return _joined((procedure["date"], procedure["station"], device["manufacturer"], device["model"]), " · ", "")


def banners(facts: Facts) -> list[tuple[str, str, str]]:
    """(kind, first words, text) of what must be read before the number."""
    found = []
    if not facts["peak"]:
        name = "No dose on the skin:" if facts["regions"] else "No dose map:"
        why = f"{facts['no_map_reason']}. The totals below and the triggers on them hold nevertheless."
        found.append(("strong", name, why))
    elif facts["peak"]["lower_bound_reason"]:
        why = f"{facts['peak']['lower_bound_reason']}. What is missing is not in the map and the areas."
        found.append(("strong", "The peak is only a lower bound:", why))
    if text := contradiction(facts["totals"]):
        found.append(("strong", "The report contradicts itself.", text))
    profile = facts["profile"]
    if profile["status"] != "commissioned":
        text = (
            f"The machine profile “{profile['name']}” is {profile['status']}, not commissioned: nobody has checked on "
            "this machine how its table, angles and field are to be read. Dose and place are a first estimate."
        )
        found.append(("", "Not commissioned.", text))
    return found


def _review(facts: Facts) -> list[tuple[str, str, str]]:
    """Who reviewed a result that a registry has, or that nobody did; nothing of other results."""
    review = facts.get("review")
    if not review:
        return []
    this = f"version {review['version']} of this case"
    if review["signed"]:
        return [("", "Reviewed.", f"The map ({this}) was reviewed {_by(review['signed'])}.")]
    former, text = review["former"], f"Nobody has reviewed the map ({this}): it is an unsigned estimate."
    if former:
        text += f" Version {former['version']}, which is not this one, was reviewed {_by([former])}."
    return [("", "Not reviewed.", text)]


def _by(signed: list[Facts]) -> str:
    return "; ".join(f"by {one['by']}, {one['role']} on {one['on']}" for one in signed)


# --- Headline


def _headline(facts: Facts) -> Rows:
    peak = facts["peak"]
    rows = []
    if peak:
        rows.append(("What", f"highest mean over 1 cm² of skin, dose to {facts['dose_medium'].replace('-', ' ')}"))
        interval = peak["interval_95_mgy"]
        rows.append(("95 % interval", format_interval_mgy(*interval) if interval else "not known"))
        if peak["if_runs_stood_mgy"] is not None:
            rows.append(("If runs stood still", f"up to {format_dose_mgy(peak['if_runs_stood_mgy'])}: see warnings"))
        rows.append(("Where", where(peak)))
        rows += [(f"Plane {plane} alone", plane_peak(own)) for plane, own in several_planes(facts).items()]
        rows.append(("Highest cell", format_dose_mgy(peak["cell_max_mgy"])))
    if facts["peak_upper_bound_mgy"] is not None:
        rows.append(("Not above", f"{format_dose_mgy(facts['peak_upper_bound_mgy'])} (upper bound, see assumptions)"))
    if facts["vendor_peak_mgy"] is not None:
        rows.append(("Maker's estimate", f"{format_dose_mgy(facts['vendor_peak_mgy'])} (from the file)"))
    return rows


def several_planes(facts: Mapping[str, Any]) -> Facts:
    """The peaks of the planes, where more than one has dose; one plane's alone would only say the peak again."""
    peaks: Facts = facts["plane_peaks"]
    return peaks if len(peaks) > 1 else {}


def plane_peak(peak: Facts) -> str:
    """A plane's own peak in words.

    >>> plane_peak({"skin_dose_mgy": 1234.5, "region": "posterior thorax, left"})
    '1.23 Gy, posterior thorax, left'
    """
    return f"{format_dose_mgy(peak['skin_dose_mgy'])}, {words(peak['region'])}"


def _areas(facts: Facts) -> Rows:
    above = {row["level_gy"]: row["area_cm2"] for row in facts["area_above"]}
    return [(f"{level} Gy", _area(above[level], _may_reach(facts, level))) for level in _HEADLINE_LEVELS_GY]


def _may_reach(facts: Facts, level_gy: float) -> bool:
    """Whether the map lacks air kerma that could bring the peak to this level."""
    if not facts["peak"] or not facts["peak"]["lower_bound_reason"]:
        return False
    bound = facts["peak_upper_bound_mgy"]
    return bound is None or mgy_to_gy(bound) >= level_gy


def _area(area_cm2: float | None, more: bool) -> str:
    if area_cm2 == 0:
        return "not known" if more else "none"
    return ("\u2265 " if more else "") + format_quantity(area_cm2, "cm2")


def reaction(facts: Facts) -> dict[str, Any] | None:
    """The tissue-reaction band of the peak; None without a peak."""
    if not facts["peak"]:
        return None
    found = band(mgy_to_gy(facts["peak"]["skin_dose_mgy"]))
    if found.high_gy is not None and _may_reach(facts, found.high_gy):
        text = "The peak is only a lower bound: what to expect cannot be said."
        return {"name": f"{found.name} or higher", "doses": "", "periods": (), "caveat": text}
    doses = f"over {found.low_gy:g} Gy" if found.high_gy is None else f"{found.low_gy:g} to {found.high_gy:g} Gy"
    periods = (
        ("before 2 weeks", found.prompt),
        ("2 to 8 weeks", found.early),
        ("6 to 52 weeks", found.mid_term),
        ("after 40 weeks", found.long_term),
    )
    graded = f"{doses}, grade {found.grade}" if found.grade else doses
    return {"name": found.name, "doses": graded, "periods": periods, "caveat": CAVEAT}


def _totals(totals: Facts) -> list[dict[str, str]]:
    """One row per quantity and plane: reported, summed over events, difference."""
    kinds = (
        ("air_kerma_mgy", "Air kerma at the reference point", format_dose_mgy),
        ("kap_gycm2", "Kerma-area product", lambda value: format_quantity(value, "Gy.cm2")),
        ("fluoro_time_s", "Fluoroscopy time", _minutes),
    )
    rows = []
    for key, name, shown in kinds:
        for plane, pair in totals[key].items():
            reported, summed = pair["reported"], pair["summed"]
            if plane != "together" and not reported and not summed:
                continue
            row = {"name": name, "kind": ""} if plane == "together" else {"name": f"plane {plane}", "kind": "sub"}
            difference = _difference(reported, summed)
            rows.append({**row, "reported": shown(reported), "summed": shown(summed), "difference": difference})
    return rows


def _minutes(value_s: float | None) -> str:
    return format_quantity(None if value_s is None else s_to_min(value_s), "min")


def _difference(reported: float | None, summed: float | None) -> str:
    """Of the sum from the reported total, in percent."""
    if not reported or summed is None:
        return NO_VALUE
    text = f"{100 * (summed / reported - 1):+.1f} %"
    return "0.0 %" if text in ("+0.0 %", "-0.0 %") else text.replace("-", "\u2212")


def _shares(totals: Facts) -> str:
    text = f"{totals['events_mapped']} of {totals['events']} events are in the map"
    if totals["air_kerma_mapped_fraction"] is not None:
        text += f", with {_share(totals['air_kerma_mapped_fraction'])} of the air kerma"
    if totals["kap_on_patient_fraction"] is not None:
        text += f"; {_share(totals['kap_on_patient_fraction'])} of their kerma-area product meets the body"
    return f"{text}."


def _share(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


# --- Placement, body, provenance


def _placement(facts: Facts) -> Rows:
    placement = facts["placement"]
    rows = []
    if placement:
        rows += [(f"Axis {axis}", how) for axis, how in placement["axes"].items()]
        rows.append(("Region", f"{words(placement['region'] or NO_VALUE)} ({placement['region_status']})"))
        offset = ", ".join(three_digits(value) for value in placement["offset_mm"])
        rows.append(("Offset left, head, up", f"{offset} mm"))
    orientation = (facts["orientation"]["registered"], facts["orientation"]["actual"])
    registered, actual = (text.upper() if text else "not stated" for text in orientation)
    rows.append(("Orientation", f"registered {registered}, actual {actual}"))
    rows.append(("Patient as reported", _patient(facts["patient"])))
    rows.append(("Body", _body(facts["phantom"])))
    rows.append(("Corrections", _joined(tuple(facts["corrections"]), none="none: geometry and inverse square only")))
    if facts["excluded_events"]:
        rows.append(
            ("Events left out", "; ".join(f"{row['event']}: {row['reason']}" for row in facts["excluded_events"]))
        )
    rows += [(_CHANGES[change["kind"]], _change(change)) for change in facts["user_changes"]]
    if facts["regions"]:
        rows.append(("Highest cell by region", _regions(facts["regions"])))
    return rows


_CHANGES = {"excluded": "Left out by the user", "corrected": "Corrected by the user", "moved": "Patient moved"}


def _change(change: Facts) -> str:
    """One of the user's changes: events, what it was and is, and his note."""
    numbers = [str(number) for number in change["events"]]
    which = f"event{'s' if len(numbers) > 1 else ''} {_few(numbers)}"
    if change["kind"] == "corrected":
        was = ", ".join(dict.fromkeys("missing" if value is None else f"{value:g}" for value in change["old"][:_MOST]))
        which += f": {words(change['field'])} {change['new']:g}, was {was}"
    elif change["kind"] == "moved":
        left, head, up = (three_digits(value) for value in change["offset_mm"])
        which += f": {left} mm left, {head} mm to the head end, {up} mm up"
        which += f", turned by {change['turn_deg']:g}°" if change["turn_deg"] else ""
    return f"{which} ({change['note']})" if change["note"] else which


def _few(numbers: list[str]) -> str:
    return ", ".join(numbers[:_MOST]) + (f" and {len(numbers) - _MOST} more" if len(numbers) > _MOST else "")


def _patient(patient: Facts) -> str:
    parts = (
        patient["height_cm"] and format_quantity(patient["height_cm"], "cm"),
        patient["weight_kg"] and format_quantity(patient["weight_kg"], "kg"),
        patient["sex"],
        patient["age_years"] is not None and f"{three_digits(patient['age_years'])} years",
    )
    return ", ".join(str(part) for part in parts if part) or "not stated"


def _body(phantom: Facts) -> str:
    plain = {key: value for key, value in phantom["parameters"].items() if isinstance(value, str | int | float)}
    units = {"cm": "cm", "kg": "kg", "mm": "mm", "years": "years"}
    parts = [phantom["name"]]
    for key, value in plain.items():
        name, _, tail = key.rpartition("_")
        if tail in units and not isinstance(value, str):
            parts.append(f"{words(name)} {format_quantity(float(value), units[tail])}")
        else:
            parts.append(f"{words(key)} {value}")
    return ", ".join(parts)


def _regions(regions: dict[str, Facts]) -> str:
    ranked = sorted(regions.items(), key=lambda item: -item[1]["cell_max_mgy"])
    shown = [
        f"{words(name)} {format_dose_mgy(region['cell_max_mgy'])}"
        for name, region in ranked
        if region["cell_max_mgy"] > 0
    ]
    return "; ".join(shown[:_MOST_REGIONS]) or "no region has dose"


def _provenance(facts: Facts) -> Rows:
    device, software = facts["device"], facts["software"]
    files = [("File", f"{file['file']}, sha256 {file['sha256']}") for file in facts["inputs"]]
    return [
        *files,
        ("X-ray system", _joined((device["manufacturer"], device["model"], device["software"]))),
        ("Machine profile", f"{facts['profile']['name']}, {facts['profile']['status']}"),
        ("Calibration", calibration_words(facts["calibration"])),
        ("Phantom", f"{_body(facts['phantom'])}, {facts['phantom']['cells']} cells"),
        ("Trigger levels", signed(facts["trigger_set"])),
        *_revises(facts["revises"]),
        ("Program", f"{software['name']} {software['version']}, schema {facts['schema_version']}"),
    ]


def _revises(revision: Facts | None) -> Rows:
    """Which result this one corrects, by whom and why; none where it is the first."""
    if not revision:
        return []
    who = _joined((revision["by"] and f"by {revision['by']}", revision["note"]), ": ", "")
    return [("Corrects", _joined((revision["folder"], f"result.json sha256 {revision['sha256']}", who)))]


def calibration_words(facts: Facts) -> str:
    """The result's calibration block in one line: what was applied, then what the report itself says."""
    said = [facts["status"]]
    for record in facts["records"]:
        factors = " to ".join(f"{value:.4g}" for value in dict.fromkeys(record["factor"] or ()))
        what = f"x {factors}" if factors else "transmission of table and pad"
        uncertainty = f"{record['standard_uncertainty']:.1%}".replace("%", " %")
        said.append(f"{what} (u = {uncertainty}) by record {record['record']} in {len(record['events'])} events")
    for own in facts["reported"]:
        said.append(f"not applied: the report's own {_own_calibration(own)}")
    return "; ".join(dict.fromkeys(said))


def _own_calibration(own: Facts) -> str:
    """One Calibration container of the report, in words."""
    parts = (
        "calibration without a factor" if own["factor"] is None else f"factor {own['factor']:g}",
        None if own["uncertainty_percent"] is None else f"+-{own['uncertainty_percent']:g} %",
        None if own["date"] is None else f"of {own['date']}",
        None if own["responsible"] is None else f"by {own['responsible']}",
    )
    return " ".join(part for part in parts if part)
