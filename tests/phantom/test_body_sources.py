"""Every file of the package of bodies is listed with its digest, source, licence and script."""

import hashlib
import tomllib
from importlib import resources
from pathlib import Path

FOLDER = resources.files("skindose_phantoms")
LISTED = tomllib.loads(FOLDER.joinpath("SOURCES.toml").read_text(encoding="utf-8"))
OWN = {"__init__.py", "SOURCES.toml", "__pycache__"}


def test_every_file_is_listed():
    assert {file.name for file in FOLDER.iterdir()} - OWN == set(LISTED)


def test_the_digests_are_those_of_the_files():
    for name, entry in LISTED.items():
        assert hashlib.sha256(FOLDER.joinpath(name).read_bytes()).hexdigest() == entry["sha256"], name


def test_every_entry_says_where_it_comes_from():
    root = Path(__file__).resolve().parents[2]
    for name, entry in LISTED.items():
        assert {"what", "source", "licence", "script", "needs", "parameters"} <= set(entry), name
        assert (root / entry["script"]).is_file(), name


def test_the_files_are_small():
    for name in LISTED:
        assert len(FOLDER.joinpath(name).read_bytes()) < 8_000_000, name
