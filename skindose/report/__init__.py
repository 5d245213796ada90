"""Result -> bytes: one `render(result) -> bytes` per format; nothing here touches a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skindose.model import Result


def render(result: Result) -> dict[str, bytes]:
    """The files of a result folder: name -> content. Without a map there is no dosemap.vtp."""
    from skindose.report.events import events_csv
    from skindose.report.mesh import vtp
    from skindose.report.page import html
    from skindose.report.summary import summary_json

    files = {
        "result.json": summary_json(result),
        "events.csv": events_csv(result),
        "report.html": html(result),
    }
    if result.dosemap is not None:
        files["dosemap.vtp"] = vtp(result)
    return files
