"""Draw docs/conventions.svg: frames, signs and the eight orientations, computed by skindose.geometry.frames itself.

python scripts/draw_conventions.py [FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skindose.geometry.frames import ORIENTATIONS, stand_rotation, table_rotation

TARGET = Path(__file__).resolve().parents[1] / "docs" / "conventions.svg"
BODY, TABLE, PAD, RAY, AXIS, TEXT = "#e8c9a8", "#7f8fa6", "#cfd8e3", "#d1495b", "#1f4e79", "#222"
MM = 0.24  # pixels per mm of the large panels
SIZE = (1170, 840)
HALF_TABLE_MM, TABLE_LENGTH_MM, PAD_MM, TABLE_MM = 225, 2000, 40, 30
FOCUS_MM, REFERENCE_MM, DETECTOR_MM = 785, 635, 400

Point = tuple[float, float]
View = Callable[[np.ndarray], Point]


def view(origin: Point, right: str, down: str, scale: float = MM) -> View:
    """Projection of points in mm onto the page; `right` and `down` name the axes that point there, e.g. "+x", "-z"."""
    axes = [("-+".index(name[0]) * 2 - 1, "xyz".index(name[1])) for name in (right, down)]
    return lambda p: tuple(o + scale * sign * p[i] for o, (sign, i) in zip(origin, axes, strict=True))


def line(a: Point, b: Point, colour: str, width: float = 1.5, more: str = "") -> str:
    """A straight line."""
    return (
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
        f'stroke="{colour}" stroke-width="{width}"{more}/>'
    )


def arrow(a: Point, b: Point, colour: str, width: float = 1.5) -> str:
    """A line with a head at b."""
    return line(a, b, colour, width, f' marker-end="url(#{head_id(colour)})"')


def head_id(colour: str) -> str:
    """Name of the arrow head of a colour."""
    return f"head{colour[1:]}"


def text(at: Point, words: str, colour: str = TEXT, size: int = 12, anchor: str = "start") -> str:
    """One line of text."""
    x, y = at
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


def polygon(points: list[Point], fill: str, more: str = "") -> str:
    """A filled shape."""
    shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{shown}" fill="{fill}"{more}/>'


def ellipse(to_page: View, centre: np.ndarray, first: np.ndarray, second: np.ndarray, fill: str = BODY) -> str:
    """A body's outline: centre plus cos first plus sin second, in mm."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    outline = [to_page(centre + np.cos(t) * first + np.sin(t) * second) for t in angles]
    return polygon(outline, fill, f' stroke="{TEXT}" stroke-width="0.8"')


def dot(at: Point, colour: str, radius: float = 3.5) -> str:
    """A small disc."""
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{colour}"/>'


def axes(to_page: View, at: np.ndarray, names: dict[str, str], length_mm: float = 190) -> list[str]:
    """The arrows +X, +Y, +Z that lie in the page, with their names."""
    out = []
    for axis, label in names.items():
        end = at + length_mm * np.eye(3)["xyz".index(axis)]
        (x0, y0), (x1, y1) = to_page(at), to_page(end)
        out += [arrow((x0, y0), (x1, y1), AXIS, 2)]
        side = "middle" if abs(x1 - x0) < 1 else "start" if x1 > x0 else "end"
        dx, dy = {"middle": (0, 15 if y1 > y0 else -7), "start": (6, 4), "end": (-6, 4)}[side]
        out += [text((x1 + dx, y1 + dy), label, AXIS, 12, side)]
    return out


def slab(to_page: View, low: tuple[float, float, float], high: tuple[float, float, float], fill: str) -> str:
    """A box seen along one of its axes."""
    (x0, y0), (x1, y1) = to_page(np.array(low)), to_page(np.array(high))
    return polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)


def ray(to_page: View, primary: float, secondary: float, label: str) -> list[str]:
    """Focal spot, central ray through the isocentre (the room's origin), reference point and detector."""
    turned = stand_rotation(primary, secondary, "primary-secondary")
    direction, across = -turned[:, 1], turned @ np.array([0, 0, 190.0] if secondary else [190.0, 0, 0])
    focus, detector = -FOCUS_MM * direction, DETECTOR_MM * direction
    x, y = to_page(detector + 75 * direction)
    return [
        arrow(to_page(focus), to_page(detector), RAY, 1.6),
        line(to_page(detector - across), to_page(detector + across), RAY, 4),
        dot(to_page(focus), RAY, 5),
        dot(to_page((REFERENCE_MM - FOCUS_MM) * direction), RAY, 3),
        text((x, y), label, RAY, 12, "start" if primary else "end" if secondary else "middle"),
    ]


