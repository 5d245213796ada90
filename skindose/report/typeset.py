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
    lines: list[str] = []
    line = ""
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
    """A white picture of fixed width that grows downwards line by line; `y` is where the next line goes.

    k   size of things: all sizes are given as for a picture of 1600 px, and times this
    """

    def __init__(self, width_px: int, k: float, margin: float = 40) -> None:
        self.k = k
        self.margin_px = self.px(margin)
        self.y = self.margin_px
        self.image = Image.new("RGB", (width_px, width_px), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def px(self, size: float) -> int:
        """A size in pixels of this sheet."""
        return round(size * self.k)

    def make_room(self, height_px: int) -> None:
        """Lengthen the sheet where this much does not fit below `y`."""
        needed = self.y + height_px + self.margin_px
        if needed > self.image.height:
            longer = Image.new("RGB", (self.image.width, max(needed, self.image.height * 5 // 4)), PAPER)
            longer.paste(self.image, (0, 0))
            self.image, self.draw = longer, ImageDraw.Draw(longer)

    def write(self, text: str, x_px: float, y_px: float, letters: Font, at: str = "left", colour: Colour = INK) -> None:
        """A line whose left end, middle or right end (`at`) stands at x."""
        start = x_px - {"left": 0.0, "middle": 0.5, "right": 1.0}[at] * width(text, letters)
        self.draw.text((round(start), y_px), printable(text), colour, letters)

    def put(self, text: str, size: float, bold: bool = False, colour: Colour = INK, lead: str = "") -> None:
        """A paragraph, broken to the sheet's width; `lead` are its first words, in bold."""
        letters, heavy = font(self.px(size), bold), font(self.px(size), True)
        first_px = width(lead + " ", heavy) if lead else 0
        lines = wrapped(text, letters, self.image.width - 2 * self.margin_px, first_px)
        step = round(1.25 * self.px(size))
        self.make_room(step * len(lines))
        self.write(lead, self.margin_px, self.y, heavy, colour=colour)
        for number, line in enumerate(lines):
            self.write(line, self.margin_px + (0 if number else first_px), self.y, letters, colour=colour)
            self.y += step

    def finish(self) -> Image.Image:
        """What was put on, with a margin below."""
        return self.image.crop((0, 0, self.image.width, self.y + self.margin_px))


def png(image: Image.Image) -> bytes:
    """The picture's file; no date, no name of a program."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False, compress_level=5)
    return out.getvalue()
