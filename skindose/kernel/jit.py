"""All numba code of the kernel; one file, since numba's disk cache does not see changes in other files.

The hierarchy is an implicit binary tree over the cells in Morton order: node 1 is the root, node i has the children
2 i and 2 i + 1, the last `leaves` nodes hold LEAF consecutive cells each. Arrays whose name begins with `sorted_`
follow that order.

A beam is a row of floats (see `BEAM`), made by kernel/cast.py: source 0:3, axis 3:6, u 6:9, v 9:12, field 12:16,
reference distance 16, circular 17, patient-to-table rotation 18:27 (row by row) and origin 27:30.
A hit is a row of floats: distance, cosine, u, v, edge, coverage, then the path per layer.
"""

import sys

import numpy as np
from numba import njit


def _load_numba_without_scipy():
    """Load numba's array functions without SciPy's BLAS, which they look for and nothing here needs.

    Where SciPy is installed, importing it there took 0.45 s of a run of 1.9 s. numba looks again when some compiled
    function asks for linear algebra; only its np.correlate is slower in a process that loads this file first.
    """
    blas = "scipy.linalg.cython_blas"
    if blas in sys.modules:
        return
    sys.modules[blas] = None  # makes the import of this one name fail at once
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[blas]


_load_numba_without_scipy()

LEAF = 8
NOWHERE = 1e300  # where boxes without cells are
BEAM = 30
HIT = 6
# A cell that the field's edge crosses is sampled at the centroids of SPLIT x SPLIT equal sub-triangles.
SPLIT = 6
# Largest grid of pixels over a field, and room for this many entries per cell of the body in its pixels.
GRID = 256
MEMBERS = 16
# Rays end this share of their length short of the cell, so that rounding does not let it shadow itself.
RAY_END = 1.0 - 1e-9


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(value):
    """Spread the low 10 bits of `value` to every third bit."""
    value = (value | (value << 16)) & 0x030000FF
    value = (value | (value << 8)) & 0x0300F00F
    value = (value | (value << 4)) & 0x030C30C3
    return (value | (value << 2)) & 0x09249249


@njit(cache=True, nogil=True, error_model="numpy")
def morton_codes(centroid):
    """(cells,) Morton codes of the centroids on a 1024 x 1024 x 1024 grid over their bounding cube."""
    low = np.empty(3)
    extent = 1e-12
    for k in range(3):
        low[k] = centroid[:, k].min()
        extent = max(extent, centroid[:, k].max() - low[k])
    codes = np.empty(len(centroid), np.int64)
    for i in range(len(centroid)):
        code = np.int64(0)
        for k in range(3):
            code |= _spread(np.int64((centroid[i, k] - low[k]) / extent * 1023.0)) << k
        codes[i] = code
    return codes


@njit(cache=True, nogil=True, error_model="numpy")
def build(vertices, triangles, order):
    """Corners of the cells in Morton order (cells, 9), and the boxes of all nodes (2 leaves, 6)."""
    cells = len(triangles)
    leaves = 1
    while leaves * LEAF < cells:
        leaves *= 2
    boxes = np.empty((2 * leaves, 6))
    boxes[:, :3] = np.inf
    boxes[:, 3:] = -np.inf
    corners = np.empty((cells, 9))
    for i in range(cells):
        node = leaves + i // LEAF
        for corner in range(3):
            for k in range(3):
                x = vertices[triangles[order[i], corner], k]
                corners[i, 3 * corner + k] = x
                boxes[node, k] = min(boxes[node, k], x)
                boxes[node, 3 + k] = max(boxes[node, 3 + k], x)
    for node in range(leaves - 1, 0, -1):
        for k in range(3):
            boxes[node, k] = min(boxes[2 * node, k], boxes[2 * node + 1, k])
            boxes[node, 3 + k] = max(boxes[2 * node, 3 + k], boxes[2 * node + 1, 3 + k])
    for node in range(2 * leaves):
        if boxes[node, 0] > boxes[node, 3]:  # no cells: a point that no segment reaches
            boxes[node, :] = NOWHERE
    return corners, boxes


