"""What can be looked at without the database: the program, the site's folder, its files."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from skindose import __version__, alive, calibration, release, site
from skindose.config import Settings
from skindose.health.notes import Note, fault, lasting, ok, times, warning
from skindose.normalise import profiles
from skindose.registry import home

# What some commands need beyond the core: what it does -> its module, and how it comes.
_EXTRAS = {"pdf": "typst", "viewer": "pyvista"}
_SOON_DAYS = 30
_PATIENCE = 10  # rounds, or five minutes, without a sign of life
_PATIENCE_S = 300


def program() -> Iterator[Note]:
    """Versions, and what is not installed."""
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba", "pydicom"))
    missing = [extra for extra, module in _EXTRAS.items() if importlib.util.find_spec(module) is None]
    without = f"; without {', '.join(missing)} (pip install 'skindose[...]' adds it)" if missing else ""
    yield ok("program", f"skindose {__version__}, Python {platform.python_version()}, {libraries}{without}")
    for module, what in (("django", "the registry"), ("psycopg", "PostgreSQL")):
        wanted = module == "django" or home.place().file is None
        if wanted and importlib.util.find_spec(module) is None:
            yield fault(
                "program", f"{module} is not installed: {what} cannot be used", "pip install 'skindose[registry]'"
            )


def folder() -> Iterator[Note]:
    """The site's folder, and what it lets others do."""
    place = home.place().folder
    if not place.is_dir():
        yield warning("folder", f"{place} does not exist yet", "`skindose registry init` makes it.")
        return
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield fault("folder", f"{place} cannot be written by this account", "Run as its owner, or mend its rights.")
        return
    if os.name != "nt" and place.stat().st_mode & 0o077:
        yield warning("folder", f"{place} is open to other accounts", "chmod 700: reports name patients.")
        return
    yield ok("folder", str(place))


def site_key() -> Iterator[Note]:
    """The key: there, whole, and nobody else's to read."""
    place = home.place()
    path = place.folder / home.KEY
    if not path.exists() and not (place.file is None or place.file.exists()):
        yield ok("site key", "none yet: it comes with the registry")
        return
    home.read_key(place.folder)
    if os.name != "nt" and path.stat().st_mode & 0o077:
        yield fault("site key", f"{home.KEY} can be read by other accounts", f"chmod 600 {path}")
        return
    yield ok("site key", "there, for its owner alone; keep a copy elsewhere")


def configuration(config: Path | None) -> Iterator[Note]:
    """The settings of runs, site.toml, and the folders that the settings name."""
    settings = Settings.load(config, {})
    site.load(home.place().folder)
    yield ok("configuration", f"{config.name if config else 'defaults'}; {site.FILE} is valid or not there")
    own = profiles.load_folder(settings.profile_folder)
    if settings.profile_folder is not None:
        yield ok("profiles", f"{times(len(own), 'profile')} of the site")
    yield from _records(settings)


def _records(settings: Settings) -> Iterator[Note]:
    if settings.calibration_folder is None:
        return
    today, found = datetime.now(UTC).date(), calibration.load_folder(settings.calibration_folder)
    for each in found:
        if each.signature != "signed":
            what = f"{each.record.name} is {each.signature}: it is not used"
            yield warning("calibrations", what, "`skindose calibrate sign`, by the physicist who measured.")
        elif (left := (each.record.last_day - today).days) < 0:
            yield warning("calibrations", f"{each.record.name} ended on {each.record.last_day}", "Measure again.")
        elif left < _SOON_DAYS:
            yield warning("calibrations", f"{each.record.name} ends on {each.record.last_day}", "Plan a measurement.")
    yield ok("calibrations", times(len(found), "record"))


def rules(config: Path | None) -> Iterator[Note]:
    """Which rules hold, and who released them."""
    found = release.rules(Settings.load(config, {}))
    signed = release.signature(found.digest)
    if signed is None:
        what = f"{found.id} is not signed: alerts are raised and listed, not mailed"
        yield warning("rules", what, "`skindose triggers sign --by NAME`, by the physicist who releases them.")
        return
    yield ok("rules", f"{found.id}, signed on {signed.signed_on}")


def watch() -> Iterator[Note]:
    """Whether a `watch` lives."""
    last = alive.last(home.place().folder)
    if last is None:
        yield ok("watch", "none ever ran here")
        return
    silent_s = time.time() - last.at
    patience_s = max(_PATIENCE_S, _PATIENCE * last.every_s)
    if last.ended:
        yield warning("watch", f"it was stopped {lasting(silent_s)} ago", "Start it again, unless you meant to.")
    elif silent_s > patience_s:
        what = f"no sign of life for {lasting(silent_s)}: it was killed or hangs"
        yield fault("watch", what, "Look at its service and log, start it again: it goes on where it was.")
    elif silent_s < -_PATIENCE_S:
        yield fault("watch", "its last sign of life is from the future", "Set this machine's clock right.")
    else:
        yield ok("watch", f"alive {lasting(max(0.0, silent_s))} ago")
