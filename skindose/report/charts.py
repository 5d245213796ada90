"""Charts of a procedure as SVG: what each event adds to the peak and how it grew, and what the beam-on time was for.

The way of drawing does not rest on colour: kinds of event differ in lightness by a factor of at least two, and those
that are acquisitions or not in the map are ticked below the axis as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from skindose.model import BoolArray, Events, FloatArray
from skindose.report import scene, svg
from skindose.units import gy_to_mgy, s_to_min

Facts = dict[str, Any]

MOST_BARS = 1000  # more events than these share bars
WIDTH, _LEFT, _RIGHT = 760.0, 58.0, 104.0
_ROOM = WIDTH - _LEFT - _RIGHT
_TOP, _CURVE, _BARS, _GAP, _STRIP, _KEY = 34.0, 150.0, 120.0, 66.0, 14.0, 26.0
_LINE = "#14284b"
_ALARM = "#a3123a"
_AHEAD = 10.0  # a level further off than this many times the dose is not drawn
_THIN = 1.5  # bars up to this width stand without a gap, or they would print grey
_LABEL = 13.0  # height of a line of text
_LEAST_S = 1.0  # a procedure shorter than this has no course in time


class Kind(NamedTuple):
    """A kind of event: its name and its colour."""

    name: str
    colour: str


FLUOROSCOPY = Kind("fluoroscopy", "#5f8fc9")
ACQUISITION = Kind("acquisition", "#14284b")
OTHER = Kind("kind not stated", "#7a4f00")
KINDS = (FLUOROSCOPY, ACQUISITION, OTHER)


class Series(NamedTuple):
    """What a dose chart shows: per event, in time order.

    value_mgy   (events,) NaN where nothing is known
    what        what it is, for the headings
    levels      trigger levels of its sum
    inside      (events,) whether it is part of the map
    """

    value_mgy: FloatArray
    what: str
    levels: tuple[scene.Level, ...]
    inside: BoolArray


def kinds(events: Events) -> list[Kind]:
    """(events,) the kind of each."""
    return [_kind(text) for text in events.event_type]


def _kind(text: str) -> Kind:
    if text == "fluoroscopy":
        return FLUOROSCOPY
    return ACQUISITION if text.endswith("acquisition") else OTHER


# --- Dose per event, and cumulated


def dose_chart_svg(facts: Facts, events: Events, at_peak_mgy: FloatArray) -> str:
    """Dose at the peak cumulated over time, and under it that of each event; air kerma where there is no peak.

    facts         what `summary.summary` returns, or result.json
    at_peak_mgy   (events,) what each adds to the peak, as `events.peak_contribution_mgy` or events.csv has it; NaN
                  without a peak

    A chart of no event is empty text.
    """
    if not len(events):
        return ""
    series = _series(facts, events, at_peak_mgy)
    parts = (_curve(events, series), _bars(events, series), _key(events, series))
    height = _TOP + _CURVE + _GAP + _BARS + 2 * _STRIP + 34.0 + _KEY
    total = scene.format_dose_mgy(float(np.nansum(series.value_mgy)))
    return svg.drawing(WIDTH, height, f"{series.what}, per event and cumulated: {total} in all", *parts)


def _series(facts: Facts, events: Events, at_peak_mgy: FloatArray) -> Series:
    inside = in_map(facts, events)
    if facts["peak"]:
        known = np.where(inside, at_peak_mgy, np.nan)
        return Series(known, "dose at the peak", _trigger_levels(facts, "psd"), inside)
    what = "air kerma at the reference point"
    return Series(events.air_kerma_rp_mgy, what, _trigger_levels(facts, "kar"), inside)


def in_map(facts: Facts, events: Events) -> BoolArray:
    """(events,) whether the event is part of the map."""
    inside = events.mapped.copy()
    inside[[row["event"] - 1 for row in facts["excluded_events"]]] = False
    return inside


def _trigger_levels(facts: Facts, quantity: str) -> tuple[scene.Level, ...]:
    rows = [row for row in facts["triggers"] if row["quantity"] == quantity and row["unit"] == "Gy"]
    levels = sorted({float(row["level"]) for row in rows})
    return tuple(scene.Level(gy_to_mgy(level), f"level {level:g} Gy", "trigger") for level in levels)


def minutes(events: Events) -> FloatArray | None:
    """(events,) since the first event; None where times do not give a course."""
    try:
        moments = [datetime.fromisoformat(text).replace(tzinfo=None) for text in events.started]
    except ValueError:
        return None
    passed = np.array([(moment - moments[0]).total_seconds() for moment in moments])
    if not len(passed) or np.ptp(passed) < _LEAST_S or (np.diff(passed) < 0).any():
        return None
    return np.array([s_to_min(float(value)) for value in passed])


def _curve(events: Events, series: Series) -> str:
    """The sum so far as steps, over time where it is known, with the trigger levels within reach as lines."""
    total = np.cumsum(np.nan_to_num(series.value_mgy))
    levels = _within_reach(series.levels, float(total[-1]))
    scale = scene.dose_scale(max([float(total[-1]), *(level.mgy for level in levels)]) or 1e-3)
    box = _Box(_TOP, _CURVE, scale)
    when = minutes(events)
    x = _over_time(when) if when is not None else _places(len(events)).mean(axis=1)
    steps = [(_LEFT, box.y(0.0))]
    for place, value in zip(x.tolist(), total.tolist(), strict=True):
        steps += [(place, steps[-1][1]), (place, box.y(value))]
    steps.append((_LEFT + _ROOM, steps[-1][1]))
    title = f"{series.what.capitalize()}, cumulated, {scale.unit}"
    drawn = [
        box.frame(title),
        _levels(levels, box),
        svg.path(steps, stroke=_LINE, stroke_width=2.0),
    ]
    drawn.append(_end(total, box))
    drawn.append(_time_axis(when, box.bottom) if when is not None else _event_axis(len(events), box.bottom))
    return "".join(drawn)


def _within_reach(levels: tuple[scene.Level, ...], total_mgy: float) -> tuple[scene.Level, ...]:
    """The levels passed and the next one, unless that would press the curve into the lowest tenth."""
    passed = [level for level in levels if level.mgy <= total_mgy]
    ahead = [level for level in levels if total_mgy < level.mgy <= _AHEAD * total_mgy]
    return tuple(passed + ahead[:1])


class _Box(NamedTuple):
    """The room of one chart, with its dose scale upwards."""

    top: float
    height: float
    scale: scene.Scale

    @property
    def bottom(self) -> float:
        """Where the scale is 0."""
        return self.top + self.height

    def y(self, value_mgy: float) -> float:
        """Where a dose is."""
        return self.bottom - self.height * scene.in_dose_unit(value_mgy, self.scale.unit) / self.scale.end

    def frame(self, title: str) -> str:
        """Heading, ticks and grid."""
        drawn = [svg.words(_LEFT - 50, self.top - 14, title, size=12.0, font_weight="600")]
        for tick in self.scale.ticks:
            y = self.bottom - self.height * tick / self.scale.end
            drawn.append(svg.line(_LEFT, y, _LEFT + _ROOM, y, stroke=svg.SOFT if tick == 0 else svg.FAINT))
            drawn.append(svg.words(_LEFT - 7, y + 4, f"{tick:g}", text_anchor="end"))
        return "".join(drawn)


def _levels(levels: tuple[scene.Level, ...], box: _Box) -> str:
    """From low to high, each label at its line or above the one before."""
    drawn, beside = [], math.inf
    for level in levels:
        y = box.y(level.mgy)
        beside = min(y, beside - _LABEL)
        drawn.append(svg.line(_LEFT, y, _LEFT + _ROOM, y, stroke=_ALARM, stroke_width=1.4, stroke_dasharray="7 4"))
        drawn.append(svg.words(_LEFT + _ROOM + 6, beside + 4, level.label, fill=_ALARM))
    return "".join(drawn)


def _end(total: FloatArray, box: _Box) -> str:
    """The sum at the end of the curve, in words; clear of the levels' labels on the right."""
    y = box.y(float(total[-1]))
    text = scene.format_dose_mgy(float(total[-1]))
    x = _LEFT + _ROOM - 4
    return svg.words(x, max(y - 6, box.top - 3), text, size=12.0, font_weight="700", text_anchor="end", halo="yes")


