"""That a `watch` lives, for `skindose doctor`: a small file in the site's folder, written anew each round."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import NamedTuple

FILE = "watch.json"
_EVERY_S = 5.0  # not more often, however short a round is


class Sign(NamedTuple):
    """The last sign of life.

    host      the machine it ran on
    at        seconds since 1970
    every_s   between two rounds
    ended     it was stopped, not killed
    """

    host: str
    at: float
    every_s: float
    ended: bool


class Life:
    """Writes signs of life; what goes wrong with it stops nobody."""

    def __init__(self, folder: Path, every_s: float) -> None:
        self._path, self._every_s, self._last = folder / FILE, every_s, 0.0

    def sign(self, ended: bool = False) -> None:
        """Now."""
        if time.monotonic() - self._last < _EVERY_S and not ended:
            return
        self._last = time.monotonic()
        text = json.dumps(Sign(socket.gethostname()[:100], time.time(), self._every_s, ended)._asdict())
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self._path)


def last(folder: Path) -> Sign | None:
    """The last sign of life; None where none is there that can be read."""
    try:
        return Sign(**json.loads((folder / FILE).read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
