"""`skindose view`: a window on a result, to question it and correct it; or one picture of it without a display."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path

from skindose import folder
from skindose.errors import InputError, SettingsError
from skindose.report.scene import VIEWS, View
from skindose.units import gy_to_mgy


def view(
    path: Path,
    *,
    screenshot: Path | None = None,
    view: str | None = None,
    event: int | None = None,
    scale_gy: float | None = None,
    by: str = "",
) -> None:
    """Open the window, or write one picture; print what it shows.

    screenshot   PNG to write instead, which needs no display
    view         back, front, left, right, head, feet; default the side of the peak
    event        counted from 1: its beam is shown and the dose up to it; default the last
    scale_gy     end of the scale; default a round one above the highest dose
    by           who corrects; asked for where it is ""
    raises       InputError, SettingsError, OutputError: one line each
    """
    looked = _view_named(view)
    if screenshot is None:
        _need_display()
    else:
        _need_library()
    from skindose.viewer.state import Session

    session = Session.open(path)
    if event is not None:
        if not 1 <= event <= len(session.started):
            what = f"there is no event {event}"
            raise SettingsError(what, "options", f"The procedure has events 1 to {len(session.started)}.")
        session.select(event - 1)
    from skindose.viewer.painter import Painter
    from skindose.viewer.stage import Stage, quiet

    with quiet():
        stage = Stage(session.phantom, off_screen=screenshot is not None)
        end_mgy = None if scale_gy is None else gy_to_mgy(scale_gy)
        painter = Painter(session, stage, end_mgy, still=screenshot is not None)
        if looked is not None:
            stage.look(looked)
        for line in painter.told():
            print(line)
        if screenshot is not None:
            folder.write_file(screenshot, stage.png(), b"\x89PNG")
            print(f"Written: {screenshot}")
            return
        from skindose.viewer.window import Window

        Window(session, painter, by).run()


def _view_named(name: str | None) -> View | None:
    known = {each.name: each for each in VIEWS}
    if name is None:
        return None
    if name.lower() not in known:
        raise SettingsError(f"there is no view {name!r}", "options", f"Views: {', '.join(known)}.")
    return known[name.lower()]


def _need_display() -> None:
    """Say it where no window can open: the library under it would end the program.

    raises   InputError
    """
    if sys.platform in ("win32", "darwin") or _answers(os.environ.get("DISPLAY", "")):
        return
    raise InputError(
        "there is no display to open a window on",
        "view",
        "Give --screenshot FILE for a picture, or open report.html of the result in a browser.",
    )


def _need_library() -> None:
    """Say it where nothing can draw: the library above it would end the program.

    raises   InputError
    """
    known = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so")
    if sys.platform in ("win32", "darwin") or _answers(os.environ.get("DISPLAY", "")) or any(map(_loads, known)):
        return
    raise InputError(
        "there is neither a display nor a library that draws without one (libEGL or libOSMesa)",
        "view",
        "Install it (Debian: libegl1), or use `skindose picture`, which needs none.",
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _answers(display: str) -> bool:
    """Whether an X server answers at this address, HOST:NUMBER.SCREEN or :NUMBER."""
    host, colon, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not colon or not number.isdecimal():
        return False
    if host in ("", "unix"):
        places: list[tuple[int, object]] = [
            (socket.AF_UNIX, f"/tmp/.X11-unix/X{number}"),
            (socket.AF_UNIX, f"\0/tmp/.X11-unix/X{number}"),
        ]
    else:
        places = [(socket.AF_INET, (host, 6000 + int(number)))]
    return any(_connects(family, address) for family, address in places)


def _connects(family: int, address: object) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(3.0)
        try:
            probe.connect(address)  # type: ignore[arg-type]
        except OSError:
            return False
    return True
