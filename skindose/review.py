"""`skindose registry correct` and `signoff`: what a physicist does with a case after its alert."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skindose.errors import ExitCode, SettingsError
from skindose.options import Correct, Exclude, Move, Pad, Region, triple
from skindose.printing import AsJson, print_json
from skindose.units import mgy_to_gy

if TYPE_CHECKING:
    from skindose.correcting import Corrected, Opened
    from skindose.registry import Registry

CaseNumber = Annotated[str, typer.Argument(metavar="CASE", help="case number, from `list`", show_default=False)]
By = Annotated[str, typer.Option(help="your name, for the record", show_default=False)]
Phantom = Annotated[str | None, typer.Option(help="plane, cylinder, oval, male, female, auto")]
WITHIN_DAYS = 5  # working days within which the physicist reviews the map
_FRIDAY = 4


def add_to(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    app.command()(correct)
    app.command()(signoff)


def correct(
    case: CaseNumber,
    by: By = "",
    reason: Annotated[str, typer.Option(help="why; without the patient's name or number", show_default=False)] = "",
    phantom: Phantom = None,
    height_cm: Annotated[float | None, typer.Option("--height-cm", "--height", help="patient's height")] = None,
    weight_kg: Annotated[float | None, typer.Option("--weight-kg", "--weight", help="patient's weight")] = None,
    sex: Annotated[str | None, typer.Option(help="male or female")] = None,
    age: Annotated[float | None, typer.Option(help="patient's age in years")] = None,
    pose: Annotated[str | None, typer.Option(help="arms-down, arms-up, left-arm-up, right-arm-up")] = None,
    placement: Annotated[str | None, typer.Option(help="auto, table or anatomy")] = None,
    region: Region = None,
    offset: Annotated[str | None, typer.Option(metavar="LEFT,HEAD,UP", help="moves the patient, in mm")] = None,
    orientation: Annotated[str | None, typer.Option(help="hfs, hfp, hfdr, hfdl, ffs, ffp, ffdr, ffdl")] = None,
    pad: Pad = None,
    profile: Annotated[str | None, typer.Option(help="name of a machine profile")] = None,
    exclude: Exclude = None,
    correct: Correct = None,
    move: Move = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="RESULT", help="take over what a result saved by `view` corrects")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="take the last correction of this case back")] = False,
    config: Annotated[
        Path | None, typer.Option(help="the site's options as batch has them; everything else is brought up to date")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Correct one case, as `run` would be told to: a new version at once, and part of each later one.

    Everything else stays as the current result has it. Alerts are evaluated again; none is taken back.
    """
    given: dict[str, Any] = {
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
        "exclude": "; ".join(exclude) if exclude else None,
        "correct": correct or None,
        "move": move or None,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    if sum((bool(wanted), from_ is not None, undo)) > 1:
        raise SettingsError("--undo, --from and single options do not go together", "options", "One at a time.")
    _names_only(wanted)
    document = _correct(case, (by, reason), wanted, from_, undo, config)
    if as_json:
        print_json(document)
        return
    was, now = (_gy(document[name]) for name in ("former_peak_skin_dose_mgy", "peak_skin_dose_mgy"))
    changed = document["settings"].items()
    said = "; ".join(f"{name} {'as the report has it' if value is None else value}" for name, value in changed)
    typer.echo(f"{'Taken back' if undo else 'Corrected'}: {said}.")
    typer.echo(f"{case}: version {document['version']}, peak {now} (was {was}).")
    typer.echo(f"Nobody has reviewed it yet: skindose registry signoff {case} --by NAME.")


def _names_only(wanted: dict[str, Any]) -> None:
    """Files of this machine are no part of a correction that others must be able to repeat."""
    for name in ("profile", "phantom"):
        if wanted.get(name) and Path(wanted[name]).suffix:
            what = f"--{name}: a correction takes a name, not a file"
            raise SettingsError(what, "options", "Put a profile into the site's folder of profiles.")


def _correct(
    case: str, who: tuple[str, str], wanted: dict[str, Any], source: Path | None, undo: bool, config: Path | None
) -> dict[str, Any]:
    from skindose import correcting
    from skindose.registry import open_registry

    with open_registry(new=False) as registry:
        opened = correcting.opened(case, config)
        by, reason = who
        if undo:
            done = correcting.taken_back(opened, by, reason)
            version = correcting.keep_taken_back(_raising(registry, done), done, by, reason)
        else:
            done = _done(opened, wanted, who, source)
            version = correcting.keep(_raising(registry, done), done)
        return _document(case, opened, done, version)


def _done(opened: Opened, wanted: dict[str, Any], who: tuple[str, str], source: Path | None) -> Corrected:
    from skindose import correcting

    if source is None:
        return correcting.correct(opened, wanted, *who)
    given, by, reason = correcting.from_folder(opened, source)
    return correcting.correct(opened, given, who[0] or by, who[1] or reason, whole=True)


def _raising(registry: Registry, done: Corrected) -> Registry:
    from skindose import outbox, recipients

    return outbox.raising(registry, recipients.load(registry.place.folder), done.rules)


def _document(case: str, opened: Opened, done: Corrected, version: int) -> dict[str, Any]:
    from skindose.registry import reading

    former = {one["version"]: one for one in reading.versions(opened.current.procedure)}[opened.current.version]
    peak = done.result.facts["peak"]
    return {
        "case": case,
        "version": version,
        "by": done.correction.by,
        "reason": done.correction.reason,
        "settings": dict(done.correction.settings),
        "peak_skin_dose_mgy": peak["skin_dose_mgy"] if peak else None,
        "former_version": former["version"],
        "former_peak_skin_dose_mgy": former["peak_skin_dose_mgy"],
    }


def signoff(
    case: CaseNumber,
    by: By = "",
    role: Annotated[str, typer.Option(help="your role")] = "medical physicist",
    note: Annotated[str, typer.Option(help="what was looked at; without the patient's name or number")] = "",
    version: Annotated[int | None, typer.Option(min=1, help="which result; default the current one")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign that you reviewed the map of a result: placement, profile, assumptions. A newer one is unsigned again."""
    from skindose.registry import open_registry

    with open_registry(new=False) as registry:
        from skindose.registry import reading, signoff

        number, fresh = signoff.sign(registry, reading.find(case), version, (by, role), note)
    if as_json:
        print_json({"case": case, "version": number, "noted": fresh})
    else:
        typer.echo(f"Version {number} of {case}: {'reviewed' if fresh else 'you had signed it already'}.")
    sys.exit(int(ExitCode.OK))


def print_pending(rows: list[dict[str, Any]], as_json: bool) -> None:
    """What fired and was not reviewed; the days are for people only."""
    if as_json:
        print_json(rows)
        return
    today = datetime.now(UTC).date()
    for row in rows:
        days = working_days(datetime.fromisoformat(row["since"]).date(), today)
        late = f", {days - WITHIN_DAYS} overdue" if days > WITHIN_DAYS else ""
        former = f", version {row['reviewed_version']} was reviewed" if row["reviewed_version"] else ""
        waits = f"waits for {days} working day{'' if days == 1 else 's'}{late}"
        typer.echo(f"{row['case']}  version {row['version']}  {_gy(row['peak_skin_dose_mgy'])}  {waits}{former}")
    typer.echo(f"{len(rows)} case{'' if len(rows) == 1 else 's'} to review.")


def working_days(first: date, last: date) -> int:
    """Days from Monday to Friday after `first`, up to `last`; holidays are not known.

    >>> working_days(date(2026, 11, 20), date(2026, 11, 25))
    3
    """
    days = (first + timedelta(days=number) for number in range(1, (last - first).days + 1))
    return sum(day.weekday() <= _FRIDAY for day in days)


def _gy(dose_mgy: float | None) -> str:
    return "no map" if dose_mgy is None else f"{mgy_to_gy(dose_mgy):.3g} Gy"
