"""Nested data sets -> content items (`Item`), exactly as written: nothing converted, and nothing dropped in silence."""

from __future__ import annotations

import codecs
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable

from skindose.model import Code, Item
from skindose.rdsr.codes import concept_name
from skindose.rdsr.walk import DataSet

Decode = Callable[[bytes], str]

# Specific Character Set [PS3.3 C.12.1.1.2]: the single-byte and UTF-8 ones that Python knows by another name.
_CODECS = {
    "ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk", "ISO_IR 13": "shift_jis", "ISO_IR 166": "tis_620",
    **{f"ISO_IR {number}": f"iso8859_{part}" for number, part in (
        (100, 1), (101, 2), (109, 3), (110, 4), (144, 5), (127, 6), (126, 7), (138, 8), (148, 9), (203, 15))},
}  # fmt: skip
_TEXT_TAGS = {"TEXT": 0x0040A160, "DATETIME": 0x0040A120, "DATE": 0x0040A121, "TIME": 0x0040A122, "UIDREF": 0x0040A124}


# Value types by what an item carries, for writers who leave the type out.
_KIND_BY_TAG = {0x0040A300: "NUM", 0x0040A168: "CODE", **{tag: kind for kind, tag in _TEXT_TAGS.items()}}
# Qualifiers of a number that is not there [PS3.16 CID 42].
_NO_NUMBER = frozenset(f"1140{number:02}" for number in range(12))
# Texts that name people; those of private items are known by their meaning.
_PEOPLE = frozenset(("person_name", "person_id", "person_observer_name", "performing_physician", "subject_name",
                     "subject_id", "subject_birth_date"))  # fmt: skip
_PEOPLE_WORDS = re.compile(r"physician|operator|person|nurse|technologist|(patient|subject)\W*s?\W*(name|id\b)", re.I)


def decoder(character_set: str) -> Decode:
    """How text in the given Specific Character Set (0008,0005) becomes str; what cannot be decoded is replaced.

    Code extensions (several sets, escape sequences) go through pydicom, which knows them. Who names no set may write
    ASCII only, but writes UTF-8 or Latin-1.
    """
    terms = [term.strip() for term in character_set.split("\\")]
    if terms in ([""], ["ISO_IR 6"], ["ISO 2022 IR 6"]):
        return _undeclared
    name = _CODECS.get(terms[0].replace("ISO 2022 IR", "ISO_IR"))
    if len(terms) == 1 and name is not None:
        return lambda value: codecs.decode(value, name, "replace")
    return lambda value: _extended(value, terms)


