"""`skindose batch` and `skindose watch`: reports into the registry, without anybody at the machine."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from skindose.errors import ExitCode, InputError, OutputError, RegistryError, SettingsError, SkindoseError, reason
from skindose.printing import AsJson, print_json

if TYPE_CHECKING:
    from skindose.intake import Taken, Task
    from skindose.outbox import Round
    from skindose.pool import Pool
    from skindose.recipients import People
    from skindose.recompute import Outdated
    from skindose.registry import Registry

Paths = Annotated[
    list[Path], typer.Argument(metavar="DIR|FILE...", help="reports, and folders with reports", show_default=False)
]
Config = Annotated[Path | None, typer.Option(help="TOML file with options of run", show_default=False)]
Jobs = Annotated[int, typer.Option(min=1, help="reports worked on at the same time")]
Log = Annotated[Path | None, typer.Option(help="append what happened, a line of JSON each, without identifiers")]
_LOG = "Free space, or choose another --log."
_TOLD_EVERY_S, _MAILED_EVERY_S = 10.0, 60.0
_REST = 10  # times as long as mailing took nothing is mailed while a backlog is taken in
_MANY = 32  # files, for which it pays to start processes
_GOOD = ("stored", "joined", "recomputed", "summed", "known", "elsewhere")


def add_to(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    app.command()(batch)
    app.command()(watch)


def batch(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR|FILE...", help="reports, and folders with reports", show_default=False),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="reports worked on at the same time; default: one for each processor, 1 for a few files"
        ),
    ] = None,
    config: Config = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="compute again whatever would now come out otherwise")
    ] = False,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Take reports into the registry: read, compute, store. Again, or after a kill, it goes on where it was."""
    from skindose import intake, threads
    from skindose.owed import Owed

    paths = paths or []
    if not (paths or recompute):
        raise SettingsError("nothing is given to take in", "batch", "Name files or folders, or give --recompute.")
    missing = [path for path in paths if not path.exists()]
    for path in missing:
        typer.echo(str(InputError("there is no such file or folder", path.name, "Check the name.")), err=True)
    files = list(intake.files_of(path for path in paths if path not in missing))
    many = threads.processors() if len(files) >= _MANY else 1
    with _at_work(jobs or many, config, log) as (registry, how, pool, told, mails):
        told.total = len(files)
        due = _outdated(how, asked=recompute)
        owed = Owed(how, asked=recompute)
        unsettled = told.all(intake.take(registry, files, how, pool, owed))
        if unsettled:
            time.sleep(intake.SETTLED_S)
            unsettled = told.all(intake.take(registry, unsettled, how, pool, owed))
        told.all(intake.recompute(registry, due, how, pool))
        told.all(intake.add_up(registry, how, pool))
        sent = mails(registry)
    count = dict(told.count) | {"unsettled": len(unsettled)}
    if as_json:
        print_json(
            {"files": len(files), "outcomes": count, "mails": dict(sent.count), "seconds": round(told.seconds(), 1)}
        )
    else:
        typer.echo(told.words())
    bad = (
        missing
        or unsettled
        or sent.trouble
        or any(name not in (*_GOOD, "unsettled") and number for name, number in count.items())
    )
    sys.exit(int(ExitCode.SOME_FAILED if bad else ExitCode.OK))


