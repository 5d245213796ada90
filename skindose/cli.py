"""The command line: parses, calls, prints. Programs read standard output, people read both."""

from __future__ import annotations

import datetime
import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skindose import alarms, calibrate, desk, doctor, presets, registrar, review, unattended
from skindose.errors import ExitCode, SettingsError, SkindoseError, reason
from skindose.options import Body, Correct, Exclude, Move, Pad, Records, Region, triple
from skindose.printing import AsJson, print_json

if TYPE_CHECKING:
    from skindose.batch import Outcome
    from skindose.config import Settings
    from skindose.model import Events
    from skindose.normalise import Check

app = typer.Typer(
    name="skindose",
    help="Skin dose maps, peak skin dose and follow-up alerts from X-ray radiation dose structured reports (RDSR).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(presets.app, name="triggers")
app.add_typer(calibrate.app, name="calibrate")
review.add_to(registrar.app)
app.add_typer(registrar.app, name="registry")
app.add_typer(alarms.app, name="alerts")
app.add_typer(alarms.contacts, name="followup")
desk.add_to(app)
unattended.add_to(app)
doctor.add_to(app)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="RDSR files (DICOM)", show_default=False)]
Config = Annotated[Path | None, typer.Option(help="TOML file with any of these options", show_default=False)]


