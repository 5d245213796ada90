"""`skindose registry`: what is stored for good, whether it is still what was written, and one case out of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skindose import review
from skindose.errors import ExitCode, OutputError, SettingsError, reason
from skindose.printing import AsJson, print_json

if TYPE_CHECKING:
    from skindose.model import Result
    from skindose.registry import Kept, Row

app = typer.Typer(
    help="The registry of reports, results and alerts: SKINDOSE_HOME says where, DATABASE_URL on which database.",
    no_args_is_help=True,
)

CaseNumber = Annotated[str, typer.Argument(metavar="CASE", help="case number, from `list`", show_default=False)]


@app.command()
def init(as_json: AsJson = False) -> None:
    """Make the registry and the site's key, or bring its tables up to date; safe to do again."""
    from skindose.registry import home, open_registry

    with open_registry() as registry:
        place = registry.place
    if as_json:
        print_json({"folder": str(place.folder), "database": place.named})
    else:
        typer.echo(f"The registry is ready: {place.named}, in {place.folder}.")
        typer.echo(f"Keep a copy of {home.KEY} elsewhere: without it no patient is recognised again.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say how much is stored, and when each machine was last heard of."""
    from skindose.registry import open_registry

    with open_registry(new=False) as registry:
        from skindose.registry import outgoing, reading

        document, waiting = {"database": registry.place.named, **reading.status()}, outgoing.waiting()
    if as_json:
        print_json(document)
        return
    for name in ("procedures", "reports", "results", "patients", "alerts", "quarantined"):
        typer.echo(f"{name:12} {document[name]:8}")
    for machine in document["machines"]:
        typer.echo(f"{machine['station'] or machine['model']}: last report {machine['last_report'] or 'never'}")
    if waiting:
        typer.echo(waiting)
    if document["audit"]:
        typer.echo(f"Audit trail: {document['audit']['rows']}:{document['audit']['digest']}")


@app.command("list")
def list_procedures(
    case: Annotated[str | None, typer.Option(help="only the procedures of this case's patient")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many")] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="what fired and nobody reviewed, instead")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="files that could not be used, instead")] = False,
    as_json: AsJson = False,
) -> None:
    """List procedures with their current result, newest first; or the files in quarantine."""
    from skindose.registry import open_registry

    with open_registry(new=False):
        from skindose.registry import reading

        if quarantine:
            _print_quarantine(reading.quarantined(), as_json)
            return
        if unsigned:
            from skindose.registry import signoff

            review.print_pending(signoff.pending(), as_json)
            return
        rows = reading.procedures(limit, reading.find(case) if case else None)
    if as_json:
        print_json([_row(row) for row in rows])
        return
    for row in rows:
        typer.echo(_line(row))
    typer.echo(f"{len(rows)} procedure{'' if len(rows) == 1 else 's'}.")


@app.command()
def show(case: CaseNumber, as_json: AsJson = False) -> None:
    """Show one procedure: its reports, every result that it ever had, and the sums with the patient's earlier ones."""
    from skindose import earlier
    from skindose.registry import open_registry

    with open_registry(new=False):
        from skindose.registry import corrections, reading, signoff

        procedure = reading.find(case)
        signed = signoff.of_procedure(procedure)
        rows = {row.procedure: row for row in reading.procedures(None, procedure)}
        own = rows.pop(procedure)
        document: dict[str, Any] = {
            "case": own.case_number,
            "date": own.study_date or None,
            "station": own.station or None,
            "fired": list(own.fired),
            "reports": reading.reports(procedure),
            "results": [{**one, "reviewed": signed.get(one["version"], [])} for one in reading.versions(procedure)],
            "corrections": corrections.history(procedure),
            "sums": earlier.shown(procedure),
            "same_patient": [row.case_number for row in rows.values()],
        }
    if as_json:
        print_json(document)
        return
    typer.echo(_line(own))
    for report in document["reports"]:
        state = f"retracted: {report['why']}" if report["retracted"] else "counts"
        typer.echo(f"report {report['sha256'][:12]}, {report['received_at']}, {state}")
    former = None
    for result in document["results"]:
        for line in _result_lines(result, former, document["corrections"]):
            typer.echo(line)
        former = result
    for line in earlier.lines(document["sums"]):
        typer.echo(line)
    typer.echo(f"Other procedures of this patient: {', '.join(document['same_patient']) or 'none'}.")


@app.command()
def settle(
    key: Annotated[str, typer.Argument(metavar="KEY", help="from `list --quarantine`, its beginning will do")],
    by: Annotated[str, typer.Option(help="your name, for the record", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Take a file off the quarantine list: you looked at it. If it changes, or fails otherwise, it comes back."""
    from skindose.registry import open_registry

    if not by.strip():
        raise SettingsError("a name is needed for the record", "--by", "Give it: --by NAME.")
    with open_registry(new=False) as registry:
        from skindose.registry import store

        fresh = store.looked_at(registry, key.strip(), by.strip())
    if as_json:
        print_json({"key": key, "settled": fresh})
    else:
        typer.echo("Settled." if fresh else "It was settled already.")


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="ROW:DIGEST", help="a row of the audit trail that was noted, from `status`")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the audit trail's chain, and every row and stored object against it; name what does not fit."""
    from skindose.registry import open_registry

    noted = _head(head)
    with open_registry(new=False) as registry:
        from skindose.registry import check, reading

        faults = check.verify(registry, noted)
        audit = reading.status()["audit"]
    if as_json:
        print_json({"intact": not faults, "faults": [fault._asdict() for fault in faults], "audit": audit})
    else:
        for fault in faults:
            typer.echo(f"{fault.where}: {fault.what}", err=True)
        rows = audit["rows"] if audit else 0
        typer.echo(f"{len(faults)} faults, {rows} rows of the audit trail." if faults else f"Intact: {rows} rows.")
    sys.exit(int(ExitCode.SOME_FAILED if faults else ExitCode.OK))


@app.command()
def export(
    case: CaseNumber,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder to write into", show_default=False)],
    version: Annotated[int | None, typer.Option(min=1, help="a former result; default the current one")] = None,
) -> None:
    """Write one procedure out: its reports byte for byte, and the result's folder as run writes it.

    The files carry what the reports carry, the patient's name and number included.
    """
    from skindose import earlier, summing, sums
    from skindose.folder import write_result
    from skindose.registry import open_registry

    with open_registry(new=False):
        from skindose.registry import reading, signoff

        procedure = reading.find(case)
        reports = {report["sha256"]: reading.content(report["sha256"]) for report in reading.reports(procedure)}
        kept = reading.open_kept(procedure, version)
        chosen = version or reading.versions(procedure)[-1]["version"]
        reviewed = signoff.document(procedure, chosen)
        before = earlier.in_report(procedure, kept.facts) if version is None else {}
        added = summing.again(procedure) if before and before["earlier"]["sums"] else None
    result = _again(kept)
    if reviewed["signed"] and not _is_the_same(result, kept):
        typer.echo("This version of the program makes another map than was reviewed: it is unsigned.", err=True)
        reviewed["signed"] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for digest, data in reports.items():
            (folder / f"{digest[:16]}.dcm").write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write: {reason(error)}", str(folder), "Choose another folder.") from None
    write_result(result, folder / case, {"review": reviewed, **before})
    more = sums.write(*added, folder / f"{case}-sum") if added else ()
    named = ", ".join(["", *more])
    typer.echo(f"Written: {len(reports)} report{'' if len(reports) == 1 else 's'} and {folder / case}{named}")


def _again(kept: Kept) -> Result:
    """The stored result, made again of its case; it must come out as it was.

    raises   OutputError where this program makes another one of it
    """
    from skindose.pipeline import compute_case

    if kept.body is None:
        what = "this version of the program makes another body than the result was made on"
        raise OutputError(what, "export", "Export it with the version that `show` names.")
    result = compute_case(kept.case)
    peak = result.dosemap.peak if result.dosemap else None
    former = kept.facts["peak"]
    was, now = former["skin_dose_mgy"] if former else 0.0, peak.skin_dose_mgy if peak else 0.0
    if not math.isclose(was, now, rel_tol=1e-3):
        typer.echo(f"The stored peak is {_gy(was)}; this version of the program makes it {_gy(now)}.", err=True)
    return result


def _result_lines(result: dict[str, Any], former: dict[str, Any] | None, known: list[dict[str, Any]]) -> Iterator[str]:
    """One version: what is new against the former one, who corrected what and why, and who reviewed it."""
    peak = _gy(result["peak_skin_dose_mgy"])
    was = f" (was {_gy(former['peak_skin_dose_mgy'])})" if former else ""
    yield f"result {result['version']}, {result['made_at']}, {result['why']}, peak {peak}{was}"
    here, before = set(result["corrections"]), set(former["corrections"] if former else ())
    for one in known:
        if one["key"] in here - before:
            yield f"    corrected by {one['by']}: {one['reason']} ({_given(one['settings'])})"
        if one["key"] in before - here:
            yield f"    taken back by {one['taken_back_by']}: {one['taken_back_because']} ({_given(one['settings'])})"
    for one in result["reviewed"]:
        note = f": {one['note']}" if one["note"] else ""
        yield f"    reviewed by {one['by']}, {one['role']} on {one['on']}{note}"
    if not result["reviewed"]:
        yield "    not reviewed"


def _given(settings: dict[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in settings.items())


def _is_the_same(result: Result, kept: Kept) -> bool:
    """Whether this program makes the very map that was stored; of another one nobody reviewed anything."""
    from skindose.report.summary import summary

    now = summary(result)
    return all(now[name] == kept.facts[name] for name in ("peak", "regions", "area_above", "totals"))


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    row, _, digest = text.partition(":")
    if not row.isdecimal() or not digest:
        raise SettingsError("--head: this is no ROW:DIGEST", "options", "Copy it from `skindose registry status`.")
    return int(row), digest.strip()


def _print_quarantine(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        since, key = row["since"][:10], row["key"][:12]
        typer.echo(f"{key}  {since}  {row['path']}: {row['reason']}. {row['remedy']}".strip())
    typer.echo(f"{len(rows)} file{'' if len(rows) == 1 else 's'} in quarantine.")


def _row(row: Row) -> dict[str, Any]:
    document = {**row._asdict(), "fired": list(row.fired)}
    del document["procedure"]
    return document


def _line(row: Row) -> str:
    fired = f"  {', '.join(row.fired)}" if row.fired else ""
    test = "  (test)" if row.purpose == "test" else ""
    date = row.study_date or "no date   "
    signed = "  reviewed" if row.reviewed else "  NOT REVIEWED" if row.fired and not test else ""
    return f"{row.case_number}  {date}  {row.station:16}  {_gy(row.peak_skin_dose_mgy)}{test}{signed}{fired}"


def _gy(dose_mgy: float | None) -> str:
    from skindose.units import mgy_to_gy

    return "no map" if dose_mgy is None else f"{mgy_to_gy(dose_mgy):.3g} Gy"