def watch(
    paths: Paths,
    jobs: Jobs = 1,
    config: Config = None,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two looks")] = 10.0,
    log: Log = None,
) -> None:
    """Take in whatever report appears in the folders, until it is stopped (Ctrl-C)."""
    from skindose import dependence, intake
    from skindose.owed import Owed

    for path in paths:
        if not path.is_dir():
            raise InputError("there is no such folder", path.name, "Make it, or check the name.")
    seen: dict[Path, tuple[int, int]] = {}
    of_site: object = None
    newest: int | None = None
    owed: Owed | None = None
    with _at_work(jobs, config, log) as (registry, how, pool, told, mails), _alive(registry, every) as told.alive:
        from skindose.registry import reading

        while True:
            told.alive()
            told.elsewhere.clear()
            stamps = {path: _stamp(path) for path in intake.files_of(paths)}
            fresh = [path for path, stamp in stamps.items() if seen.get(path) != stamp]
            registry = mails.as_told_now(registry, how)
            try:
                changed = (now := dependence.files_as_they_are(how.settings)) != of_site
                owed = Owed(how) if changed else owed  # what a mistake in a profile failed is tried again
                unsettled = told.all(intake.take(registry, fresh, how, pool, owed)) if fresh or changed else []
                if changed:
                    of_site = now if told.whole(_look_again(registry, how, pool)) else None
                if (made := reading.newest_result()) != newest:  # also what somebody corrected beside
                    newest = made if told.whole(intake.add_up(registry, how, pool)) else None
                mails(registry)
            except (RegistryError, OutputError) as error:  # a full disk, a server that is down: until the cause is gone
                told.trouble(error)
                registry.reconnect()
                of_site = newest = None  # all is gone through again
            else:
                left = {*unsettled, *told.elsewhere}
                seen = {path: stamp for path, stamp in stamps.items() if stamp and path not in left}
            time.sleep(every)


@contextmanager
def _alive(registry: Registry, every_s: float) -> Iterator[Callable[[], None]]:
    """Signs of life, for `doctor`; the last one says that it was stopped, not killed."""
    from skindose.alive import Life

    life = Life(registry.place.folder, every_s)
    try:
        yield life.sign
    finally:
        life.sign(ended=True)


def _outdated(how: Task, asked: bool = False) -> list[Outdated]:
    """Say how many results are outdated; returns those that are computed again now."""
    from skindose import recompute

    found = recompute.outdated(how)
    doing = recompute.due(found, asked)
    if found:
        typer.echo(recompute.told(found, doing), err=True)
    return doing


def _look_again(registry: Registry, how: Task, pool: Pool) -> Iterator[Taken]:
    """Compute outdated results again; a mistake in a profile or record that was just written stops no watch."""
    from skindose import intake

    try:
        yield from intake.recompute(registry, _outdated(how), how, pool)
    except SettingsError as error:
        typer.echo(str(error), err=True)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when somebody writes into a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@contextmanager
def _at_work(jobs: int, config: Path | None, log: Path | None) -> Iterator[tuple[Registry, Task, Pool, _Told, _Mails]]:
    """An open registry that raises alerts, how to work, who works, who tells, and who sends mails."""
    from skindose import intake, outbox, recipients, site
    from skindose.config import Settings
    from skindose.pool import Pool
    from skindose.registry import home, open_registry

    folder = home.place().folder
    settings, decided, people = Settings.load(config, {}), site.load(folder), recipients.load(folder)
    how = intake.task(settings, decided)
    with open_registry(plain=decided.plain_identifiers) as registry, Pool(jobs) as pool, _log(log) as file:
        from skindose.registry import signing

        signing.copy(registry)
        registry, told = outbox.raising(registry, people, how.rules), _Told(file)
        mails = _Mails(people, folder / recipients.FILE)
        told.meanwhile = partial(mails.now_and_then, registry)
        yield registry, how, pool, told, mails


class _Mails:
    """Sends what is due; trouble is told, the same only once."""

    def __init__(self, people: People, file: Path) -> None:
        self._people, self._file, self._stamp = people, file, _stamp(file)
        self._told: set[str] = set()
        self._count: Counter[str] = Counter()
        self._next = time.monotonic() + _MAILED_EVERY_S

    def as_told_now(self, registry: Registry, how: Task) -> Registry:
        """The registry with alerts.toml as it is now; what held before stays while there is a mistake in it."""
        from skindose import outbox, recipients

        stamp = _stamp(self._file)
        if stamp is None or stamp == self._stamp:
            return registry
        self._stamp = stamp
        try:
            self._people = recipients.load(self._file.parent)
        except SettingsError as error:
            typer.echo(f"{error} What it said before stays in force.", err=True)
            return registry
        return outbox.raising(registry, self._people, how.rules)

    def now_and_then(self, registry: Registry) -> None:
        """While a backlog is taken in; a server that stalls takes a tenth of the time at most."""
        if time.monotonic() > self._next:
            self(registry)

    def __call__(self, registry: Registry) -> Round:
        """Returns this round with the mails of all so far."""
        from skindose import outbox

        start = time.monotonic()
        done = outbox.send(registry, self._people)
        now = time.monotonic()
        self._next = now + max(_MAILED_EVERY_S, (now - start) * _REST)
        self._count += done.count
        done.count = self._count.copy()
        told = [*done.trouble, *filter(None, [done.waiting])]
        for what in told:
            if what not in self._told:
                typer.echo(what, err=True)
        self._told = set(told)
        return done


