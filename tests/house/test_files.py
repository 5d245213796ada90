"""House rules on files: data with provenance, nothing of one machine committed, scripts named where they matter."""

import hashlib
import re
import tomllib

import pytest

from tests.house import source

DATA_FOLDERS = [
    folder
    for folder in (
        "skindose/physics/data",
        "skindose/montecarlo/data",
        "phantoms/skindose_phantoms",
        "skindose/triggers/presets",
        "skindose/report/fonts",
    )
    if (source.ROOT / folder / "SOURCES.toml").is_file()
]
NO_DATA = {".py", ".md", ".pyc"}

# Folders of somebody's machine, and hosts that packages come from: a clone must work anywhere.
LOCAL_PATH = re.compile(r"(?<![\w./~$}-])/(?:work|root|home/\w+|Users/\w+|mnt/\w+)\b|[A-Za-z]:\\Users\\")
INDEX_HOST = re.compile(r"pypi\.(?:org|python)|pythonhosted|deb\.debian\.|npmjs\.|--(?:extra-)?index-url|/simple/")


def entries(table):
    """File name -> table of every entry of a SOURCES.toml: a table of that name, or one with `file` (or `files`)."""
    found = {}
    for key, value in table.items():
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, dict):
                continue
            names = child.get("files") or [child.get("file", key)]
            found |= dict.fromkeys(names, child) if isinstance(names, list) else {}
            found |= entries(child)
    return found


def test_sources_may_be_written_as_tables_or_lists():
    document = tomllib.loads(
        '["a.csv"]\nsha256 = "1"\n[[data]]\nfile = "b.npz"\nsha256 = "2"\n[x."c.csv"]\nsha256 = "3"'
    )
    assert {name: entries(document)[name]["sha256"] for name in ("a.csv", "b.npz", "c.csv")} == {
        "a.csv": "1",
        "b.npz": "2",
        "c.csv": "3",
    }


@pytest.mark.parametrize("folder", DATA_FOLDERS)
def test_data_files_have_a_source_and_are_the_ones_meant(folder):
    known = entries(tomllib.loads((source.ROOT / folder / "SOURCES.toml").read_text(encoding="utf-8")))
    for path in source.committed_files():
        if path.parent != source.ROOT / folder or path.suffix in NO_DATA or path.name == "SOURCES.toml":
            continue
        assert path.name in known, f"{source.name(path)} is not in SOURCES.toml"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert known[path.name].get("sha256") == digest, f"{source.name(path)}: sha256 is {digest}"


@pytest.mark.parametrize("folder", DATA_FOLDERS)
def test_sources_name_no_file_that_is_gone(folder):
    known = entries(tomllib.loads((source.ROOT / folder / "SOURCES.toml").read_text(encoding="utf-8")))
    gone = [name for name, entry in known.items() if "sha256" in entry and not (source.ROOT / folder / name).is_file()]
    assert not gone


def texts():
    """(path, text) of every committed text file."""
    for path in source.committed_files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_nothing_of_one_machine_is_committed():
    found = [
        f"{source.name(path)}:{number}: {match.group()!r}"
        for path, text in texts()
        if path.name != "test_files.py" and len(text) < 1_000_000
        for number, line in enumerate(text.splitlines(), 1)
        for match in (*LOCAL_PATH.finditer(line), *INDEX_HOST.finditer(line))
    ]
    assert not found, "a path of one machine, or a package index:\n" + "\n".join(found)


@pytest.mark.parametrize("text", ["see /home/anna/x", "cd /work", "open('/root/x')", r"C:\Users\anna"])
def test_a_local_path_is_recognised(text):
    assert LOCAL_PATH.search(text)


@pytest.mark.parametrize("text", ["a/work/b", "https://example.org/home/x", "../work", "/usr/bin/env", "patient/home"])
def test_other_paths_are_not_local(text):
    assert not LOCAL_PATH.search(text)


def test_scripts_that_make_something_are_named_where_it_is_described():
    if not DATA_FOLDERS:
        pytest.skip("there is no SOURCES.toml yet")
    places = ("SOURCES.toml", ".md", "Makefile")
    described = "\n".join(text for path, text in texts() if path.name.endswith(places))
    scripts = [path for path in (source.ROOT / "scripts").glob("*") if path.suffix in {".py", ".sh"}]
    modules = {imported for path in scripts if path.suffix == ".py" for imported in imported_siblings(path)}
    lost = [source.name(path) for path in scripts if path.name not in described and path.stem not in modules]
    lost = [name for name in lost if not name.startswith("scripts/draw_")]  # `make docs` runs every one of these
    assert not lost, f"named in no SOURCES.toml, page or Makefile: {lost}"


def imported_siblings(path):
    """Names that a script imports; scripts may be split into files that only another script uses."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^\s*(?:from|import)\s+(?:scripts\.)?(\w+)", text, re.MULTILINE)
