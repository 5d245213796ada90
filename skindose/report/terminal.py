"""Result -> terminal: compact tables, the triggers that fired, the assumptions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from skindose.report.budget import budget_rows
from skindose.report.findings import on_probability, signed
from skindose.report.scene import format_dose_mgy, format_interval_mgy, format_quantity
from skindose.report.wording import calibration_words, plane_peak, several_planes
from skindose.triggers.rules import QUANTITIES
from skindose.units import gy_to_mgy, s_to_min

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_MOST_WARNINGS = 8
_LEAST_WIDTH = 40  # a narrower one is no terminal, and a table would be unreadable in it
_WIDTH_OF_FILES = 140  # characters, where the output goes to a file or a program


def console() -> Console:
    """A console on standard output; markup off, since text may come from a hostile file."""
    from rich.console import Console

    told = os.environ.get("COLUMNS", "")
    wide = None if os.isatty(1) else int(told) if told.isdecimal() and int(told) >= _LEAST_WIDTH else _WIDTH_OF_FILES
    return Console(markup=False, highlight=False, emoji=False, width=wide, soft_wrap=not os.isatty(1))


def progress(items: Iterable[T], total: int, show: bool) -> Iterator[T]:
    """The items, with a progress bar on standard error while they come, where a person can see it."""
    if not (show and os.isatty(2)):
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("RDSRs", total=total)
        for item in items:
            yield item
            bar.advance(task)


def print_result(summary: Mapping[str, Any], folder: object, brief: bool, notes: Sequence[str] = ()) -> None:
    """One procedure: headline, totals and triggers; with `brief` a few lines.

    notes   what happened to files and folder
    """
    out = console()
    name = printable(str(summary["input"]["file"]))
    fired = [trigger for trigger in summary["triggers"] if trigger["fired"]]
    if brief:
        out.print(f"{name}: {_peak_words(summary)}; {_counts(summary)} -> {printable(str(folder))}")
        for trigger in fired:
            out.print(f"  {_trigger_words(trigger)}", style="bold red")
        for line in (*_open_reasons(summary), *map(printable, notes)):
            out.print(f"  - {line}")
        return
    out.print(_facts_table(name, summary))
    out.print(_triggers_table(summary), "")
    if rows := budget_rows(summary["peak"]):
        out.print(_budget_table(rows), "")
    _print_list(out, "Not evaluable", _open_reasons(summary))
    _print_list(out, "Warnings", summary["warnings"])
    _print_list(out, "Assumptions", summary["assumptions"])
    out.print(f"Result: {printable(str(folder))}")
    for note in notes:
        out.print(f"Note: {printable(note)}.", style="bold")
    out.print(str(summary["disclaimer"]), style="dim")


def print_close(summaries: Sequence[Mapping[str, Any]]) -> None:
    """After several procedures: what holds for all of them and stands in none of their lines."""
    if not summaries:
        return
    out = console()
    unsigned = sorted({one["trigger_set"]["preset"] for one in summaries if not one["trigger_set"]["signed_by"]})
    for preset in unsigned:
        out.print(f"Triggers: {preset}, levels not yet signed by this site's physicist.", style="bold")
    out.print("Warnings and assumptions stand in report.html and result.json of each folder.")
    out.print(str(summaries[0]["disclaimer"]), style="dim")


def _counts(summary: Mapping[str, Any]) -> str:
    """How many triggers fired and are open, and how many warnings and assumptions there are to read."""
    verdicts = [trigger["fired"] for trigger in summary["triggers"]]
    parts = [
        f"{verdicts.count(True)} triggers fired",
        f"{verdicts.count(None)} not evaluable" if None in verdicts else "",
        f"{len(summary['warnings'])} warnings",
        f"{len(summary['assumptions'])} assumptions",
    ]
    return ", ".join(filter(None, parts))


def _facts_table(name: str, summary: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title=name, show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="bold")
    table.add_column()
    totals, profile = summary["totals"], summary["profile"]
    rows = {
        "Peak skin dose": _peak_words(summary),
        **{f"  plane {plane} alone": plane_peak(own) for plane, own in several_planes(summary).items()},
        "If runs stood still": _standing(summary["peak"]),
        "Maker's estimate": _or_none(summary["vendor_peak_mgy"], format_dose_mgy),
        "Ka,r": _total_words(totals["air_kerma_mgy"], format_dose_mgy),
        "KAP": _total_words(totals["kap_gycm2"], lambda value: format_quantity(value, "Gy.cm2")),
        "Fluoroscopy time": _total_words(
            totals["fluoro_time_s"], lambda value: format_quantity(s_to_min(value), "min")
        ),
        "Events": f"{totals['events']}, of them {totals['events_mapped']} on the map",
        "Kerma on the map": _or_none(totals["air_kerma_mapped_fraction"], "{:.1%}".format),
        "KAP on the body": _or_none(totals["kap_on_patient_fraction"], "{:.1%}".format),
        "Machine": " ".join(filter(None, (summary["device"]["manufacturer"], summary["device"]["model"]))) or None,
        "Profile": f"{profile['name']} ({profile['status']})",
        "Calibration": calibration_words(summary["calibration"]),
        "Phantom": f"{summary['phantom']['name']}, dose to {summary['dose_medium']}",
    }
    for key, value in rows.items():
        if value is not None:
            table.add_row(key, printable(str(value)))
    return table


def _or_none(value: float | None, shown: Any) -> str | None:
    return None if value is None else str(shown(value))


def _standing(peak: Mapping[str, Any] | None) -> str | None:
    bound = peak["if_runs_stood_mgy"] if peak else None
    return None if bound is None else f"up to {format_dose_mgy(bound)}, see warnings"


def _peak_words(summary: Mapping[str, Any]) -> str:
    peak = summary["peak"]
    if peak is None:
        bound = summary.get("peak_upper_bound_mgy")
        words = f"no map: {printable(str(summary['no_map_reason']))}"
        return words + (f"; at most {format_dose_mgy(bound)}" if bound is not None else "")
    least = "at least " if peak["lower_bound_reason"] else ""
    interval = format_interval_mgy(*peak["interval_95_mgy"]) if peak["interval_95_mgy"] else "not known"
    return f"{least}{format_dose_mgy(peak['skin_dose_mgy'])} (95 %: {interval}), {peak['region']}"


def _total_words(total: Mapping[str, Any], shown: Any) -> str:
    together = total["together"]
    parts = [f"{shown(together[key])} {key}" for key in ("reported", "summed") if together[key] is not None]
    planes = [f"{plane} {shown(total[plane]['summed'])}" for plane in ("A", "B") if total[plane]["summed"] is not None]
    return (", ".join(parts) or "not reported") + (f" (plane {', plane '.join(planes)})" if len(planes) > 1 else "")


def _triggers_table(summary: Mapping[str, Any]) -> Any:
    from rich.table import Table

    title = f"Triggers: {signed(summary['trigger_set'])}"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("rule", "quantity", "value", "level", "fired", "probability"):
        table.add_column(column)
    for trigger in summary["triggers"]:
        fired = {True: "FIRED", False: "no", None: "not evaluable"}[trigger["fired"]]
        fired += ", on probability" if on_probability(dict(trigger)) else ""
        table.add_row(
            trigger["rule"],
            _words(trigger),
            _amount(trigger["value"], trigger["unit"]),
            _amount(trigger["level"], trigger["unit"]),
            fired,
            _or_none(trigger["probability"], "{:.0%}".format) or "",
            style="bold red" if trigger["fired"] else None,
        )
    return table


def _budget_table(rows: Sequence[tuple[str, str, str, str]]) -> Any:
    from rich.table import Table

    table = Table(title="What the uncertainty of the peak is made of", title_justify="left", title_style="bold")
    for column in ("source", "standard", "share", "rests on"):
        table.add_column(column, justify="right" if column in ("standard", "share") else "left")
    for row in rows:
        table.add_row(*map(printable, row))
    return table


def _words(trigger: Mapping[str, Any]) -> str:
    """The quantity of a finding in words: "psd" is "peak skin dose"."""
    kind = QUANTITIES.get(trigger["quantity"])
    return kind.words if kind else str(trigger["quantity"])


def _open_reasons(summary: Mapping[str, Any]) -> list[str]:
    """Why rules could not be evaluated, each reason once with its quantity."""
    found = (
        f"{_words(one)}: {one['reason'].removeprefix(_words(one)).lstrip()}"
        for one in summary["triggers"]
        if one["fired"] is None
    )
    return list(dict.fromkeys(found))


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return format_dose_mgy(gy_to_mgy(value)) if unit == "Gy" else format_quantity(value, unit)


def _trigger_words(trigger: Mapping[str, Any]) -> str:
    value, level = (_amount(trigger[key], trigger["unit"]) for key in ("value", "level"))
    more = ", on its probability" if on_probability(dict(trigger)) else ""
    return f"FIRED {trigger['rule']}: {_words(trigger)} {value}, level {level}{more}"


def _print_list(out: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    out.print(f"{title}:", style="bold")
    for line in lines[:_MOST_WARNINGS]:
        out.print(f"  - {printable(line)}")
    if len(lines) > _MOST_WARNINGS:
        out.print(f"  ... and {len(lines) - _MOST_WARNINGS} more in result.json and report.html")


def printable(text: str) -> str:
    """Text without control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)


