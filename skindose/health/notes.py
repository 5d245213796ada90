"""What a check says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from skindose.errors import SkindoseError


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works; somebody should know
    FAULT = "fault"  # it does not work, or something is lost if nobody acts


class Note(NamedTuple):
    """One line of the examination.

    check    what was looked at: "mail server"
    what     what was found, in words without identifiers
    remedy   what to do; "" where nothing is to be done
    """

    check: str
    state: State
    what: str
    remedy: str = ""


def ok(check: str, what: str) -> Note:
    """Nothing to do."""
    return Note(check, State.OK, what)


def warning(check: str, what: str, remedy: str) -> Note:
    """It works; somebody should know."""
    return Note(check, State.WARNING, what, remedy)


def fault(check: str, what: str, remedy: str) -> Note:
    """It does not work."""
    return Note(check, State.FAULT, what, remedy)


def times(count: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> times(1, "file"), times(3, "file"), times(2, "entry", "entries")
    ('1 file', '3 files', '2 entries')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"


def lasting(seconds: float) -> str:
    """How long, roughly.

    >>> lasting(40), lasting(4000), lasting(300_000)
    ('40 s', '67 min', '3 days')
    """
    for unit, size, up_to in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < size * up_to:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def each(check: str, look: Callable[[], Iterable[Note]]) -> Iterator[Note]:
    """What a check says; where it breaks itself, that."""
    try:
        yield from look()
    except SkindoseError as error:
        where = f"{error.where}: " if error.where else ""
        yield fault(check, f"{where}{error.what}", error.remedy or "Mend it.")
    except Exception as error:  # the other checks go on
        if os.environ.get("SKINDOSE_DEBUG") == "1":
            raise
        yield fault(check, f"the check itself failed ({type(error).__name__})", "Report it to the makers.")
