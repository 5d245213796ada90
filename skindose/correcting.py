"""Correcting a case of the registry: the settings of `skindose run` for this one case, with a name and a reason.

The result is made at once, with everything else as it was: the stored events, calibration and rules. Only a corrected
value, region or profile makes other events, so that the reports are read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skindose import __version__, corrected, dependence, folder, phantom, recompute, site
from skindose import case as cases
from skindose.case import Case
from skindose.config import Settings
from skindose.corrected import KEYS, Correction
from skindose.dependence import Task
from skindose.errors import RegistryError, SettingsError
from skindose.pipeline import compute_case
from skindose.registry import Computed, Current, Registry, computed, home
from skindose.report.summary import summary
from skindose.triggers import RuleSet

_AGAIN = "Run `skindose batch` first, then correct it again."
_BODY = ("phantom", "height_cm", "weight_kg", "sex", "age", "pose")
_OF_THE_RUN = ("triggers", "seed", "profile_folder", "calibration_folder")


@dataclass(frozen=True)
class Corrected:
    """A corrected result that is not stored yet.

    correction   the new one, or the one that is taken back
    rules        what it was judged by
    """

    current: Current
    correction: Correction
    result: Computed
    rules: RuleSet


@dataclass(frozen=True)
class Opened:
    """A case that is to be corrected.

    how      as the site works now (--config); None: everything else stays as the current result has it
    joined   its current result is of the reports that count
    """

    current: Current
    case: Case
    active: tuple[Correction, ...]
    how: Task | None
    joined: bool


def opened(case_number: str, config: Path | None = None) -> Opened:
    """The current result of a case.

    raises   RegistryError where there is none, or it was made by a version that kept less
    """
    from skindose.registry import corrections, reading

    procedure = reading.find(case_number)
    current = next(reading.current([procedure]), None)
    if current is None:
        raise RegistryError("this case has no result that could be corrected", case_number, _AGAIN)
    if "device" not in current.configuration:
        what = "its result was made by a former version of the program"
        raise RegistryError(what, case_number, "Run `skindose batch --recompute` first.")
    how = dependence.task(Settings.load(config, {}), site.load(home.place().folder)) if config else None
    case = cases.from_bytes(reading.content(current.case), {})
    joined = not reading.outdated(None, [procedure])
    return Opened(current, case, corrections.active(procedure), how, joined)


def correct(of: Opened, given: Mapping[str, Any], by: str, reason: str, whole: bool = False) -> Corrected:
    """The result with one correction more.

    given    settings by the names of `corrected.KEYS`
    whole    its `exclude`, `correct` and `move` take the place of the former ones
    raises   SettingsError for what is not understood, or a name or reason that is missing
    """
    _need(by, reason)
    if not given:
        raise SettingsError("nothing is corrected", "options", "Say what: --height-cm, --move, --exclude, ...")
    events = corrected.event_keys(of.case.events) if corrected.names_events(given) else ()
    one = Correction(fresh_key(), dict(given), whole, events, of.current.result, by.strip(), reason.strip())
    return _made(of, one, (*of.active, one), f"corrected: {reason.strip()}")


def taken_back(of: Opened, by: str, reason: str) -> Corrected:
    """The result without the last correction.

    raises   RegistryError where there is none
    """
    from skindose.registry import corrections

    _need(by, reason)
    one = corrections.last(of.current.procedure)
    return _made(of, one, of.active[:-1], f"correction taken back: {reason.strip()}")


def keep(registry: Registry, done: Corrected) -> int:
    """Store a correction and its result, both or neither; returns the version.

    raises   RegistryError where something else came in meanwhile
    """
    from skindose.registry import corrections

    version = corrections.add(registry, done.current.procedure, done.correction, done.result)
    return _stored(version, done.current)


def keep_taken_back(registry: Registry, done: Corrected, by: str, reason: str) -> int:
    """As `keep`, of a correction that is taken back."""
    from skindose.registry import corrections

    one, current = done.correction, done.current
    version = corrections.take_back(registry, current.procedure, one.key, by.strip(), reason.strip(), done.result)
    return _stored(version, current)


def from_folder(of: Opened, path: Path) -> tuple[dict[str, Any], str, str]:
    """What a result folder saved from the window corrects: settings, who and why; for `correct(..., whole=True)`.

    raises   InputError for what is no whole result folder; SettingsError for one of other reports, one that differs in
             what is no correction of a case, or one without a difference
    """
    stored = folder.open_result(path)
    if {one.sha256 for one in stored.case.procedure.inputs} != set(of.current.inputs):
        what = "this result is of other reports than the case's current one"
        raise SettingsError(what, stored.path.name, "Export the case, correct that, and give its folder.")
    now, then = cases.without_paths(stored.case.settings), cases.without_paths(of.case.settings)
    differing = [name for name in Settings.model_fields if getattr(now, name) != getattr(then, name)]
    foreign = [name for name in differing if name not in (*KEYS, *_OF_THE_RUN)]
    if foreign:
        what = f"it differs in {', '.join(foreign)}, which is no correction of one case"
        raise SettingsError(what, stored.path.name, "Export the case, correct that, and give its folder.")
    given = {name: now.model_dump(mode="json")[name] for name in differing if name in KEYS}
    revises = stored.case.revises
    return given, revises.by if revises else "", revises.note if revises else ""


# --- Making it


def fresh_key() -> str:
    """A name for a new correction."""
    from skindose.registry import corrections

    return corrections.fresh_key()


def _need(by: str, reason: str) -> None:
    if not (by.strip() and reason.strip()):
        raise SettingsError("a correction needs a name and a reason", "options", "Give --by NAME and --reason TEXT.")


def _stored(version: int | None, current: Current) -> int:
    if version is None:
        raise RegistryError("reports or corrections of this case came in meanwhile", current.case_number, _AGAIN)
    return version


def _made(of: Opened, one: Correction, corrections: tuple[Correction, ...], why: str) -> Corrected:
    if of.how is None:
        base = Settings(**of.current.configuration["settings"])
        wanted = corrected.applied(base, corrections)
        now = _configuration(of.current, wanted, corrections)
        same = of.joined and wanted.profile == of.case.settings.profile
        if same and now["read"] == of.current.configuration["read"]:
            result = _as_it_was(of, wanted, corrections, now, why)
            return Corrected(of.current, one, result, of.case.rules)
        how = _of_the_result(of, base)
    else:
        how = of.how
    made = recompute.make(_source(of, how, corrections, why), how)
    if made.result is None:
        raise made.error or RegistryError("no result came out", of.current.case_number, _AGAIN)
    return Corrected(of.current, one, made.result, how.rules)


def _configuration(current: Current, wanted: Settings, corrections: tuple[Correction, ...]) -> dict[str, Any]:
    made = current.configuration
    read = {**made["read"], "region": wanted.region, "correct": list(wanted.correct)}
    own = {"software": __version__, "corrections": [each.key for each in corrections], "read": read}
    return {**made, **own}


def _as_it_was(
    of: Opened, wanted: Settings, corrections: tuple[Correction, ...], now: dict[str, Any], why: str
) -> Computed:
    """The result of the stored case with its own events, calibration and rules."""
    events = corrected.event_keys(of.case.events)
    settings = corrected.applied(Settings(**now["settings"]), corrections, events)
    case = replace(of.case, settings=settings, body=_body(of, settings))
    case = replace(case, revises=recompute.revision(corrections, of.current.case_number))
    result = compute_case(case)
    return computed(result, summary(result), now, why)


def _body(of: Opened, settings: Settings) -> Any:
    """The body in the size that is corrected; one from a mesh file needs that file."""
    if settings.phantom.strip().lower() in phantom.NAMES:
        return phantom.make(settings, of.case.procedure.header.patient)
    if any(getattr(settings, name) != getattr(of.case.settings, name) for name in _BODY):
        what = "the body is from a mesh file, which is needed to change it"
        raise SettingsError(what, "options", "Give the site's options with --config FILE, as batch has them.")
    from skindose.registry import reading

    body = reading.open_kept(of.current.procedure).body
    return body or phantom.make(settings, of.case.procedure.header.patient)


def _of_the_result(of: Opened, base: Settings) -> Task:
    """How the current result was made; only where the site has no files of its own."""
    made = of.current.configuration
    if made["folders"] or made["profile"]["own"] or made["body"]:
        what = "this correction reads the report again, with the site's own profiles, records or body"
        raise SettingsError(what, "options", "Give them with --config FILE, as batch has them.")
    return Task(base, site.Site(), of.case.rules)


def _source(of: Opened, how: Task, corrections: tuple[Correction, ...], why: str) -> recompute.Source:
    wanted = corrected.applied(how.settings, corrections)
    keys = [each.key for each in corrections]
    made = of.current.configuration
    now = dependence.configuration(dependence.standing(how), wanted, made["device"], keys)
    return recompute.source(of.current, corrections, why, of.joined and dependence.same_events(made, now))
