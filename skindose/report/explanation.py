"""An explanation -> terminal: events and factors at one place, and what each correction changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skindose.report.scene import format_dose_mgy, three_digits
from skindose.report.terminal import console, printable

_MOST = 10  # events shown without --all
_HEADS = {
    "in_field": "in field",
    "scatter": "+ scatter",
    "calibration": "calibr.",
    "inverse_square": "inv. square",
    "transmission": "table",
}


def print_explanation(found: Mapping[str, Any], every: bool) -> None:
    """The document of `skindose explain --json`, for people; `every` event or the largest ten."""
    out, place = console(), found["place"]
    where = ", ".join(f"{value:z.0f}" for value in place["position_mm"])
    out.print(printable(str(found["file"])), style="bold")
    out.print(
        f"{format_dose_mgy(found['dose_mgy'])} to {found['dose_medium']}, {place['what']}: {place['region']}, cell "
        f"{place['cell']} of {found['phantom']} at ({where}) mm\n"
    )
    out.print(_events_table(found, every))
    out.print("dose = Ka,r x (in field + scatter) x the factors, which are means over the place.\n")
    out.print(_effects_table(found))


def _events_table(found: Mapping[str, Any], every: bool) -> Any:
    from rich.table import Table

    rows, factors = found["events"], list(found["total"]["factors"])
    shown = rows if every else rows[:_MOST]
    table = Table(title=f"{len(rows)} events have dose there", title_justify="left", title_style="bold")
    table.add_column("event", justify="right")
    table.add_column("beam")
    for head in ("Ka,r mGy", *(_HEADS.get(name, name) for name in factors), "dose mGy", "share", "summed"):
        table.add_column(head, justify="right")
    summed = 0.0
    for row in shown:
        summed += row["share"]
        table.add_row(str(row["event"]), _beam(row), *_cells(row), f"{summed:.1%}".replace("%", " %"))
    if rest := rows[len(shown) :]:
        dose, share = (sum(row[key] for row in rest) for key in ("dose_mgy", "share"))
        blank = [""] * (len(factors) + 1)
        table.add_row("", f"{len(rest)} more, see --all", *blank, three_digits(dose), _percent(share), "100.0 %")
    table.add_row("all", "", *_cells(found["total"]), "", style="bold")
    return table


def _cells(row: Mapping[str, Any]) -> list[str]:
    factors = [f"{value:.4f}" for value in row["factors"].values()]
    share = "" if row["share"] is None else _percent(row["share"])
    return [three_digits(row["air_kerma_rp_mgy"]), *factors, three_digits(row["dose_mgy"]), share]


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _beam(row: Mapping[str, Any]) -> str:
    filters = " + ".join(f"{thickness:.3g} {name}" for name, thickness in row["filters_mm"].items())
    return f"{row['kvp_kv']:.0f} kV{', ' + filters if filters else ''}"


def _effects_table(found: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="Corrections switched off", title_justify="left", title_style="bold")
    for column in ("off", "dose here", "of the full", "highest peak of the map then"):
        table.add_column(column)
    for effect in found["switched_off"]:
        ratio = "" if effect["ratio"] is None else f"{effect['ratio']:.3f}"
        peak = f"{format_dose_mgy(effect['peak_mgy'])}, {effect['peak_region']}" if effect["peak_region"] else "none"
        table.add_row(effect["off"], format_dose_mgy(effect["dose_mgy"]), ratio, peak)
    return table
