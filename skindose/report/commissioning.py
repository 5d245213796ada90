"""A commissioning -> terminal: each shot's distance from the central ray, what follows, what stays open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skindose.report.terminal import console, printable

_AXES = {"sideways": "table sideways", "height": "table height", "head_foot": "table head-foot"}


def print_summary(summary: Mapping[str, Any]) -> None:
    """The document of `skindose commission --json`, for people."""
    out = console()
    out.print(_shots_table(summary))
    counted = sum(shot["counts"] for shot in summary["shots"])
    out.print(f"{counted} shots count: {summary['rms_mm']:.1f} mm rms from the central ray.\n")
    out.print(_found_table(summary))
    _print_open(out, summary)
    for warning in summary["warnings"]:
        out.print(f"Warning: {printable(str(warning))}", style="yellow")
    if summary["profile"] is not None:
        out.print(f"Written: {printable(summary['profile'])}. Use it with --profile, or keep it in profile_folder.")
    elif summary["refused"] is None:
        out.print("Nothing was written: give --write PROFILE.toml --by NAME.")


def _shots_table(summary: Mapping[str, Any]) -> Any:
    from rich.table import Table

    name = printable(str(summary["report"]["file"]))
    table = Table(title=f"{name}: marker from the central ray, mm", title_justify="left", title_style="bold")
    for column in ("event", "marker left, head, up", "angles", "to left", "to head", "up", "distance", "", "remark"):
        table.add_column(column, justify="left" if column in ("", "remark") else "right")
    for shot in summary["shots"]:
        place = ", ".join(f"{shot[f'marker_{axis}_mm']:g}" for axis in ("left", "head", "up"))
        table.add_row(
            str(shot["event"]),
            place,
            f"{shot['primary_deg']:g} / {shot['secondary_deg']:g}",
            *(f"{round(shot[f'off_{axis}_mm'], 1) + 0.0:+.1f}" for axis in ("left", "head", "up")),
            f"{shot['distance_mm']:.1f}",
            "" if shot["counts"] else "mistaken, left out",
            printable(shot["remark"]),
        )
    return table


def _found_table(summary: Mapping[str, Any]) -> Any:
    from rich.table import Table

    sure = set(summary["determined"])
    table = Table(title="What the shots say", title_justify="left", title_style="bold")
    for column in ("", "value", "standard error", ""):
        table.add_column(column)
    for axis, words in _AXES.items():
        found = summary["table"][axis]
        zero = f"{'+' if found['sign'] > 0 else '-'}({_item(found['items'])} - {found['zero_mm']:.1f} mm)"
        error = "not seen" if found["error_mm"] is None else f"{found['error_mm']:.1f} mm"
        table.add_row(words, zero, error, _sure({f"{axis}_zero", f"{axis}_sign", "table_axes"} <= sure))
    stand = summary["stand"]
    for which in ("primary", "secondary"):
        error_deg = stand[f"{which}_zero_error_deg"]
        value = f"{'+' if stand[f'{which}_sign'] > 0 else '-'}(angle - {stand[f'{which}_zero_deg']:.1f} degrees)"
        error = "not told apart from 0" if error_deg is None else f"{error_deg:.1f} degrees"
        table.add_row(f"{which} angle", value, error, _sure(f"{which}_sign" in sure))
    for key in ("axis_order", "angles_relative_to"):
        table.add_row(key.replace("_", " "), str(stand[key]), "", _sure(key in sure))
    for turn in ("horizontal_rotation", "head_tilt", "cradle_tilt"):
        sign = f"{stand[f'{turn}_sign']:+d}"
        table.add_row(f"table's {turn.replace('_', ' ')}", sign, "", _sure(f"{turn}_sign" in sure))
    return table


def _item(items: list[str]) -> str:
    return printable(items[0].replace("_", " ")) + (" or another" if len(items) > 1 else "")


def _sure(determined: bool) -> str:
    return "determined" if determined else "not determined: inherited"


def _print_open(out: Any, summary: Mapping[str, Any]) -> None:
    inherits = f"{summary['inherits']['name']} ({summary['inherits']['status']})"
    tried = [each["words"] for each in summary["undetermined"] if each["tried"]]
    untried = [each["words"] for each in summary["undetermined"] if not each["tried"]]
    if tried:
        out.print(f"Fits equally well either way: {'; '.join(tried)}.")
    for step in summary["shots_to_add"]:
        out.print(f"  A shot that would settle it: {step['words']}.")
    if untried:
        out.print(f"Not tried, so inherited from {inherits}: {'; '.join(untried)}.")
