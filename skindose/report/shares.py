"""What air kerma and kerma-area product were spent on, as bars cut into parts: SVG."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skindose.model import BoolArray, Events, FloatArray
from skindose.report import scene, svg
from skindose.report.charts import KINDS, WIDTH, kinds

_ROW = 66.0
_PLANES = ("#0b5a4f", "#8a8f96")  # not the colours of the kinds, or plane A would look like acquisition


class Share(NamedTuple):
    """A part of a total: its name, how much, how it is drawn."""

    name: str
    value: float
    colour: str


class Bar(NamedTuple):
    """A total and its parts; `missing` events have no value."""

    name: str
    unit: str
    parts: tuple[Share, ...]
    missing: int

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(part.value for part in self.parts)


def share_bars(events: Events) -> tuple[Bar, ...]:
    """Air kerma and KAP by kind of event, and by plane where there are two."""
    kind = kinds(events)
    by_kind = [(each.name, np.array([k is each for k in kind], dtype=bool), each.colour) for each in KINDS]
    planes = dict.fromkeys(plane for plane in events.plane if plane not in ("", "single"))
    by_plane = [
        (f"plane {plane}", np.array([own == plane for own in events.plane], dtype=bool), _PLANES[k % len(_PLANES)])
        for k, plane in enumerate(sorted(planes))
    ]
    bars = []
    for name, unit, column in (("Air kerma", "mGy", events.air_kerma_rp_mgy), ("KAP", "Gy.cm2", events.kap_gycm2)):
        bars.append(_bar_of(name, unit, column, by_kind))
        if len(by_plane) > 1:
            bars.append(_bar_of(f"{name} by plane", unit, column, by_plane))
    return tuple(bars)


def _bar_of(name: str, unit: str, column: FloatArray, split: list[tuple[str, BoolArray, str]]) -> Bar:
    parts = [Share(part, float(np.nansum(column[own])), colour) for part, own, colour in split if own.any()]
    return Bar(name, unit, tuple(parts), int(np.isnan(column).sum()))


def shares_svg(events: Events) -> str:
    """Air kerma and kerma-area product, each as one bar cut into fluoroscopy and acquisition, and into planes.

    A chart of no event is empty text.
    """
    if not len(events):
        return ""
    bars = share_bars(events)
    drawn = [_share_row(bar, 22.0 + _ROW * k) for k, bar in enumerate(bars)]
    name = "; ".join(f"{bar.name}: {', '.join(_share_words(part, bar) for part in bar.parts)}" for bar in bars)
    return svg.drawing(WIDTH, 10.0 + _ROW * len(bars), name, *drawn)


def _share_words(part: Share, bar: Bar) -> str:
    return f"{part.name} {_amount(part.value, bar.unit)}" + (
        f" ({scene.percent(part.value / bar.total)})" if bar.total else ""
    )


def _amount(value: float, unit: str) -> str:
    return scene.format_dose_mgy(value) if unit == "mGy" else scene.format_quantity(value, unit)


def _share_row(bar: Bar, y: float) -> str:
    """One total: heading, bar, and under it what its parts are."""
    lacks = f"; {bar.missing} event{'s' if bar.missing > 1 else ''} without" if bar.missing else ""
    drawn = [svg.words(8, y, f"{bar.name}: {_amount(bar.total, bar.unit)}{lacks}", size=12.0, font_weight="600")]
    x, width = 8.0, WIDTH - 16.0
    drawn.append(svg.tag("rect", x=x, y=y + 6, width=width, height=16.0, fill="none", stroke=svg.FAINT))
    for k, part in enumerate(bar.parts):
        key = 8.0 + k * width / max(2, len(bar.parts))
        share = part.value / bar.total if bar.total else 0.0
        said = _share_words(part, bar)
        drawn.append(
            svg.tag(
                "rect",
                svg.tag("title", svg.plain(f"{bar.name}, {said}")),
                x=x,
                y=y + 6,
                width=width * share,
                height=16.0,
                fill=part.colour,
                stroke="#ffffff",
                stroke_width=1.0,
            )
        )
        drawn.append(svg.tag("rect", x=key, y=y + 29, width=9.0, height=9.0, fill=part.colour))
        drawn.append(svg.words(key + 13, y + 38.0, said))
        x += width * share
    return "".join(drawn)
