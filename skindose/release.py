"""Which trigger rules are in force at this site, and who released them: files in its folder, read without Django.

rules.toml        the rule set in force, a copy that `skindose triggers use` replaces by a valid one only
signatures.json   who signed which rule sets: a copy of what the registry has, sealed with the site's key

The registry is what counts; the copy is there so that a single run need not open a database. Whatever is wrong with it,
a missing key, a changed letter, makes rules unsigned, never signed.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from skindose import triggers
from skindose.config import Settings
from skindose.errors import OutputError, reason
from skindose.triggers import RuleSet, rulefile

KEY = "site.key"
IN_FORCE, SIGNATURES = "rules.toml", "signatures.json"
_LARGEST_BYTES = 2**20


class Signature(NamedTuple):
    """Who released a rule set.

    digest      of what the rules say
    name        the rule set's id
    signed_by   name and role
    signed_on   ISO 8601
    """

    digest: str
    name: str
    signed_by: str
    signed_on: str


def folder() -> Path:
    """The site's folder: SKINDOSE_HOME, else the platform's for a program's data. It need not be there."""
    given = os.environ.get("SKINDOSE_HOME", "").strip()
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_dir

    return Path(user_data_dir("skindose", appauthor=False))


def derived(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose."""
    return hmac.new(key, f"skindose {purpose}".encode(), hashlib.sha256).digest()


# --- The rules in force


def rules(settings: Settings) -> RuleSet:
    """The rules that the settings name; where they name none, those in force at the site, else the default's.

    raises   SettingsError: unknown preset, or a mistake in the file with its line
    """
    named = "triggers" in settings.model_fields_set
    return (None if named else in_force()) or triggers.load(settings.triggers)


def in_force() -> RuleSet | None:
    """The rule set that is in force at this site; None where none was chosen.

    raises   SettingsError where the copy was changed by hand and has a mistake
    """
    place = _place()
    return triggers.load(str(place / IN_FORCE)) if place and (place / IN_FORCE).is_file() else None


def use(name_or_path: str) -> RuleSet:
    """Put a rule set in force: a copy of it, comments included. A mistake leaves the one that is there.

    raises   SettingsError: unknown preset, or a mistake with its line; OutputError where it cannot be written
    """
    known = triggers.load(name_or_path)
    preset = name_or_path in triggers.names()
    text = triggers.source_text(name_or_path) if preset else rulefile.read(Path(name_or_path))
    if triggers.parse(text, name_or_path).digest != known.digest:  # somebody writes into it just now
        raise OutputError("the rule file changed while it was read", name_or_path, "Try again.")
    _write(folder() / IN_FORCE, text.encode())
    return known


def _place() -> Path | None:
    """The site's folder where there is one."""
    try:
        place = folder()
    except ImportError:  # without the registry's libraries nobody made one
        return None
    return place if place.is_dir() else None


# --- Signatures


def signature(digest: str) -> Signature | None:
    """Who signed these rules last; None where nobody did, or where the sealed copy does not hold."""
    found = [one for one in sealed() or () if one.digest == digest]
    return found[-1] if found else None


def sealed() -> list[Signature] | None:
    """All that the sealed copy says, oldest first; None where there is none, or where it does not hold."""
    place = _place()
    if place is None:
        return None
    try:
        key = bytes.fromhex((place / KEY).read_text(encoding="ascii").strip())
        if (place / SIGNATURES).stat().st_size > _LARGEST_BYTES:
            return None
        document = json.loads((place / SIGNATURES).read_bytes())
        rows, seal = document["signatures"], str(document["seal"])
        if not hmac.compare_digest(seal, _seal(key, rows)):
            return None
        return [Signature(**row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def seal(place: Path, key: bytes, signatures: Iterable[Signature]) -> None:
    """Write the copy of all signatures, oldest first.

    key      the site's
    raises   OutputError
    """
    rows = [one._asdict() for one in signatures]
    text = json.dumps({"signatures": rows, "seal": _seal(key, rows)}, indent=2)
    _write(place / SIGNATURES, text.encode() + b"\n")


def _seal(key: bytes, rows: list[dict[str, Any]]) -> str:
    content = json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(derived(key, "signatures"), content, hashlib.sha256).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        full = error.errno == errno.ENOSPC
        remedy = "Free space and run again." if full else "Mend the rights of the site's folder."
        raise OutputError(f"cannot write: {reason(error)}", path.name, remedy) from None
