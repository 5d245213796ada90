"""A result folder -> the two-page dose report, and who the patient is, where his own record asks for it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skindose import folder, rdsr
from skindose.errors import SettingsError
from skindose.report import MAP, RESULT, charts, pdf, picture, unrolled

_BEGINS = b"%PDF-"


def write_report(result: Path, out: Path | None = None, identified: Path | None = None) -> Path:
    """Write the dose report of a result folder, with or without a map.

    out          the file; default the result folder's name with .pdf, in the current folder
    identified   the RDSR (one of those that the result was made from) that says who the patient is; None: nobody knows
    returns      the file
    raises       InputError for a folder that is not whole; SettingsError for another patient's file; OutputError
    """
    pdf.require()
    where = (result.parent if result.name == RESULT else result).absolute()
    facts = folder.read_facts(where)
    who = None if identified is None else _identity(facts, identified)
    content = pdf.pdf(facts, _pictures(where) if MAP in facts["files"] else pdf.Pictures(), who)
    target = out or Path(f"{where.name}.pdf")
    folder.write_file(target, content, _BEGINS)
    return target


def _identity(facts: dict[str, Any], path: Path) -> rdsr.Identity:
    """Who the file names, if this result was made from it: another file would give the dose to another patient."""
    found = rdsr.identity(path)
    if found.sha256 not in {one["sha256"] for one in facts["inputs"]}:
        what = "this result was not made from that file (its sha256 is none of the result's inputs)"
        raise SettingsError(what, "--identified", "Give the very RDSR that was run.")
    return found


def _pictures(result: Path) -> pdf.Pictures:
    stored = folder.open_result(result)
    facts, phantom, dose_mgy = stored.facts, stored.phantom, stored.dose_mgy
    rows = list(csv.DictReader(io.StringIO(stored.events_csv.decode())))
    at_peak_mgy = np.array([float(row["peak_contribution_mgy"] or "nan") for row in rows])
    # The case has the events before any was set aside; the table says which are in the map.
    events = replace(stored.case.events, mapped=np.array([row["mapped"] == "yes" for row in rows]))
    chart = charts.dose_chart_svg(facts, events, at_peak_mgy)
    return pdf.Pictures(
        picture.picture_png(facts, phantom, dose_mgy, legend=False),
        unrolled.unrolled_svg(facts, phantom, dose_mgy).encode(),
        chart.encode() or None,
    )
