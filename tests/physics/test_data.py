"""Every data file is listed with its source and is the file that was listed."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from skindose.physics import data

ROOT = Path(__file__).resolve().parents[2]
SOURCES = tomllib.loads(data.read_bytes("SOURCES.toml").decode("utf-8"))


def test_every_file_is_listed():
    assert sorted(SOURCES) == data.names()


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_listed_file(name):
    entry = SOURCES[name]
    assert entry["sha256"] == hashlib.sha256(data.read_bytes(name)).hexdigest(), "edit SOURCES.toml with the file"
    assert entry["publication"]
    assert entry["unit"]
    assert "script" not in entry or (ROOT / entry["script"]).is_file()
    key = entry["publication"].split(",")[0].split(":")[0].split(" ")[0]
    assert f"{{{key}," in (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in sorted(SOURCES) if "script" in SOURCES[name]])
def test_script_makes_the_same_bytes(tmp_path, name):
    pytest.importorskip("spekpy", reason="spekpy is in the extra [generate]")
    again = tmp_path / name
    subprocess.run([sys.executable, str(ROOT / SOURCES[name]["script"]), str(again)], check=True)
    assert hashlib.sha256(again.read_bytes()).hexdigest() == SOURCES[name]["sha256"]
