"""SVG as text: elements with their texts escaped, small pictures as PNG inside.

What is drawn with it stands in the page without a script and in the PDF alike: presentation attributes only, no style
sheet, no ids, nothing fetched.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Sequence
from html import escape

import numpy as np

from skindose.model import ByteArray, FloatArray

INK, SOFT, FAINT = "#1c1f24", "#525a65", "#c3c9d0"
FONT = "system-ui, 'Liberation Sans', 'DejaVu Sans', Arial, sans-serif"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def tag(name: str, *inside: str, **attributes: str | float) -> str:
    """An element. `inside` is SVG already; attributes are escaped, "_" in their names is "-", numbers get two decimals.

    >>> tag("rect", x=1.0, stroke_width=2.504)
    '<rect x="1" stroke-width="2.5"/>'
    """
    own = "".join(f' {key.replace("_", "-")}="{_written(value)}"' for key, value in attributes.items())
    return f"<{name}{own}>{''.join(inside)}</{name}>" if inside else f"<{name}{own}/>"


def plain(text: str) -> str:
    """Any text as the content of an element or attribute: escaped, and without characters that XML has not.

    >>> plain('<a b="1">\\x00')
    '&lt;a b=&quot;1&quot;&gt;\ufffd'
    """
    return escape(_NOT_XML.sub("\ufffd", text), quote=True)


def number(value: float) -> str:
    """Two decimals, as short as can be.

    >>> number(3.0), number(-0.001), number(12.345)
    ('3', '0', '12.35')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _written(value: str | float) -> str:
    return plain(value) if isinstance(value, str) else number(value)


def words(x: float, y: float, text: str, **attributes: str | float) -> str:
    """A line of text; `size` is its height, `halo` draws it on paper of its own so that it is read over a picture."""
    size = attributes.pop("size", 11.0)
    if attributes.pop("halo", ""):
        attributes |= {"stroke": "#ffffff", "stroke_width": 3.0, "stroke_linejoin": "round", "paint_order": "stroke"}
    return tag("text", plain(text), x=x, y=y, font_size=size, **{"fill": INK, **attributes})


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> str:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **{"stroke": FAINT, **attributes})


def path(points: Sequence[tuple[float, float]] | FloatArray, **attributes: str | float) -> str:
    """An open line through points (n, 2)."""
    steps = "L".join(f"{number(float(x))} {number(float(y))}" for x, y in points)
    return tag("path", d=f"M{steps}", **{"fill": "none", **attributes})


def drawing(width: float, height: float, name: str, *inside: str) -> str:
    """A whole picture, scaled to the room it gets; `name` says in a few words what it shows."""
    return tag(
        "svg",
        *inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=name,
        font_family=FONT,
    )


def png(index: ByteArray, colours: Sequence[str]) -> str:
    """A data URI with a picture of a few colours.

    index     (rows, columns) which colour; 0 is transparent, k is colours[k - 1]
    colours   up to 255 of "#rrggbb"
    """
    rows, columns = index.shape
    lines = np.zeros((rows, columns + 1), np.uint8)  # each begins with its filter, none
    lines[:, 1:] = index
    palette = b"\xff\xff\xff" + b"".join(bytes.fromhex(colour[1:]) for colour in colours)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", palette),
        (b"tRNS", b"\x00"),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
