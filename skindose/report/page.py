"""Result -> report.html: one file that opens from a disk without any network, with the 3D map inside.

Everything that came out of an RDSR is hostile until escaped: the template escapes by itself, data for the script is
JSON without "<", and the page's own policy lets only the two scripts that stand here run (by their digests) and
nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skindose.model import Result
from skindose.report import scene, shapes
from skindose.report.event_table import events_html
from skindose.report.summary import summary
from skindose.report.wording import say

_LIBRARY_SLOT = b'<script id="library"></script>'  # no text from a file can look like this: its "<" is escaped


def html(result: Result) -> bytes:
    """report.html as UTF-8."""
    payload = map_payload(result)
    library, script = (_plotly(), _packaged("page.js")) if payload else (b"", "")
    facts = summary(result)
    page = _template().render(
        facts=facts,
        **say(facts),
        events=events_html(result),
        map_json=payload,
        script=script,
        policy=_policy(library, script.encode()),
        views=scene.VIEWS,
        style=_packaged("page.css"),
    )
    before, slot, after = str(page).encode().partition(_LIBRARY_SLOT)
    return b"".join((before, b"<script>", library, b"</script>", after)) if slot else before


# --- The map


def map_payload(result: Result) -> str:
    """What the page's script draws, as JSON that may stand inside a script element; "" without a map."""
    if result.dosemap is None:
        return ""
    phantom, dosemap = result.phantom, result.dosemap
    scale = scene.dose_scale(float(dosemap.dose_mgy.max(initial=0.0)))
    colours = scene.colour_scale()
    tree = {
        "vertices_mm": _packed(phantom.vertices_mm, "<f4"),
        "triangles": _packed(phantom.triangles, "<i4"),
        "dose_mgy": _packed(dosemap.dose_mgy, "<f4"),
        "uncertainty_mgy": _packed(dosemap.uncertainty_mgy, "<f4"),
        "region": _packed(phantom.region, "u1"),
        "region_names": [scene.words(name) for name in phantom.region_names],
        "scale": scale._asdict(),
        "colours": [[place, colour] for place, colour in zip(_even(len(colours)), colours, strict=True)],
        "views": {view.name: view._asdict() for view in scene.VIEWS},
        "first_view": shapes.first_view(phantom, dosemap.peak).name,
        "labels": [label._asdict() for label in shapes.side_labels(phantom)],
        "peak_mark_mm": shapes.peak_mark_mm(phantom, dosemap.peak).tolist() if dosemap.peak else None,
    }
    return json.dumps(tree, allow_nan=False).replace("<", "\\u003c")


def _packed(array: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")


def _even(count: int) -> list[float]:
    return [round(float(place), 6) for place in np.linspace(0.0, 1.0, count)]


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