def _undeclared(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _extended(value: bytes, terms: list[str]) -> str:
    from pydicom.charset import convert_encodings, decode_bytes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return decode_bytes(value, convert_encodings(list(terms)), {0x0A, 0x0C, 0x0D})
        except (LookupError, ValueError):  # a character set of no known name
            return _undeclared(value)


class Content:
    """Makes `Item` trees; remembers the codes it has met, since a report repeats a few dozen thousands of times."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._codes: dict[tuple[bytes, ...], Code] = {}
        self._odd: Counter[tuple[str, str]] = Counter()

    def warnings(self) -> list[str]:
        """What was no number, one sentence for each concept."""
        return [
            one_line(
                f"{concept:.60}: {count} {'value is' if count == 1 else 'values are'} {what:.40}; taken as missing."
            )
            for (concept, what), count in self._odd.items()
        ]

    def text(self, item: DataSet, tag: int) -> str:
        """Text of an element, "" where it is absent, empty or a sequence."""
        value = item.get(tag, b"")
        if not isinstance(value, bytes) or not value:
            return ""
        stripped = value.rstrip(b"\0 ").lstrip(b" ")
        return stripped.decode("ascii") if stripped.isascii() and b"\x1b" not in stripped else self._decode(stripped)

    def code(self, item: DataSet, tag: int) -> Code | None:
        """The first code of a code sequence; None where there is none."""
        sequence = item.get(tag)
        if not isinstance(sequence, list) or not sequence:
            return None
        entry = sequence[0]
        raw = tuple(entry.get(key, b"") for key in (0x00080100, 0x00080119, 0x00080120, 0x00080102, 0x00080104))
        if not all(isinstance(value, bytes) for value in raw):
            return None
        known = self._codes.get(raw)  # type: ignore[arg-type]
        if known is None:
            texts = [self.text(entry, key) for key in (0x00080100, 0x00080119, 0x00080120, 0x00080102, 0x00080104)]
            known = Code(texts[0] or texts[1] or texts[2], texts[3], texts[4])
            self._codes[raw] = known  # type: ignore[index]
        return known

    def items(self, holder: DataSet) -> tuple[Item, ...]:
        """The content items of a Content Sequence, with all below them; people's names are left out."""
        sequence = holder.get(0x0040A730)
        if not isinstance(sequence, list):
            return ()
        return tuple(self.item(entry) for entry in sequence)

    def item(self, entry: DataSet) -> Item:
        """One content item."""
        concept = self.code(entry, 0x0040A043) or Code("", "", "")
        kind = self.text(entry, 0x0040A040).upper() or _kind(entry)
        name = concept_name(concept)
        children = self.items(entry)
        if kind == "NUM":
            values, unit, text = self._number(entry, concept)
            return Item(name, concept, kind, values, unit, text, None, children)
        if kind == "CODE":
            return Item(name, concept, kind, (), "", "", self.code(entry, 0x0040A168), children)
        is_personal = kind == "PNAME" or name in _PEOPLE or (not name and _PEOPLE_WORDS.search(concept.meaning))
        return Item(name, concept, kind, (), "", "" if is_personal else self._own_text(entry, kind), None, children)

    def _own_text(self, entry: DataSet, kind: str) -> str:
        """The text of the item's kind; some write a UID or a date into the element of another kind."""
        own = _TEXT_TAGS.get(kind, 0x0040A160)
        return next((text for tag in (own, *_TEXT_TAGS.values()) if (text := self.text(entry, tag))), "")

    def _number(self, entry: DataSet, concept: Code) -> tuple[tuple[float, ...], str, str]:
        """Numbers, unit and the text that was no number. Several measured values, or a backslash list in one."""
        measured = entry.get(0x0040A300)
        measured = measured if isinstance(measured, list) else [entry]  # else some write the value into the item
        unit = ""
        written: list[str] = []
        for part in measured:
            code = self.code(part, 0x004008EA)
            own = code.value if code else ""
            if unit and own and own != unit:
                self._odd[concept.meaning or concept.value, f"in a second unit, {own}"] += 1
                continue
            unit = unit or own
            written += (piece.strip() for piece in self.text(part, 0x0040A30A).split("\\"))
        qualifier = self.code(entry, 0x0040A301)
        if qualifier and qualifier.value in _NO_NUMBER:
            return (), unit, "\\".join(written)
        values: list[float] = []
        odd: list[str] = []
        for piece in filter(None, written):
            self._take(piece, concept.meaning or concept.value, values, odd)
        return tuple(values), unit, "\\".join(odd)

    def _take(self, piece: str, concept: str, values: list[float], odd: list[str]) -> None:
        try:
            value = float(piece if "_" not in piece else "no")  # Python reads 1_000, DICOM does not write it
        except ValueError:
            odd.append(piece)
            self._odd[concept, "not a number"] += 1
            return
        if math.isfinite(value):
            values.append(value)
        else:
            odd.append(piece)
            self._odd[concept, "not finite"] += 1


def one_line(text: str) -> str:
    """Text that can be printed in a line: without control characters and doubled blanks."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _kind(entry: DataSet) -> str:
    """The value type of an item that does not state it."""
    found = next((kind for tag, kind in _KIND_BY_TAG.items() if tag in entry), "")
    return found or ("CONTAINER" if 0x0040A730 in entry else "")
