"""What can be looked at without the database: the program, the site's folder, its files."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from skindose import __version__, alive, calibration, release, site
from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.health.notes import Note, each, fault, lasting, ok, times, warning
from skindose.model import Header
from skindose.normalise import choose, profiles
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
    Settings.load(config, {})
    site.load(home.place().folder)
    yield ok("configuration", f"{config.name if config else 'defaults'}; {site.FILE} is valid or not there")


def site_profiles(config: Path | None) -> Iterator[Note]:
    """Every file of the site's own profiles, one after the other; and the one that the settings name."""
    settings = Settings.load(config, {})
    own: list[profiles.Profile] = []
    for path in _toml_files(settings.profile_folder, "profile_folder"):
        yield from each("profiles", partial(_kept, own, profiles.load, path))
    if settings.profile is not None:
        choose.fitting(Header(), frozenset(), settings.profile, own)
    if settings.profile_folder is not None:
        yield ok("profiles", f"{times(len(own), 'profile')} of the site")


def records(config: Path | None) -> Iterator[Note]:
    """Every record of calibration, one after the other: valid, signed, not at its end."""
    folder = Settings.load(config, {}).calibration_folder
    found: list[calibration.Loaded] = []
    for path in _toml_files(folder, "calibration_folder"):
        yield from each("calibrations", partial(_kept, found, calibration.load, path))
    for mistake in calibration.repeated_names(found):
        yield fault("calibrations", f"{mistake.where}: {mistake.what}", mistake.remedy)
    for file, what in calibration.contradictions(found):
        yield fault("calibrations", f"{file}: {what}", "Withdraw one of them.")
    today = datetime.now(UTC).date()
    for one in found:
        name, ends = one.record.name, one.record.last_day
        if one.signature != "signed":
            what = f"{name} is {one.signature}: it is not used"
            yield warning("calibrations", what, "`skindose calibrate sign`, by the physicist who measured.")
        elif ends < today:
            yield warning("calibrations", f"{name} ended on {ends}", "Measure again.")
        elif (ends - today).days < _SOON_DAYS:
            yield warning("calibrations", f"{name} ends on {ends}", "Plan a measurement.")
    if folder is not None:
        yield ok("calibrations", times(len(found), "record"))


def _toml_files(folder: Path | None, key: str) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise SettingsError("there is no such folder", key, "Make it, or mend the configuration.")
    return sorted(folder.glob("*.toml"))


def _kept(found: list[Any], load: Callable[[Path], Any], path: Path) -> Iterator[Note]:
    """Nothing to tell of a file that can be read."""
    found.append(load(path))
    yield from ()


def rules(config: Path | None) -> Iterator[Note]:
    """Which rules hold, and who released them."""
    found = release.rules(Settings.load(config, {}))
    signed = release.signature(found.digest)
    if signed is None:
        what = f"{found.id} is not signed: alerts are raised and listed, not mailed"
        yield warning("rules", what, "`skindose triggers sign --by NAME`, by the physicist who releases them.")
        return
    yield ok("rules", f"{found.id}, signed by {signed.signed_by} on {signed.signed_on}")


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
