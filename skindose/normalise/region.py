"""The body region at the isocentre: option, procedure text, Target Region, else the trunk."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from skindose.errors import SettingsError
from skindose.model import Code, Header, Status
from skindose.normalise.vocabulary import word
from skindose.normalise.work import Work

REGIONS = (
    "head",
    "neck",
    "chest",
    "heart",
    "abdomen",
    "liver",
    "pelvis",
    "left arm",
    "right arm",
    "left leg",
    "right leg",
    "trunk",
)

_LIMBS = ("arm", "leg")
_STARTS = re.compile(r"\b\w")
_BARRED = str.maketrans("øłđ", "old")


class Region(NamedTuple):
    """A region, where it comes from, and why in words."""

    name: str
    status: Status
    reason: str


def find_region(work: Work, header: Header, chosen: str | None) -> Region:
    """The region that placement by anatomy puts at the isocentre.

    raises   SettingsError for an unknown name
    """
    if chosen is not None:
        return Region(checked(chosen), Status.REPORTED, "chosen by the user")
    texts = _texts(work, header)
    found = _by_words(texts, ("stems", "whole")) or _target_region(work) or _by_words(texts, ("hints",))
    if found is not None:
        return found
    work.notes.assume("no text or code tells the body region", "the middle of the trunk is assumed")
    return Region("trunk", Status.ASSUMED, "nothing in the file tells it")


def checked(name: str) -> str:
    """The region's name as we write it.

    raises   SettingsError for an unknown name
    """
    folded = " ".join(name.replace("-", " ").replace("_", " ").lower().split())
    if folded not in REGIONS:
        raise SettingsError(f"no region is named {name!r}", "region", f"Known: {', '.join(REGIONS)}.")
    return folded


def _texts(work: Work, header: Header) -> list[tuple[str, str]]:
    """Texts that may name a region: the procedure's, then protocols by their air kerma."""
    kerma = np.nan_to_num(work.columns["air_kerma_rp_mgy"])
    weights: dict[str, float] = {}
    for event, protocol in enumerate(work.protocol):
        weights[protocol] = weights.get(protocol, 0.0) + float(kerma[event])
    protocols = sorted(weights, key=lambda protocol: (-weights[protocol], protocol))
    found = [(header.description, "procedure's text"), *((protocol, "protocol") for protocol in protocols)]
    return [(text, where) for text, where in found if text.strip()]


def _by_words(texts: list[tuple[str, str]], kinds: tuple[str, ...]) -> Region | None:
    for text, where in texts:
        name = region_of_text(text, kinds)
        if name:
            unsided = name.startswith("right ") and not _first(_plain(text), "sides", ("stems", "whole"))
            remark = " (side not stated: right is assumed)" if unsided else ""
            return Region(name, Status.DERIVED, f"from the {where}: {text}{remark}")
    return None


def region_of_text(text: str, kinds: tuple[str, ...] = ("stems", "whole")) -> str:
    """The region that a text names in any of the languages of regions.toml, "" for none.

    The word that comes first counts; limbs without a side are taken as right ones.

    >>> region_of_text("Coronarografia + PTCA")
    'heart'
    """
    plain = _plain(text)
    name = _first(plain, "words", kinds)
    if name in _LIMBS:
        return f"{_first(plain, 'sides', ('stems', 'whole')) or 'right'} {name}"
    return name


def _first(plain: str, table: str, kinds: tuple[str, ...]) -> str:
    """The entry of a table of words whose word comes first in the text; "" for none."""
    for start in _STARTS.finditer(plain):
        for name, entry in _words(table).items():
            if any(_begins(plain, start.start(), word, kind) for kind in kinds for word in entry.get(kind, ())):
                return name
    return ""


def _begins(plain: str, start: int, word: str, kind: str) -> bool:
    end = start + len(word)
    return plain.startswith(word, start) and (kind != "whole" or not plain[end : end + 1].isalnum())


def _target_region(work: Work) -> Region | None:
    """By Target Region or Anatomical structure, weighted with air kerma; None where no code names a place."""
    kerma = np.nan_to_num(work.columns["air_kerma_rp_mgy"])
    weights: dict[str, tuple[float, str]] = {}
    for event, record in enumerate(work.records):
        side = word("laterality", record.codes("laterality")) or "right"
        for code in (*record.codes("anatomical_structure"), *record.codes("target_region")):
            name = _of_code(code, side)
            if name:
                weight = weights.get(name, (0.0, ""))[0]
                weights[name] = (weight + float(kerma[event]), code.meaning or code.value)
                break
    if not weights:
        return None
    name = max(sorted(weights), key=lambda region: weights[region][0])
    return Region(name, Status.DERIVED, f"from the target region: {weights[name][1]}")


def _of_code(code: Code, side: str) -> str:
    name: str = _data()["codes"].get(code.value.strip(), "")
    return f"{side} {name}" if name in _LIMBS else name


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    text = files("skindose.normalise").joinpath("regions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=2)
def _words(table: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = _data()[table]
    return {
        name: {kind: [_folded(word) for word in words] for kind, words in entry.items()}
        for name, entry in found.items()
    }


def _plain(text: str) -> str:
    """Folded, with underscores as spaces and without what is ignored."""
    plain = _folded(text).replace("_", " ")
    for ignored in _data()["ignored"]:
        plain = plain.replace(ignored, " ")
    return plain


def _folded(text: str) -> str:
    """Lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_BARRED)