def main() -> None:
    """Entry point; a traceback never reaches a user."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: clean up, leave no worker behind
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal or log that is not UTF-8 shows "?", never a traceback
    try:
        app()
    except SkindoseError as error:
        _complain(error)
        sys.exit(int(error.exit_code))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.SOME_FAILED))
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def run(
    files: Files,
    out: Annotated[Path, typer.Option(help="folder for the results, one folder per input")] = Path("results"),
    phantom: Body = None,
    height_cm: Annotated[float | None, typer.Option(help="patient's height; default the file's, else 178.6")] = None,
    weight_kg: Annotated[float | None, typer.Option(help="patient's weight; default the file's, else 73.2")] = None,
    sex: Annotated[str | None, typer.Option(help="male or female; default the file's, else male")] = None,
    age: Annotated[float | None, typer.Option(help="patient's age in years; default the file's, else adult")] = None,
    pose: Annotated[str | None, typer.Option(help="arms-down (default), arms-up, left-arm-up, right-arm-up")] = None,
    placement: Annotated[str | None, typer.Option(help="auto (default), table or anatomy")] = None,
    region: Region = None,
    offset: Annotated[
        str | None, typer.Option(metavar="LEFT,HEAD,UP", help="moves the patient on the table, in mm")
    ] = None,
    orientation: Annotated[
        str | None, typer.Option(help="how the patient lay: hfs, hfp, hfdr, hfdl, ffs, ffp, ffdr, ffdl")
    ] = None,
    pad: Pad = None,
    profile: Annotated[str | None, typer.Option(help="machine profile: a shipped name or a TOML file")] = None,
    calibrations: Records = None,
    corrections: Annotated[
        str | None, typer.Option(help="all (default), none, or a list of backscatter,medium,table,heel,calibration")
    ] = None,
    medium: Annotated[str | None, typer.Option(help="dose medium: water (default), soft-tissue, skin")] = None,
    triggers: Annotated[
        str | None,
        typer.Option(help="preset of trigger levels or a TOML file; default those in force, else ncrp-168"),
    ] = None,
    exclude: Exclude = None,
    correct: Correct = None,
    move: Move = None,
    merge: Annotated[bool, typer.Option("--merge", help="files of one study are one procedure")] = False,
    config: Config = None,
    seed: Annotated[int | None, typer.Option(help="seed of random draws")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="files processed at the same time")] = 1,
    as_json: AsJson = False,
) -> None:
    """Compute the skin-dose map, the peak and the triggers of each RDSR, into one result folder per input."""
    options = {
        "phantom": phantom,
        "height_cm": height_cm,
        "weight_kg": weight_kg,
        "sex": sex,
        "age": age,
        "pose": pose,
        "placement": placement,
        "region": region,
        "offset_mm": triple(offset),
        "orientation": orientation,
        "pad_mm": pad,
        "profile": profile,
        "calibration_folder": calibrations,
        "corrections": _corrections(corrections),
        "medium": medium,
        "triggers": triggers,
        "exclude": "; ".join(exclude) if exclude else None,
        "correct": correct or None,
        "move": move or None,
        "seed": seed,
    }
    sys.exit(int(_run(files, out, _settings(config, options), merge, jobs, as_json)))


@app.command()
def check(files: Files, config: Config = None, profile: str | None = None, as_json: AsJson = False) -> None:
    """Say what each RDSR holds, lacks and contradicts, and what follows for the map."""
    from skindose import normalise, rdsr
    from skindose.report import terminal

    settings = _settings(config, {"profile": profile})
    documents: list[dict[str, Any]] = []
    code = ExitCode.OK
    for path in files:
        try:
            procedure = rdsr.read(path)
            events = normalise.normalise(procedure, settings)
            checks = (*_shortfalls(events), *normalise.inspect(procedure, events))
        except SettingsError:
            raise
        except SkindoseError as error:
            error = error.at(path.name or str(path))
            _complain(error)
            documents.append({"file": path.name, "error": str(error)})
            code = ExitCode.SOME_FAILED
            continue
        documents.append({"file": path.name, "checks": normalise.to_dict(checks)})
        if not as_json:
            terminal.print_checks(path.name, checks)
    if as_json:
        print_json(documents)
    sys.exit(int(code))


def _shortfalls(events: Events) -> list[Check]:
    """What makes the peak a lower bound already in the report itself."""
    import numpy as np

    from skindose import normalise, quantities

    lacks = quantities.map_shortfall(events, quantities.totals_of(events), np.zeros(len(events), dtype=np.bool_))
    reasons = lacks.reasons if len(events) else ()
    return [normalise.Check("problem", "totals", reason, "the peak is only a lower bound") for reason in reasons]


@app.command()
def commission(
    shots: Annotated[Path | None, typer.Argument(metavar="[SHOTS.dcm]", help="RDSR of the shots of a marker")] = None,
    marks: Annotated[Path | None, typer.Argument(metavar="[MARKS.csv]", help="where the marker lay at each")] = None,
    write: Annotated[Path | None, typer.Option(help="profile to write (TOML)", show_default=False)] = None,
    by: Annotated[str, typer.Option(help="the physicist's name, for the profile", show_default=False)] = "",
    template: Annotated[
        Path | None, typer.Option(help="write a form for MARKS.csv, with SHOTS.dcm one row per acquisition")
    ] = None,
    accuracy_mm: Annotated[float, typer.Option(help="within which a marker is put on the central ray")] = 2.0,
    force: Annotated[bool, typer.Option("--force", help="replace a file that is there")] = False,
    profile: Annotated[str | None, typer.Option(help="profile to inherit from; default the one that fits")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find a machine's zeros, signs and axes from shots of a marker, and write a commissioned profile."""
    from skindose import commission as room
    from skindose import rdsr
    from skindose.report import commissioning

    settings = _settings(config, {"profile": profile})
    if template is not None and marks is None:
        room.refuse_existing(template, force, ".csv")
        room.write_text(template, room.form(rdsr.read(shots) if shots else None, settings))
        typer.echo(f"Written: {template}. Fill it in, then: skindose commission SHOTS.dcm {template.name}")
        return
    if shots is None or marks is None or template is not None:
        raise SettingsError("SHOTS.dcm and MARKS.csv are needed, or --template", "commission", "See --help.")
    if write is not None:
        room.refuse_existing(write, force, ".toml")
        if not by.strip():
            raise SettingsError("a profile needs the physicist's name", "--by", "Give it: --by NAME.")
    outcome = room.commission(rdsr.read(shots), room.read_marks(marks), settings, accuracy_mm)
    document = room.summary(outcome) | {"profile": None}
    if write is not None and outcome.refusal is None:
        room.write_text(write, outcome.profile_text(by, datetime.date.today()))
        document["profile"] = str(write)
    if as_json:
        print_json(document)
    else:
        commissioning.print_summary(document)
    if outcome.refusal is not None:
        raise outcome.refusal.at(shots.name)


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="RDSR file (DICOM)", show_default=False)],
    cell: Annotated[int | None, typer.Option(help="a cell of the phantom instead of the peak")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="the cell nearest to a point, patient frame, mm")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every event with dose there, not the largest ten")] = False,
    phantom: Body = None,
    profile: Annotated[str | None, typer.Option(help="machine profile: a shipped name or a TOML file")] = None,
    corrections: Annotated[str | None, typer.Option(help="all (default), none, or a list, as for run")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show why the peak is what it is: each event's share, each factor, and what every correction changes.

    Other options of run go into a file: --config FILE.
    """
    from skindose import explain as room
    from skindose import rdsr
    from skindose.report import explanation

    options = {"phantom": phantom, "profile": profile, "corrections": _corrections(corrections)}
    settings, place = _settings(config, options), triple(at, "--at")
    if cell is not None and place is not None:
        raise SettingsError("--cell and --at name two places", "options", "Give one of them.")
    try:
        found = room.to_dict(room.explain(rdsr.read(file), settings, cell, place))
    except SettingsError:
        raise
    except SkindoseError as error:
        raise error.at(file.name or str(file)) from None
    if as_json:
        print_json(found)
    else:
        explanation.print_explanation(found, every)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="RDSR file (DICOM)", show_default=False)],
    phantom: Body = None,
    region: Region = None,
    profile: Annotated[str | None, typer.Option(help="machine profile: a shipped name or a TOML file")] = None,
    config: Config = None,
    precision: Annotated[
        float, typer.Option(min=0.05, max=50, help="percent (k = 1) wanted at the fast engine's peak")
    ] = 1.0,
    seconds: Annotated[float, typer.Option(min=1, help="longest time")] = 180.0,
    photons: Annotated[int, typer.Option(min=1000, help="most photons")] = 200_000_000,
    body: Annotated[str, typer.Option(help="what the body is made of: water or soft-tissue")] = "water",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="seed of the photons")] = 0,
    maps: Annotated[Path | None, typer.Option(help="folder for both maps, which skindose compare reads")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute a procedure again by Monte Carlo, on the same body, and print the fast engine against it."""
    from skindose import compare, rdsr, units
    from skindose import verify as judge
    from skindose.report import verification

    settings = _settings(config, {"phantom": phantom, "region": region, "profile": profile})
    effort = judge.Effort(units.express(precision, "1", "percent"), seconds, photons, seed, body)
    try:
        found = judge.verify(rdsr.read(file), settings, effort)
    except SkindoseError as error:
        raise error.at(file.name or str(file)) from None
    document = found.to_dict() | {"maps": compare.write_maps(found, maps) if maps else []}
    if as_json:
        print_json(document)
    else:
        verification.print_verification(document)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="folder for the demonstration")] = Path("demo"), as_json: AsJson = False
) -> None:
    """Write a synthetic RDSR of a long coronary intervention and run it."""
    from skindose.errors import OutputError
    from skindose.rdsr.demo import write_demo

    try:
        out.mkdir(parents=True, exist_ok=True)
        path = write_demo(out / "demo.dcm")
    except OSError as error:
        raise OutputError(f"cannot write: {reason(error)}", str(out), "Choose another --out.") from None
    code = _run([path], out, _settings(None, {}), False, 1, as_json)
    if not as_json and code == ExitCode.OK:
        typer.echo(f"\nOpen the map in a browser: {(out / 'demo' / 'report.html').resolve()}")
    sys.exit(int(code))


