"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skindose.health import database, files, mail
from skindose.health.notes import Note, each


@dataclass(frozen=True)
class Options:
    """What to look at.

    config    the configuration of `batch` and `watch`
    mail_to   who gets a test mail; none is sent where empty
    deep      walk the whole audit trail too
    """

    config: Path | None = None
    mail_to: tuple[str, ...] = ()
    deep: bool = False


def examine(options: Options) -> Iterator[Note]:
    """What each check says, as it is done. Nothing is changed; never raises."""
    yield from each("program", files.program)
    yield from each("configuration", lambda: files.configuration(options.config))
    yield from each("profiles", lambda: files.site_profiles(options.config))
    yield from each("calibrations", lambda: files.records(options.config))
    yield from each("folder", files.folder)
    yield from each("site key", files.site_key)
    yield from each("rules", lambda: files.rules(options.config))
    yield from each("recipients", lambda: mail.who_is_told(options.config))
    yield from each("mail server", lambda: mail.server(options.mail_to))
    yield from each("watch", files.watch)
    yield from each("database", lambda: database.examine(options.deep))
