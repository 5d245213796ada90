"""docs/physics.md, "One number by hand": the page's steps done here in plain arithmetic, against page and program.

Nothing of skindose is used for the steps: only the numbers that the page prints as given go in. The program then
computes the same case from a written report.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import skindose
from skindose import rdsr
from skindose.config import Settings
from skindose.physics import backscatter, beam, medium, table
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from tests.close import close
from tests.test_pipeline import EVENT

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "physics.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## One number by hand")[1].split("\n## ")[0]
NUMBER = r"-?\d+(?:\.\d+)?"


def printed(name):
    """The numbers of a row of the section's tables: in its last column, behind the last equals sign."""
    (line,) = [line for line in SECTION.splitlines() if line.startswith(f"| {name} |")]
    return [float(text) for text in re.findall(NUMBER, line.split("|")[-2].split("=")[-1])]


def integral(x):
    """The normal integral from the middle."""
    return 0.5 * math.erf(x / math.sqrt(2))


def density(x):
    """The normal density."""
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def along(vector, axis):
    return sum(a * b for a, b in zip(vector, axis, strict=True))


def geometry():
    """Focal spot, ray, place in the field and incidence; axis and u axis of the stand at LAO."""
    (lao,), (ref,), (iso,) = printed("primary angle"), printed("reference point, mm"), printed("isocentre, mm")
    centre, cell = printed("isocentre, patient frame"), printed("cell, patient frame")
    a = math.radians(lao)
    axis, across = (math.sin(a), -math.cos(a), 0.0), (math.cos(a), math.sin(a), 0.0)
    source = [c - iso * d for c, d in zip(centre, axis, strict=True)]
    ray = [c - s for c, s in zip(cell, source, strict=True)]
    distance, depth = math.sqrt(along(ray, ray)), along(ray, axis)
    cosine = -ray[1] / distance
    u, v, scale = along(ray, across) * ref / depth, ray[2] * ref / depth, depth / ref
    half = printed("field, mm")[0] / 2
    fall = [n + cosine * r / distance for n, r in zip((0.0, 1.0, 0.0), ray, strict=True)]
    t_u, t_v = along(fall, across), fall[2]
    return {
        "focal spot": source,
        "ray": ray,
        "distance d": [distance],
        "depth along the axis": [depth],
        "u, v": [u, v],
        "inverse square": [(ref / distance) ** 2],
        "incidence": [cosine, math.degrees(math.acos(cosine))],
        "side at the skin": [2 * half * scale],
        "field from the cell": [(-half - u) * scale, (half - u) * scale, (-half - v) * scale, (half - v) * scale],
        "falls away": [t_u / math.hypot(t_u, t_v), t_v / math.hypot(t_u, t_v)],
    }


def support(found):
    """Transmission of table and pad."""
    (side,), (cosine, angle) = found["side at the skin"], found["incidence"]
    (near, far), (flat, steep) = printed("phi, sides, mm"), printed("phi, angles")
    up, right = math.log(side / near) / math.log(far / near), (angle - flat) / (steep - flat)
    (a00, a01), (a10, a11) = (printed(f"phi at {which} side") for which in ("the smaller", "the larger"))
    phi = (a00 * (1 - right) + a01 * right) * (1 - up) + (a10 * (1 - right) + a11 * right) * up
    times = 1 / cosine
    loss = times * math.log(printed("T0")[0]) + printed("h")[0] * times * (times - 1)
    return {"phi": [phi], "T": [math.exp(loss * (1 - phi))]}


def scattered(found):
    """What the field scatters to the cell."""
    edges, (t_u, t_v) = found["field from the cell"], found["falls away"]
    low, high = printed("cosines")
    share = (found["incidence"][0] - low) / (high - low)
    made = {}
    for name in ("w_j", "l_j"):
        pairs = zip(printed(f"{name} at the lower"), printed(f"{name} at the higher"), strict=True)
        made[name] = [one * (1 - share) + other * share for one, other in pairs]
    widths = printed("s_j, mm")
    for name, kind in (("G", integral), ("g", density)):
        made[f"{name}_u"] = [kind(edges[1] / s) - kind(edges[0] / s) for s in widths]
        made[f"{name}_v"] = [kind(edges[3] / s) - kind(edges[2] / s) for s in widths]
    columns = zip(*(made[name] for name in ("w_j", "l_j", "G_u", "G_v", "g_u", "g_v")), strict=True)
    return made | {"S": [sum(w * a * b + n * (t_u * c * b + t_v * a * d) for w, n, a, b, c, d in columns)]}


