"""The registry: what the program found, for good. A database by Django, used from the command line.

    with open_registry() as registry:
        store.receive(registry, incoming, computed)

`store` writes, `reading` reads, `check` verifies; they can be imported once a registry is open. Django is loaded by
`open_registry`, not before.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skindose.errors import RegistryError, SettingsError
from skindose.registry import home
from skindose.registry.records import Computed, Current, Fault, Incoming, Kept, Received, Registry, Row, computed

__all__ = [
    "Computed", "Current", "Fault", "Incoming", "Kept", "Received", "Registry", "Row", "computed", "look_at",
    "open_registry",
]  # fmt: skip

_PATIENCE_S = 5
_NONE = "Set SKINDOSE_HOME to its folder; `skindose registry init` makes a new one."


@contextmanager
def open_registry(who: str = "", plain: bool = False, new: bool = True) -> Iterator[Registry]:
    """The registry that the environment names; the first use makes it. Closed at the end.

    who      for the audit trail; default the system's user
    plain    keep plain identifiers, in their own table
    new      make it where there is none; what only looks must not call an empty one "no alerts"
    raises   SettingsError for a DATABASE_URL that is not understood, or without Django;
             RegistryError where it cannot be opened, or does not fit the site's key or this program
    """
    place = home.place()
    if not new and place.file is not None and not place.file.exists():
        raise RegistryError("there is no registry", str(place.file), _NONE)
    _use(place.database)
    from skindose.registry import opening, settings

    try:
        yield Registry(place, opening.prepare(place), who or _user(), plain)
    finally:
        settings.close()


@contextmanager
def look_at(place: home.Place) -> Iterator[None]:
    """A registry as it is, for `health`: nothing is made or migrated, and no lock of others is waited for long.

    raises   SettingsError without Django, RegistryError where it cannot be opened
    """
    database = dict(place.database)
    if place.file is not None:
        options = {**database["OPTIONS"], "timeout": _PATIENCE_S, "init_command": "", "uri": True}
        database |= {"NAME": f"{place.file.absolute().as_uri()}?mode=rw", "OPTIONS": options}
    _use(database)
    from skindose.registry import guard, settings

    try:
        with guard.guarded():
            settings.connect()
        yield
    finally:
        settings.close()


def _use(database: dict[str, Any]) -> None:
    """Make this the database of the process.

    raises   SettingsError where a library is missing
    """
    try:
        from skindose.registry import settings

        settings.use(database)
    except ImportError as error:
        raise _missing(error) from None
    except Exception as error:  # Django says ImproperlyConfigured where the database's own library is missing
        if type(error).__name__ != "ImproperlyConfigured":
            raise
        raise _missing(error) from None


def _missing(error: Exception) -> SettingsError:
    what = "psycopg, for PostgreSQL," if "psycopg" in str(error) else "Django"
    return SettingsError(f"{what} is not installed", "registry", "pip install 'skindose[registry]'")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
