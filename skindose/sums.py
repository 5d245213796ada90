"""Result folders of one patient -> their sum, its picture and cumulative.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skindose import cumulative, folder
from skindose.cumulative import Cumulative, Part
from skindose.errors import OutputError, reason
from skindose.report import MAP, RESULT
from skindose.report import cumulative as report
from skindose.report.summary import summary_json

FILE, PICTURE = "cumulative.json", "cumulative.png"


def run(
    results: Sequence[Path], window_days: int | None = None, out: Path | None = None, same_patient: bool = False
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Add result folders; with `out` write cumulative.json and the picture of the sum into that folder.

    returns   the content of cumulative.json, and the files written
    raises    InputError for what is no whole result, or of several patients; OutputError
    """
    found = cumulative.add([open_part(path) for path in results], window_days, same_patient)
    document = report.to_dict(found)
    return document, write(document, found, out) if out is not None else ()


def write(document: dict[str, Any], found: Cumulative, out: Path) -> tuple[str, ...]:
    """cumulative.json and the picture of the sum into a folder; returns the files.

    raises   OutputError
    """
    files = {FILE: (summary_json(document), b"{")}
    if found.peak:
        files[PICTURE] = report.picture(found), b"\x89PNG"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot make the folder: {reason(error)}"
        raise OutputError(what, str(out), "Choose another folder.") from None
    for name, (content, begins) in files.items():
        folder.write_file(out / name, content, begins)
    return tuple(str(out / name) for name in files)


def open_part(path: Path) -> Part:
    """A result folder, with or without a map.

    raises   InputError
    """
    where = (path.parent if path.name == RESULT else path).absolute()
    facts = folder.read_facts(where)
    if MAP not in facts["files"]:
        return cumulative.part_of_facts(where.name, facts)
    return cumulative.part_of_case(where.name, folder.open_result(where).case)