def _over_time(when: FloatArray) -> FloatArray:
    return np.asarray(_LEFT + _ROOM * when / when[-1])


def _time_axis(when: FloatArray, bottom: float) -> str:
    scale = scene.dose_scale(float(when[-1]) if when[-1] < 900 else 900.0)  # round steps, as for a dose
    ticks = [tick for tick in scale.ticks if tick <= when[-1]] if when[-1] < 900 else _hours(float(when[-1]))
    places = [(_LEFT + _ROOM * tick / float(when[-1]), f"{tick:g}") for tick in ticks]
    return _ticks(places, bottom, "minutes since the first event")


def _hours(end_min: float) -> list[float]:
    step = 60.0 * math.ceil(end_min / 60.0 / 8.0)
    return [step * k for k in range(int(end_min / step) + 1)]


def _places(count: int) -> FloatArray:
    """(bars, 2) left and right end of each bar."""
    edges = _LEFT + _ROOM * np.linspace(0.0, 1.0, count + 1)
    return np.column_stack([edges[:-1], edges[1:]])


def _event_axis(count: int, bottom: float) -> str:
    """Event numbers as events.csv and the table have them."""
    step = next(nice for nice in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**3, 10**4, 10**5) if count / nice <= 12)
    numbers = [n for n in range(1, count + 1) if n == 1 or n % step == 0]
    places = [(_LEFT + _ROOM * (n - 0.5) / count, str(n)) for n in numbers if n == 1 or n >= 1 + step / 2]
    return _ticks(places, bottom, "event, in time order")


