"""The tables of coded values and texts (vocabulary.toml), read once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from skindose.model import Code
from skindose.units import convert

THICKEST_OTHER_MM = 1.0  # of a filter material without a limit of its own


class ReferencePoint(NamedTuple):
    """Where the reference point is defined to be: `mm` from `origin` towards the source (from it for "source")."""

    origin: str  # isocenter, detector, tabletop, source, unknown, refused
    mm: float
    words: str


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """Every table of vocabulary.toml."""
    text = files("skindose.normalise").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def word(table: str, codes: Iterable[Code]) -> str:
    """Our word for the first code that the table knows, else ""."""
    known: dict[str, str] = tables()[table]
    return next((known[code.value.strip()] for code in codes if code.value.strip() in known), "")


def filter_material(codes: Iterable[Code]) -> str:
    """Symbol of a filter's material by its code, else by the code's meaning; "Cu+Al" for both, "" for none known."""
    codes = list(codes)
    known = word("filter_material", codes)
    if known:
        return known
    meanings = " ".join(code.meaning for code in codes)
    return next((name for name, pattern in _filter_patterns() if pattern.search(meanings)), "")


@lru_cache(maxsize=1)
def _filter_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    rows = tables()["filter_text"]
    return tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in rows.items())


def thickest_mm(material: str) -> float:
    """More than this is no filter of that material but a mistake."""
    limits: dict[str, float] = tables()["filter_thickest_mm"]
    return limits.get(material, max(limits.values()) if not material else THICKEST_OTHER_MM)


def reference_by_code(codes: Iterable[Code]) -> ReferencePoint | None:
    """The reference point that a code of CID 10025 defines, None for none of them."""
    known = tables()["reference_code"]
    for code in codes:
        entry = known.get(code.value.strip())
        if entry is not None:
            return ReferencePoint(entry["from"], float(entry["mm"]), code.meaning or code.value)
    return None


def reference_by_text(texts: Iterable[str]) -> ReferencePoint | None:
    """The reference point that a text defines, None where no pattern fits."""
    for text in texts:
        for pattern, origin in _reference_patterns():
            found = pattern.search(text)
            if found:
                return ReferencePoint(origin, _length(found), text)
    return None


@lru_cache(maxsize=1)
def _reference_patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = tables()["reference_text"]
    return tuple((re.compile(row["pattern"], re.IGNORECASE | re.DOTALL), row["from"]) for row in rows)


def _length(found: re.Match[str]) -> float:
    groups = found.groupdict()
    if not groups.get("value"):
        return 0.0
    return convert(float(groups["value"].replace(",", ".")), groups["unit"].lower(), "length_mm")
