"""The database's errors in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import url2pathname

from django.db import Error, connection

from skindose.errors import RegistryError

# A part of the database's own words -> what is wrong, and what to do about it. SQLite's, then PostgreSQL's.
_KNOWN = (
    ("database is locked", "the registry is locked by another program", "Wait until it is done, or stop it."),
    ("lock timeout", "the registry is locked by another program", "Wait until it is done, or stop it."),
    ("database or disk is full", "no space left on the disk of the registry", "Free space and run again."),
    ("no space left", "no space left on the disk of the registry", "Free space and run again."),
    ("disk i/o error", "the registry's disk cannot be read or written", "Check the disk and its free space."),
    ("readonly database", "the registry cannot be written", "Mend the rights of its folder and files."),
    ("unable to open database", "the registry cannot be opened", "Mend the rights of its folder and files."),
    ("malformed", "the registry is damaged", "Stop using it; put a backup back."),
    ("not a database", "the registry's file is no database", "Check DATABASE_URL and SKINDOSE_HOME."),
    ("password authentication failed", "the database refuses user or password", "Check DATABASE_URL."),
    ("no password supplied", "the database wants a password", "Put it into DATABASE_URL."),
    ("connection refused", "the database server does not answer", "Start it, or check DATABASE_URL."),
    ("connection failed", "the database server cannot be reached", "Start it, or check DATABASE_URL."),
    ("connection to server", "the database server cannot be reached", "Start it, or check DATABASE_URL."),
    ("could not translate host", "the database server is not known", "Check DATABASE_URL."),
    ("server closed the connection", "the database server broke off", "Start it and run again."),
    ("terminating connection", "the database server broke off", "Start it and run again."),
    ("permission denied", "the database refuses access", "Give its user the right to make and change tables."),
    ("append only", "the audit trail cannot be changed", "Nothing: it only ever grows."),
)


def in_words(error: BaseException) -> RegistryError:
    """A database's error for people; its own words may hold values of rows, and are left out."""
    text = str(error).lower()
    if "does not exist" in text and "database" in text:
        return RegistryError("there is no such database", _where(), "Make it (createdb), or check DATABASE_URL.")
    for part, what, remedy in _KNOWN:
        if part in text:
            return RegistryError(what, _where(), remedy)
    kind = type(error).__name__
    return RegistryError(f"the database refuses ({kind})", _where(), "Run `skindose registry verify`.")


def _where() -> str:
    """Which registry: its file, or its database on a server."""
    name = str(connection.settings_dict["NAME"])
    if name.startswith("file:"):  # as `look_at` opens it
        name = url2pathname(urlsplit(name).path)
    return name if connection.vendor == "sqlite" else f"PostgreSQL database {name}"


@contextmanager
def guarded() -> Iterator[None]:
    """Tell the database's errors in words.

    raises   RegistryError
    """
    try:
        yield
    except Error as error:
        raise in_words(error) from None