@njit(cache=True, nogil=True, error_model="numpy")
def _edge_planes(beam):
    """(4, 4) planes through the source and the field's edges: normal pointing into the beam, and offset."""
    planes = np.empty((4, 4))
    for side in range(4):
        axis = 6 if side < 2 else 9
        sign = 1.0 if side % 2 == 0 else -1.0
        offset = 0.0
        for k in range(3):
            normal = sign * (beam[16] * beam[axis + k] - beam[12 + side] * beam[3 + k])
            planes[side, k] = normal
            offset += normal * beam[k]
        planes[side, 3] = offset
    return planes


@njit(cache=True, nogil=True, error_model="numpy")
def _box_outside(box, planes):
    """True where the box lies wholly outside one of the planes."""
    for side in range(4):
        reach = -planes[side, 3]
        for k in range(3):
            normal = planes[side, k]
            reach += normal * (box[3 + k] if normal > 0.0 else box[k])
        if reach < 0.0:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _segment_misses_box(ox, oy, oz, ix, iy, iz, boxes, node):
    """True where the segment o + t d, 0 <= t <= 1, with i = 1 / d, does not meet the node's box."""
    x0, x1 = (boxes[node, 0] - ox) * ix, (boxes[node, 3] - ox) * ix
    y0, y1 = (boxes[node, 1] - oy) * iy, (boxes[node, 4] - oy) * iy
    z0, z1 = (boxes[node, 2] - oz) * iz, (boxes[node, 5] - oz) * iz
    enter = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), 0.0))
    leave = min(min(max(x0, x1), max(y0, y1)), min(max(z0, z1), 1.0))
    return enter > leave


@njit(cache=True, nogil=True, error_model="numpy")
def _ray_meets_triangle(ox, oy, oz, dx, dy, dz, c, i):
    """True where o + t d meets the outer side of triangle i at 0 < t < RAY_END [Moeller & Trumbore 1997]."""
    e1x, e1y, e1z = c[i, 3] - c[i, 0], c[i, 4] - c[i, 1], c[i, 5] - c[i, 2]
    e2x, e2y, e2z = c[i, 6] - c[i, 0], c[i, 7] - c[i, 1], c[i, 8] - c[i, 2]
    px, py, pz = dy * e2z - dz * e2y, dz * e2x - dx * e2z, dx * e2y - dy * e2x
    determinant = e1x * px + e1y * py + e1z * pz
    if not determinant > 0.0:  # seen from its inner side, or edge-on
        return False
    sx, sy, sz = ox - c[i, 0], oy - c[i, 1], oz - c[i, 2]
    a = (sx * px + sy * py + sz * pz) / determinant
    if not 0.0 <= a <= 1.0:
        return False
    qx, qy, qz = sy * e1z - sz * e1y, sz * e1x - sx * e1z, sx * e1y - sy * e1x
    b = (dx * qx + dy * qy + dz * qz) / determinant
    if b < 0.0 or a + b > 1.0:
        return False
    t = (e2x * qx + e2y * qy + e2z * qz) / determinant
    return 0.0 < t < RAY_END


@njit(cache=True, nogil=True, error_model="numpy")
def _shadowed(beam, ray, own, sorted_corners, boxes, stack):
    """True where the outer side of any other cell lies between the source and the source + ray."""
    ox, oy, oz = beam[0], beam[1], beam[2]
    dx, dy, dz = ray[0], ray[1], ray[2]
    ix = 1.0 / dx if dx != 0.0 else 1e300
    iy = 1.0 / dy if dy != 0.0 else 1e300
    iz = 1.0 / dz if dz != 0.0 else 1e300
    leaves = len(boxes) // 2
    stack[0] = 1
    top = 1
    while top > 0:
        top -= 1
        node = stack[top]
        if _segment_misses_box(ox, oy, oz, ix, iy, iz, boxes, node):
            continue
        if node < leaves:
            stack[top] = 2 * node
            stack[top + 1] = 2 * node + 1
            top += 2
            continue
        first = (node - leaves) * LEAF
        for i in range(first, min(first + LEAF, len(sorted_corners))):
            if i != own and _ray_meets_triangle(ox, oy, oz, dx, dy, dz, sorted_corners, i):
                return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _in_field(beam, x, y, z):
    """Field coordinates of a point at the reference plane, and whether it is inside (edges count as inside)."""
    depth = beam[3] * x + beam[4] * y + beam[5] * z
    if depth <= 0.0:
        return 0.0, 0.0, False
    scale = beam[16] / depth
    u = scale * (beam[6] * x + beam[7] * y + beam[8] * z)
    v = scale * (beam[9] * x + beam[10] * y + beam[11] * z)
    if beam[17] > 0.5:
        a = (2.0 * u - beam[12] - beam[13]) / (beam[13] - beam[12])
        b = (2.0 * v - beam[14] - beam[15]) / (beam[15] - beam[14])
        return u, v, a * a + b * b <= 1.0
    return u, v, beam[12] <= u <= beam[13] and beam[14] <= v <= beam[15]


