"""`skindose doctor`: is everything that the unattended program needs as it should be, and what is to be mended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from skindose.config import is_mail_address
from skindose.errors import ExitCode, SettingsError
from skindose.printing import AsJson, print_json


def add_to(app: typer.Typer) -> None:
    """Make this command of `app`."""
    app.command()(doctor)


def doctor(
    config: Annotated[
        Path | None, typer.Option(help="TOML file that batch or watch is given", show_default=False)
    ] = None,
    mail_to: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="send a test mail there; may be repeated")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="check the whole audit trail and every stored object")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit code 1 for warnings too")] = False,
    as_json: AsJson = False,
) -> None:
    """Check configuration, database, key, mail server, profiles, disk, machines; say what to mend. Changes nothing."""
    from skindose.health import Options, State, examine

    for address in mail_to or ():
        if not is_mail_address(address):
            raise SettingsError("--mail-to: this is no mail address", "options", "Write it as name@example.org.")
    found = []
    for note in examine(Options(config, tuple(mail_to or ()), deep)):
        found.append(note)
        if not as_json:
            remedy = f"\n{'':10}{note.remedy}" if note.remedy else ""
            typer.echo(f"{note.state:8}  {note.check}: {note.what}{remedy}")
    faults, warnings = (sum(note.state is state for note in found) for state in (State.FAULT, State.WARNING))
    if as_json:
        print_json({"faults": faults, "warnings": warnings, "notes": [note._asdict() for note in found]})
    else:
        typer.echo(_summary(faults, warnings))
    sys.exit(int(ExitCode.SOME_FAILED if faults or (strict and warnings) else ExitCode.OK))


def _summary(faults: int, warnings: int) -> str:
    from skindose.health.notes import times

    if not faults and not warnings:
        return "All is well."
    named = (times(number, name) for number, name in ((faults, "fault"), (warnings, "warning")) if number)
    return f"{' and '.join(named)}."
