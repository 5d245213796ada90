"""A dry run of trigger rules -> terminal: how often each level would have fired, beside the rules in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skindose.report.scene import format_quantity
from skindose.report.terminal import console, printable
from skindose.triggers.rules import QUANTITIES

_MOST_CASES = 8  # that a row names; --json has all


def print_dry_run(document: Mapping[str, Any]) -> None:
    """Two tables, and what is approximated in them."""
    out = console()
    out.print(f"{_cases(document['cases'])}{_period(document)}", style="bold")
    _print_set(document, "tried", "Tried")
    _print_set(document, "in_force", "In force")
    if document["undated"]:
        out.print(f"{_cases(document['undated'])} without a date: in no month.")
    for line in document["approximations"]:
        out.print(f"Approximated: {line}")
    if not document["exact"]:
        out.print("Computed again with --exact.")


def _print_set(document: Mapping[str, Any], key: str, title: str) -> None:
    from rich.table import Table

    side = document[key]
    summed = f"{title}: {side['id']}: {side['cases_fired']} of {_cases(document['cases'])} with an alert"
    rate = f", {side['cases_fired'] / document['months']:.2g} a month" if document["months"] else ""
    table = Table(title=printable(f"{summed}{rate}"), title_justify="left", title_style="bold")
    for column in ("rule", "quantity", "level", "fired", "a month", "not evaluable", "cases"):
        table.add_column(column)
    for row in side["levels"]:
        table.add_row(*map(printable, _row(row)), style="bold" if row["fired"] else None)
    console().print(table)


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    months, dated = len(row["per_month"]), sum(row["per_month"].values())
    quantity = QUANTITIES[row["quantity"]].words
    return (
        row["rule"],
        quantity,
        format_quantity(row["level"], row["unit"]),
        _fired(row),
        f"{dated / months:.2g}" if months else "-",
        str(row["not_evaluable"] or "-"),
        _named(row["cases"]),
    )


def _fired(row: Mapping[str, Any]) -> str:
    """How often, how often on the probability alone, and how many with each number of further increments."""
    more = [f"{row['on_probability']} on probability"] if row["on_probability"] else []
    more += [f"{count} with +{step}" for step, count in row["steps"].items() if step != "0"]
    return f"{row['fired']}" + (f" ({', '.join(more)})" if more else "")


def _named(cases: list[str]) -> str:
    more = len(cases) - _MOST_CASES
    return ", ".join(cases[:_MOST_CASES]) + (f" and {more} more" if more > 0 else "")


def _cases(count: int) -> str:
    return f"{count} case" + ("" if count == 1 else "s")


def _period(document: Mapping[str, Any]) -> str:
    return f", {document['from']} to {document['to']}" if document["from"] else ""
