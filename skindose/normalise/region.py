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
            return Region(name, Status.DERIVED, f"from the {where}: {text}")
    return None


def region_of_text(text: str, kinds: tuple[str, ...] = ("stems", "whole")) -> str:
    """The region that a text names in any of the languages of regions.toml, "" for none.

    The word that comes first counts; limbs without a side are taken as right ones.

    >>> region_of_text("Coronarografia + PTCA")
    'heart'
    """
    plain = _plain(text)
    hits = [(found.start(), name) for name, pattern in _patterns(kinds).items() if (found := pattern.search(plain))]
    name = min(hits)[1] if hits else ""
    if name in ("arm", "leg"):
        left, right = (_pattern(_data()["sides"][side]).search(plain) for side in ("left", "right"))
        return f"{'left' if left and not right else 'right'} {name}"
    return name


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
    return f"{side} {name}" if name in ("arm", "leg") else name


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    text = files("skindose.normalise").joinpath("regions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=2)
def _patterns(kinds: tuple[str, ...]) -> dict[str, re.Pattern[str]]:
    return {name: _pattern(entry, kinds) for name, entry in _data()["words"].items() if any(map(entry.get, kinds))}


def _pattern(entry: dict[str, list[str]], kinds: tuple[str, ...] = ("stems", "whole")) -> re.Pattern[str]:
    ends = {"stems": "", "hints": "", "whole": r"\b"}
    words = [rf"\b{re.escape(_plain(word))}{ends[kind]}" for kind in kinds for word in entry.get(kind, ())]
    return re.compile("|".join(words))


def _plain(text: str) -> str:
    """Lower case without accents, underscores as spaces, without what is ignored."""
    decomposed = unicodedata.normalize("NFKD", text.replace("_", " ").casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).replace("ø", "o")
    for ignored in _data()["ignored"]:
        plain = plain.replace(ignored, " ")
    return plain
