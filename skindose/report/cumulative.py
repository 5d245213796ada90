"""The sum of several procedures: cumulative.json (schema: cumulative.schema.json beside this), words and picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from skindose import __version__
from skindose.cumulative import QUANTITIES, Cumulative, Procedure, Window, sums
from skindose.dose import area_above_mm2
from skindose.report.picture import picture_png
from skindose.report.scene import (
    AREA_LEVELS_GY,
    DISCLAIMER,
    NO_VALUE,
    format_dose_mgy,
    format_interval_mgy,
    format_quantity,
    percent,
    words,
)
from skindose.report.summary import clean, place, summary
from skindose.report.terminal import console, printable
from skindose.units import gy_to_mgy, mm2_to_cm2, s_to_min

SCHEMA_VERSION = "1.0"
NOBODY_CHECKED = (
    "Results carry no identifiers: that they are of one patient was not and cannot be checked here. Sex, ages and "
    "heights that contradict each other are all that would have been noticed."
)
_LEFT_OUT = (
    "the body: another size, pose or orientation than the truth, in any of the procedures",
    "placement that is off alike in several procedures: the patient's place is drawn anew for each",
    "procedures that are not among these results",
)
_STATUSES = ("commissioned", "documented", "assumed")


# --- For programs


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of cumulative.json."""
    text = resources.files("skindose.report").joinpath("cumulative.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def to_dict(found: Cumulative) -> dict[str, Any]:
    """The content of cumulative.json as plain dicts, lists, strings, numbers and None."""
    body = found.body
    document: dict[str, Any] = clean(
        {
            "schema_version": SCHEMA_VERSION,
            "software": {"name": "skindose", "version": __version__},
            "window_days": found.window_days,
            "phantom": {"name": body.name, "parameters": body.parameters, "cells": len(body.area_mm2)},
            "phantom_of": found.body_of,
            "peak": _peak(found),
            "sum_of_peaks_upper_bound_mgy": found.sum_of_peaks_mgy,
            "driven_by": found.driver.part.name if found.driver else None,
            "totals": sums(found.procedures),
            "procedures": [_procedure(one, found) for one in found.procedures],
            "windows": [_window(one) for one in found.windows],
            "area_above": [
                {"level_gy": level, "area_cm2": mm2_to_cm2(area_above_mm2(found.dose_mgy, body, gy_to_mgy(level)))}
                for level in AREA_LEVELS_GY
            ],
            "outside_the_window": found.outside,
            "given_twice": found.twice,
            "notes": [*found.notes, NOBODY_CHECKED],
            "disclaimer": DISCLAIMER,
        }
    )
    return document


def _peak(found: Cumulative) -> dict[str, Any] | None:
    if found.peak is None:
        return None
    own = found.uncertainty
    return {
        **place(found.peak),
        "interval_95_mgy": found.interval_mgy,
        "lower_bound_reason": "; ".join(found.lacks) or None,
        "at_most_mgy": found.at_most_mgy,
        "uncertainty": own
        and {
            "placements": own.placements,
            "draws": own.draws,
            "place_within_mm_95": own.place_mm,
            "left_out": _LEFT_OUT,
        },
    }


def _procedure(one: Procedure, found: Cumulative) -> dict[str, Any]:
    """One procedure's line; its peak is its own, on the common body."""
    placement = one.result.placement if one.result else None
    return {
        "name": one.part.name,
        "sha256": sorted(one.part.digests),
        "date": one.part.date or None,
        "days_before_newest": one.days_before,
        "peak_mgy": one.peak.skin_dose_mgy if one.peak else None,
        "region": one.peak.region if one.peak else None,
        "at_peak_mgy": one.at_peak_mgy,
        "share_at_peak": one.at_peak_mgy / found.peak.skin_dose_mgy if found.peak else None,
        "totals": one.totals,
        "repeated_events": one.repeated,
        "contained_in_others": one.contained,
        "lower_bound_reason": one.lacks or None,
        "placement": {axis: how.partition(":")[0] for axis, how in placement.axes.items()} if placement else None,
        "own_body": one.differs or None,
    }


def _window(one: Window) -> dict[str, Any]:
    return {
        "days": one.days,
        "procedures": one.names,
        "peak_mgy": one.peak.skin_dose_mgy if one.peak else None,
        "region": one.peak.region if one.peak else None,
        "totals": one.totals,
    }


# --- For people


def picture(found: Cumulative) -> bytes:
    """The picture of the sum, as `picture.picture_png` draws that of one procedure.

    raises   OutputError where nothing has dose
    """
    return picture_png(_picture_facts(found), found.body, found.dose_mgy)


def _picture_facts(found: Cumulative) -> dict[str, Any]:
    """What the picture asks of a result.json: that of the newest result, with everything that it shows the sum's."""
    results = [one.result for one in found.procedures if one.result]
    dates = sorted({one.part.date for one in found.procedures if one.part.date})
    summed = f"Sum of {len(found.procedures)} procedures"
    machines = [one.events.machine for one in results]
    statuses = sorted({one.profile_status for one in machines}, key=_STATUSES.index)
    facts = summary(results[-1])
    peak = _peak(found)
    return {
        **facts,
        "procedure": {**facts["procedure"], "date": f"{summed}, {' to '.join(dict.fromkeys(dates[:1] + dates[-1:]))}",
                      "station": None},
        "device": {"manufacturer": None, "model": None, "software": None},
        "profile": {"name": ", ".join(dict.fromkeys(one.profile for one in machines)), "status": statuses[-1]},
        "calibration": {
            **facts["calibration"],
            "status": ", ".join(dict.fromkeys(summary(one)["calibration"]["status"] for one in results)),
        },
        "peak": peak and {**peak, "if_runs_stood_mgy": None, "uncertainty": None},
        "plane_peaks": {},
        "peak_upper_bound_mgy": found.at_most_mgy,
        "no_map_reason": None if peak else "no X-ray beam meets the body",
    }  # fmt: skip


def print_sum(document: Mapping[str, Any], files: tuple[str, ...] = ()) -> None:
    """The document of `skindose sum --json`, for people."""
    out = console()
    out.print(_headline_table(document))
    out.print(_procedures_table(document))
    out.print(_windows_table(document))
    for line in (*_said(document), *document["notes"]):
        out.print(f"Note: {printable(line)}", style="bold")
    for name in files:
        out.print(f"Written: {printable(name)}")
    out.print(str(document["disclaimer"]), style="dim")


def _headline_table(document: Mapping[str, Any]) -> Any:
    from rich.table import Table

    peak, driver = document["peak"], document["driven_by"]
    table = Table(title="Sum of the procedures", show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Peak of the sum", _peak_words(peak))
    if peak:
        share = next(one["share_at_peak"] for one in document["procedures"] if one["name"] == driver)
        table.add_row("Driven by", printable(f"{driver}, {percent(share)} of it"))
    bound = format_dose_mgy(document["sum_of_peaks_upper_bound_mgy"])
    table.add_row("Sum of the peaks", f"{bound}, only an upper bound of what is on the maps")
    for label, text in _totals(document["totals"]):
        table.add_row(label, text)
    phantom = document["phantom"]
    table.add_row("Body", printable(f"{phantom['name']}, that of {document['phantom_of']}"))
    return table


def _peak_words(peak: Mapping[str, Any] | None) -> str:
    if peak is None:
        return "no dose on the skin"
    least = "at least " if peak["lower_bound_reason"] else ""
    interval = format_interval_mgy(*peak["interval_95_mgy"]) if peak["interval_95_mgy"] else "not known"
    return f"{least}{format_dose_mgy(peak['skin_dose_mgy'])} (95 %: {interval}), {words(peak['region'])}"


def _totals(totals: Mapping[str, float | None]) -> list[tuple[str, str]]:
    """Ka,r, KAP and fluoroscopy time as plain sums."""
    kerma, kap, time_s = (totals[name] for name in QUANTITIES)
    time = format_quantity(None if time_s is None else s_to_min(time_s), "min")
    shown = format_dose_mgy(kerma), format_quantity(kap, "Gy.cm2"), time
    return list(zip(("Ka,r", "KAP", "Fluoroscopy time"), shown, strict=True))


def _procedures_table(document: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="Procedures, each on this body", title_justify="left", title_style="bold")
    for column in ("procedure", "date", "own peak", "where", "at the sum's peak", "Ka,r", "KAP", "time"):
        table.add_column(column)
    for one in document["procedures"]:
        at_peak = "in another report" if one["contained_in_others"] else "no map" if one["peak_mgy"] is None else ""
        at_peak = at_peak or f"{format_dose_mgy(one['at_peak_mgy'])}, {percent(one['share_at_peak'])}"
        place = words(one["region"]) if one["region"] else NO_VALUE
        cells = one["name"], one["date"] or "not known", format_dose_mgy(one["peak_mgy"]), place, at_peak
        table.add_row(*map(printable, cells), *(text for _, text in _totals(one["totals"])))
    return table


def _windows_table(document: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="By window before the newest procedure", title_justify="left", title_style="bold")
    for column in ("window", "procedures", "peak of the sum", "where", "Ka,r", "KAP", "time"):
        table.add_column(column)
    for one in document["windows"]:
        days = "lifetime" if one["days"] is None else f"{one['days']} days" if one["days"] else "same day"
        place = words(one["region"]) if one["region"] else NO_VALUE
        row = days, str(len(one["procedures"])), format_dose_mgy(one["peak_mgy"]), place
        table.add_row(*row, *(text for _, text in _totals(one["totals"])))
    return table


def _said(document: Mapping[str, Any]) -> list[str]:
    """What the document says of single procedures, in sentences."""
    peak, lines = document["peak"], []
    if peak and peak["lower_bound_reason"]:
        most = "nobody knows how much it can be" if peak["at_most_mgy"] is None else ""
        most = most or f"it is at most {format_dose_mgy(peak['at_most_mgy'])}"
        lines.append(f"the sum is only a lower bound, {most}: {peak['lower_bound_reason']}")
    for one in document["procedures"]:
        if one["own_body"]:
            lines.append(f"{one['name']} was cast again on this body; its own was another: {one['own_body']}")
        if one["repeated_events"]:
            lines.append(f"{one['repeated_events']} events of {one['name']} are in another report and count once")
    if document["given_twice"]:
        lines.append(f"made from the same reports as others, hence left out: {', '.join(document['given_twice'])}")
    if document["outside_the_window"]:
        lines.append(f"outside the window, hence left out: {', '.join(document['outside_the_window'])}")
    return lines
