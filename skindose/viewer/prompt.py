"""A line of text typed in the window, key by key: VTK has no text field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

_LONGEST = 200
_ACCENTED = re.compile(r"([A-Za-z])(acute|grave|circumflex|diaeresis|tilde|cedilla|caron|ring)", re.ASCII)
_ACCENTS = {"ring": "RING ABOVE"}
_NAMED = {"ssharp": "\u00df", "space": " ", "ae": "\u00e6", "AE": "\u00c6", "oslash": "\u00f8", "Oslash": "\u00d8"}


@dataclass
class Prompt:
    """A question, what has been typed so far, and what is done with it.

    done   takes the answer; says what is wrong with it, or "" where it is accepted
    """

    question: str
    done: Callable[[str], str]
    text: str = ""
    complaint: str = ""

    def key(self, name: str, sign: str) -> bool:
        """Take one key; False once the prompt has ended.

        name   the key's X11 name: Return, Escape, BackSpace, a, udiaeresis, ...
        sign   the sign it stands for, "" or a control character for none
        """
        if name == "Escape":
            return False
        if name in ("Return", "KP_Enter"):
            self.complaint = self.done(self.text)
            return bool(self.complaint)
        if name == "BackSpace":
            self.text = self.text[:-1]
        elif len(self.text) < _LONGEST:
            self.text += letter(name, sign)
        return True

    def line(self) -> str:
        """What the window shows."""
        wrong = f"   ({self.complaint})" if self.complaint else ""
        return f"{self.question} {self.text}_{wrong}   [Enter: accept, Esc: leave]"


def letter(name: str, sign: str) -> str:
    """The sign a key stands for; "" where it stands for none.

    >>> letter("a", "a"), letter("udiaeresis", ""), letter("Shift_L", ""), letter("F1", "")
    ('a', 'ü', '', '')
    """
    if len(sign) == 1 and sign.isascii() and sign.isprintable():
        return sign
    accented = _ACCENTED.fullmatch(name)
    if not accented:
        return _NAMED.get(name, "")
    base, accent = accented.groups()
    mark = unicodedata.lookup(f"COMBINING {_ACCENTS.get(accent, accent.upper() + _suffix(accent))}")
    return unicodedata.normalize("NFC", base + mark)


def _suffix(accent: str) -> str:
    return " ACCENT" if accent in ("acute", "grave", "circumflex") else ""
