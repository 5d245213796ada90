"""All checks, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from skindose.errors import SkindoseError
from skindose.health import database, files, mail
from skindose.health.notes import Note, fault


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
    yield from _each("program", files.program)
    yield from _each("configuration", lambda: files.configuration(options.config))
    yield from _each("folder", files.folder)
    yield from _each("site key", files.site_key)
    yield from _each("rules", lambda: files.rules(options.config))
    yield from _each("recipients", lambda: mail.who_is_told(options.config))
    yield from _each("mail server", lambda: mail.server(options.mail_to))
    yield from _each("watch", files.watch)
    yield from _each("database", lambda: database.examine(options.config, options.deep))


def _each(check: str, look: Callable[[], Iterable[Note]]) -> Iterator[Note]:
    """What a check says; where it breaks itself, that."""
    try:
        yield from look()
    except SkindoseError as error:
        where = f"{error.where}: " if error.where else ""
        yield fault(check, f"{where}{error.what}", error.remedy or "Mend it.")
    except Exception as error:  # the other checks go on
        if os.environ.get("SKINDOSE_DEBUG") == "1":
            raise
        yield fault(check, f"the check itself failed ({type(error).__name__})", "Report it to the makers.")