def from_the_feet(origin: Point) -> list[str]:
    """Cross-section, looking towards the head: primary angle, table height, support."""
    to_page = view(origin, "+x", "+y")
    top = 190.0
    out = [
        slab(to_page, (-HALF_TABLE_MM, top, 0), (HALF_TABLE_MM, top + TABLE_MM, 0), TABLE),
        slab(to_page, (-HALF_TABLE_MM, top - PAD_MM, 0), (HALF_TABLE_MM, top, 0), PAD),
        ellipse(to_page, np.array([0, top - PAD_MM - 110, 0]), np.array([170.0, 0, 0]), np.array([0, 110.0, 0])),
        *ray(to_page, 0, 0, "0 / 0 (PA)"),
        *ray(to_page, 50, 0, "a = +50 (LAO)"),
        *axes(to_page, np.array([0.0, 0, 0]), {"x": "+X left"}),
        dot(to_page(np.zeros(3)), TEXT),
    ]
    x, y = to_page(np.array([HALF_TABLE_MM + 30, 0, 0]))
    _, y_top = to_page(np.array([0, top, 0]))
    out += [arrow((x, y + 8), (x, y_top), TEXT), text((x + 6, y_top - 4), "height +")]
    out += [text(to_page(np.array([30, FOCUS_MM + 12, 0])), "focal spot", RAY)]
    out += [text(to_page(np.array([30, FOCUS_MM - REFERENCE_MM + 115, 0])), "dot: reference point,", RAY, 11)]
    out += [text(to_page(np.array([30, FOCUS_MM - REFERENCE_MM + 170, 0])), "150 mm below the isocentre", RAY, 11)]
    return [*out, text(to_page(np.array([-175, -20, 0])), "isocentre", TEXT, 11, "end")]


def from_the_right(origin: Point) -> list[str]:
    """Long section, seen from the patient's right: secondary angle and the three origins."""
    to_page = view(origin, "-z", "+y")
    top, head_end = 190.0, 560.0
    back = top - PAD_MM
    out = [
        slab(to_page, (0, top, head_end), (0, top + TABLE_MM, head_end - 1350), TABLE),
        slab(to_page, (0, back, head_end), (0, top, head_end - 1350), PAD),
        ellipse(to_page, np.array([0, back - 90, head_end - 110]), np.array([0, 0, 110.0]), np.array([0, 90.0, 0])),
        ellipse(to_page, np.array([0, back - 110, head_end - 560]), np.array([0, 0, 350.0]), np.array([0, 110.0, 0])),
        ellipse(to_page, np.array([0, back - 60, head_end - 1130]), np.array([0, 0, 220.0]), np.array([0, 60.0, 0])),
        *ray(to_page, 0, 25, "b = +25 (CRA)"),
        *axes(to_page, np.array([0.0, top, head_end]), {"z": "+Z head", "y": "+Y down"}),
        dot(to_page(np.zeros(3)), TEXT),
        dot(to_page(np.array([0, back, head_end])), AXIS),
        dot(to_page(np.array([0, top, head_end])), AXIS),
    ]
    out += [text(to_page(np.array([0, back - 22, head_end + 25])), "patient's origin", AXIS, 11, "end")]
    out += [text(to_page(np.array([0, top + 85, head_end - 40])), "table's origin", AXIS, 11)]
    out += [text(to_page(np.array([0, top + 24, head_end - 1330])), "table", "#fff", 11, "end")]
    return [*out, text(to_page(np.array([0, -125, -25])), "isocentre = room's origin", TEXT, 11)]


