"""Where the registry lies: its folder, its database, and the site's key. Nothing here needs Django.

SKINDOSE_HOME    the folder; default the platform's folder for a program's data
DATABASE_URL     sqlite:///relative/path, sqlite:////absolute/path or postgres://USER:PASSWORD@HOST:PORT/NAME;
                 default the file registry.sqlite3 in that folder
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from skindose import release
from skindose.errors import RegistryError, SettingsError, reason
from skindose.release import KEY, derived

FILE, LOCK = "registry.sqlite3", "first-use.lock"
__all__ = ["KEY", "derived"]  # of the site's folder, for the rest of this room
WAIT_S = 60  # for another process that writes
_KEY_BYTES = 32
_URL = "Write DATABASE_URL as sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME."
# What may stand behind "?" in a URL of PostgreSQL; all of it goes to libpq.
_OPTIONS = frozenset(
    (
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "connect_timeout",
        "application_name",
        "host",
        "target_session_attrs",
    )
)


@dataclass(frozen=True)
class Place:
    """Where a registry lies.

    folder     for the site's key, and by default the database
    database   as Django takes it
    named      the database in words, without its password
    """

    folder: Path
    database: dict[str, Any]
    named: str

    @property
    def file(self) -> Path | None:
        """The database's file; None for PostgreSQL."""
        return Path(self.database["NAME"]) if self.database["ENGINE"].endswith("sqlite3") else None


def place() -> Place:
    """Where the environment says that the registry lies.

    raises   SettingsError for a DATABASE_URL that is not understood; the URL itself is not shown, it holds a password
    """
    folder = release.folder()
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        return _sqlite(folder, folder / FILE)
    parts = _split(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)[1:]
        if parts.netloc or not path:
            raise SettingsError("DATABASE_URL names no file", "DATABASE_URL", _URL)
        return _sqlite(folder, Path(path).expanduser())
    if parts.scheme in ("postgres", "postgresql"):
        return _postgres(folder, parts)
    what = f"DATABASE_URL: there is no database {parts.scheme[:20]!r}"
    raise SettingsError(what, "DATABASE_URL", _URL)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SettingsError("DATABASE_URL is not understood", "DATABASE_URL", _URL) from None
    return parts


def _sqlite(folder: Path, path: Path) -> Place:
    """A file; writers take its lock at once and wait for each other, so that none fails half-way."""
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path.absolute()),
        "OPTIONS": {
            "timeout": WAIT_S,
            "transaction_mode": "IMMEDIATE",
            # FULL: what was committed survives a power failure.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
    return Place(folder, database, path.name)


def _postgres(folder: Path, parts: SplitResult) -> Place:
    options = dict(parse_qsl(parts.query))
    unknown = sorted(set(options) - _OPTIONS)
    name = unquote(parts.path).strip("/")
    if unknown or not name:
        what = f"DATABASE_URL: no option {unknown[0][:30]!r}" if unknown else "DATABASE_URL names no database"
        raise SettingsError(what, "DATABASE_URL", _URL)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {"connect_timeout": "10", "options": f"-c lock_timeout={WAIT_S}s", **options},
    }
    return Place(folder, database, f"PostgreSQL database {name}")


def exists() -> bool:
    """Whether there is a registry already; of PostgreSQL it is taken for granted."""
    try:
        file = place().file
    except ImportError:  # without the registry's libraries nobody made one
        return False
    return file is None or file.exists()


# --- The site's key


def make_folder(folder: Path) -> None:
    """The folder, for nobody but its owner where it is new.

    raises   RegistryError
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        why = reason(error)
        raise RegistryError(f"cannot make the registry's folder: {why}", folder.name, _RIGHTS) from None


_RIGHTS = "Mend its rights, or set SKINDOSE_HOME to another folder."


def make_key(folder: Path) -> bytes:
    """The site's key, made if there is none; never overwritten, whole whatever is killed when.

    raises   RegistryError
    """
    make_folder(folder)
    fresh = folder / f".{KEY}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        if not (folder / KEY).exists():
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_hex(_KEY_BYTES).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, folder / KEY)  # fails where there is one already, unlike a renaming
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
    except OSError as error:
        why = reason(error)
        raise RegistryError(f"cannot make the site's key: {why}", folder.name, _RIGHTS) from None
    return read_key(folder)


def read_key(folder: Path) -> bytes:
    """The site's key.

    raises   RegistryError where there is none, or where it is none
    """
    try:
        text = (folder / KEY).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        what = f"the site's key is missing ({KEY}): without it no patient is recognised"
        raise RegistryError(what, folder.name, "Put its copy back. A new key would start a new registry.") from None
    except OSError as error:
        what = f"cannot read the site's key: {reason(error)}"
        raise RegistryError(what, folder.name, "Mend its rights.") from None
    if not re.fullmatch(f"[0-9a-f]{{{2 * _KEY_BYTES}}}", text):
        raise RegistryError(f"the site's key is damaged ({KEY})", folder.name, "Put its copy back.")
    return bytes.fromhex(text)


def pseudonym(key: bytes, issuer: str, number: str) -> str:
    """What stands for a patient: HMAC-SHA256 with the site's key over issuer, NUL and number.

    The bare number alone would join patients of two hospitals. An issuer that is not stated is the empty text: such
    patients are told apart from those of every stated issuer.
    """
    return hmac.new(key, f"{issuer.strip()}\0{number.strip()}".encode(), hashlib.sha256).hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it.

    raises   RegistryError
    """
    make_folder(folder)
    try:
        file = (folder / LOCK).open("ab")
    except OSError as error:
        what = f"cannot write into the registry's folder: {reason(error)}"
        raise RegistryError(what, folder.name, _RIGHTS) from None
    with file:
        if os.name == "nt":  # pragma: no cover
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
