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


def wrapped(text: str, letters: Font, room_px: int) -> list[str]:
    """The text in lines that fit `room_px`; a word that alone is too long is broken."""
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        longer = f"{line} {word}" if line else word
        if letters.getlength(longer) <= room_px:
            line = longer
            continue
        lines += [line] if line else []
        line = word
        while letters.getlength(line) > room_px:
            fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or letters.getlength(line[:n]) <= room_px)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line] if line else lines


class Sheet:
    """A white picture of fixed width that grows downwards line by line; `y` is where the next line goes."""

    def __init__(self, width_px: int, margin_px: int) -> None:
        self.margin_px = margin_px
        self.room_px = width_px - 2 * margin_px
        self.y = margin_px
        self.image = Image.new("RGB", (width_px, 4 * width_px), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def put(self, text: str, size_px: int, bold: bool = False, colour: Colour = INK, indent_px: int = 0) -> None:
        """A paragraph, broken to the sheet's width."""
        letters = font(size_px, bold)
        for line in wrapped(text, letters, self.room_px - indent_px):
            self.draw.text((self.margin_px + indent_px, self.y), line, colour, letters)
            self.y += round(1.25 * size_px)

    def finish(self) -> Image.Image:
        """What was put on, with a margin below."""
        return self.image.crop((0, 0, self.image.width, self.y + self.margin_px))


def png(image: Image.Image) -> bytes:
    """The picture's file; no date, no name of a program."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False, compress_level=7)
    return out.getvalue()