@njit(cache=True, nogil=True, error_model="numpy")
def _project(beam, corners, i, view):
    """Cell i as seen from the source, into `view`: bounds of u and v at the reference plane, and its least depth.

    False where a corner is not in front of the source: such a cell has no view.
    """
    u0, u1, v0, v1, least = np.inf, -np.inf, np.inf, -np.inf, np.inf
    for corner in range(0, 9, 3):
        x, y, z = corners[i, corner] - beam[0], corners[i, corner + 1] - beam[1], corners[i, corner + 2] - beam[2]
        depth = beam[3] * x + beam[4] * y + beam[5] * z
        if not depth > 0.0:
            return False
        scale = beam[16] / depth
        u = scale * (beam[6] * x + beam[7] * y + beam[8] * z)
        v = scale * (beam[9] * x + beam[10] * y + beam[11] * z)
        u0, u1, v0, v1, least = min(u0, u), max(u1, u), min(v0, v), max(v1, v), min(least, depth)
    view[0], view[1], view[2], view[3], view[4] = u0, u1, v0, v1, least
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _coverage(beam, corners, i, view, seen):
    """Share of the cell's area inside the field: 1 where its corners are inside, 0 where it lies beyond one edge, else
    sampled. The field is convex, so corners inside mean all inside.
    """
    if seen:
        if view[1] < beam[12] or view[0] > beam[13] or view[3] < beam[14] or view[2] > beam[15]:
            return 0.0
        inside = beam[12] <= view[0] and view[1] <= beam[13] and beam[14] <= view[2] and view[3] <= beam[15]
        if inside and beam[17] < 0.5:
            return 1.0
    corners_inside = 0
    for corner in range(0, 9, 3):
        x, y, z = corners[i, corner] - beam[0], corners[i, corner + 1] - beam[1], corners[i, corner + 2] - beam[2]
        corners_inside += _in_field(beam, x, y, z)[2]
    if corners_inside == 3:
        return 1.0
    return _sampled_coverage(beam, corners, i)