def print_rule_sets(sets: Iterable[tuple[Any, str]]) -> None:
    """One line per rule set, with who signed it."""
    from rich.table import Table

    table = Table(title="Rule sets (show one with `skindose triggers show NAME`)", title_justify="left")
    for column in ("name", "rules", "provenance", "title", "state"):
        table.add_column(column)
    for rules, state in sets:
        provenance = ", ".join(sorted({rule.provenance for rule in rules.rules}))
        table.add_row(rules.id, str(len(rules.rules)), provenance, rules.title, printable(state))
    console().print(table)


def print_rules(title: str, rows: Iterable[Any]) -> None:
    """Every level of a rule set, as `triggers.describe` gives them."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in ("rule", "kind", "quantity", "level", "each further", "provenance", "conditions", "source"):
        table.add_column(column)
    for row in rows:
        level = f"{row.comparison} {format_quantity(row.level, row.unit)}"
        step = f"+{format_quantity(row.step, row.unit)}" if row.step else ""
        table.add_row(row.rule, row.kind, row.quantity, level, step, row.provenance, row.conditions, row.source)
    console().print(table)


def print_checks(name: str, checks: Sequence[Any]) -> None:
    """What `skindose check` found in one file."""
    from rich.table import Table

    table = Table(title=printable(name), title_justify="left", title_style="bold", show_lines=False)
    for column in ("", "about", "finding", "what follows for the map"):
        table.add_column(column)
    marks = {"problem": "!!", "warning": "!", "note": "-", "info": ""}
    for check in checks:
        words = (marks.get(check.severity, ""), check.topic, check.sentence, check.consequence)
        table.add_row(*map(printable, words), style="bold" if check.severity == "problem" else None)
    console().print(table)
