"""Earlier procedures of the patient in a report: the block `earlier` of result.json, where a registry added them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skindose.report.findings import trigger_row
from skindose.report.scene import NO_VALUE, format_dose_mgy, format_interval_mgy, format_quantity, percent, words
from skindose.units import s_to_min

Facts = dict[str, Any]
Rows = list[tuple[str, str]]

NOT_COUNTED = "Earlier procedures of this patient are not counted."
_OF_PEAK = ("skin_dose_mgy", "interval_95_mgy", "region", "lower_bound_reason", "at_most_mgy")
_OF_PROCEDURE = ("name", "date", "days_before_newest", "peak_mgy", "region", "at_peak_mgy", "share_at_peak", "totals")


def block(sums: Sequence[Mapping[str, Any]], highest_mgy: float | None) -> Facts:
    """What result.json says of earlier procedures.

    sums          one for each window: `window_days`, `document` (cumulative.json), `findings`
    highest_mgy   peak of an earlier one that gave a place 3 Gy or more, whenever it was; None: none did
    """
    return {"highest_earlier_mgy": highest_mgy, "sums": [_sum(one) for one in sums]}


def _sum(one: Mapping[str, Any]) -> Facts:
    document = one["document"]
    peak = document["peak"]
    return {
        "window_days": one["window_days"],
        "peak": peak and {name: peak[name] for name in _OF_PEAK},
        "driven_by": document["driven_by"],
        "totals": document["totals"],
        "procedures": [{name: each[name] for name in _OF_PROCEDURE} for each in document["procedures"]],
        "notes": document["notes"],
        "triggers": one["findings"],
    }


# --- Words


def counted(facts: Mapping[str, Any]) -> Facts | None:
    """The section "Earlier procedures", by the names that the template gives its parts; None where nobody looked."""
    found = facts.get("earlier")
    if not found:
        return None
    longest = _longest(found["sums"])
    return {
        "rows": [row for one in found["sums"] for row in window_rows(one)] or [("Earlier procedures", "none known")],
        "procedures": [_procedure(one) for one in longest["procedures"]] if longest else [],
        "window": _window(longest) if longest else "",
        "triggers": [trigger_row(each) for one in found["sums"] for each in one["triggers"]],
        "notes": _notes(found),
    }


def _longest(sums: list[Facts]) -> Facts | None:
    return max(sums, key=lambda one: len(one["procedures"]), default=None)


def window_rows(one: Mapping[str, Any]) -> Rows:
    """A sum in two rows: the peak and who drives it, and the plain sums."""
    count, peak = len(one["procedures"]), one["peak"]
    said = f"{count} procedure{'s' if count > 1 else ''}: {_peak(peak)}"
    if peak and one["driven_by"]:
        share = next(each["share_at_peak"] for each in one["procedures"] if each["name"] == one["driven_by"])
        said += f"; driven by {one['driven_by']}, {percent(share)} of it"
    return [(f"Sum {_window(one)}", said), ("Plain sums", _totals(one["totals"]))]


def _peak(peak: Facts | None) -> str:
    if not peak:
        return "no dose on the skin"
    least = "at least " if peak["lower_bound_reason"] else ""
    spread = peak["interval_95_mgy"]
    interval = f" (95 %: {format_interval_mgy(*spread)})" if spread else ""
    return f"peak of the sum {least}{format_dose_mgy(peak['skin_dose_mgy'])}{interval}, {words(peak['region'])}"


def _window(one: Mapping[str, Any]) -> str:
    return "over the lifetime" if one["window_days"] is None else f"within {one['window_days']} days"


def _totals(totals: Mapping[str, float | None]) -> str:
    time_s = totals["fluoro_time_s"]
    kap = format_quantity(totals["kap_gycm2"], "Gy.cm2")
    time = format_quantity(None if time_s is None else s_to_min(time_s), "min")
    return f"Ka,r {format_dose_mgy(totals['air_kerma_mgy'])}, KAP {kap}, fluoroscopy time {time}"


def _procedure(one: Facts) -> list[str]:
    """Case, date, own peak and where, what it gives to the sum's peak, Ka,r and KAP."""
    share = "" if one["share_at_peak"] is None else f", {percent(one['share_at_peak'])}"
    return [
        one["name"],
        one["date"] or "not known",
        format_dose_mgy(one["peak_mgy"]),
        words(one["region"]) if one["region"] else NO_VALUE,
        f"{format_dose_mgy(one['at_peak_mgy'])}{share}",
        format_dose_mgy(one["totals"]["air_kerma_mgy"]),
        format_quantity(one["totals"]["kap_gycm2"], "Gy.cm2"),
    ]


