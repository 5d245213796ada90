"""What the database says: whether it is sound, what waits in it, what failed, and which room fell silent."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from skindose import recipients, site
from skindose.errors import RegistryError, SettingsError
from skindose.health import rhythm
from skindose.health.notes import Note, each, fault, lasting, ok, times, warning
from skindose.recipients import People
from skindose.registry import home, look_at
from skindose.registry.records import Heard
from skindose.units import bytes_to_mb

_LEAST_MB, _EASY_MB = 200, 1000  # free: below it is a matter of days, below that of attention
_AHEAD_DAYS = 30
_AHEAD_OF_US_S = 300
_RETIRED = timedelta(days=365)  # by then it was told for months
_SILENT = "The feed is dead, or the lab is closed: find out which (silent_after_days in site.toml sets another limit)."


def examine(deep: bool) -> Iterator[Note]:
    """All that the database is asked; only that there is none, where there is none."""
    place = home.place()
    if place.file is not None and not place.file.exists():
        yield warning("database", "there is no registry yet", "`skindose registry init` makes it.")
        return
    with look_at(place):
        from skindose.registry import health

        if not health.is_current():
            yield _other_tables(health.is_a_registry(), place)
            return
        yield from each("database", lambda: _sound(place, deep))
        yield from each("disk", lambda: _space(place))
        yield from each("clock", _clock)
        yield from each("outbox", _outbox)
        yield from each("alerts", _overdue)
        yield from each("results", _undone)
        yield from each("machine", lambda: _machines(place))


def _other_tables(of_a_registry: bool, place: home.Place) -> Note:
    """No table, those of an older version, or another program's."""
    if of_a_registry:
        what = "its tables are an older version's: the next command brings them up to date"
        return warning("database", what, "Copy the database first, then `skindose registry status`.")
    what = f"{place.named} holds another program's tables, and no registry"
    return fault("database", what, "Check DATABASE_URL and SKINDOSE_HOME.")


def _sound(place: home.Place, deep: bool) -> Iterator[Note]:
    from skindose.registry import health

    key = _key(place)
    if key is not None and not health.fits(key):
        yield fault("site key", "not the one that the registry was made with", "Put the right key back.")
        key = None
    if not health.can_be_written():
        yield fault("database", f"{place.named} can only be read", "Ask who runs it.")
    if found := health.damage():
        yield fault("database", f"{place.named} is damaged: {found}", "Restore it, then `skindose registry verify`.")
    elif key is not None and (where := health.broken_tail(home.derived(key, "audit"))):
        yield fault("audit trail", f"{where} does not fit", "`skindose registry verify` names all; restore a copy.")
    else:
        trail = "; the end of the audit trail holds" if key is not None else ""
        yield ok("database", f"{place.named}: sound, can be written{trail}")
    if deep and key is not None:
        yield from _whole(place, key)


def _key(place: home.Place) -> bytes | None:
    """None where it cannot be read, which its own check tells."""
    try:
        return home.read_key(place.folder)
    except RegistryError:
        return None


def _silent_after(place: home.Place) -> float | None:
    """What the site decided; a mistake in its file is told elsewhere."""
    try:
        return site.load(place.folder).silent_after_days
    except SettingsError:
        return None


def _whole(place: home.Place, key: bytes) -> Iterator[Note]:
    """The whole trail, every row, every stored object."""
    from skindose.registry import Registry, check

    faults = check.verify(Registry(place, key, "doctor"))
    if faults:
        what = f"{times(len(faults), 'row or object', 'rows or objects')} altered, the first: {faults[0].where}"
        yield fault("audit trail", what, "`skindose registry verify` names them all; restore a copy.")
    else:
        yield ok("audit trail", "every row and object is what was written")


def _space(place: home.Place) -> Iterator[Note]:
    from skindose.registry import health

    folder = place.folder if place.file is None else place.file.parent
    free_mb = bytes_to_mb(shutil.disk_usage(folder).free)
    fresh, each = health.bytes_each()
    wanted_mb = bytes_to_mb(fresh * each) * _AHEAD_DAYS / 30
    what = f"{free_mb:,.0f} MB free; the last 30 days took about {wanted_mb:,.0f} MB"
    if place.file is None:
        yield ok("disk", f"{what} (of the folder's disk; the database server's is not seen from here)")
    elif free_mb < max(_LEAST_MB, wanted_mb):
        yield fault("disk", what, "Make room: nothing is lost when it is full, but nothing is stored either.")
    elif free_mb < max(_EASY_MB, 6 * wanted_mb):
        yield warning("disk", what, "Make room within the next weeks.")
    else:
        yield ok("disk", what)