def _ticks(places: Sequence[tuple[float, str]], bottom: float, title: str) -> str:
    drawn = []
    for x, text in places:
        drawn.append(svg.line(x, bottom, x, bottom + 4, stroke=svg.SOFT))
        drawn.append(svg.words(x, bottom + 15, text, text_anchor="middle"))
    drawn.append(svg.words(_LEFT + _ROOM / 2, bottom + 30, title, text_anchor="middle", fill=svg.SOFT))
    return "".join(drawn)


# --- One bar for each event


def _bars(events: Events, series: Series) -> str:
    """What each event adds; over `MOST_BARS` events neighbours share a bar."""
    groups = _groups(len(events))
    value = np.nan_to_num(series.value_mgy)
    sums = [float(value[own].sum()) for own in groups]
    top = _TOP + _CURVE + _GAP
    box = _Box(top, _BARS, scene.dose_scale(max(sums) or 1e-3))
    places, kind = _places(len(groups)), kinds(events)
    drawn = []
    for own, total, (left, right) in zip(groups, sums, places.tolist(), strict=True):
        drawn.append(_bar(left, right, box, [kind[k] for k in own], value[own]) if total > 0 else "")
        drawn.append(
            svg.tag(
                "rect",
                svg.tag("title", svg.plain(_title(events, series, own))),
                x=left,
                y=top,
                width=right - left,
                height=_BARS + 2 * _STRIP,
                fill="none",
                pointer_events="all",
            )
        )
    each = "each event" if len(groups) == len(events) else f"each {len(groups[0])} events"
    heading = box.frame(f"{series.what.capitalize()} of {each}, {box.scale.unit}")
    return heading + "".join(drawn) + _strips(events, ~series.inside, groups, places, top + _BARS)