@njit(cache=True, nogil=True, error_model="numpy")
def _sampled_coverage(beam, corners, i):
    """Share of the SPLIT^2 sub-triangles' centroids that lie inside the field."""
    count = 0
    for row in range(SPLIT):
        for j in range(2 * (SPLIT - row) - 1):
            # Sub-triangles point up (even j) or down (odd j); barycentric coordinates of their centroids.
            a = (row + (1.0 if j % 2 == 0 else 2.0) / 3.0) / SPLIT
            b = (j // 2 + (1.0 if j % 2 == 0 else 2.0) / 3.0) / SPLIT
            c = 1.0 - a - b
            x = c * corners[i, 0] + a * corners[i, 3] + b * corners[i, 6] - beam[0]
            y = c * corners[i, 1] + a * corners[i, 4] + b * corners[i, 7] - beam[1]
            z = c * corners[i, 2] + a * corners[i, 5] + b * corners[i, 8] - beam[2]
            count += _in_field(beam, x, y, z)[2]
    return count / (SPLIT * SPLIT)


@njit(cache=True, nogil=True, error_model="numpy")
def _edge_distance(beam, u, v, depth):
    """Signed distance in mm from (u, v) to the field's edge, at `depth` along the axis; positive inside."""
    if beam[17] > 0.5:
        half_u = 0.5 * (beam[13] - beam[12])
        half_v = 0.5 * (beam[15] - beam[14])
        a = (u - 0.5 * (beam[12] + beam[13])) / half_u
        b = (v - 0.5 * (beam[14] + beam[15])) / half_v
        return (1.0 - np.sqrt(a * a + b * b)) * min(half_u, half_v) * depth / beam[16]
    du = min(u - beam[12], beam[13] - u)
    dv = min(v - beam[14], beam[15] - v)
    edge = min(du, dv) if du >= 0.0 or dv >= 0.0 else -np.sqrt(du * du + dv * dv)
    return edge * depth / beam[16]


@njit(cache=True, nogil=True, error_model="numpy")
def _layer_path(start, d, length, slab):
    """Path length in mm of the segment start + t d, 0 <= t <= 1, through an axis-parallel slab."""
    enter = 0.0
    leave = 1.0
    for k in range(3):
        if d[k] == 0.0:
            if not slab[2 * k] <= start[k] <= slab[2 * k + 1]:
                return 0.0
            continue
        near = (slab[2 * k] - start[k]) / d[k]
        far = (slab[2 * k + 1] - start[k]) / d[k]
        enter = max(enter, min(near, far))
        leave = min(leave, max(near, far))
    return (leave - enter) * length if leave > enter else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _in_front(beam, ray):
    """True where the end of the ray lies in front of the source."""
    return beam[3] * ray[0] + beam[4] * ray[1] + beam[5] * ray[2] > 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_hit(hit, beam, ray, normal, slabs):
    """Fill a hit's row but its coverage, for the ray from the source to the cell's centroid."""
    x, y, z = ray[0], ray[1], ray[2]
    distance = np.sqrt(x * x + y * y + z * z)
    hit[0] = distance
    hit[1] = -(x * normal[0] + y * normal[1] + z * normal[2]) / distance
    hit[2], hit[3], _ = _in_field(beam, x, y, z)
    hit[4] = _edge_distance(beam, hit[2], hit[3], beam[3] * x + beam[4] * y + beam[5] * z)
    if len(slabs) == 0:
        return
    start = np.empty(3)
    turned = np.empty(3)
    for k in range(3):
        r = 18 + 3 * k
        start[k] = beam[r] * beam[0] + beam[r + 1] * beam[1] + beam[r + 2] * beam[2] + beam[27 + k]
        turned[k] = beam[r] * x + beam[r + 1] * y + beam[r + 2] * z
    for layer in range(len(slabs)):
        hit[HIT + layer] = _layer_path(start, turned, distance, slabs[layer])


@njit(cache=True, nogil=True, error_model="numpy")
def _candidates(beam, boxes, found, stack):
    """Leaves that the beam may meet, into `found`; their number."""
    planes = _edge_planes(beam)
    leaves = len(boxes) // 2
    count = 0
    stack[0] = 1
    top = 1
    while top > 0:
        top -= 1
        node = stack[top]
        if boxes[node, 0] == NOWHERE or _box_outside(boxes[node], planes):
            continue
        if node < leaves:
            stack[top] = 2 * node + 1
            stack[top + 1] = 2 * node
            top += 2
        else:
            found[count] = node - leaves
            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _pixel(value, low, size, pixels):
    """Pixel of a coordinate, clamped to the grid."""
    return min(max(np.int64((value - low) / size), 0), pixels - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _bin_views(beam, view, count, start, members):
    """Sort the views into the pixels of a grid over the field: view k is in every pixel that its bounding box meets.

    Returns the grid's side in pixels, or 0 where `members` is too small for it. `start` has the first member of each
    pixel.
    """
    pixels = max(1, min(np.int64(np.sqrt(count)), np.int64(np.sqrt(len(start) - 1))))
    du, dv = (beam[13] - beam[12]) / pixels, (beam[15] - beam[14]) / pixels
    slack = 1e-9 * beam[16]  # a view reaches this much farther than its corners, against rounding
    start[: pixels * pixels + 1] = 0
    for fill in range(2):
        for k in range(count):
            i0 = _pixel(view[k, 0] - slack, beam[12], du, pixels)
            i1 = _pixel(view[k, 1] + slack, beam[12], du, pixels)
            j0 = _pixel(view[k, 2] - slack, beam[14], dv, pixels)
            j1 = _pixel(view[k, 3] + slack, beam[14], dv, pixels)
            for i in range(i0, i1 + 1):
                for j in range(j0, j1 + 1):
                    pixel = i * pixels + j
                    if fill == 1:
                        members[start[pixel]] = k
                    start[pixel] += 1
        if fill == 0:
            total = 0
            for pixel in range(pixels * pixels):
                total, start[pixel] = total + start[pixel], total
            if total > len(members):
                return 0
    for pixel in range(pixels * pixels, 0, -1):
        start[pixel] = start[pixel - 1]
    start[0] = 0
    return pixels


@njit(cache=True, nogil=True, error_model="numpy")
def _shadowed_in_view(beam, ray, k, u, v, view, views_of, corners, pixels, start, members):
    """As `_shadowed` for a ray inside the field: only the views in the ray's pixel can be in its way."""
    depth = beam[3] * ray[0] + beam[4] * ray[1] + beam[5] * ray[2]
    i = _pixel(u, beam[12], (beam[13] - beam[12]) / pixels, pixels)
    j = _pixel(v, beam[14], (beam[15] - beam[14]) / pixels, pixels)
    slack = 1e-9 * beam[16]
    for m in range(start[i * pixels + j], start[i * pixels + j + 1]):
        other = members[m]
        if other == k or view[other, 4] >= depth:
            continue
        if u < view[other, 0] - slack or u > view[other, 1] + slack:
            continue
        if v < view[other, 2] - slack or v > view[other, 3] + slack:
            continue
        if _ray_meets_triangle(beam[0], beam[1], beam[2], ray[0], ray[1], ray[2], corners, views_of[other]):
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _views(beam, leaves, found, sorted_corners, sorted_centroid, sorted_normal, view, views_of, share):
    """Views of the cells in the found leaves that show the source their outer side, and their shares in the field.

    Returns their number, and whether all of them lie in front of the source.
    """
    count = 0
    all_seen = True
    ray = np.empty(3)
    for leaf in range(leaves):
        first = found[leaf] * LEAF
        for i in range(first, min(first + LEAF, len(sorted_corners))):
            for k in range(3):
                ray[k] = sorted_centroid[i, k] - beam[k]
            if not ray[0] * sorted_normal[i, 0] + ray[1] * sorted_normal[i, 1] + ray[2] * sorted_normal[i, 2] < 0.0:
                continue
            seen = _project(beam, sorted_corners, i, view[count])
            all_seen = all_seen and seen
            in_front = seen or _in_front(beam, ray)
            share[count] = _coverage(beam, sorted_corners, i, view[count], seen) if in_front else 0.0
            views_of[count] = i
            count += 1
    return count, all_seen


@njit(cache=True, nogil=True, error_model="numpy")
def cast(beams, sorted_corners, sorted_centroid, sorted_normal, boxes, slabs):
    """Hits of each beam: start (beams + 1,), place in Morton order (hits,), rows (hits, HIT + layers).

    Shadows are looked for among the cells of the same pixel of the field, as the source sees them; rays outside the
    field (to cells cut by its edge), and beams with cells beside or behind the source, go through the hierarchy.
    """
    cells = len(sorted_corners)
    starts = np.zeros(len(beams) + 1, np.int64)
    place = np.empty(1024 * max(1, len(beams)), np.int64)
    rows = np.zeros((len(place), HIT + len(slabs)))
    found = np.empty(len(boxes) // 2, np.int64)
    view = np.empty((cells, 5))
    views_of = np.empty(cells, np.int64)
    share = np.empty(cells)
    pixel_start = np.empty(GRID * GRID + 1, np.int64)
    members = np.empty(MEMBERS * cells, np.int64)
    ray = np.empty(3)
    stack = np.empty(64, np.int64)
    n = 0
    for b in range(len(beams)):
        beam = beams[b]
        leaves = _candidates(beam, boxes, found, stack)
        count, all_seen = _views(
            beam, leaves, found, sorted_corners, sorted_centroid, sorted_normal, view, views_of, share
        )
        pixels = _bin_views(beam, view, count, pixel_start, members) if all_seen and count > 0 else 0
        while len(place) < n + count:
            place = np.concatenate((place, np.empty_like(place)))
            rows = np.concatenate((rows, np.zeros_like(rows)))
        for k in range(count):
            if share[k] == 0.0:
                continue
            i = views_of[k]
            for axis in range(3):
                ray[axis] = sorted_centroid[i, axis] - beam[axis]
            u, v, inside = _in_field(beam, ray[0], ray[1], ray[2])
            if pixels > 0 and inside:
                dark = _shadowed_in_view(
                    beam, ray, k, u, v, view, views_of, sorted_corners, pixels, pixel_start, members
                )
            else:
                dark = _shadowed(beam, ray, i, sorted_corners, boxes, stack)
            if dark:
                continue
            _fill_hit(rows[n], beam, ray, sorted_normal[i], slabs)
            rows[n, 5] = share[k]
            place[n] = i
            n += 1
        starts[b + 1] = n
    return starts, place[:n].copy(), rows[:n].copy()
