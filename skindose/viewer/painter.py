"""Session -> stage: everything that is known, drawn; the same on a window and for a picture without one."""

from __future__ import annotations

import numpy as np

from skindose.model import FloatArray
from skindose.report import shapes
from skindose.report.scene import DISCLAIMER, VIEWS, Level, Scale, dose_scale, format_dose_mgy, isodose_levels
from skindose.viewer import words
from skindose.viewer.stage import ALARM, FAINT, INK, Stage
from skindose.viewer.state import Kind, Session

_WIDE = 0.02  # left edge of the texts


class Painter:
    """Draws a session on a stage.

    end_mgy      fixed end of the scale; None: a round one above the highest dose
    beam, table, isodoses, help   whether these are drawn
    still        nobody can press a key: a picture
    pointed      cell under the pointer
    line         what the window asks or says; "" for nothing
    """

    def __init__(self, session: Session, stage: Stage, end_mgy: float | None = None, still: bool = False) -> None:
        self.session, self.stage, self._end_mgy = session, stage, end_mgy
        self.beam = self.table = self.isodoses = self.help = True
        self.still = still
        self.pointed: int | None = None
        self.line = ""
        self._events = words.event_lines(session.result)
        self._scale: Scale | None = None
        self._beyond = False  # skin has more dose than the fixed scale shows
        self._levels: tuple[Level, ...] = ()
        self.scale()
        self.draw()
        peak = session.peak()
        stage.look(shapes.first_view(session.phantom, peak) if peak is not None else VIEWS[0])

    # --- Drawing

    def draw(self) -> None:
        """Draw the map, what stands around, and the texts."""
        self.map()
        self.surroundings()
        self.texts()

    def scale(self) -> None:
        """The scale for the whole case's highest dose, so that it stands still while the events pass."""
        dosemap = self.session.shown.dosemap
        most = float(dosemap.dose_mgy.max(initial=0.0)) if dosemap is not None else 0.0
        end = most if self._end_mgy is None else self._end_mgy
        scale = dose_scale(end)
        self._beyond = self._end_mgy is not None and most > end
        note = "" if self._end_mgy is None else "fixed, exceeded" if self._beyond else "fixed"
        if scale != self._scale:
            self._scale = scale
            self.stage.body(scale, note)
        self._levels = isodose_levels(most, self.session.stored.facts["triggers"])

    def map(self) -> None:
        """Dose, isodose lines and the mark of the peak."""
        session, stage = self.session, self.stage
        dose_mgy, peak = session.dose_mgy(), session.peak()
        stage.dose(dose_mgy)
        stage.isodoses(dose_mgy, self._levels if self.isodoses else ())
        if peak is None:
            stage.peak(None, None)
        else:
            stage.peak(shapes.peak_mark_mm(session.phantom, peak), session.phantom.normal[peak.cell])

    def surroundings(self) -> None:
        """The selected event's beam, table and pad."""
        beams, beam = self.session.shown.beams, self.session.beam()
        if beams is None or not self.table:
            self.stage.table(())
        else:
            self.stage.table(shapes.support_boxes(beams, beam or 0))
        if beams is None or beam is None or not self.beam:
            self.stage.beam(None, None)
            return
        to_mm = float(shapes.detector_distance_mm(self.session.result.events, beams)[beam])
        self.stage.beam(shapes.pyramid(beams, beam, to_mm), self._detector_mm(beam, to_mm))

    def _detector_mm(self, beam: int, to_mm: float) -> FloatArray:
        """(4, 3) corners of the detector's face."""
        beams = self.session.shown.beams
        assert beams is not None
        half = self.session.result.events.machine.detector_side_mm / 2
        centre = beams.source_mm[beam] + to_mm * beams.axis[beam]
        sides = ((-half, -half), (half, -half), (half, half), (-half, half))
        return np.array([centre + u * beams.u[beam] + v * beams.v[beam] for u, v in sides])

    def texts(self) -> None:
        """Everything in words."""
        session, write = self.session, self.stage.text
        for (name, line, colour, size), at in zip(self._lines(), _PLACES, strict=True):
            write(name, line, at, colour, size)
        cell = self.pointed
        write("pointer", session.reading(cell) if cell is not None else "", (_WIDE, 0.885), INK, 11)

    def _lines(self) -> list[tuple[str, str, str, int]]:
        """Name, text, colour and size of the lines, in the order of `_PLACES`."""
        session = self.session
        kind_colour = {Kind.STORED: FAINT, Kind.PREVIEW: ALARM, Kind.FULL: INK}[session.shown.kind]
        return [
            ("peak", session.headline(), INK, 14),
            ("kind", self.state(), kind_colour, 11),
            ("warning", self.warning(), ALARM, 11),
            ("event", self._event_line(), ALARM if session.why_no_beam() else INK, 11),
            ("move", "" if self.still else session.move_line(), INK, 11),
            ("line", self.line, "#0b5fc4", 12),
            *(("help" * number, line, FAINT, 9) for number, line in enumerate(self._bottom(), 1)),
        ]

    def _bottom(self) -> tuple[str, str]:
        """Two lines at the lower edge: the keys, or on a picture what it is worth."""
        if self.still:
            first, _, rest = DISCLAIMER.partition(". ")
            return f"{first}.", rest
        return words.HELP if self.help else ("H: help", "")

    def told(self) -> tuple[str, ...]:
        """The same for the terminal."""
        lines = (self.session.headline(), f"Shown: {self.state()}.", self._event_line(), self.warning(), DISCLAIMER)
        return tuple(filter(None, lines))

    def _event_line(self) -> str:
        why = self.session.why_no_beam()
        return f"{self._events[self.session.event]}{f'. NOT IN THE MAP: {why}' if why else ''}"

    def state(self) -> str:
        """Which map is shown, of which events."""
        session = self.session
        whole = "whole case" if session.whole else f"dose so far: events 1 to {session.event + 1}"
        return f"{session.shown_words()}; {whole}"

    def warning(self) -> str:
        """What must be read before the number."""
        profile = self.session.stored.facts["profile"]
        doubts = [self.session.difference]
        if profile["status"] != "commissioned":
            doubts.append(f"Not commissioned: the machine profile {profile['name']} is {profile['status']}.")
        if self._beyond:
            doubts.append(f"The scale ends at {format_dose_mgy(self._end_mgy)}: skin above it has its end colour.")
        return " ".join(filter(None, doubts))


_PLACES = (
    *((_WIDE, y) for y in (0.987, 0.949, 0.921)),
    (0.25, 0.150),
    (_WIDE, 0.60),
    (_WIDE, 0.205),
    *((_WIDE, y) for y in (0.045, 0.022)),
)
