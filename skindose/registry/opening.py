"""Opening a registry: tables up to date, and the site's key the one that it was made with."""

from __future__ import annotations

import hashlib
import io
import pkgutil
from contextlib import suppress
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from skindose import __version__
from skindose.errors import RegistryError, reason
from skindose.registry import audit, home, migrations
from skindose.registry.guard import guarded
from skindose.registry.models import Site

_APP = "skindose"
_MIGRATING = 7_316_203  # PostgreSQL's advisory lock of who makes or changes tables


def prepare(place: home.Place) -> bytes:
    """Make or bring up to date what is behind; returns the site's key.

    raises   RegistryError: made by a newer program, another site's key, no access, ...
    """
    if place.file is not None:
        home.make_folder(place.file.parent)
        _make_file(place.file)
    if not is_current():
        with home.locked(place.folder):
            _migrate()
    with guarded():
        site = Site.objects.first()
    if site is None:
        with home.locked(place.folder):
            return _first_key(place)
    key = home.read_key(place.folder)
    if site.key_check != key_check(key):
        raise RegistryError(
            f"the key in {home.KEY} is not the one that this registry was made with",
            place.folder.name,
            "Put the right key back, or point SKINDOSE_HOME and DATABASE_URL to what belongs together.",
        )
    return key


def _make_file(file: Path) -> None:
    """An empty file for its owner alone, before the database makes one for everybody.

    raises   RegistryError
    """
    try:
        if not file.exists():
            file.touch(mode=0o600)
    except OSError as error:
        what = f"cannot make the registry's file: {reason(error)}"
        raise RegistryError(what, file.name, "Mend the rights of its folder.") from None


def _first_key(place: home.Place) -> bytes:
    """The key of a registry that has none yet; two who come first at once agree on one."""
    key = home.make_key(place.folder)
    with audit.writing(home.derived(key, "audit"), "skindose", "registry made") as entry:
        site = Site.objects.first()
        if site is None:
            site = entry.add(Site(pk=1, key_check=key_check(key), made_at=audit.now(), software=__version__))
    if site.key_check != key_check(key):
        raise RegistryError(
            "the registry was just made with another site's key", place.folder.name, "Copy its site.key."
        )
    return key


def key_check(key: bytes) -> str:
    """What the registry keeps of its key, to know it again."""
    return hashlib.sha256(home.derived(key, "check")).hexdigest()


def _known() -> set[str]:
    return {found.name for found in pkgutil.iter_modules(migrations.__path__)}


def _applied() -> set[str]:
    recorder = MigrationRecorder(connection)
    return {name for app, name in recorder.applied_migrations() if app == _APP} if recorder.has_table() else set()


def is_current() -> bool:
    """Whether the tables are those of this program.

    raises   RegistryError where a newer program made them
    """
    with guarded():
        applied = _applied()
    if applied - _known():
        raise RegistryError(
            "the registry was made by a newer version of skindose", "registry", "Install that version here too."
        )
    return applied == _known()


def _migrate() -> None:
    with guarded():
        postgres = connection.vendor == "postgresql"
        if postgres:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            if not is_current():
                call_command("migrate", verbosity=0, interactive=False, stdout=io.StringIO())
        finally:
            if postgres:
                with suppress(Exception), connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])
