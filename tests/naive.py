"""Plain twins of the kernel: every beam against every cell, in numpy, without hierarchy or shortcuts.

Written from docs/conventions.md and the docstrings of `Hits`, importing nothing of the program.
"""

import numpy as np


def hits(beam, vertices, triangles, slabs, split=6):
    """All hits of one beam (dict with source, axis, u, v, field, reference, circular, rotation, origin).

    Returns dict cell -> (distance, cosine, u, v, edge, coverage, paths), and the cells within 1e-9 of a decision.
    """
    corners = vertices[triangles]
    centroid = corners.mean(axis=1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    normal = np.where(length[:, None] > 0, normal / np.where(length > 0, length, 1)[:, None], 0.0)
    found, doubtful = {}, set()
    for cell in range(len(triangles)):
        ray = centroid[cell] - beam["source"]
        distance = np.linalg.norm(ray)
        depth = ray @ beam["axis"]
        if distance == 0 or depth <= 0:
            continue
        cosine = -(ray @ normal[cell]) / distance
        if abs(cosine) < 1e-9:
            doubtful.add(cell)
        if cosine <= 0:
            continue
        coverage, near_edge = cover(beam, corners[cell], split)
        if near_edge:
            doubtful.add(cell)
        if coverage == 0:
            continue
        dark, near = shadowed(beam["source"], ray, cell, corners)
        if near:
            doubtful.add(cell)
        if dark:
            continue
        u, v = field_coordinates(beam, ray)
        paths = [slab_path(beam, ray, slab) for slab in slabs]
        edge = edge_distance(beam, u, v) * depth / beam["reference"]
        found[cell] = np.array([distance, cosine, u, v, edge, coverage, *paths])
    return found, doubtful


def hits_with_halo(beam, vertices, triangles, slabs, halo_mm):
    """As `hits`, with the cells that a rectangular field larger by the halo on each side would light as well."""
    if halo_mm == 0:
        return hits(beam, vertices, triangles, slabs)
    u0, u1, v0, v1 = beam["field"]
    wider = {**beam, "field": (u0 - halo_mm, u1 + halo_mm, v0 - halo_mm, v1 + halo_mm), "circular": False}
    found, doubtful = hits(wider, vertices, triangles, slabs)
    for cell, row in found.items():
        ray = vertices[triangles[cell]].mean(axis=0) - beam["source"]
        scale = (ray @ beam["axis"]) / beam["reference"]
        coverage, near_edge = cover(beam, vertices[triangles[cell]], 6)
        if near_edge:
            doubtful.add(cell)
        row[4:6] = edge_distance(beam, *field_coordinates(beam, ray)) * scale, coverage
    return found, doubtful


def field_coordinates(beam, ray):
    """Where a ray from the source pierces the reference plane."""
    t = beam["reference"] / (ray @ beam["axis"])
    return t * (ray @ beam["u"]), t * (ray @ beam["v"])


def edge_distance(beam, u, v):
    """Signed distance to the field's edge in the reference plane; positive inside."""
    u0, u1, v0, v1 = beam["field"]
    if beam["circular"]:
        rho = np.hypot((u - (u0 + u1) / 2) / ((u1 - u0) / 2), (v - (v0 + v1) / 2) / ((v1 - v0) / 2))
        return (1 - rho) * min(u1 - u0, v1 - v0) / 2
    outside = np.array([max(u0 - u, 0, u - u1), max(v0 - v, 0, v - v1)])
    if outside.any():
        return -np.linalg.norm(outside)
    return min(u - u0, u1 - u, v - v0, v1 - v)


def cover(beam, corners, split):
    """Share of the cell inside the field, and whether that is a close call.

    Straight edges cut the cell to a polygon; a round field is sampled at the centroids of split^2 equal sub-triangles
    unless all corners are inside.
    """
    if beam["circular"]:
        return cover_round(beam, corners, split)
    polygon = [*corners]
    for normal in edge_normals(beam):
        polygon = clip(polygon, [(point - beam["source"]) @ normal for point in polygon])
    area = polygon_area(polygon)
    whole = polygon_area([*corners])
    share = area / whole if whole > 0 else float(len(polygon) > 0)
    margins = [(corner - beam["source"]) @ normal for corner in corners for normal in edge_normals(beam)]
    close = min(map(abs, margins)) < 1e-9 * beam["reference"] ** 2
    return share, close or 0 < share < 1e-9


def edge_normals(beam):
    """Inward normals of the four planes through the source and the field's edges."""
    u0, u1, v0, v1 = beam["field"]
    r = beam["reference"]
    return (
        r * beam["u"] - u0 * beam["axis"],
        u1 * beam["axis"] - r * beam["u"],
        r * beam["v"] - v0 * beam["axis"],
        v1 * beam["axis"] - r * beam["v"],
    )


def clip(polygon, heights):
    """The part of a polygon where `heights`, linear over it, are not negative."""
    kept = []
    for k in range(len(polygon)):
        here, there = heights[k - 1], heights[k]
        if (here >= 0) != (there >= 0):
            kept.append(polygon[k - 1] + here / (here - there) * (polygon[k] - polygon[k - 1]))
        if there >= 0:
            kept.append(polygon[k])
    return kept


def polygon_area(polygon):
    if len(polygon) < 3:
        return 0.0
    sides = np.array(polygon[1:]) - polygon[0]
    return np.linalg.norm(np.cross(sides[:-1], sides[1:]).sum(axis=0)) / 2


def cover_round(beam, corners, split):
    margins = [point_margin(beam, corner) for corner in corners]
    near = any(abs(m) < 1e-9 for m in margins)
    if all(m >= 0 for m in margins):
        return 1.0, near
    a, b, c = corners
    inside = 0
    for i in range(split):
        for j in range(split - i):
            up = [(i, j), (i + 1, j), (i, j + 1)]
            down = [(i + 1, j + 1), (i + 1, j), (i, j + 1)]
            for tri in [up, down] if i + j < split - 1 else [up]:
                s, t = np.mean(tri, axis=0) / split
                margin = point_margin(beam, (1 - s - t) * a + s * b + t * c)
                near = near or abs(margin) < 1e-9
                inside += margin >= 0
    return inside / split**2, near


def point_margin(beam, point):
    ray = point - beam["source"]
    if ray @ beam["axis"] <= 0:
        return -1.0
    return edge_distance(beam, *field_coordinates(beam, ray))


def shadowed(source, ray, own, corners):
    """Does any other triangle meet the segment from source to source + ray? And is any of them a close call?"""
    others = np.arange(len(corners)) != own
    a, b, c = corners[others, 0], corners[others, 1], corners[others, 2]
    n = np.cross(b - a, c - a)
    with np.errstate(all="ignore"):
        t = np.einsum("ij,ij->i", a - source, n) / (n @ ray)
        point = source + t[:, None] * ray
        size = np.einsum("ij,ij->i", n, n)
        weights = np.stack(
            [
                np.einsum("ij,ij->i", np.cross(c - b, point - b), n) / size,
                np.einsum("ij,ij->i", np.cross(a - c, point - c), n) / size,
                np.einsum("ij,ij->i", np.cross(b - a, point - a), n) / size,
            ]
        )
    lowest = weights.min(axis=0)
    with np.errstate(invalid="ignore"):
        outer = n @ ray < 0  # only the outer side of a cell shadows: a closed body is entered before it is left
        meets = (t > 0) & (t < 1 - 1e-9) & (lowest >= 0) & outer
        near = (t > -1e-9) & (t < 1 + 1e-6) & (np.abs(lowest) < 1e-9)
        near |= (lowest > -1e-9) & ((np.abs(t) < 1e-9) | (np.abs(t - 1) < 1e-6))
    return bool(meets.any()), bool(near.any())


def slab_path(beam, ray, slab):
    """Length of the ray from the source to the cell within a box of the table frame, by clipping against six planes."""
    start = beam["rotation"] @ beam["source"] + beam["origin"]
    d = beam["rotation"] @ ray
    low, high = 0.0, 1.0
    for k in range(3):
        for bound, sign in ((slab[2 * k], 1.0), (slab[2 * k + 1], -1.0)):
            gap, rate = sign * (start[k] - bound), sign * d[k]  # inside where gap + t rate >= 0
            if rate == 0:
                if gap < 0:
                    return 0.0
            elif rate > 0:
                low = max(low, -gap / rate)
            else:
                high = min(high, -gap / rate)
    return max(0.0, high - low) * np.linalg.norm(ray)