def from_above(origin: Point) -> list[str]:
    """Plan: motions and rotation of the table."""
    to_page = view(origin, "+x", "-z")
    turned = table_rotation(12.0, 0.0, 0.0)
    corner = [(-HALF_TABLE_MM, 0), (HALF_TABLE_MM, 0), (HALF_TABLE_MM, -1500), (-HALF_TABLE_MM, -1500)]
    head_end = np.array([0, 0, 520.0])
    corners = [np.array([x, 0, z]) for x, z in corner]
    out = [
        polygon([to_page(head_end + c) for c in corners], PAD, f' stroke="{TABLE}" stroke-width="1.5"'),
        polygon([to_page(head_end + turned @ c) for c in corners], "none", f' stroke="{TABLE}" stroke-dasharray="5 4"'),
        ellipse(to_page, head_end - np.array([0, 0, 110]), np.array([85.0, 0, 0]), np.array([0, 0, 110.0])),
        ellipse(to_page, head_end - np.array([0, 0, 520]), np.array([170.0, 0, 0]), np.array([0, 0, 300.0])),
        ellipse(to_page, head_end - np.array([85, 0, 1150]), np.array([60.0, 0, 0]), np.array([0, 0, 350.0])),
        ellipse(to_page, head_end + np.array([85, 0, -1150]), np.array([60.0, 0, 0]), np.array([0, 0, 350.0])),
        *axes(to_page, head_end, {"x": "+X", "z": "+Z head"}),
        dot(to_page(np.zeros(3)), TEXT),
        text(to_page(np.array([0, 0, -60])), "isocentre", TEXT, 11, "middle"),
    ]
    x, y = to_page(np.array([HALF_TABLE_MM + 60, 0, 60]))
    out += [arrow((x, y), (x + 60, y), TEXT), text((x, y + 16), "longitudinal +"), text((x, y + 30), "(to his left)")]
    out += [
        arrow((x, y - 15), (x, y - 75), TEXT),
        text((x + 7, y - 45), "lateral +"),
        text((x + 7, y - 31), "(to his head)"),
    ]
    x, y = to_page(np.array([HALF_TABLE_MM + 60, 0, -560]))
    out += [text((x, y), "dashed: horizontal"), text((x, y + 14), "rotation +12,"), text((x, y + 28), "clockwise")]
    return out


def orientation(origin: Point, name: str) -> list[str]:
    """One small cross-section, seen from the table's foot end: how he lies."""
    rotation = ORIENTATIONS[name]
    to_page = view(origin, "+x", "+y", 0.2)
    left, front, head = rotation[:, 0], -rotation[:, 1], rotation[:, 2]
    half = np.abs(rotation) @ np.array([170.0, 110, 0])
    centre = np.array([0, -half[1], 0])
    nose = centre + 50 * front
    x, y = to_page(centre + 130 * left)
    where = "head at the head end" if head[2] > 0 else "feet at the head end"
    label = to_page(np.array([0, 150.0, 0]))
    return [
        slab(to_page, (-240, 0, 0), (240, 30, 0), TABLE),
        ellipse(to_page, centre, 170 * left, 110 * front),
        polygon([to_page(nose + 35 * left), to_page(nose - 35 * left), to_page(nose + 55 * front)], AXIS),
        text((x, y + 4), "L", RAY, 14, "middle"),
        text(label, name.upper(), TEXT, 14, "middle"),
        text((label[0], label[1] + 16), where, TEXT, 11, "middle"),
    ]


def drawing() -> str:
    """The whole picture as SVG."""
    width, height = SIZE
    heads = "".join(
        f'<marker id="{head_id(c)}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{c}"/></marker>'
        for c in (RAY, AXIS, TEXT)
    )
    parts = [f"<defs>{heads}</defs>", f'<rect width="{width}" height="{height}" fill="#fff"/>']
    titles = ("From the feet, looking to the head", "From the patient's right", "From above")
    for x, words in zip((20, 400, 790), titles, strict=True):
        parts.append(text((x, 28), words, TEXT, 15))
    parts += [*from_the_feet((190, 200)), *from_the_right((580, 200)), *from_above((930, 215))]
    words = "The eight orientations, seen from the table's foot end (blue: his front, L: his left)"
    parts.append(text((20, 520), words, TEXT, 15))
    for i, name in enumerate(ORIENTATIONS):
        parts += orientation((150 + 290 * (i % 4), 620 + 150 * (i // 4)), name)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="DejaVu Sans, Arial, sans-serif">\n{body}\n</svg>\n'
    )


def main() -> None:
    """Write the picture."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
