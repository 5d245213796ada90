"""Two results side by side, in words: what differs in how they were made, and the tables for terminal and page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib import resources
from typing import Any

from skindose.report.scene import (
    DISCLAIMER,
    NO_VALUE,
    format_dose_mgy,
    format_interval_mgy,
    format_quantity,
    three_digits,
    words,
)
from skindose.report.terminal import console, printable
from skindose.report.wording import Facts, say
from skindose.triggers.rules import QUANTITIES
from skindose.units import convert

Row = tuple[str, str, str]
_MADE_OF_DOSE = frozenset(("Highest cell by region",))  # differs wherever the doses do: no cause
_HOW = {"cell by cell": "cell by cell", "nearest cell": "by the nearest cell within 10 mm, for the bodies differ"}
_NONE = "no such rule"
_STATES = {True: "exceeded", False: "not reached", None: "not evaluable"}


# --- What differs in the making


def that_differ(a: Facts | None, b: Facts | None) -> list[dict[str, str]]:
    """How A and B were made, where they differ: what, of A, of B; nothing where one is a map alone."""
    if a is None or b is None:
        return []
    rows = (_making(a), _making(b))
    names = dict.fromkeys((*rows[0], *rows[1]))
    pairs = [(name, *(side.get(name, NO_VALUE) for side in rows)) for name in names]
    return [{"what": name, "a": of_a, "b": of_b} for name, of_a, of_b in pairs if of_a != of_b]


def _making(facts: Facts) -> dict[str, str]:
    """Label -> words of everything that decides what comes out, lines of one label joined."""
    said = say(facts)
    rows = [row for row in (*said["placement"], *said["provenance"]) if row[0] not in _MADE_OF_DOSE]
    placement = facts["placement"]
    if placement:
        rows.append(("Patient's origin in the table frame", _millimetres(placement["origin_mm"])))
        rows.append(("Isocentre moved by anatomy", _millimetres(placement["isocentre_shift_mm"])))
    rows.append(("Dose medium", words(facts["dose_medium"])))
    rows.append(("Cells", str(facts["phantom"]["cells"])))
    rows.append(("Trigger levels", said["signed"]))
    rows.append(("Events in the map", said["shares"]))
    joined: dict[str, str] = {}
    for name, text in rows:
        joined[name] = f"{joined[name]}; {text}" if name in joined else text
    return joined


def _millimetres(place: list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in place) + " mm"


def triggers_that_differ(a: Facts | None, b: Facts | None) -> list[dict[str, str]]:
    """Rules that one result sees otherwise than the other; a rule of one alone where it fired."""
    if a is None or b is None:
        return []
    states = [{(one["rule"], one["quantity"]): _STATES[one["fired"]] for one in side["triggers"]} for side in (a, b)]
    keys = dict.fromkeys((*states[0], *states[1]))
    pairs = [(key, states[0].get(key, _NONE), states[1].get(key, _NONE)) for key in keys]
    told = [(key, of_a, of_b) for key, of_a, of_b in pairs if _worth_telling(of_a, of_b)]
    return [{"rule": key[0], "quantity": key[1], "a": of_a, "b": of_b} for key, of_a, of_b in told]


def _worth_telling(of_a: str, of_b: str) -> bool:
    """Whether the states differ, and not only because the levels are another set."""
    return of_a != of_b and (_NONE not in (of_a, of_b) or _STATES[True] in (of_a, of_b))


# --- Tables


def peak_rows(document: Mapping[str, Any]) -> list[Row]:
    """Peak, interval and place of both, and how far apart."""
    a, b, peak = document["a"], document["b"], document["peak"]
    return [
        ("Peak skin dose", format_dose_mgy(a["peak_mgy"]), format_dose_mgy(b["peak_mgy"])),
        ("95 % interval", _interval(a), _interval(b)),
        ("Highest cell", format_dose_mgy(a["cell_max_mgy"]), format_dose_mgy(b["cell_max_mgy"])),
        ("Where", words(a["region"]), words(b["region"])),
        ("B against A", "", f"{_signed(peak['difference_mgy'])} ({_percent(peak['b_over_a'])}), {_apart(peak)}"),
    ]


def _interval(side: Mapping[str, Any]) -> str:
    return format_interval_mgy(*side["interval_95_mgy"]) if side["interval_95_mgy"] else NO_VALUE


def _apart(peak: Mapping[str, Any]) -> str:
    return f"{format_quantity(peak['apart_mm'], 'mm')} apart" if peak["apart_mm"] else "at the same place"


def _signed(value_mgy: float) -> str:
    """A difference of doses with its sign."""
    text = format_dose_mgy(abs(value_mgy))
    return text if value_mgy == 0 else ("+" if value_mgy > 0 else "\u2212") + text


def _percent(ratio: float) -> str:
    """How much more or less than A, with its sign.

    >>> _percent(1.1), _percent(1.0)
    ('+10.0 %', '0 %')
    """
    off = abs(convert(ratio - 1, "1", "percent"))
    return f"{'+' if ratio > 1 else chr(0x2212)}{three_digits(off)} %" if off >= 0.005 else "0 %"


def _ratio(value: float) -> str:
    """B over A; where one of them has next to no dose its digits say nothing.

    >>> _ratio(1.0372), _ratio(0.0), _ratio(9.8e10)
    ('1.037', 'below 0.01', 'above 100')
    """
    if value < 0.01:
        return "below 0.01"
    return f"{value:.3f}" if value <= 100 else "above 100"


def map_lines(document: Mapping[str, Any]) -> list[str]:
    """What the maps say of each other."""
    found = document["map"]
    if not found["compared"]:
        return [f"The maps are not compared, for {found['reason']}."]
    above, most = found["above_half_peak"], found["largest_difference"]
    ratio = above["b_over_a"]
    lines = [f"The maps are compared {_HOW[found['compared']]}{_matched(found)}, over patches of about 1 cm²."]
    if most["difference_mgy"] == 0:
        return [*lines, "They are the same."]
    x, y, z = most["position_mm"]
    return [
        *lines,
        f"Largest difference: {_signed(most['difference_mgy'])} ({format_dose_mgy(most['a_mgy'])} in A, "
        f"{format_dose_mgy(most['b_mgy'])} in B), {words(most['region'])} at {x:g}, {y:g}, {z:g} mm.",
        f"Skin above half the peak ({format_quantity(above['area_cm2'], 'cm2')}): B over A {_ratio(ratio['mean'])}, "
        f"from {_ratio(ratio['least'])} to {_ratio(ratio['most'])}; "
        f"{_share(above['within_5_percent_fraction'])} within 5 %, "
        f"{_share(above['within_10_percent_fraction'])} within 10 %, "
        f"{_share(above['within_8_percent_or_3_mm_fraction'])} within 8 % or 3 mm.",
    ]


def _matched(found: Mapping[str, Any]) -> str:
    if found["compared"] == "cell by cell":
        return ""
    return f" ({_share(found['matched_fraction'])} of the skin above half the peak has its place on the other body)"


def _share(fraction: float) -> str:
    """In percent; "100" and "0" only where it is all or nothing."""
    text = f"{fraction:.1%}".rstrip("%")
    whole = {"100.0": "> 99.9" if fraction < 1 else "100", "0.0": "< 0.1" if fraction > 0 else "0"}
    return f"{whole.get(text, text)} %"


def area_rows(document: Mapping[str, Any]) -> list[Row]:
    """Skin with at least so much dose, as far as either has any."""
    rows = [row for row in document["area_above"] if row["a_cm2"] or row["b_cm2"]]
    return [(f"Skin with at least {row['level_gy']} Gy", _area(row["a_cm2"]), _area(row["b_cm2"])) for row in rows]


def _area(area_cm2: float) -> str:
    return format_quantity(area_cm2, "cm2") if area_cm2 else "none"


def region_rows(document: Mapping[str, Any]) -> list[Row]:
    """The highest cell of each region with dose."""
    return [
        (words(row["region"]), format_dose_mgy(row["a_mgy"]), format_dose_mgy(row["b_mgy"]))
        for row in document["regions"]
    ]


def making_rows(document: Mapping[str, Any]) -> list[Row]:
    """What differs in the making, triggers last."""
    rows = [(row["what"], row["a"], row["b"]) for row in document["differs"]]
    return [
        *rows,
        *((f"Trigger {row['rule']}, {_in_words(row['quantity'])}", row["a"], row["b"]) for row in document["triggers"]),
    ]


def _in_words(quantity: str) -> str:
    return QUANTITIES[quantity].words if quantity in QUANTITIES else words(quantity)


def html(document: Mapping[str, Any], picture_png: bytes | None) -> bytes:
    """A page of its own that needs no network: the tables, and the picture of the maps where there is one."""
    import jinja2

    template = resources.files("skindose.report").joinpath("compare.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page: str = environment.from_string(template).render(
        a=document["a"]["name"],
        b=document["b"]["name"],
        notes=document["notes"],
        doses=[*peak_rows(document), *area_rows(document)],
        lines=map_lines(document),
        picture=base64.b64encode(picture_png).decode() if picture_png else "",
        regions=region_rows(document),
        making=making_rows(document),
        nothing=_nothing(document),
        disclaimer=DISCLAIMER,
    )
    return page.encode()


def _nothing(document: Mapping[str, Any]) -> str:
    """Where no row differs: why."""
    return "Nothing else differs." if document["facts"] else "A map alone does not say how it was made."


def print_comparison(document: Mapping[str, Any]) -> None:
    """The document of `skindose compare --json`, for people."""
    out = console()
    out.print(_table("Doses", document, [*peak_rows(document), *area_rows(document)]))
    for line in map_lines(document):
        out.print(line)
    out.print()
    out.print(_table("Highest cell by region", document, region_rows(document)))
    if rows := making_rows(document):
        out.print(_table("What differs in the making", document, rows))
    else:
        out.print(_nothing(document))
    for line in document["notes"]:
        out.print(f"Note: {printable(line)}", style="bold")
    for name in document.get("files", ()):
        out.print(f"Written: {printable(name)}")


def _table(title: str, document: Mapping[str, Any], rows: list[Row]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("", f"A: {document['a']['name']}", f"B: {document['b']['name']}"):
        table.add_column(printable(column))
    for row in rows:
        table.add_row(*map(printable, row))
    return table
