"""What cannot matter does not: body, beams and table moved, turned or mirrored together give the same hits."""

import numpy as np
import pytest

from skindose.kernel import cast
from tests import scenes
from tests.close import close

# Table top and pad under the scene; every ray from below passes one, the other or neither.
SLABS = np.array([(-150.0, 150.0, 0.0, 20.0, -400.0, 300.0), (-90.0, 90.0, -60.0, 0.0, -300.0, 200.0)])
COLUMNS = ("distance_mm", "cos_incidence", "u_mm", "v_mm", "edge_mm", "coverage")
ROUNDING = "only the rounding of the turned coordinates differs"


def scene(seed):
    """Two lumps and a plate above a table that is itself tilted, and rows of `scenes.beams` from all around."""
    rng = np.random.default_rng(seed)
    lumps = (scenes.sphere(70.0, (10.0, -150.0, 20.0), 3), scenes.sphere(35.0, (90.0, -60.0, -60.0), 2))
    mesh = scenes.join(*lumps, scenes.plate(180, -260.0, 7))
    rows = []
    for k in range(10):
        source = rng.normal(size=3)
        source *= rng.uniform(300, 700) / np.linalg.norm(source)
        axis, u, v = scenes.beam_axes(np.array([0.0, -140.0, 0.0]) + rng.normal(0, 30, 3) - source)
        low, high = -rng.uniform(5, 80, 2), rng.uniform(5, 80, 2)
        rows.append({"source": source, "axis": axis, "u": u, "v": v, "field": (low[0], high[0], low[1], high[1]),
                     "reference": rng.uniform(300, 600), "circular": k % 3 == 2})  # fmt: skip
    return mesh, rows, rotation(rng), rng.normal(0, 20, 3)


def rotation(rng):
    """A random proper rotation, small for the table, so that it stays below."""
    turn = np.linalg.qr(np.eye(3) + 0.1 * rng.normal(size=(3, 3)))[0]
    turn = turn * np.sign(np.diag(turn))
    return turn * np.sign(np.linalg.det(turn))


def table_of(hits):
    """{(beam, cell): columns and paths}."""
    keys = zip(hits.beam().tolist(), hits.cell.tolist(), strict=True)
    values = np.column_stack([*(getattr(hits, name) for name in COLUMNS), hits.path_mm])
    return dict(zip(keys, values, strict=True))


def assert_same(got, want, sign=None):
    """The same pairs of beam and cell, and the same numbers; `sign` per column where one turns over."""
    assert set(got) == set(want)
    assert any(row[6:].any() for row in want.values()), "no ray passes the table: the test would say nothing of it"
    keys = sorted(want)
    flipped = np.array([want[key] for key in keys]) * (1.0 if sign is None else np.array(sign))
    close(np.array([got[key] for key in keys]), flipped, rtol=1e-9, atol=1e-7, because=ROUNDING)


def far_turns():
    """Proper rotations of any size, and shifts."""
    rng = np.random.default_rng(17)
    for _ in range(4):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        yield turn * np.sign(np.linalg.det(turn)), rng.normal(0, 500, 3)


@pytest.mark.parametrize(("turn", "shift"), list(far_turns()))
def test_body_beams_and_table_moved_and_turned_together(turn, shift):
    (vertices, triangles), rows, table, origin = scene(3)
    moved = [
        {**row, "source": turn @ row["source"] + shift, **{name: turn @ row[name] for name in ("axis", "u", "v")}}
        for row in rows
    ]
    still = cast(scenes.beams(rows, SLABS, table, origin), scenes.phantom(vertices, triangles))
    turned_table = table @ turn.T  # x_table = table (turn^T (x - shift)) + origin
    beams = scenes.beams(moved, SLABS, turned_table, origin - turned_table @ shift)
    turned = cast(beams, scenes.phantom(vertices @ turn.T + shift, triangles))
    assert_same(table_of(turned), table_of(still))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_mirror_image_with_u_reversed(seed, axis):
    """A mirror turns right hands into left ones: cells are listed the other way round, and u = v x axis is reversed."""
    (vertices, triangles), rows, table, origin = scene(seed)
    mirror = np.eye(3)
    mirror[axis, axis] = -1.0
    mirrored = []
    for row in rows:
        u0, u1, v0, v1 = row["field"]
        turned = {name: mirror @ row[name] for name in ("source", "axis", "v")}
        mirrored.append({**row, **turned, "u": -mirror @ row["u"], "field": (-u1, -u0, v0, v1)})
    slabs = SLABS.copy()
    slabs[:, 2 * axis : 2 * axis + 2] = -SLABS[:, [2 * axis + 1, 2 * axis]]
    still = cast(scenes.beams(rows, SLABS, table, origin), scenes.phantom(vertices, triangles))
    beams = scenes.beams(mirrored, slabs, mirror @ table @ mirror, mirror @ origin)
    seen = cast(beams, scenes.phantom(vertices @ mirror, triangles[:, ::-1]))
    assert_same(table_of(seen), table_of(still), sign=(1, 1, -1, 1, 1, 1, 1, 1))


def test_the_image_turned_in_its_own_plane():
    """Half a turn of u and v with the edges exchanged, and a quarter turn, are the same field."""
    (vertices, triangles), rows, table, origin = scene(5)
    half = [
        {**r, "u": -r["u"], "v": -r["v"], "field": (-r["field"][1], -r["field"][0], -r["field"][3], -r["field"][2])}
        for r in rows
    ]
    quarter = [
        {**r, "u": r["v"], "v": -r["u"], "field": (*r["field"][2:], -r["field"][1], -r["field"][0])} for r in rows
    ]
    body = scenes.phantom(vertices, triangles)
    want = table_of(cast(scenes.beams(rows, SLABS, table, origin), body))
    assert_same(table_of(cast(scenes.beams(half, SLABS, table, origin), body)), want, (1, 1, -1, -1, 1, 1, 1, 1))
    got = table_of(cast(scenes.beams(quarter, SLABS, table, origin), body))
    swapped = {key: row[[0, 1, 3, 2, 4, 5, 6, 7]] for key, row in want.items()}  # u' = v, v' = -u
    assert_same(got, swapped, (1, 1, 1, -1, 1, 1, 1, 1))


def test_scale():
    """Everything twice as large, reference plane and field too: lengths double, cosines and coverage stay."""
    (vertices, triangles), rows, table, origin = scene(6)
    large = [
        {**r, "source": 2 * r["source"], "field": tuple(2 * e for e in r["field"]), "reference": 2 * r["reference"]}
        for r in rows
    ]
    want = table_of(cast(scenes.beams(rows, SLABS, table, origin), scenes.phantom(vertices, triangles)))
    beams = scenes.beams(large, 2 * SLABS, table, 2 * origin)
    got = table_of(cast(beams, scenes.phantom(2 * vertices, triangles)))
    assert_same(got, want, (2, 1, 2, 2, 2, 1, 2, 2))


def test_the_order_of_beams_cells_and_corners():
    (vertices, triangles), rows, table, origin = scene(7)
    rng = np.random.default_rng(8)
    beams, cells = rng.permutation(len(rows)), rng.permutation(len(triangles))
    shuffled = np.roll(triangles[cells], 1, axis=1)
    want = table_of(cast(scenes.beams(rows, SLABS, table, origin), scenes.phantom(vertices, triangles)))
    mixed = cast(scenes.beams([rows[b] for b in beams], SLABS, table, origin), scenes.phantom(vertices, shuffled))
    got = {(int(beams[b]), int(cells[c])): row for (b, c), row in table_of(mixed).items()}
    assert_same(got, want)