@app.command()
def schema() -> None:
    """Print the JSON schema of result.json."""
    from skindose.report.summary import schema as result_schema

    print_json(result_schema())


def _settings(config: Path | None, options: dict[str, Any]) -> Settings:
    from skindose.config import Settings

    return Settings.load(config, options)


def _corrections(text: str | None) -> tuple[str, ...] | None:
    from skindose.config import CORRECTIONS

    if text is None or text == "all":
        return None if text is None else CORRECTIONS
    return () if text == "none" else tuple(part.strip() for part in text.split(","))


def _run(files: list[Path], out: Path, settings: Settings, merge: bool, jobs: int, as_json: bool) -> ExitCode:
    from skindose import batch, release
    from skindose.report import terminal

    release.rules(settings)  # a wrong rule file is a mistake of the call, told once
    outcomes = batch.run_files(files, out, settings, merge=merge, jobs=jobs)
    done: list[Outcome] = []
    for outcome in terminal.progress(outcomes, len(files), show=len(files) > 1 and not as_json):
        done.append(outcome)
        if outcome.error is not None:
            _complain(outcome.error)
        elif outcome.summary is not None and not as_json:
            brief = len(files) > 1
            terminal.print_result(outcome.summary, outcome.folder, brief, outcome.notes)
    if as_json:
        print_json([_outcome_json(outcome) for outcome in done])
    elif len(files) > 1:
        terminal.print_close([outcome.summary for outcome in done if outcome.summary is not None])
    return max((ExitCode(outcome.error.exit_code) for outcome in done if outcome.error), default=ExitCode.OK)


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    if outcome.error is not None:
        return {"file": outcome.name, "error": str(outcome.error)}
    notes = list(outcome.notes)
    return {"file": outcome.name, "folder": str(outcome.folder), "notes": notes, "result": outcome.summary}


def _complain(error: SkindoseError) -> None:
    typer.echo(_printable(str(error)), err=True)


def _printable(text: str) -> str:
    """One line without control characters: text may come from a hostile file."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
