"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skindose.errors import SettingsError

_FARTHEST_MM = 10_000  # from where no skin is anywhere near

REGIONS = "head, neck, chest, heart, abdomen, liver, pelvis, left arm, right arm, left leg, right leg, trunk"
Region = Annotated[str | None, typer.Option(help=f"region at the isocentre, for placement by anatomy: {REGIONS}")]
Body = Annotated[
    str | None,
    typer.Option(help="plane, cylinder, oval, male, female, auto (default), or a mesh file (STL, OBJ, PLY)"),
]
Pad = Annotated[float | None, typer.Option(help="thickness of the pad in mm; default the profile's, else 40")]
Records = Annotated[Path | None, typer.Option(help="folder of the site's signed records of calibration")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="EVENTS[=NOTE]", help="events left out of the map, from 1 in time order: 3,7-9=NOTE"),
]
Correct = Annotated[
    list[str] | None,
    typer.Option(metavar="EVENTS:FIELD=VALUE[=NOTE]", help="a value that is wrong in the file: 3,7-9:kvp_kv=80"),
]
Move = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EVENTS:LEFT,HEAD,UP[,TURN][=NOTE]",
        help="the patient lay elsewhere in these events, in mm: 12-:0,50,0 or 10:15-10:40:0,50,0",
    ),
]


def triple(text: str | None, option: str = "--offset") -> tuple[float, float, float] | None:
    """Three lengths in mm, as `--offset` and `--at` take them.

    raises   SettingsError
    """
    if text is None:
        return None
    try:
        left, head, up = (float(part) for part in text.split(","))
        if not max(abs(left), abs(head), abs(up)) < _FARTHEST_MM:  # nor is NaN a place
            raise ValueError
    except ValueError:
        words = {"--offset": "LEFT,HEAD,UP", "--at": "X,Y,Z"}[option]
        what = f"{option}: {text!r} is not three numbers below {_FARTHEST_MM}"
        raise SettingsError(what, "options", f"Write {words} in mm.") from None
    return left, head, up
