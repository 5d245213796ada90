"""What the window knows, apart from how it is drawn: the stored result, what is changed in it, and the map to show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from skindose import folder, pipeline
from skindose.case import Case, Revision
from skindose.config import Settings
from skindose.dose import find_peak
from skindose.errors import OutputError, SettingsError, reason
from skindose.folder import Stored
from skindose.model import Beams, DoseMap, FloatArray, Peak, Phantom, Result
from skindose.viewer import words
from skindose.viewer.edits import NOWHERE, Edits, Offset, said, stored_exclusions

# Largest difference in a cell, as a share of the largest dose, that another processor's rounding makes.
ROUNDING = 1e-6
_VERSION = re.compile(r"(.+)\.v\d+")


class Kind(Enum):
    """Which map is shown; the value says it to the reader."""

    STORED = "stored result"
    PREVIEW = "PREVIEW: primary beams only, the full map follows"
    FULL = "full map of the correction, not saved"


@dataclass(frozen=True, eq=False)
class Shown:
    """A map on the window, and the beams that made it; both None where no beam is left."""

    kind: Kind
    edits: Edits
    dosemap: DoseMap | None
    beams: Beams | None


class Session:
    """One stored result, looked at and corrected.

    Corrections are `Edits`; every one can be undone. `preview` computes the map of the edits as they are at once and
    roughly, `start_full` and `take_full` wholly and beside the window.

    event    index of the selected event; `so_far`: the map up to its end instead of the whole case's
    first    index of the event from which sliders move the patient
    """

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.phantom: Phantom = stored.phantom
        self.result: Result = pipeline.compute_case(stored.case, sampled=False)
        self.edits = Edits()
        self._history: list[Edits] = []
        self._open_move = False
        self._saved, self.saved_as = Edits(), ""
        self._pool = ThreadPoolExecutor(1)
        self._job: tuple[Edits, Future[Result]] | None = None
        now_mgy = self.result.dosemap.dose_mgy if self.result.dosemap is not None else np.zeros(0)
        self.difference = words.differs(stored.dose_mgy, now_mgy, ROUNDING)
        self._stored = Shown(Kind.STORED, self.edits, self._stored_map(), self.result.beams)
        self.shown = self._stored
        self._last: tuple[tuple[Shown, int, bool], tuple[FloatArray, Peak | None]] | None = None
        self.event, self.so_far, self.first = len(self.started) - 1, True, 0

    @classmethod
    def open(cls, path: Path) -> Session:
        """The result in a folder; raises InputError for one that is incomplete, damaged, older or without a map."""
        return cls(folder.open_result(path))

    def _stored_map(self) -> DoseMap | None:
        """The stored dose; what each beam gave is computed anew."""
        stored, now = self.stored, self.result.dosemap
        if now is None or len(now.dose_mgy) != len(stored.dose_mgy):
            return None
        peak = find_peak(stored.dose_mgy, self.phantom) if self.difference else now.peak
        return replace(now, dose_mgy=stored.dose_mgy, uncertainty_mgy=stored.uncertainty_mgy, peak=peak)

    # --- What is shown

    @property
    def started(self) -> tuple[str, ...]:
        """(events,) ISO 8601 starts."""
        return self.stored.case.events.started

    @property
    def whole(self) -> bool:
        """Whether the dose of the whole case is shown."""
        return not self.so_far or self.event == len(self.started) - 1

    def dose_mgy(self) -> FloatArray:
        """(cells,) the dose to show: of the whole case, or of the events up to the selected one."""
        return self._looked_at()[0]

    def _looked_at(self) -> tuple[FloatArray, Peak | None]:
        """Dose and peak to show, computed once: a frame and every step of the pointer ask for them."""
        shown = (self.shown, self.event, self.whole)
        if self._last is None or self._last[0] != shown:
            dose_mgy = self._dose_mgy()
            whole = self.shown.dosemap.peak if self.shown.dosemap is not None else None
            self._last = shown, (dose_mgy, whole if self.whole else find_peak(dose_mgy, self.phantom))
        return self._last[1]

    def _dose_mgy(self) -> FloatArray:
        dosemap, beams = self.shown.dosemap, self.shown.beams
        if dosemap is None or beams is None:
            return np.zeros(len(self.phantom.area_mm2))
        if self.whole:
            return dosemap.dose_mgy
        last = dosemap.beam_start[np.searchsorted(beams.event, self.event, side="right")]
        cells, added = dosemap.cell[:last], dosemap.hit_dose_mgy[:last]
        return np.bincount(cells, weights=added, minlength=len(dosemap.dose_mgy)).astype(np.float64)

    def peak(self) -> Peak | None:
        """The peak of the dose that is shown."""
        return self._looked_at()[1]

    def headline(self) -> str:
        """How high and where, in words; the interval is known for what is stored alone."""
        stored = self.stored.facts["peak"] if self.shown.kind is Kind.STORED and self.whole else None
        return words.headline(self.peak(), bool(self.result.peak_lacks), stored and stored["interval_95_mgy"])

    def shown_words(self) -> str:
        """Which map is shown: stored, rough, whole, saved as what."""
        if self.shown.kind is Kind.FULL and self.saved_as and not self.unsaved:
            return f"full map, saved as {self.saved_as}"
        return self.shown.kind.value

    def beam(self) -> int | None:
        """The selected event's beam, of several the middle one; None where it is not in the map."""
        if self.shown.beams is None:
            return None
        own = np.flatnonzero(self.shown.beams.event == self.event)
        return int(own[len(own) // 2]) if len(own) else None

    def why_no_beam(self) -> str:
        """Why the selected event is not in the map; "" where it is."""
        if self.beam() is not None:
            return ""
        if self.event in self.edits.excluded:
            return f"left out: {self.edits.excluded[self.event]}"
        return self.result.events.unmapped_reason[self.event] or "not in the map"

    def reading(self, cell: int) -> str:
        """What the window says of the cell under the pointer."""
        known = self.shown.kind is Kind.STORED and self.whole
        return words.reading(self.phantom, self.dose_mgy(), self.stored.uncertainty_mgy if known else None, cell)

    # --- Events

    def select(self, event: int) -> None:
        """Select an event, within the procedure's."""
        self.event = min(max(event, 0), len(self.started) - 1)

    # --- Changes

    @property
    def offset(self) -> Offset:
        """The sliders: left, head, up in mm and the turn in degrees."""
        return self.edits.moves.get(self.first, NOWHERE)

    def move_line(self) -> str:
        """What the sliders move and by how much, in words."""
        return words.move_line(self.first, self.offset, bool(self.stored.case.settings.move))

    @property
    def unsaved(self) -> bool:
        """Whether something is changed and not saved."""
        return self.edits != self._saved

    def move(self, axis: str, value: float) -> None:
        """Move a slider; until it rests, all its steps are one change to undo."""
        wanted = self.edits.moved(self.first, axis, value)
        if self._open_move:
            self.edits = wanted
        else:
            self._change(wanted)
        self._open_move = True

    def rest(self) -> None:
        """The slider is let go."""
        self._open_move = False

    def exclude(self, reason: str) -> None:
        """Leave the selected event out.

        raises   SettingsError without a reason
        """
        self._change(self.edits.without(self.event, reason))

    def include(self) -> None:
        """Count the selected event again that was left out."""
        self._change(self.edits.with_event(self.event, self.stored.case.settings, self.started))

    @property
    def excluded(self) -> bool:
        """Whether the user left the selected event out, now or when the result was made."""
        before = stored_exclusions(self.stored.case.settings, self.started) - self.edits.included
        return self.event in before or self.event in self.edits.excluded

    def undo(self) -> None:
        """Take the last change back; nothing where there is none."""
        if self._history:
            self.edits = self._history.pop()
        self._open_move = False

    def _change(self, edits: Edits) -> None:
        self._history.append(self.edits)
        self.edits, self._open_move = edits, False

    def settings(self, note: str = "") -> Settings:
        """The stored case's settings with the changes; `note` says why the patient is moved."""
        return self.edits.settings(self.stored.case.settings, self.started, note)

    def _case(self) -> Case:
        return replace(self.stored.case, settings=self.settings())

    # --- Computing

    def preview(self) -> None:
        """Show the map of the changes as they are, roughly and at once."""
        if not self.edits.any():
            self.shown = self._stored
            return
        beams, dosemap = pipeline.preview(self._case()) or (None, None)
        self.shown = Shown(Kind.PREVIEW, self.edits, dosemap, beams)

    @property
    def needs_full(self) -> bool:
        """Whether the map that is shown is a rough one that nobody is computing wholly."""
        waiting = self._job is not None and self._job[0] == self.edits
        return self.shown.kind is Kind.PREVIEW and not waiting

    def start_full(self) -> None:
        """Begin to compute the whole map of the changes as they are, beside the window."""
        if self._job is not None:
            self._job[1].cancel()
        self._job = (self.edits, self._pool.submit(pipeline.compute_case, self._case(), False))

    def take_full(self, wait: bool = False) -> bool:
        """Show the whole map if it is there and of the changes as they are; returns whether it is.

        wait   until it is
        """
        if self._job is None or not (wait or self._job[1].done()):
            return False
        (edits, job), self._job = self._job, None
        if edits != self.edits or job.cancelled():
            return False
        self.result = job.result()
        self.shown = Shown(Kind.FULL, edits, self.result.dosemap, self.result.beams)
        return True

    # --- Saving

    def save(self, by: str, note: str, told: Callable[[str], None] = lambda text: None) -> Path:
        """Write the correction as a new result beside the stored one, which stays as it is; returns its folder.

        by      who corrects
        note    why
        told    is called with what is being done
        raises  SettingsError without name, reason or change; OutputError
        """
        who, why = said(by), said(note)
        if not (who and why):
            raise SettingsError("a correction is saved with name and reason", "save", "Give both.")
        if not self.edits.any():
            raise SettingsError("nothing is changed", "save", "Move the patient or leave an event out first.")
        told("Computing with the uncertainty ...")
        source = self.stored.path.resolve()
        digest = hashlib.sha256((source / "result.json").read_bytes()).hexdigest()
        revises = Revision(source.name, digest, who, why)
        result = pipeline.compute_case(replace(self.stored.case, settings=self.settings(why), revises=revises))
        fresh = _reserved(source)
        try:
            folder.write_result(result, fresh)
        except BaseException:
            fresh.rmdir()
            raise
        self._saved, self.saved_as = self.edits, fresh.name
        return fresh


def _reserved(source: Path) -> Path:
    """A new empty folder for the next version: `<name>.v2` beside `<name>`, then `.v3`, whichever is free first."""
    version = _VERSION.fullmatch(source.name)
    name = version[1] if version else source.name
    number = 1 + max((_number(path.name, name) for path in source.parent.iterdir()), default=1)
    for count in range(max(number, 2), max(number, 2) + 100):
        fresh = source.parent / f"{name}.v{count}"
        try:
            fresh.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            what = f"cannot make the folder: {reason(error)}"
            raise OutputError(what, fresh.name, "Mend the rights of the folder above.") from None
        return fresh
    raise OutputError("there are too many versions", name, "Move some of them away.")


def _number(found: str, name: str) -> int:
    """The version of a folder's name; 1 for any other."""
    tail = found.removeprefix(f"{name}.v")
    return int(tail) if tail != found and tail.isdecimal() and tail.isascii() else 1
