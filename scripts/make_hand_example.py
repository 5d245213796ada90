"""Writes the two tables of "One number by hand" in docs/physics.md: what is given, and every step with its number.

    python scripts/make_hand_example.py        after a change of a factor or of its data

The numbers come from the program; tests/test_by_hand.py does the steps again in plain arithmetic, from what the page
prints as given alone, and holds both page and program to them.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

import skindose
from skindose import rdsr
from skindose.config import Settings
from skindose.model import Result
from skindose.physics import backscatter, beam, medium, table
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes

PAGE = Path(__file__).resolve().parents[1] / "docs" / "physics.md"
EVENT = WrittenEvent(
    air_kerma_rp_mgy=100.0,
    kap_gycm2=10.0,
    kvp_kv=80.0,
    filters_mm=(("copper", 0.2),),
    positioner_primary_angle_deg=30.0,
    distance_source_to_isocenter_mm=750.0,
    distance_source_to_detector_mm=1100.0,
    table_longitudinal_position_mm=0.0,
    table_lateral_position_mm=450.0,
    table_height_position_mm=190.0,
)
BODY = {"height_cm": 170, "weight_kg": 70, "sex": "male", "age": 50}
SETTINGS = Settings(phantom="plane", pad_mm=40, placement="table", profile="siemens_artis", **BODY)
PLACE_MM = (25.0, 15.0)  # u and v about which the cell lies
Row = tuple[str, str, float | np.ndarray | list[float], int]  # name, how, numbers, decimals


def case() -> tuple[Result, int]:
    """The result, and the hit of the cell."""
    report = rdsr.read_bytes(to_bytes(WrittenProcedure(events=(EVENT,))), "case.dcm")
    result = skindose.compute(report, SETTINGS)
    away = np.hypot(result.hits.u_mm - PLACE_MM[0], result.hits.v_mm - PLACE_MM[1])
    return result, int(np.argmin(np.where(result.hits.primary, away, np.inf)))


def nodes(values: np.ndarray, wanted: float) -> list[int]:
    """The node below and the one above."""
    low = int(np.searchsorted(values, wanted, side="right")) - 1
    return [low, low + 1]


def tables(result: Result, hit: int) -> tuple[list[Row], list[Row]]:
    """What is given, and the steps."""
    hits, factors, beams = result.hits, result.factors, result.beams
    quality = beam.of_events(result.events, np.array([True])).quality
    incident, scattered = medium.ratios(quality, "water")
    support = table.support(result.events.machine, quality, beams.support)
    cell = result.phantom.centroid_mm[hits.cell[hit]]
    ray = cell - beams.source_mm[0]
    depth = float(ray @ beams.axis[0])
    scale, (u, v) = depth / 600.0, (hits.u_mm[hit], hits.v_mm[hit])
    side, cosine = 100.0 * scale, float(hits.cos_incidence[hit])
    angle = math.degrees(math.acos(cosine))
    sides = table.SIDES_MM[nodes(table.SIDES_MM, side)]
    angles = np.array([1, 2]) * table.ANGLE_STEP_DEG + table.ANGLE_STEP_DEG * (nodes(np.arange(7) * 15.0, angle)[0] - 1)
    phi = [table.phi_of(support.returned, np.zeros(2, int), np.cos(np.radians(angles)), np.full(2, s)) for s in sides]
    steps = nodes(np.linspace(0, 1, backscatter.COSINES), cosine)
    own = backscatter.kernels(quality).weight[0, :, :, -1, :]
    own, lean = (own[0] + own[1] / hits.distance_mm.mean())[steps], own[2][steps]
    cosines = np.array(steps) / (backscatter.COSINES - 1)
    share = (cosine - cosines[0]) / np.diff(cosines)[0]
    edges = scale * np.array([-50 - u, 50 - u, -50 - v, 50 - v])
    widths = backscatter.spread().width_mm
    normal = np.array([[0.5 * math.erf(x / (s * math.sqrt(2))) for s in widths] for x in edges])
    density = np.array([[math.exp(-0.5 * (x / s) ** 2) / math.sqrt(2 * math.pi) for s in widths] for x in edges])
    whole, slope = normal[1::2] - normal[::2], density[1::2] - density[::2]
    out = np.array([0.0, 1.0, 0.0])
    fall = out + cosine * ray / hits.distance_mm[hit]
    tilt = np.array([fall @ beams.u[0], fall @ beams.v[0]])
    tilt /= np.hypot(*tilt)
    given: list[Row] = [
        ("air kerma, mGy", "", 100, 0),
        ("primary angle", "", 30, 0),
        ("reference point, mm", "", 600, 0),
        ("isocentre, mm", "", 750, 0),
        ("isocentre, patient frame", "", [0, -150, -450], 0),
        ("field, mm", "", [100, 100], 0),
        ("cell, patient frame", "", cell, 3),
        ("inherent filtration, mm Al", "", 3.1, 1),
        ("T0", "", np.exp(support.log_t0), 5),
        ("h", "", support.hardening, 5),
        ("phi, sides, mm", "", sides, 3),
        ("phi, angles", "", angles, 0),
        ("phi at the smaller side", "", phi[0], 5),
        ("phi at the larger side", "", phi[1], 5),
        ("s_j, mm", "", widths, 3),
        ("cosines", "", cosines, 4),
        ("w_j at the lower", "", own[0], 5),
        ("w_j at the higher", "", own[1], 5),
        ("l_j at the lower", "", lean[0], 5),
        ("l_j at the higher", "", lean[1], 5),
        ("M_inc", "", incident, 5),
        ("M_back", "", scattered, 5),
    ]
    scatter, inverse = float(factors.scatter[hit]), float(factors.inverse_square[hit])
    through, into = float(factors.transmission[hit]), float(factors.medium[hit])
    found: list[Row] = [
        ("focal spot", "isocentre - 750 (sin 30, -cos 30, 0)", beams.source_mm[0], 2),
        ("ray", "cell - focal spot", ray, 2),
        ("distance d", "its length", hits.distance_mm[hit], 2),
        ("depth along the axis", "ray . (sin 30, -cos 30, 0)", depth, 2),
        ("u, v", "ray . (cos 30, sin 30, 0) and ray . (0, 0, 1), each x 600 / depth", [u, v], 2),
        ("inverse square", "(600 / d)^2", inverse, 4),
        ("incidence", "-ray_y / d, the cosine, to skin and table; in degrees", [cosine, angle], 4),
        ("side at the skin", "100 x depth / 600", side, 2),
        ("phi", "between its four values, linear in angle and ln side",
         table.phi_of(support.returned, np.zeros(1, int), np.array([cosine]), np.array([side])), 4),
        ("T", "exp[(X ln T0 + h X (X - 1)) (1 - phi)], X = 1 / cosine", through, 4),
        ("field from the cell", "(-50 - u, 50 - u, -50 - v, 50 - v) x depth / 600", edges, 2),
        ("falls away", "t, unit vector along u and v of n + cosine x ray / d, n = (0, 1, 0) the normal", tilt, 4),
        ("w_j", "between its two values, linear in the cosine", own[0] * (1 - share) + own[1] * share, 4),
        ("l_j", "the same", lean[0] * (1 - share) + lean[1] * share, 4),
        ("G_u", "G(u_max/s_j) - G(u_min/s_j), G the normal integral", whole[0], 4),
        ("G_v", "the same along v", whole[1], 4),
        ("g_u", "g(u_max/s_j) - g(u_min/s_j), g the normal density", slope[0], 4),
        ("g_v", "the same along v", slope[1], 4),
        ("S", "sum of w_j G_u G_v + l_j (t_u g_u G_v + t_v G_u g_v)", scatter, 4),
        ("M", "(M_inc + S M_back) / (1 + S)", into, 4),
        ("dose to water, mGy", f"100 x {inverse:.4f} x {through:.4f} x (1 + {scatter:.4f}) x {into:.4f}",
         float(result.dosemap.hit_dose_mgy[hit]), 2),
    ]  # fmt: skip
    return given, found


def written(value: float | np.ndarray | list[float], decimals: int) -> str:
    """The numbers of a row."""
    return ", ".join(f"{float(one) + 0.0:.{decimals}f}" for one in np.atleast_1d(value))


def main() -> None:
    """Replace both tables on the page."""
    given, found = tables(*case())
    first = "\n".join(["| given | value |", "|---|---|", *(f"| {n} | {written(x, d)} |" for n, _, x, d in given)])
    second = [f"| {n} | {how} | {written(x, d)} |" for n, how, x, d in found]
    page = PAGE.read_text(encoding="utf-8")
    for head, text in (("given", first), ("step", "\n".join(["| step | how | value |", "|---|---|---|", *second]))):
        page, count = re.subn(
            rf"\| {head} \|[^\n]*\n(?:\|[^\n]*(?:\n|$))*", lambda _, text=text: text + "\n", page, count=1
        )
        if not count:
            raise SystemExit(f"docs/physics.md has no table that begins with | {head} |")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
