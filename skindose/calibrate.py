"""`skindose calibrate`: check, list, sign and show calibration records."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from skindose.errors import ExitCode, SettingsError, SkindoseError
from skindose.printing import AsJson, print_json

app = typer.Typer(
    help="Calibration records: check, list, sign, and show which count for a report.", no_args_is_help=True
)

Folder = Annotated[
    Path | None,
    typer.Option("--calibrations", help="folder of records; default calibration_folder", show_default=False),
]
Config = Annotated[Path | None, typer.Option(help="TOML file with calibration_folder", show_default=False)]


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="records (TOML)", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check records: every mistake in one line, records that contradict each other, dates in the future."""
    from skindose.report import calibrations as page

    loaded, errors = _all(paths)
    today = datetime.date.today()
    errors += _contradictions(loaded) + _early(loaded, today) + _changed(loaded)
    for error in errors:
        typer.echo(str(error), err=True)
    if as_json:
        records = [page.to_dict(each, today) for each in loaded]
        print_json({"valid": not errors, "errors": [str(error) for error in errors], "records": records})
    else:
        for each in loaded:
            typer.echo(f"{each.file}: {each.record.name}, {each.signature}, until {each.record.last_day.isoformat()}.")
        typer.echo(f"{_count(len(loaded), 'record')}, {_count(len(errors), 'mistake')}.")
    sys.exit(int(ExitCode.USAGE if errors else ExitCode.OK))


@app.command("list")
def list_records(calibrations: Folder = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the site's records: machine, validity, signature, and whether they are in force today."""
    from skindose.calibration import load_folder
    from skindose.report import calibrations as page

    documents = [page.to_dict(each, datetime.date.today()) for each in load_folder(_folder(calibrations, config))]
    if as_json:
        print_json(documents)
    else:
        page.print_records(documents)


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="record (TOML)")],
    by: Annotated[str, typer.Option(help="the medical physics expert's name", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Sign a record: name, date and the content's digest go into it; a change afterwards undoes it."""
    from skindose import calibration
    from skindose.report import calibrations as page

    today = datetime.date.today()
    loaded = calibration.sign(file, by, today)
    if as_json:
        print_json(page.to_dict(loaded, today))
    else:
        signature = loaded.record.signature
        typer.echo(f"{file.name}: {loaded.record.name} is signed by {signature.by if signature else ''}.")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE.dcm", help="RDSR")],
    calibrations: Folder = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show which records count for a report, event by event, and why the others do not."""
    from skindose import calibration, normalise, prepare, rdsr
    from skindose.config import Settings
    from skindose.report import calibrations as page

    settings = Settings.load(config, {"calibration_folder": calibrations})
    procedure = rdsr.read(file)
    events = normalise.normalise(procedure, settings)
    records = calibration.load_folder(settings.calibration_folder)
    hvl_mmal = prepare.half_value_layers(records, events)
    told = calibration.explain(records, procedure.header, events, hvl_mmal)
    known = calibration.apply(records, procedure.header, events, hvl_mmal)
    document: dict[str, Any] = {
        "file": file.name,
        "date": procedure.header.study_date or None,
        "events": len(events),
        "folder_given": settings.calibration_folder is not None,
        "records": [page.why_to_dict(why) for why in told],
        "uncalibrated": [event + 1 for event, name in enumerate(known.record) if not name],
        "reported": [each._asdict() for each in calibration.reported(procedure)],
    }
    if as_json:
        print_json(document)
    else:
        page.print_why(file.name, document)


def _folder(calibrations: Path | None, config: Path | None) -> Path:
    from skindose.config import Settings

    folder = Settings.load(config, {"calibration_folder": calibrations}).calibration_folder
    if folder is None:
        raise SettingsError(
            "no folder of records is given", "calibrate", "Give --calibrations FOLDER, or --config FILE."
        )
    return folder


def _all(paths: Sequence[Path]) -> tuple[list[Any], list[SkindoseError]]:
    """Every record of the files and folders, and the mistakes of the others."""
    from skindose.calibration import load

    loaded: list[Any] = []
    errors: list[SkindoseError] = []
    for path in paths:
        found = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not found:
            errors.append(SettingsError("the folder has no *.toml", str(path), "Give records or their folder."))
        for each in found:
            try:
                loaded.append(load(each))
            except SkindoseError as error:
                errors.append(error)
    return loaded, errors


def _contradictions(loaded: Sequence[Any]) -> list[SkindoseError]:
    from skindose.calibration import contradictions, repeated_names

    found = [SettingsError(what, where, "Mend or withdraw one of them.") for where, what in contradictions(loaded)]
    return [*repeated_names(loaded), *found]


def _early(loaded: Sequence[Any], today: datetime.date) -> list[SkindoseError]:
    """Records that were measured, or signed, tomorrow."""
    found: list[SkindoseError] = []
    for each in loaded:
        signature = each.record.signature
        days = {"date": each.record.date, "signature.date": signature.date if signature else today}
        for key, day in days.items():
            if day > today:
                found.append(SettingsError(f"{key}: {day.isoformat()} is in the future", each.file, "Mend the record."))
    return found


def _changed(loaded: Sequence[Any]) -> list[SkindoseError]:
    """Records that somebody signed and somebody changed."""
    return [
        SettingsError(each.signature, each.file, "Check it and sign it again: skindose calibrate sign.")
        for each in loaded
        if each.signature == "changed since it was signed"
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
