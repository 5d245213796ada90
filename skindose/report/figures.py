"""The figures that stand in the page without a script: the unrolled map, the charts."""

from __future__ import annotations

from typing import Any, NamedTuple

from skindose.model import Result
from skindose.report.charts import dose_chart_svg
from skindose.report.events import peak_contribution_mgy
from skindose.report.shares import shares_svg
from skindose.report.unrolled import unrolled


class Figure(NamedTuple):
    """A heading, a picture as SVG, and what must be said with it."""

    name: str
    svg: str
    caption: str


_OF_EVENTS = "Point at a bar for its event. Events are numbered as in the table below and in events.csv."
_OF_SHARES = "Sums over the events; the table below has the totals as the system reported them."


def figures(result: Result, facts: dict[str, Any]) -> list[Figure]:
    """Those that this result has, in the page's order.

    facts   what `summary.summary` returns
    """
    found = []
    if result.dosemap is not None:
        found.append(Figure("Unrolled map", *unrolled(facts, result.phantom, result.dosemap.dose_mgy)))
    if len(result.events):
        chart = dose_chart_svg(facts, result.events, peak_contribution_mgy(result))
        found.append(Figure("Dose over the procedure", chart, _OF_EVENTS))
        found.append(Figure("What the radiation was for", shares_svg(result.events), _OF_SHARES))
    return found
