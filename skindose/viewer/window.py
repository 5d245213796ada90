"""The window: keys, sliders and the pointer, turned into what the session does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import Any

from skindose.errors import SkindoseError
from skindose.report.scene import VIEWS
from skindose.viewer.edits import AXES, REACH, UNITS, said
from skindose.viewer.painter import Painter
from skindose.viewer.prompt import Prompt
from skindose.viewer.stage import INK
from skindose.viewer.state import Session

TICK_MS = 30
REST_S = 0.4  # a slider that was let go and has not moved for so long rests: the whole map is computed
PLAY_S = 0.1  # for one step
_STARTS = 100  # VTK's loop may end by itself while the window opens (seen on X, one time in ten on a busy machine)
PLAY_STEPS = 300  # at most, for the whole case
_STYLE = {"style": "modern", "color": INK, "slider_width": 0.016, "tube_width": 0.005, "title_height": 0.014}
_NAMES = dict(zip(AXES, ("left", "towards the head", "up", "turn, left side up"), strict=True))


class Due(Enum):
    """What is to be done at the next tick; each has those before it in it."""

    NOTHING = 0
    TEXTS = 1
    LOOK = 2
    MAP = 3


def _told(method: Callable[..., None]) -> Callable[..., None]:
    """An error is told in the window: VTK would print a traceback and go on."""

    @wraps(method)
    def safe(self: Window, *arguments: Any) -> None:
        try:
            method(self, *arguments)
        except SkindoseError as error:
            self._say(str(error))
        except Exception as error:
            if os.environ.get("SKINDOSE_DEBUG") == "1":
                raise
            self._say(f"An error inside the program ({type(error).__name__}): what is shown may be out of date.")

    return safe


class Window:
    """One window on a session; `run` returns when it is closed.

    by   who corrects; asked for where it is ""
    """

    def __init__(self, session: Session, painter: Painter, by: str) -> None:
        self.session, self.painter, self.by = session, painter, said(by)
        self.stage = painter.stage
        self.plotter = painter.stage.plotter
        self.prompt: Prompt | None = None
        self.chosen = 0  # slider that + and - move
        self.playing = self.leaving = self._held = self._ended = False
        self._moved_at: float | None = None
        self._played_at = 0.0
        self._due = Due.NOTHING
        self._told = ""  # what a prompt leaves behind
        self._sliders: list[Any] = []
        self._keys = self._bindings()

    def run(self) -> None:
        """Open the window and serve it."""
        self._make_sliders()
        self.plotter.show(
            title=f"skindose: {self.session.stored.path.resolve().name}", auto_close=False, interactive=False
        )
        self.stage.hurry()
        self._listen()
        self.painter.texts()
        self.plotter.render()
        for _ in range(_STARTS):
            if not self._ended:
                self.plotter.iren.interactor.Start()
        self.plotter.close()

    def _listen(self) -> None:
        """Take the keys from pyvista and VTK, whose own would close the window at a letter typed in the prompt."""
        interactor = self.plotter.iren.interactor
        style = interactor.GetInteractorStyle()
        interactor.RemoveObservers("KeyPressEvent")
        for source in (style, interactor):
            source.RemoveObservers("CharEvent")
        style.AddObserver("CharEvent", lambda *_: None)
        style.AddObserver("KeyPressEvent", lambda *_: None)
        interactor.AddObserver("KeyPressEvent", lambda *_: self.key(interactor.GetKeySym(), interactor.GetKeyCode()))
        interactor.AddObserver("MouseMoveEvent", lambda *_: self.point(*interactor.GetEventPosition()))
        interactor.RemoveObservers("ExitEvent")
        interactor.AddObserver("ExitEvent", lambda *_: self._quit())  # the window's own button
        interactor.AddObserver("TimerEvent", lambda *_: self.tick(time.monotonic()))
        interactor.CreateRepeatingTimer(TICK_MS)

    # --- Sliders

    def _make_sliders(self) -> None:
        count = len(self.session.started)
        self._sliders = [
            self._slider(
                (-REACH[k], REACH[k]), (0.02, 0.20, 0.525 - 0.085 * k), f"{_NAMES[axis]}, {UNITS[k]}", self._mover(k)
            )
            for k, axis in enumerate(AXES)
        ]
        for slider in self._sliders:
            slider.AddObserver("StartInteractionEvent", lambda *_: self._hold(True))
            slider.AddObserver("EndInteractionEvent", lambda *_: self._hold(False))
        self._events = self._slider((1, max(count, 2)), (0.25, 0.85, 0.095), "event", self.to_event)
        self._put_sliders()

    def _slider(
        self,
        ends: tuple[float, float],
        place: tuple[float, float, float],
        title: str,
        moved: Callable[[float], None],
    ) -> Any:
        left, right, height = place
        value = 0.0 if ends[0] < 0 else float(self.session.event + 1)
        slider = self.plotter.add_slider_widget(
            moved,
            ends,
            value=value,
            title=title,
            pointa=(left, height),
            pointb=(right, height),
            interaction_event="always",
            fmt="%.0f",
            **_STYLE,
        )
        look = slider.GetRepresentation()
        look.SetLabelHeight(0.014)
        look.SetEndCapLength(0.003)
        look.SetEndCapWidth(0.012)
        return slider

    def _hold(self, held: bool) -> None:
        """A slider is taken, or let go."""
        self._held = held
        self._moved_at = None if self._moved_at is None else time.monotonic()

    def _mover(self, k: int) -> Callable[[float], None]:
        def moved(value: float) -> None:
            if round(value) != round(self.session.offset[k]):
                self.chosen = k
                self.move(value)

        return moved

    def _put_sliders(self) -> None:
        """Put the sliders where the session has them."""
        for slider, value in zip(self._sliders, self.session.offset, strict=True):
            slider.GetRepresentation().SetValue(value)
        if self._sliders:
            self._events.GetRepresentation().SetValue(self.session.event + 1)

    def move(self, value: float) -> None:
        """Move the chosen slider; the map follows at the next tick."""
        self.session.move(AXES[self.chosen], value)
        self._changed()

    def to_event(self, number: float) -> None:
        """Select an event, counted from 1."""
        if round(number) - 1 != self.session.event:
            self.session.select(round(number) - 1)
            self._wants(Due.LOOK)

    # --- Time

    @_told
    def tick(self, now: float) -> None:
        """What is due: play on, compute, draw."""
        if self.playing and now - self._played_at >= PLAY_S:
            self._played_at = now
            self._play_on()
        if self._due is Due.MAP:
            self.session.preview()
        elif self._moved_at is not None and not self._held and now - self._moved_at >= REST_S:
            self._moved_at = None
            self.session.rest()
            if self.session.needs_full:
                self.session.start_full()
        if self.session.take_full():
            self.painter.scale()
            self._due = Due.MAP
        self._draw()

    def _draw(self) -> None:
        due, self._due = self._due, Due.NOTHING
        if due is Due.NOTHING:
            return
        if due is Due.TEXTS:
            self.painter.texts()
        else:
            self.painter.draw()
        self._put_sliders()
        self.plotter.render()

    def _wants(self, due: Due) -> None:
        """Something is to be done at the next tick; the larger task has the smaller ones in it."""
        self._due = Due(max(self._due.value, due.value))

    def _play_on(self) -> None:
        last = len(self.session.started) - 1
        if self.session.event >= last:
            self.playing = False
        else:
            self.session.select(self.session.event + 1 + last // PLAY_STEPS)
        self._wants(Due.LOOK)

    def _changed(self) -> None:
        """What is computed has changed: roughly at the next tick, wholly when nothing changes any more."""
        self._moved_at = time.monotonic()
        self._wants(Due.MAP)

    # --- Pointer and keys

    @_told
    def point(self, x: int, y: int) -> None:
        """The pointer is at these pixels."""
        cell = self.stage.cell_at(x, y)
        if cell != self.painter.pointed:
            self.painter.pointed = cell
            self._wants(Due.TEXTS)

    @_told
    def key(self, name: str, sign: str | None) -> None:
        """A key is pressed; an open prompt takes it."""
        prompt = self.prompt
        if prompt is not None:
            if not prompt.key(name, sign or "") and self.prompt is prompt:
                self.prompt = None
            self._say(self.prompt.line() if self.prompt else self._told)
            return
        self._told = ""
        self._say("")
        action = self._keys.get(name.lower() if len(name) == 1 else name)
        if name.lower() != "q":
            self.leaving = False
        if action is not None:
            action()

    def _say(self, line: str) -> None:
        self.painter.line = line
        self._wants(Due.TEXTS)

    def _bindings(self) -> dict[str, Callable[[], None]]:
        session = self.session
        keys: dict[str, Callable[[], None]] = {
            str(number): lambda view=view: self._look(view)  # type: ignore[misc]
            for number, view in enumerate(VIEWS, 1)
        }
        return keys | {
            "Left": lambda: self.to_event(session.event),
            "Right": lambda: self.to_event(session.event + 2),
            "Home": lambda: self.to_event(1),
            "End": lambda: self.to_event(len(session.started)),
            "space": self._play,
            "d": self._so_far,
            "b": lambda: self._toggle("beam"),
            "t": lambda: self._toggle("table"),
            "i": lambda: self._toggle("isodoses"),
            "h": lambda: self._toggle("help"),
            "Tab": self._next_slider,
            "plus": lambda: self._nudge(1.0),
            "KP_Add": lambda: self._nudge(1.0),
            "minus": lambda: self._nudge(-1.0),
            "KP_Subtract": lambda: self._nudge(-1.0),
            "f": lambda: self._move_from(session.event),
            "w": lambda: self._move_from(0),
            "x": self._exclude,
            "u": self._undo,
            "s": self._save,
            "q": self._quit,
        }

    def _look(self, view: Any) -> None:
        self.stage.look(view)
        self.plotter.render()

    def _toggle(self, name: str) -> None:
        setattr(self.painter, name, not getattr(self.painter, name))
        self._wants(Due.LOOK)

    def _so_far(self) -> None:
        self.session.so_far = not self.session.so_far
        self._wants(Due.LOOK)

    def _play(self) -> None:
        self.playing = not self.playing
        if self.playing:
            self.session.so_far = True
            if self.session.event == len(self.session.started) - 1:
                self.session.select(0)
        self._wants(Due.LOOK)

    def _next_slider(self) -> None:
        self.chosen = (self.chosen + 1) % len(AXES)
        self._say(f"+ and - now move: {_NAMES[AXES[self.chosen]]}")

    def _nudge(self, by: float) -> None:
        self.move(self.session.offset[self.chosen] + by)

    def _move_from(self, first: int) -> None:
        self.session.rest()
        self.session.first = first
        self._wants(Due.LOOK)

    def _undo(self) -> None:
        self.session.undo()
        self._changed()

    # --- Questions

    def _ask(self, question: str, done: Callable[[str], str]) -> None:
        self.playing = False
        self.prompt = Prompt(question, done)
        self._say(self.prompt.line())

    def _exclude(self) -> None:
        number = self.session.event + 1
        if self.session.excluded:
            self.session.include()
            self._changed()
        else:
            self._ask(f"Why does event {number} not count?", self._leave_out)

    def _leave_out(self, reason: str) -> str:
        try:
            self.session.exclude(reason)
        except SkindoseError as error:
            return error.what
        self._changed()
        return ""

    def _save(self) -> None:
        if not self.session.unsaved:
            self._say("There is nothing that is not saved.")
        elif self.by:
            self._ask("Reason for the correction:", self._write)
        else:
            self._ask("Your name, which stays with the correction:", self._named)

    def _named(self, name: str) -> str:
        if not said(name):
            return "a correction has a name"
        self.by = said(name)
        self._save()
        return ""

    def _write(self, reason: str) -> str:
        try:
            fresh = self.session.save(self.by, reason, self._say_now)
        except SkindoseError as error:
            return error.what
        self._told = f"Saved as {fresh.name}; {self.session.stored.path.resolve().name} stays as it was."
        self._wants(Due.LOOK)
        return ""

    def _say_now(self, line: str) -> None:
        self._say(line)
        self._draw()

    def _quit(self) -> None:
        if self.session.unsaved and not self.leaving:
            self.leaving = True
            self._say("The correction is not saved. S: save, Q again: quit without.")
        else:
            self._ended = True
            self.plotter.iren.interactor.TerminateApp()
