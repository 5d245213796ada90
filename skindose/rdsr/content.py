"""Nested data sets -> content items (`Item`), exactly as written: nothing converted, nothing dropped."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable

from skindose.model import Code, Item
from skindose.rdsr.codes import concept_name
from skindose.rdsr.walk import DataSet

Decode = Callable[[bytes], str]

# Specific Character Set [PS3.3 C.12.1.1.2]: the single-byte and UTF-8 ones that Python knows by another name.
_CODECS = {
    "": "ascii", "ISO_IR 6": "ascii", "ISO 2022 IR 6": "ascii", "ISO_IR 192": "utf-8",
    "GB18030": "gb18030", "GBK": "gbk",    "ISO_IR 13": "shift_jis", "ISO_IR 166": "tis_620",
    **{f"ISO_IR {number}": f"iso8859_{part}" for number, part in (
        (100, 1), (101, 2), (109, 3), (110, 4), (144, 5), (127, 6), (126, 7), (138, 8), (148, 9), (203, 15))},
}  # fmt: skip
_TEXT_TAGS = {"TEXT": 0x0040A160, "DATETIME": 0x0040A120, "DATE": 0x0040A121, "TIME": 0x0040A122, "UIDREF": 0x0040A124}


def decoder(character_set: str) -> Decode:
    """How text in the given Specific Character Set (0008,0005) becomes str; what cannot be decoded is replaced.

    Code extensions (several sets, escape sequences) go through pydicom, which knows them.
    """
    terms = [term.strip() for term in character_set.split("\\")]
    name = _CODECS.get(terms[0].replace("ISO 2022 IR", "ISO_IR"))
    if len(terms) == 1 and name is not None:
        return lambda value: codecs.decode(value, name, "replace")
    from pydicom.charset import convert_encodings, decode_bytes

    encodings = convert_encodings(terms)
    return lambda value: decode_bytes(value, encodings, set())


class Content:
    """Makes `Item` trees; remembers the codes it has met, since a report repeats a few dozen thousands of times."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._codes: dict[tuple[bytes, ...], Code] = {}
        self.warnings: list[str] = []

    def text(self, item: DataSet, tag: int) -> str:
        """Text of an element, "" where it is absent, empty or a sequence."""
        value = item.get(tag, b"")
        if not isinstance(value, bytes) or not value:
            return ""
        stripped = value.rstrip(b"\0 ").lstrip(b" ")
        return stripped.decode("ascii") if stripped.isascii() else self._decode(stripped)

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
        kind = self.text(entry, 0x0040A040)
        name = concept_name(concept)
        children = self.items(entry)
        if kind == "NUM":
            values, unit, text = self._number(entry, concept)
            return Item(name, concept, kind, values, unit, text, None, children)
        if kind == "CODE":
            return Item(name, concept, kind, (), "", "", self.code(entry, 0x0040A168), children)
        text = self.text(entry, _TEXT_TAGS[kind]) if kind in _TEXT_TAGS else ""
        return Item(name, concept, kind, (), "", text, None, children)

    def _number(self, entry: DataSet, concept: Code) -> tuple[tuple[float, ...], str, str]:
        """Numbers, unit and the text that was no number. Several measured values, or a backslash list in one."""
        measured = entry.get(0x0040A300)
        measured = measured if isinstance(measured, list) else []
        unit = ""
        values: list[float] = []
        odd: list[str] = []
        for part in measured:
            code = self.code(part, 0x004008EA)
            unit = code.value if code else unit
            for piece in self.text(part, 0x0040A30A).split("\\"):
                self._take(piece.strip(), values, odd)
        if odd:
            self.warnings.append(
                f"{concept.meaning or concept.value}: {odd[0][:20]!r} is not a number; taken as missing"
            )
        unknown = self.code(entry, 0x0040A301)
        return (() if unknown else tuple(values)), unit, "\\".join(odd)

    @staticmethod
    def _take(piece: str, values: list[float], odd: list[str]) -> None:
        if not piece:
            return
        try:
            value = float(piece)
        except ValueError:
            odd.append(piece)
            return
        if math.isfinite(value):
            values.append(value)
        else:
            odd.append(piece)
