"""Result -> bytes: one function per format; nothing here touches a disk."""

import hashlib
from collections.abc import Mapping
from typing import Any

from skindose.case import to_bytes
from skindose.model import Result
from skindose.report.events import events_csv
from skindose.report.mesh import vtp
from skindose.report.page import html
from skindose.report.summary import schema, summary, summary_json

__all__ = [
    "CASE",
    "EVENTS",
    "MAP",
    "PAGE",
    "RESULT",
    "events_csv",
    "html",
    "render",
    "schema",
    "summary",
    "vtp",
]

RESULT, MAP, EVENTS, PAGE, CASE = "result.json", "dosemap.vtp", "events.csv", "report.html", "case.npz"


def render(result: Result, more: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    """The result folder: file name -> content. There is no dosemap.vtp where there is no map.

    more   optional blocks of result.json, which only a registry knows
    result.json has the digests of the files that belong to it.
    """
    files = {EVENTS: events_csv(result), CASE: to_bytes(result.case)}
    if result.dosemap is not None:
        files[MAP] = vtp(result)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    facts = {**summary(result), **(more or {})}
    return {RESULT: summary_json({**facts, "files": digests}), **files, PAGE: html(result, facts)}