@contextmanager
def _log(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        what = f"cannot write the log: {reason(error)}"
        raise OutputError(what, path.name, _LOG) from None
    try:
        yield file
    finally:
        with suppress(OSError):  # told when it was written
            file.close()


class _Told:
    """Counts what became of the files, writes the log, and says how far it is.

    elsewhere   files that another program had in work: it may be killed before it stores them
    """

    def __init__(self, log: TextIO | None) -> None:
        self.total = 0
        self.elsewhere: list[Path] = []
        self.count: Counter[str] = Counter()
        self.alive: Callable[[], None] = lambda: None
        self.meanwhile: Callable[[], None] = lambda: None
        self._trouble = ""
        self._worked, self._worked_s = 0, 0.0
        self._log, self._start, self._last, self._mark = log, *3 * (time.monotonic(),)

    def all(self, outcomes: Iterator[Taken]) -> list[Path]:
        """Go through the outcomes; returns the files that were not settled."""
        unsettled = []
        self._mark = time.monotonic()
        for outcome in outcomes:
            self._clock(outcome)
            if outcome.what == "unsettled" and outcome.path is not None:
                unsettled.append(outcome.path)
                continue
            if outcome.what == "elsewhere" and outcome.path is not None:
                self.elsewhere.append(outcome.path)
            self.count[outcome.what] += 1
            self.alive()
            self._write(outcome)
            self.meanwhile()
            if time.monotonic() - self._last > _TOLD_EVERY_S:
                self._last = time.monotonic()
                typer.echo(self.words(), err=True)
        return unsettled

    def whole(self, outcomes: Iterator[Taken]) -> bool:
        """Go through them; False where another program has some in work, which may be killed before it is done."""
        before = self.count["elsewhere"]
        self.all(outcomes)
        return self.count["elsewhere"] == before

    def trouble(self, error: SkindoseError) -> None:
        """Say why the registry cannot be used, or the log written; the same only once."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            typer.echo(f"{error} It is tried again.", err=True)

    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start

    def words(self) -> str:
        """How many of what, how fast, and how long it still takes."""
        done = sum(number for name, number in self.count.items() if name not in ("joined", "recomputed", "summed"))
        seconds = self.seconds()
        parts = [f"{number} {name}" for name, number in sorted(self.count.items()) if number]
        rate_per_s = self._worked / self._worked_s if self._worked_s else done / seconds if seconds else 0.0
        left = f", {(self.total - done) / rate_per_s:.0f} s left" if rate_per_s and done < self.total else ""
        shown = f"{done} of {self.total} files" if self.total else f"{done} files"
        return f"{shown}: {', '.join(parts) or 'nothing to do'}; {60 * rate_per_s:.0f} a minute{left}"

    def _clock(self, outcome: Taken) -> None:
        """The rate is that of the files that were worked on: those that are known pass a hundred times as fast."""
        now = time.monotonic()
        if outcome.what in ("stored", "quarantined") or (outcome.what == "failed" and outcome.sha256):
            self._worked += 1
            self._worked_s += now - self._mark
        self._mark = now

    def _write(self, outcome: Taken) -> None:
        if self._log is None:
            return
        line: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "what": outcome.what,
            "sha256": outcome.sha256 or None,
            "case": outcome.case_number or None,
            "seconds": round(outcome.seconds, 3),
            "reason": outcome.reason or None,
            "notes": list(outcome.notes),
        }
        try:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()
        except OSError as error:
            what = f"cannot write the log: {reason(error)}"
            raise OutputError(what, Path(self._log.name).name, _LOG) from None
