"""Result -> report.html: one file that opens from a disk without any network, with the 3D map inside.

Everything that came out of an RDSR is hostile until escaped: the template escapes by itself, data for the script is
JSON without "<", and the page's own policy lets only the two scripts that stand here run (by their digests) and
nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from skindose.model import Result
from skindose.report import scene
from skindose.report.event_table import events_html
from skindose.report.figures import figures
from skindose.report.page_map import map_legend, map_payload
from skindose.report.summary import summary
from skindose.report.wording import Facts, say

_LIBRARY_SLOT = b'<script id="library"></script>'  # no text from a file can look like this: its "<" is escaped


def html(result: Result, facts: Facts | None = None) -> bytes:
    """report.html as UTF-8.

    facts   what `summary` says of it, where the caller has it already
    """
    payload = map_payload(result)
    library, script = (_plotly(), _script()) if payload else (b"", "")
    facts = facts or summary(result)
    page = _template().render(
        facts=facts,
        **say(facts),
        events=events_html(result),
        figures=figures(result, facts),
        map_json=payload,
        script=script,
        policy=_policy(library, script.encode()),
        views=scene.VIEWS,
        **map_legend(result),
        style=_packaged("page.css"),
    )
    before, slot, after = str(page).encode().partition(_LIBRARY_SLOT)
    return b"".join((before, b"<script>", library, b"</script>", after)) if slot else before


# --- The file


@lru_cache
def _template() -> Any:
    """The page's template. jinja2 is imported only where a page is made."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_packaged("page.html.j2"))


@lru_cache
def _packaged(name: str) -> str:
    return resources.files("skindose.report").joinpath(name).read_text(encoding="utf-8")


@lru_cache
def _script() -> str:
    """The page's own script: what reads the packed map, and what draws it."""
    return "".join(map(_packaged, ("page_data.js", "page_shapes.js", "page.js")))


@lru_cache
def _plotly() -> bytes:
    """plotly.js as the plotly package carries it; the package itself, slow to import, is only looked up."""
    spec = importlib.util.find_spec("plotly")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        return b""
    code = (Path(next(iter(folders))) / "package_data" / "plotly.min.js").read_bytes()
    return code.replace(b"\r", b"").replace(b"</script", b"<\\/script").replace(b"<!--", b"<\\!--")


@lru_cache
def _policy(*scripts: bytes) -> str:
    """Content-Security-Policy: nothing is fetched, and no script runs but these."""
    digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts if script]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