def steps():
    """Every step of the page, from what it prints as given."""
    found = geometry()
    found |= support(found)
    found |= scattered(found)
    (scatter,), (inc,), (back,) = found["S"], printed("M_inc"), printed("M_back")
    medium_ratio = (inc + scatter * back) / (1 + scatter)
    product = printed("air kerma, mGy")[0] * found["inverse square"][0] * found["T"][0]
    return found | {"M": [medium_ratio], "dose to water, mGy": [product * (1 + scatter) * medium_ratio]}


STEPS = steps()
ROUGH = ("focal spot", "ray", "field from the cell", "u, v", "side at the skin")  # lengths in mm with 2 decimals


@pytest.mark.parametrize("name", STEPS)
def test_the_page_s_steps_are_what_its_given_numbers_come_to(name):
    close(
        printed(name),
        STEPS[name],
        rtol=2e-4,
        atol=6e-3 if name in ROUGH else 6e-5,
        because="the digits that the page prints",
    )


@pytest.fixture(scope="module")
def program():
    """The same case from a report through the whole program: events, hit and factors of the page's cell."""
    event = {**EVENT, "positioner_primary_angle_deg": 30.0, "filters_mm": (("copper", 0.2),)}
    settings = Settings(
        phantom="plane", pad_mm=40, placement="table", height_cm=170, weight_kg=70, sex="male", age=50,
        profile="siemens_artis",
    )  # fmt: skip
    written = WrittenProcedure(events=(WrittenEvent(**event),))
    result = skindose.compute(rdsr.read_bytes(to_bytes(written), "case.dcm"), settings)
    cell = int(np.argmin(((result.phantom.centroid_mm - printed("cell, patient frame")) ** 2).sum(axis=1)))
    return result, int(np.flatnonzero(result.hits.cell == cell)[0])


def test_what_the_page_prints_as_given_is_what_the_program_has(program):
    result, hit = program
    assert result.events.machine.inherent_filtration_mmal == printed("inherent filtration, mm Al")[0]
    quality = beam.of_events(result.events, np.array([True])).quality
    inc, back = medium.ratios(quality, "water")
    close([inc[0], back[0]], [*printed("M_inc"), *printed("M_back")], rtol=1e-4, because="4 decimals")
    support = table.support(result.events.machine, quality, result.beams.support)
    close(np.exp(support.log_t0), printed("T0"), rtol=1e-5, because="5 decimals")
    close(support.hardening, printed("h"), atol=6e-6, because="5 decimals")
    sides, angles = printed("phi, sides, mm"), printed("phi, angles")
    for which, side in zip(("the smaller", "the larger"), sides, strict=True):
        row = table.phi_of(support.returned, np.zeros(2, int), np.cos(np.radians(angles)), np.full(2, side))
        close(row, printed(f"phi at {which} side"), atol=2e-4, because="4 decimals, the side with 2")
    spread = backscatter.spread()
    close(spread.width_mm, printed("s_j, mm"), rtol=1e-3, because="the digits printed")
    own = backscatter.kernels(quality).weight[0, :, :, -1, :]
    weights = {"w_j": own[0] + own[1] / result.hits.distance_mm.mean(), "l_j": own[2]}
    for which, cosine in zip(("the lower", "the higher"), printed("cosines"), strict=True):
        for name, values in weights.items():
            row = values[round(cosine * (backscatter.COSINES - 1))]
            close(row, printed(f"{name} at {which}"), atol=6e-6, because="5 decimals")
    close(
        result.phantom.centroid_mm[result.hits.cell[hit]],
        printed("cell, patient frame"),
        atol=0.006,
        because="2 decimals",
    )


def test_the_program_computes_the_same(program):
    result, hit = program
    hits, factors, beams = result.hits, result.factors, result.beams
    got = {
        "focal spot": beams.source_mm[0],
        "distance d": hits.distance_mm[hit],
        "u, v": [hits.u_mm[hit], hits.v_mm[hit]],
        "incidence": [hits.cos_incidence[hit], np.degrees(np.arccos(hits.cos_incidence[hit]))],
        "inverse square": factors.inverse_square[hit],
        "T": factors.transmission[hit],
        "S": factors.scatter[hit],
        "M": factors.medium[hit],
        "dose to water, mGy": result.dosemap.hit_dose_mgy[hit],
    }
    for name, value in got.items():
        close(
            value,
            STEPS[name],
            rtol=3e-4,
            atol=6e-3,
            because="the given numbers have 4 decimals, the tables' steps 5e-5",
        )
    assert hits.coverage[hit] == 1.0