def _clock() -> Iterator[Note]:
    from skindose.registry import health

    last = health.last_write()
    if last is not None and last.timestamp() > time.time() + _AHEAD_OF_US_S:
        what = f"the audit trail ends {lasting(last.timestamp() - time.time())} from now"
        yield fault("clock", what, "Set this machine's clock right, or find who had a wrong one.")


def _outbox() -> Iterator[Note]:
    from skindose.registry import health

    found = health.mails()
    if found.tried:
        since = f" since {lasting(time.time() - found.since.timestamp())}" if found.since else ""
        what = f"{times(found.tried, 'mail')} could not be sent{since}: {found.error}"
        yield fault("outbox", what, "Mend the mail server; they are tried again by themselves.")
    if found.failed:
        what = f"{times(found.failed, 'mail')} failed for good"
        yield fault("outbox", what, "`skindose alerts list` says why; then `skindose alerts resend CASE`.")
    if found.forgotten:
        what = (
            f"{times(found.forgotten, 'mail')} due for more than {lasting(health.FORGOTTEN.total_seconds())}, not tried"
        )
        yield fault("outbox", what, "Nobody sends: start `watch`, or let the scheduler run `skindose alerts send`.")
    if not found.tried and not found.failed and not found.forgotten:
        yield ok("outbox", f"{times(found.waiting, 'mail')} waiting")


def _overdue() -> Iterator[Note]:
    from skindose.registry import health

    late, missed = health.overdue()
    if late:
        what = f"{times(late, 'alert')} past the time in which somebody had to acknowledge"
        yield fault("alerts", what, "`skindose alerts list --open`; whoever takes one on: `skindose alerts ack CASE`.")
    if missed:
        what = f"{times(missed, 'contact')} with patients past the last day"
        yield fault("follow-up", what, "`skindose followup list`: make them, then `skindose followup done`.")


def _undone() -> Iterator[Note]:
    from skindose.registry import health

    quarantined, without, mapless = health.undone()
    if quarantined:
        what = f"{times(quarantined, 'file')} could not be used"
        yield warning("quarantine", what, "`skindose registry list --quarantine` says why.")
    if without:
        what = f"{times(without, 'procedure')} without a result"
        yield fault("results", what, "`skindose batch --recompute` on the feed says why.")
    if mapless:
        yield warning("results", f"{times(mapless, 'procedure')} without a map", "`skindose registry list` has them.")
    if found := health.mixed():
        what = f"the reports of {times(len(found), 'study', 'studies')} name different patients: {', '.join(found[:5])}"
        yield fault("patients", what, "`skindose registry export CASE`: whose is it? They are in no patient's sum.")
    if not (quarantined or without or mapless):
        yield ok("results", "every procedure has its result and map")


def _machines(place: home.Place) -> Iterator[Note]:
    from skindose.registry import health

    after_days, people = _silent_after(place), _people(place)
    for machine in health.machines():
        yield from each("machine", partial(_machine, machine, after_days))
        if datetime.now(UTC).date() - machine.last <= _RETIRED:
            yield from _roles(machine, people)


def _people(place: home.Place) -> People:
    """Who is told; a mistake in the file is told elsewhere."""
    try:
        return recipients.load(place.folder)
    except SettingsError:
        return People()


def _roles(machine: Heard, people: People) -> Iterator[Note]:
    """Roles that somebody holds, but nobody for this machine."""
    roles = sorted({one.role for one in people.recipient})
    if missing := [role for role in roles if not people.addresses(role, machine.name)]:
        what = f"{machine.name}: nobody is told as {', '.join(missing)}: rooms names other machines only"
        yield fault("recipients", what, f"Add {machine.name} to rooms in {recipients.FILE}.")


def _machine(machine: Heard, after_days: float | None) -> Iterator[Note]:
    """How it is known, and whether it fell silent."""
    silent = datetime.now(UTC).date() - machine.last
    usual = rhythm.usual_days(machine.days)
    longest = timedelta(days=after_days) if after_days is not None else rhythm.allowed(machine.days)
    beside = f"; it had procedures every {usual:.1f} days before" if usual else ""
    if silent > max(_RETIRED, longest):
        yield ok("machine", f"{machine.name}: not heard of for {silent.days} days: out of service")
    elif silent > longest:
        what = f"{machine.name}: silent for {silent.days} days{beside}"
        yield fault(
            "machine", what, "The feed is dead, or the lab is closed: look which. (silent_after_days in site.toml)"
        )
    elif machine.status == "assumed":
        what = f"{machine.name}: its profile ({machine.profile}) is assumed, not commissioned"
        yield warning("machine", what, "docs/commissioning.md: until then its maps rest on assumptions.")
    else:
        state = ", ".join(filter(None, (machine.profile, machine.status, machine.calibration)))
        yield ok("machine", f"{machine.name}: last procedure {silent.days} days ago ({state})")
