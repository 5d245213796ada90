"""Fast engine against Monte Carlo -> terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from skindose.report.terminal import console, printable


def print_verification(document: Mapping[str, Any]) -> None:
    """The document of `skindose verify --json`, for people."""
    out = console()
    peak, above = document["peak"], document["above_half_peak"]
    relative = peak["standard_uncertainty_mgy"] / peak["truth_mgy"]
    out.print(f"{printable(document['file'])}: {document['events']} events on {document['phantom']}", style="bold")
    out.print(
        f"Peak (1 cm2, {peak['region']}): fast {peak['fast_mgy']:.4g} mGy, Monte Carlo {peak['truth_mgy']:.4g} mGy "
        f"+- {100 * relative:.1f} % (k = 1): {100 * (peak['fast_over_truth'] - 1):+.1f} %"
    )
    out.print(
        f"Skin above half the peak ({above['area_cm2']:.0f} cm2): "
        f"{100 * above['within_8_percent_or_3_mm_fraction']:.1f} % within 8 % or 3 mm"
    )
    out.print(_table(above["patches"]))
    out.print(
        f"{document['photons']:,} photons in {document['seconds']:.0f} s: {document['photons_per_s']:,.0f} per s, "
        f"{document['lost_photons']} lost"
    )
    for note in document["notes"]:
        out.print(printable(note))
    if document["maps"]:
        out.print(f"Written: {printable(', '.join(document['maps']))}. Look at them with skindose compare.")


def _table(rows: list[Mapping[str, Any]]) -> Any:
    """The patches by dose, in eight steps from half the peak upwards: how far the fast engine is from the truth."""
    from rich.table import Table

    table = Table(title="patches of about 1 cm2, by true dose", title_justify="left", title_style="bold")
    for column in ("from mGy", "to mGy", "patches", "fast/truth mean", "least", "most", "statistics", "agree"):
        table.add_column(column, justify="right")
    truth = np.array([row["truth_mgy"] for row in rows])
    ratio = np.array([row["fast_mgy"] for row in rows]) / np.maximum(truth, 1e-300)
    statistics = np.array([row["standard_uncertainty_mgy"] for row in rows]) / np.maximum(truth, 1e-300)
    agree = np.array([row["agrees"] for row in rows])
    edges = np.linspace(truth.min(), truth.max() * (1 + 1e-9), 9)
    for low, high in pairwise(edges.tolist()):
        own = (truth >= low) & (truth < high)
        if own.any():
            table.add_row(
                f"{low:.4g}",
                f"{high:.4g}",
                str(int(own.sum())),
                f"{ratio[own].mean():.3f}",
                f"{ratio[own].min():.3f}",
                f"{ratio[own].max():.3f}",
                f"{100 * statistics[own].mean():.1f} %",
                f"{100 * agree[own].mean():.0f} %",
            )
    return table