def _groups(count: int) -> list[list[int]]:
    size = math.ceil(count / MOST_BARS)
    return [list(range(first, min(first + size, count))) for first in range(0, count, size)]


def _bar(left: float, right: float, box: _Box, kind: list[Kind], value_mgy: FloatArray) -> str:
    """A bar, by kind from below where it holds several events."""
    gap = 0.15 * (right - left) if right - left > _THIN else 0.0
    width = min(right - left - gap, 40.0)
    middle = (left + right) / 2
    drawn, foot = [], 0.0
    for each in KINDS:
        own = float(sum(v for v, k in zip(value_mgy.tolist(), kind, strict=True) if k is each))
        if own > 0:
            y, low = box.y(foot + own), box.y(foot)
            drawn.append(
                svg.tag("rect", x=middle - width / 2, y=y, width=width, height=max(low - y, 0.3), fill=each.colour)
            )
            foot += own
    return "".join(drawn)


def _title(events: Events, series: Series, own: list[int]) -> str:
    """What the pointer shows: event, number with unit, kind, plane, time."""
    value = series.value_mgy[own]
    shown = scene.format_dose_mgy(float(np.nansum(value))) if np.isfinite(value).any() else "not known"
    name = f"event {own[0] + 1}" if len(own) == 1 else f"events {own[0] + 1} to {own[-1] + 1}"
    first = own[0]
    plane = "" if events.plane[first] in ("", "single") else f"plane {events.plane[first]}"
    clock = events.started[first].partition("T")[2].partition(".")[0]
    rest = (events.event_type[first], plane, clock) if len(own) == 1 else (clock,)
    return ", ".join(filter(None, (f"{name}: {shown} ({series.what})", *rest)))


def _strips(events: Events, outside: BoolArray, groups: list[list[int]], places: FloatArray, bottom: float) -> str:
    """Under the bars a tick for each acquisition, and for each event that is not in the map."""
    acquired = np.array([kind is ACQUISITION for kind in kinds(events)], dtype=bool)
    rows = [("acquisition", acquired, _LINE), ("not in the map", outside, _ALARM)]
    drawn, y = [], bottom + 2
    for name, chosen, colour in rows:
        if not chosen.any():
            continue
        ticks = [place for own, place in zip(groups, places.tolist(), strict=True) if chosen[own].any()]
        for left, right in ticks:
            width = min(max(0.8 * (right - left), 0.5), 4.0)
            drawn.append(
                svg.tag("rect", x=(left + right - width) / 2, y=y, width=width, height=_STRIP - 5, fill=colour)
            )
        drawn.append(svg.words(_LEFT + _ROOM + 6, y + 8, name, size=10.0, fill=svg.SOFT))
        y += _STRIP
    return "".join(drawn) + _event_axis(len(events), bottom + 2 * _STRIP)


def _key(events: Events, series: Series) -> str:
    """Which colour is what, and how many events add nothing."""
    y = _TOP + _CURVE + _GAP + _BARS + 2 * _STRIP + 34.0 + 14.0
    used = [kind for kind in KINDS if kind in kinds(events)]
    drawn, x = [], _LEFT
    for kind in used:
        drawn.append(svg.tag("rect", x=x, y=y - 10, width=12.0, height=12.0, fill=kind.colour))
        drawn.append(svg.words(x + 17, y, kind.name))
        x += 130.0
    if text := _silent(series.value_mgy):
        drawn.append(svg.words(_LEFT + _ROOM, y, text, text_anchor="end", fill=svg.SOFT))
    return "".join(drawn)


def _silent(value_mgy: FloatArray) -> str:
    """How many events have no bar, and why; "" where all have one."""
    none, unknown = int((value_mgy == 0).sum()), int(np.isnan(value_mgy).sum())
    parts = (f"{none} add nothing" if none else "", f"{unknown} have no known dose" if unknown else "")
    said = "; ".join(filter(None, parts))
    return f"of {len(value_mgy)} events {said}" if said else ""
