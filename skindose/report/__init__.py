"""Result -> bytes: one function per format; nothing here touches a disk."""

from skindose.model import Result
from skindose.report.events import events_csv
from skindose.report.mesh import vtp
from skindose.report.page import html
from skindose.report.summary import schema, summary, summary_json

__all__ = ["events_csv", "html", "render", "schema", "summary", "summary_json", "vtp"]


def render(result: Result) -> dict[str, bytes]:
    """The result folder: file name -> content. There is no dosemap.vtp where there is no map."""
    files = {"result.json": summary_json(result), "events.csv": events_csv(result), "report.html": html(result)}
    if result.dosemap is not None:
        files["dosemap.vtp"] = vtp(result)
    return files
