"""Text and strokes on a picture, in Pillow: letters from fonts/, lines broken to a width, the same bits every time."""

from __future__ import annotations

import io
from functools import lru_cache
from importlib import resources

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int] | str
Font = ImageFont.FreeTypeFont

INK = "#111111"
FAINT = "#666666"
PAPER = "#ffffff"

_LETTERS = ((0x20, 0x7F), (0xA0, 0x180), (0x370, 0x460), (0x2010, 0x2027))
_SIGNS = {0x20AC, 0x2192, 0x2212, 0x2264, 0x2265}


@lru_cache
def font(size_px: int, bold: bool = False) -> Font:
    """DejaVu Sans, which scripts/make_fonts.py cut down."""
    name = "bold.ttf" if bold else "sans.ttf"
    data = resources.files("skindose.report").joinpath("fonts", name).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size_px, layout_engine=ImageFont.Layout.BASIC)


def printable(text: str) -> str:
    """`text` with "?" for every letter that the fonts lack.

    >>> printable("Röntgen 2 cm²"), printable("心臓")
    ('Röntgen 2 cm²', '??')
    """
    return "".join(sign if _has(ord(sign)) else "?" for sign in text)


def _has(code: int) -> bool:
    return code in _SIGNS or any(first <= code < end for first, end in _LETTERS)


def width(text: str, letters: Font) -> int:
    """Pixels that a line of text takes."""
    return round(letters.getlength(printable(text)))


def wrapped(text: str, letters: Font, room_px: int, first_px: int = 0) -> list[str]:
    """The text in lines that fit `room_px`, `first_px` less in the first; a word that alone is too long is broken."""
    lines, line = [], ""
    for word in printable(text).split():
        longer = f"{line} {word}" if line else word
        if letters.getlength(longer) <= room_px - (0 if lines else first_px):
            line = longer
            continue
        lines += [line] if line or first_px else []
        *broken, line = _pieces(word, letters, room_px)
        lines += broken
    return [*lines, line] if line else lines


def _pieces(word: str, letters: Font, room_px: int) -> list[str]:
    """A word in pieces that fit."""
    pieces = [word]
    while len(pieces[-1]) > 1 and letters.getlength(pieces[-1]) > room_px:
        rest = pieces.pop()
        fits = max((n for n in range(1, len(rest)) if letters.getlength(rest[:n]) <= room_px), default=1)
        pieces += [rest[:fits], rest[fits:]]
    return pieces


class Sheet:
    """A white picture of fixed width that grows downwards line by line; `y` is where the next line goes."""

    def __init__(self, width_px: int, margin_px: int) -> None:
        self.margin_px = margin_px
        self.room_px = width_px - 2 * margin_px
        self.y = margin_px
        self.image = Image.new("RGB", (width_px, 4 * width_px), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def put(self, text: str, size_px: int, bold: bool = False, colour: Colour = INK, lead: str = "") -> None:
        """A paragraph, broken to the sheet's width; `lead` are its first words, in bold."""
        letters, heavy = font(size_px, bold), font(size_px, True)
        self.draw.text((self.margin_px, self.y), printable(lead), colour, heavy)
        first_px = width(lead + " ", heavy) if lead else 0
        for number, line in enumerate(wrapped(text, letters, self.room_px, first_px)):
            self.draw.text((self.margin_px + (0 if number else first_px), self.y), line, colour, letters)
            self.y += round(1.25 * size_px)

    def finish(self) -> Image.Image:
        """What was put on, with a margin below."""
        return self.image.crop((0, 0, self.image.width, self.y + self.margin_px))


def png(image: Image.Image) -> bytes:
    """The picture's file; no date, no name of a program."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False, compress_level=7)
    return out.getvalue()
