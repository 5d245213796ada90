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

from skindose.model import Peak, Phantom, Result
from skindose.report import scene
from skindose.report.event_table import COLUMNS, event_table
from skindose.report.summary import summary
from skindose.triggers.bands import CAVEAT, Band, band
from skindose.triggers.rules import QUANTITIES
from skindose.units import mgy_to_gy, s_to_min

_LABEL_GAP_MM = 60.0  # labels stand this far off the body
_PEAK_LIFT_MM = 3.0  # the peak's mark floats over the skin, or the skin hides half of it


def html(result: Result) -> bytes:
    """report.html as UTF-8."""
    payload = map_payload(result)
    library, script = (_plotly(), _own_script()) if payload else ("", "")
    facts = summary(result)
    page = _template().render(
        facts=facts,
        facts_rows=_headline(facts),
        triggers=sorted(facts["triggers"], key=_urgency),
        totals=_totals(facts["totals"]),
        columns=COLUMNS,
        events=event_table(result),
        map_json=payload,
        library=library,
        script=script,
        policy=_policy(library, script),
        views=scene.VIEWS,
        style=_packaged("page.css"),
        reaction=_reaction(facts),
        reaction_caveat=CAVEAT,
    )
    return str(page).encode()


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
        "first_view": _first_view(phantom, dosemap.peak),
        "labels": _labels(phantom),
        "peak_mark_mm": _peak_mark(phantom, dosemap.peak),
    }
    return json.dumps(tree, allow_nan=False).replace("<", "\\u003c")


def _packed(array: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")


def _even(count: int) -> list[float]:
    return [round(float(place), 6) for place in np.linspace(0.0, 1.0, count)]


def _first_view(phantom: Phantom, peak: Peak | None) -> str:
    """The page opens on the side of the body where the peak is."""
    return scene.VIEWS[0].name if peak is None else scene.view_facing(phantom.normal[peak.patch].mean(axis=0)).name


def _labels(phantom: Phantom) -> list[dict[str, Any]]:
    """The patient's left and right, and where his head is: what a viewer must never guess."""
    low, high = phantom.vertices_mm.min(axis=0), phantom.vertices_mm.max(axis=0)
    middle = (low + high) / 2
    places = {
        "L": (high[0] + _LABEL_GAP_MM, middle[1], middle[2]),
        "R": (low[0] - _LABEL_GAP_MM, middle[1], middle[2]),
        "head": (middle[0], middle[1], high[2] + _LABEL_GAP_MM),
    }
    return [{"text": text, "at_mm": [round(float(x), 1) for x in place]} for text, place in places.items()]


def _peak_mark(phantom: Phantom, peak: Peak | None) -> list[float] | None:
    if peak is None:
        return None
    lifted = np.array(peak.position_mm) + _PEAK_LIFT_MM * phantom.normal[peak.cell]
    return [round(float(x), 2) for x in lifted]


# --- The words


def _headline(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What a clinician reads first, as (label, value)."""
    peak = facts["peak"]
    rows = []
    if peak:
        if peak["interval_95_mgy"]:
            rows.append(("95 % interval", scene.format_interval_mgy(*peak["interval_95_mgy"])))
        rows.append(("Where", scene.words(peak["region"])))
        rows.append(("Highest single cell", scene.format_dose_mgy(peak["cell_max_mgy"])))
    elif facts["peak_upper_bound_mgy"] is not None:
        rows.append(("Upper bound of the peak", scene.format_dose_mgy(facts["peak_upper_bound_mgy"])))
    if facts["vendor_peak_mgy"] is not None:
        rows.append(("Estimate of the X-ray system's maker", scene.format_dose_mgy(facts["vendor_peak_mgy"])))
    return rows


def _urgency(finding: dict[str, Any]) -> int:
    """What fired stands first, then what could not be evaluated; otherwise the rules' own order."""
    return 0 if finding["fired"] else 1 if finding["fired"] is None else 2


def _totals(totals: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per quantity and plane: reported, summed over events, difference."""
    kinds = (
        ("air_kerma_mgy", "Air kerma at the reference point", scene.format_dose_mgy),
        ("kap_gycm2", "Kerma-area product", lambda value: scene.format_quantity(value, "Gy.cm2")),
        ("fluoro_time_s", "Fluoroscopy time", _minutes),
    )
    rows = []
    for key, name, shown in kinds:
        for plane, pair in totals[key].items():
            reported, summed = pair["reported"], pair["summed"]
            if plane != "together" and not reported and not summed:
                continue
            label = name if plane == "together" else f"plane {plane}"
            row = {"name": label, "sub": plane != "together", "reported": shown(reported), "summed": shown(summed)}
            rows.append({**row, "difference": _difference(reported, summed)})
    return rows


def _minutes(value_s: float | None) -> str:
    return scene.format_quantity(None if value_s is None else s_to_min(value_s), "min")


def _difference(reported: float | None, summed: float | None) -> str:
    """Of the sum from the reported total, in percent."""
    if not reported or summed is None:
        return scene.NO_VALUE
    return f"{100 * (summed / reported - 1):+.1f} %".replace("-", "\u2212")


def _reaction(facts: dict[str, Any]) -> Band | None:
    """The tissue-reaction band of the peak; None without a peak."""
    return band(mgy_to_gy(facts["peak"]["skin_dose_mgy"])) if facts["peak"] else None


# --- The file


@lru_cache
def _template() -> Any:
    """The page's template. jinja2 is imported only where a page is made."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "dose": scene.format_dose_mgy,
        "words": scene.words,
        "spoken": lambda name: QUANTITIES[name].words if name in QUANTITIES else scene.words(name),
        "quantity": scene.format_quantity,
        "three": lambda value: scene.NO_VALUE if value is None else scene.three_digits(value),
    }
    return environment.from_string(_packaged("page.html.j2"))


@lru_cache
def _packaged(name: str) -> str:
    return resources.files("skindose.report").joinpath(name).read_text(encoding="utf-8")


def _own_script() -> str:
    return _packaged("page.js")


@lru_cache
def _plotly() -> str:
    """plotly.js as the plotly package carries it; the package itself, slow to import, is only looked up."""
    spec = importlib.util.find_spec("plotly")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        return ""
    code = (Path(next(iter(folders))) / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@lru_cache
def _policy(*scripts: str) -> str:
    """Content-Security-Policy: nothing is fetched, and no script runs but these."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts if text]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