def _notes(found: Facts) -> list[str]:
    """What must be known beside the sums, each once."""
    said: dict[str, None] = {}
    if found["highest_earlier_mgy"] is not None:
        dose = format_dose_mgy(found["highest_earlier_mgy"])
        said[
            f"An earlier procedure gave {dose} to a place: skin that ever got 3 Gy or more may react more strongly."
        ] = None
    for one in found["sums"]:
        peak = one["peak"]
        if peak and peak["lower_bound_reason"]:
            most = "" if peak["at_most_mgy"] is None else f", it is at most {format_dose_mgy(peak['at_most_mgy'])}"
            said[f"The sum {_window(one)} is only a lower bound{most}: {peak['lower_bound_reason']}"] = None
        said |= dict.fromkeys(one["notes"])
    return list(said)


def headline(facts: Mapping[str, Any]) -> Rows:
    """A row for who reads the headline only; none where nothing was added."""
    longest = _longest(facts["earlier"]["sums"]) if facts.get("earlier") else None
    if longest is None or len(longest["procedures"]) < 2:
        return []
    count = len(longest["procedures"]) - 1
    name = f"With {count} earlier procedure{'s' if count > 1 else ''}"
    return [(name, f"{_peak(longest['peak'])}, {_window(longest)}")]


def flag(facts: Mapping[str, Any]) -> str:
    """One sentence for who reads page one only."""
    found = facts.get("earlier")
    if not found:
        return NOT_COUNTED
    longest = _longest(found["sums"])
    if longest is None:
        return "No earlier procedure of this patient is known."
    (name, said), _ = window_rows(longest)
    return f"{name}, earlier procedures included: {said}."


# --- In a mail


@dataclass(frozen=True)
class Earlier:
    """Earlier procedures of the same patient that the registry added up with this one; totals include this one.

    procedures        how many, without this one
    window_days       None: however long ago
    peak_mgy          peak of the summed map; None where nothing has dose
    lower_bound       some of the air kerma is not on the maps
    overlap_assumed   placement by anatomy lets the fields overlap by construction
    highest_mgy       peak of an earlier one, whenever it was, that gave a place 3 Gy or more; None: none did
    """

    procedures: int
    window_days: int | None
    peak_mgy: float | None = None
    interval_95_mgy: tuple[float, float] | None = None
    air_kerma_mgy: float | None = None
    kap_gycm2: float | None = None
    lower_bound: bool = False
    overlap_assumed: bool = False
    highest_mgy: float | None = None


def told(earlier: Earlier | None) -> str:
    """Earlier procedures in a line of a mail."""
    if earlier is None:
        return "not counted: the numbers are those of this procedure alone"
    window = "at any time" if earlier.window_days is None else f"within {earlier.window_days} days"
    if not earlier.procedures:
        return f"none known {window}"
    many = "procedures" if earlier.procedures > 1 else "procedure"
    sums = [f"{earlier.procedures} earlier {many} {window} counted"]
    if earlier.peak_mgy is not None:
        spread = f" ({format_interval_mgy(*earlier.interval_95_mgy)})" if earlier.interval_95_mgy else ""
        sums.append(f"peak of the summed map {format_dose_mgy(earlier.peak_mgy)}{spread}")
    if earlier.air_kerma_mgy is not None:
        sums.append(f"air kerma together {format_dose_mgy(earlier.air_kerma_mgy)}")
    if earlier.kap_gycm2 is not None:
        sums.append(f"kerma-area product together {format_quantity(earlier.kap_gycm2, 'Gy.cm2')}")
    sums += ["a lower bound: some of the air kerma is not on the maps"] if earlier.lower_bound else []
    sums += ["whether their fields met the same skin is not known"] if earlier.overlap_assumed else []
    if earlier.highest_mgy is not None:
        dose = format_dose_mgy(earlier.highest_mgy)
        sums.append(f"one of them, at any time before, gave {dose} to a place: such skin may react more strongly")
    return "; ".join(sums)
