"""All numba code of the kernel; one file, since numba's disk cache does not see changes in other files.

The cells stand LEAF at a time in leaves, each a compact patch of skin. The hierarchy is an implicit tree over them:
node 0 is the root, node n has the children LEAF n + 1 to LEAF n + LEAF; those beyond the last node are the leaves.

What a cell needs to be lit: its outer side faces the source, a part of it lies in the field, and nothing stands between
the source and its centroid. On a closed surface a ray from outside enters and leaves in turn, so a cell that lies open
(not inside another part of the body) is shadowed exactly where the ray leaves the surface before it reaches the cell.
Only cells seen from their inner side can show that, and those nearest to the source rarely lie in front of anything: a
comparison of depths in a coarse grid over the field clears whole leaves. Cells inside another part of the body, open
surfaces and sources inside the body take the plain way, a ray through the hierarchy. docs/kernel.md has the argument.

A beam is a row of floats (see `BEAM`), made by kernel/cast.py: source 0:3, axis 3:6, u 6:9, v 9:12, field 12:16,
reference distance 16, circular 17, patient-to-table rotation 18:27 (row by row) and origin 27:30.
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

LEAF = 8  # cells in a leaf, and children of a node: as many as are worked on side by side
BEAM = 30
COLUMNS = 6  # of a hit, before the paths: distance, cosine, u, v, edge, coverage
LOOK = 15  # numbers worked out of each leaf that a beam may meet
# A cell that a round field's edge crosses is sampled at the centroids of SPLIT x SPLIT equal sub-triangles.
SPLIT = 6
# Rays that ask where a cell lies leave its normal by this much: opposite it, regular bodies have corners and diagonals,
# and a ray that meets an edge may by rounding miss both cells at it.
TILT = (0.0331, 0.0517, 0.0743)
# Rays end this share of their length short of the cell, so that rounding does not let it shadow itself.
RAY_END = 1.0 - 1e-9
# Rays inwards from a cell leave its normal by less, and see what is farther off than this share of their length.
SLIGHT_TILT = (3.31e-5, 5.17e-5, 7.43e-5)
NEAR = 1e-9
# Where leaves are judged as a whole they count as this much larger, relative to their distance, against rounding.
SLACK = 1e-9
# Most pixels on a side of the grid over the field in which the depths of leaves are compared.
GRID = 32
# Hits that are filled together, small enough for the cache.
BATCH = 256

UNKNOWN, OPEN, BURIED = 0, 1, 2  # what is known of a cell; of a leaf, OPEN: all its cells are
FRONT, BACK, MIXED = 0, 1, 2  # which side a leaf's cells show the source


# --- the hierarchy


@njit(nogil=True, error_model="numpy")
def _part(order, keys, first, last, middle):
    """Order cells first to last so that none before `middle` has a larger key than one from it on [Hoare 1961]."""
    low, high = first, last - 1
    while low < high:
        a, b, c = keys[order[low]], keys[order[(low + high) // 2]], keys[order[high]]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while keys[order[i]] < pivot:
                i += 1
            while keys[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True, error_model="numpy")
def cell_order(centroid):
    """(cells,) the cells in the order of the hierarchy: each node's share is split in two across its longest side."""
    cells = len(centroid)
    leaves = 1
    while leaves * LEAF < cells:
        leaves *= 2
    order = np.arange(cells)
    axes = np.ascontiguousarray(centroid.T)
    slots = leaves * LEAF
    while slots > LEAF:
        for first in range(0, cells, slots):
            last, middle = min(first + slots, cells), first + slots // 2
            if middle >= last:
                continue
            longest, best = 0, -1.0
            for k in range(3):
                low, high = np.inf, -np.inf
                for i in range(first, last):
                    x = axes[k, order[i]]
                    low, high = min(low, x), max(high, x)
                if high - low > best:
                    longest, best = k, high - low
            _part(order, axes[longest], first, last, middle)
        slots //= 2
    return order


@njit(cache=True, nogil=True, error_model="numpy")
def is_closed(triangles, neighbours):
    """True where every cell has, across each of its edges, one neighbour that runs along it the other way."""
    for i in range(len(triangles)):
        for k in range(3):
            j = neighbours[i, k]
            if j < 0:
                return False
            a, b = triangles[i, k], triangles[i, (k + 1) % 3]
            runs_back = False
            for m in range(3):
                runs_back |= triangles[j, m] == b and triangles[j, (m + 1) % 3] == a and neighbours[j, m] == i
            if not runs_back:
                return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def build(vertices, triangles, order, centroid, normal):
    """The hierarchy of the cells in the order of `cell_order`.

    corners (leaves, 9, LEAF)   x, y, z of the three corners of each cell; 0 where the last leaf is not full
    faces (leaves, 6, LEAF)     centroid and normal
    leaves (leaves, 12)         centre and half sides of the box, radius of the ball about its centre, mean normal,
                                cosine and sine of the angle within which all normals lie about it (0 and 1: any)
    nodes (nodes, 6, LEAF)      centre and half sides of the children's boxes, half sides below 0 where there is none
    """
    cells = len(triangles)
    count = (cells + LEAF - 1) // LEAF
    corners = np.zeros((count, 9, LEAF))
    faces = np.zeros((count, 6, LEAF))
    leaves = np.zeros((count, 12))
    for leaf in range(count):
        for j in range(min(LEAF, cells - leaf * LEAF)):
            i = order[leaf * LEAF + j]
            for k in range(3):
                faces[leaf, k, j] = centroid[i, k]
                faces[leaf, 3 + k, j] = normal[i, k]
                for corner in range(3):
                    corners[leaf, 3 * corner + k, j] = vertices[triangles[i, corner], k]
        _summarise(leaves[leaf], corners[leaf], faces[leaf], min(LEAF, cells - leaf * LEAF))
    return corners, faces, leaves, _nodes(leaves)


@njit(nogil=True, error_model="numpy")
def _summarise(leaf, corners, faces, cells):
    """Box, ball and cone of normals of a leaf."""
    for k in range(3):
        low, high = np.inf, -np.inf
        for j in range(cells):
            for corner in range(0, 9, 3):
                low, high = min(low, corners[corner + k, j]), max(high, corners[corner + k, j])
            leaf[7 + k] += faces[3 + k, j]
        leaf[k], leaf[3 + k] = 0.5 * (low + high), 0.5 * (high - low)
    leaf[6] = np.sqrt(leaf[3] ** 2 + leaf[4] ** 2 + leaf[5] ** 2)
    length = np.sqrt(leaf[7] ** 2 + leaf[8] ** 2 + leaf[9] ** 2)
    cosine = 1.0 if length > 1e-9 else 0.0
    for k in range(3):
        leaf[7 + k] /= length if length > 1e-9 else 1.0
    for j in range(cells):  # a cell without area has the normal 0: its leaf counts as mixed
        cosine = min(cosine, faces[3, j] * leaf[7] + faces[4, j] * leaf[8] + faces[5, j] * leaf[9])
    if cells < LEAF:  # so that it never counts as a whole
        cosine = 0.0
    leaf[10] = max(cosine, 0.0)
    leaf[11] = np.sqrt(max(1.0 - leaf[10] ** 2, 0.0))


@njit(nogil=True, error_model="numpy")
def _nodes(leaves):
    """Nodes of the tree over the leaves: node n has the children LEAF n + 1 ..., the bottom ones have leaves."""
    count = len(leaves)
    above, width = 0, 1  # nodes above the bottom level, and on it
    while width * LEAF < count:
        above += width
        width *= LEAF
    nodes = np.empty((above + width, 6, LEAF))
    nodes[:, :3] = 0.0
    nodes[:, 3:] = -1e30
    for n in range(above + width - 1, -1, -1):
        for j in range(LEAF):
            child = LEAF * n + 1 + j
            leaf = child - above - width
            if leaf >= count:
                continue
            for k in range(3):
                if leaf >= 0:
                    nodes[n, k, j], nodes[n, 3 + k, j] = leaves[leaf, k], leaves[leaf, 3 + k]
                    continue
                low, high = np.inf, -np.inf
                for m in range(LEAF):
                    if nodes[child, 3, m] >= 0.0:
                        low = min(low, nodes[child, k, m] - nodes[child, 3 + k, m])
                        high = max(high, nodes[child, k, m] + nodes[child, 3 + k, m])
                if low <= high:
                    # A little larger than the sum of its parts, against rounding.
                    nodes[n, k, j] = 0.5 * (low + high)
                    nodes[n, 3 + k, j] = 0.5 * (high - low) + 1e-12 * (abs(low) + abs(high))
    return nodes


# --- rays through the hierarchy


@njit(inline="always", error_model="numpy")
def _crossings(ox, oy, oz, dx, dy, dz, c, leaf, own, out):
    """How o + t d, 0 < t < RAY_END, crosses the cells of a leaf but cell `own`: numbers from outside and from inside.

    [Moeller & Trumbore, J Graphics Tools 2 (1997) 21, without the divisions]
    """
    from_outside, from_inside = 0, 0
    for j in range(LEAF):
        ax, ay, az = c[leaf, 0, j], c[leaf, 1, j], c[leaf, 2, j]
        e1x, e1y, e1z = c[leaf, 3, j] - ax, c[leaf, 4, j] - ay, c[leaf, 5, j] - az
        e2x, e2y, e2z = c[leaf, 6, j] - ax, c[leaf, 7, j] - ay, c[leaf, 8, j] - az
        px, py, pz = dy * e2z - dz * e2y, dz * e2x - dx * e2z, dx * e2y - dy * e2x
        determinant = e1x * px + e1y * py + e1z * pz
        sx, sy, sz = ox - ax, oy - ay, oz - az
        qx, qy, qz = sy * e1z - sz * e1y, sz * e1x - sx * e1z, sx * e1y - sy * e1x
        sign = 1.0 if determinant > 0.0 else -1.0
        size = abs(determinant)
        a = sign * (sx * px + sy * py + sz * pz)
        b = sign * (dx * qx + dy * qy + dz * qz)
        t = sign * (e2x * qx + e2y * qy + e2z * qz)
        meets = (a >= 0.0) & (b >= 0.0) & (a + b <= size) & (t > 0.0) & (t < RAY_END * size) & (j != own)
        from_outside += meets & (determinant > 0.0)
        from_inside += meets & (determinant < 0.0)
    out[0], out[1] = from_outside, from_inside


@njit(inline="always", error_model="numpy")
def _children_on_the_way(nodes, n, ox, oy, oz, ix, iy, iz, end, out):
    """Into out[2:] which children of a node a ray o + t d, 0 < t < end, may meet; ix, iy, iz = 1 / d."""
    for j in range(nodes.shape[2]):
        x, y, z = (nodes[n, 0, j] - ox) * ix, (nodes[n, 1, j] - oy) * iy, (nodes[n, 2, j] - oz) * iz
        hx, hy, hz = abs(nodes[n, 3, j] * ix), abs(nodes[n, 4, j] * iy), abs(nodes[n, 5, j] * iz)
        enter = max(max(x - hx, y - hy), max(z - hz, 0.0))
        leave = min(min(x + hx, y + hy), min(z + hz, end))
        out[2 + j] = (enter <= leave * (1.0 + SLACK)) & (nodes[n, 3, j] >= 0.0)


@njit(nogil=True, error_model="numpy")
def _along_ray(ray, own_leaf, own, corners, nodes, stack, out, until_entered):
    """Crossings of o + t d, 0 < t < RAY_END, ray = (o, d), with all cells but one: from outside less from inside.

    until_entered   stop at the first crossing from outside, and return 1; 0 where there is none
    """
    ox, oy, oz, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    ix, iy, iz = 1.0 / _not_zero(dx), 1.0 / _not_zero(dy), 1.0 / _not_zero(dz)
    total = 0
    stack[0] = 0
    top = 1
    while top > 0:
        top -= 1
        n = stack[top]
        if n >= len(nodes):
            leaf = n - len(nodes)
            _crossings(ox, oy, oz, dx, dy, dz, corners, leaf, own if leaf == own_leaf else -1, out)
            if until_entered and out[0] > 0:
                return 1
            total += out[0] - out[1]
            continue
        _children_on_the_way(nodes, n, ox, oy, oz, ix, iy, iz, 1.0, out)
        for j in range(LEAF):
            if out[2 + j]:
                stack[top] = LEAF * n + 1 + j
                top += 1
    return 0 if until_entered else total


@njit(nogil=True, error_model="numpy")
def _learn(leaf, corners, faces, nodes, known, known_leaf, ray, stack, out):
    """Learn which cells of a leaf lie open, not inside another part of the body: a ray outwards from such a cell goes
    into the body as often as out of it.
    """
    reach = 2.0 * _reach(nodes)
    all_open = True
    for j in range(LEAF):
        for k in range(3):
            ray[k] = faces[leaf, k, j]
            ray[3 + k] = reach * (faces[leaf, 3 + k, j] + TILT[k])
        is_open = _along_ray(ray, leaf, j, corners, nodes, stack, out, False) == 0
        known[leaf, j] = OPEN if is_open else BURIED
        all_open = all_open and is_open
    known_leaf[leaf] = OPEN if all_open else BURIED


@njit(nogil=True, error_model="numpy")
def _reach(nodes):
    """A length beyond the body from any point in its box."""
    reach = 0.0
    for k in range(3):
        low, high = np.inf, -np.inf
        for j in range(LEAF):
            if nodes[0, 3, j] >= 0.0:
                low = min(low, nodes[0, k, j] - nodes[0, 3 + k, j])
                high = max(high, nodes[0, k, j] + nodes[0, 3 + k, j])
        reach += high - low
    return reach


@njit(nogil=True, error_model="numpy")
def _outside_body(beam, corners, nodes, ray, stack, out):
    """True where the source lies outside a closed body."""
    inside = False
    for j in range(LEAF):
        within = True
        for k in range(3):
            within &= abs(beam[k] - nodes[0, k, j]) <= nodes[0, 3 + k, j]
        inside |= within
    if not inside:
        return True
    reach = _reach(nodes)
    for k in range(3):
        ray[k] = beam[k]
        ray[3 + k] = reach * (TILT[0] * beam[6 + k] + TILT[1] * beam[9 + k] - beam[3 + k])
    return _along_ray(ray, -1, -1, corners, nodes, stack, out, False) == 0


@njit(inline="always", error_model="numpy")
def _leaves_cells_at(ray, c, leaf, own):
    """Least t > NEAR at which o + t d crosses a leaf's cells, but cell `own`, from the inner side; else infinite."""
    ox, oy, oz, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    nearest = np.inf
    for j in range(c.shape[2]):
        ax, ay, az = c[leaf, 0, j], c[leaf, 1, j], c[leaf, 2, j]
        e1x, e1y, e1z = c[leaf, 3, j] - ax, c[leaf, 4, j] - ay, c[leaf, 5, j] - az
        e2x, e2y, e2z = c[leaf, 6, j] - ax, c[leaf, 7, j] - ay, c[leaf, 8, j] - az
        px, py, pz = dy * e2z - dz * e2y, dz * e2x - dx * e2z, dx * e2y - dy * e2x
        size = -(e1x * px + e1y * py + e1z * pz)  # above 0 where the ray comes from the inner side
        sx, sy, sz = ox - ax, oy - ay, oz - az
        qx, qy, qz = sy * e1z - sz * e1y, sz * e1x - sx * e1z, sx * e1y - sy * e1x
        a = -(sx * px + sy * py + sz * pz)
        b = -(dx * qx + dy * qy + dz * qz)
        t = -(e2x * qx + e2y * qy + e2z * qz)
        meets = (size > 0.0) & (a >= 0.0) & (b >= 0.0) & (a + b <= size) & (t > NEAR * size) & (j != own)
        nearest = min(nearest, t / size if meets else np.inf)
    return nearest


@njit(cache=True, nogil=True, error_model="numpy")
def thickness(place, reach, corners, faces, nodes, found):
    """Into `found` how far the body goes on behind each cell, along its inward normal; at most `reach`.

    place   (n,) cells in the hierarchy's order
    """
    ray, stack, out = np.empty(6), np.empty(16 * LEAF, np.int64), np.empty(2 + LEAF, np.int64)
    for n in range(len(place)):
        own_leaf, own = place[n] // LEAF, place[n] % LEAF
        for k in range(3):
            ray[k] = faces[own_leaf, k, own]
            ray[3 + k] = -reach * (faces[own_leaf, 3 + k, own] + SLIGHT_TILT[k])
        ix, iy, iz = 1.0 / _not_zero(ray[3]), 1.0 / _not_zero(ray[4]), 1.0 / _not_zero(ray[5])
        nearest = 1.0
        stack[0] = 0
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            if node >= len(nodes):
                leaf = node - len(nodes)
                nearest = min(nearest, _leaves_cells_at(ray, corners, leaf, own if leaf == own_leaf else -1))
                continue
            _children_on_the_way(nodes, node, ray[0], ray[1], ray[2], ix, iy, iz, nearest, out)
            for j in range(LEAF):
                if out[2 + j]:
                    stack[top] = LEAF * node + 1 + j
                    top += 1
        found[n] = reach * nearest


# --- the field


@njit(nogil=True, error_model="numpy")
def _edge_planes(beam, planes):
    """(4, 4) planes through the source and the field's edges.

    Normal pointing into the beam, and offset: for a point at `depth` along the axis, normal . x + offset is its
    depth times its distance from the edge, seen at the reference plane, positive inside.
    """
    for side in range(4):
        axis = 6 if side < 2 else 9
        sign = 1.0 if side % 2 == 0 else -1.0
        offset = 0.0
        for k in range(3):
            normal = sign * (beam[16] * beam[axis + k] - beam[12 + side] * beam[3 + k])
            planes[side, k] = normal
            offset -= normal * beam[k]
        planes[side, 3] = offset


@njit(inline="always", error_model="numpy")
def _shares_in_planes(corners, leaf, planes, cut, shares, crossing):
    """Shares of the leaf's cells inside the planes of `cut` (bits): exact where one plane at most crosses the cell.

    shares (LEAF,) and crossing (LEAF,) filled; crossing has the bits of the planes that cross the cell.
    """
    shares[:] = 1.0
    crossing[:] = 0
    for side in range(4):
        if not cut >> side & 1:
            continue
        a, b, c, d = planes[side, 0], planes[side, 1], planes[side, 2], planes[side, 3]
        bit = 1 << side
        for j in range(corners.shape[2]):
            s0 = a * corners[leaf, 0, j] + b * corners[leaf, 1, j] + c * corners[leaf, 2, j] + d
            s1 = a * corners[leaf, 3, j] + b * corners[leaf, 4, j] + c * corners[leaf, 5, j] + d
            s2 = a * corners[leaf, 6, j] + b * corners[leaf, 7, j] + c * corners[leaf, 8, j] + d
            low, high = min(s0, min(s1, s2)), max(s0, max(s1, s2))
            middle = max(min(s0, s1), min(max(s0, s1), s2))
            # The corner alone on its side of the plane cuts off a similar triangle.
            alone = high if middle < 0.0 else low
            across = low if middle < 0.0 else high
            tip = alone * alone / ((alone - across) * (alone - middle))
            part = tip if middle < 0.0 else 1.0 - tip
            crosses = (low < 0.0) & (high >= 0.0)
            shares[j] = 0.0 if high < 0.0 else (part * (shares[j] > 0.0) if crosses else shares[j])
            crossing[j] += bit * crosses


@njit(nogil=True, error_model="numpy")
def _clipped(corners, leaf, j, planes, crossing, polygon):
    """Share of a cell inside several planes: the cell clipped by one after another [Sutherland & Hodgman 1974].

    `polygon` (2, 8, 2) is room for the barycentric coordinates of the clipped cell and its successor.
    """
    count = 3
    polygon[0, 0, 0], polygon[0, 0, 1] = 0.0, 0.0
    polygon[0, 1, 0], polygon[0, 1, 1] = 1.0, 0.0
    polygon[0, 2, 0], polygon[0, 2, 1] = 0.0, 1.0
    now = 0
    for side in range(4):
        if not crossing >> side & 1:
            continue
        a, b, c, d = planes[side, 0], planes[side, 1], planes[side, 2], planes[side, 3]
        s0 = a * corners[leaf, 0, j] + b * corners[leaf, 1, j] + c * corners[leaf, 2, j] + d
        s1 = a * corners[leaf, 3, j] + b * corners[leaf, 4, j] + c * corners[leaf, 5, j] + d
        s2 = a * corners[leaf, 6, j] + b * corners[leaf, 7, j] + c * corners[leaf, 8, j] + d
        kept = 0
        for k in range(count):
            a, b = polygon[now, k, 0], polygon[now, k, 1]
            m = k + 1 if k + 1 < count else 0
            a2, b2 = polygon[now, m, 0], polygon[now, m, 1]
            here = s0 + a * (s1 - s0) + b * (s2 - s0)
            there = s0 + a2 * (s1 - s0) + b2 * (s2 - s0)
            if here >= 0.0:
                polygon[1 - now, kept, 0], polygon[1 - now, kept, 1] = a, b
                kept += 1
            if (here >= 0.0) != (there >= 0.0):
                t = here / (here - there)
                polygon[1 - now, kept, 0], polygon[1 - now, kept, 1] = a + t * (a2 - a), b + t * (b2 - b)
                kept += 1
        now = 1 - now
        count = kept
    twice = 0.0
    for k in range(1, count - 1):
        twice += (polygon[now, k, 0] - polygon[now, 0, 0]) * (polygon[now, k + 1, 1] - polygon[now, 0, 1])
        twice -= (polygon[now, k + 1, 0] - polygon[now, 0, 0]) * (polygon[now, k, 1] - polygon[now, 0, 1])
    return min(max(twice, 0.0), 1.0)


@njit(nogil=True, error_model="numpy")
def _in_round_field(beam, x, y, z):
    """True where source + (x, y, z) lies in the ellipse inscribed in the field's edges."""
    depth = beam[3] * x + beam[4] * y + beam[5] * z
    if depth <= 0.0:
        return False
    scale = beam[16] / depth
    u = scale * (beam[6] * x + beam[7] * y + beam[8] * z)
    v = scale * (beam[9] * x + beam[10] * y + beam[11] * z)
    a = (2.0 * u - beam[12] - beam[13]) / (beam[13] - beam[12])
    b = (2.0 * v - beam[14] - beam[15]) / (beam[15] - beam[14])
    return a * a + b * b <= 1.0


@njit(nogil=True, error_model="numpy")
def _share_in_round_field(beam, corners, leaf, j):
    """Share of a cell in a round field: 1 where its corners are inside (the field is convex), else sampled."""
    inside = 0
    for corner in range(0, 9, 3):
        x, y, z = (
            corners[leaf, corner, j] - beam[0],
            corners[leaf, corner + 1, j] - beam[1],
            corners[leaf, corner + 2, j] - beam[2],
        )
        inside += _in_round_field(beam, x, y, z)
    if inside == 3:
        return 1.0
    count = 0
    for row in range(SPLIT):
        for m in range(2 * (SPLIT - row) - 1):
            # Sub-triangles point up (even m) or down (odd m); barycentric coordinates of their centroids.
            a = (row + (1.0 if m % 2 == 0 else 2.0) / 3.0) / SPLIT
            b = (m // 2 + (1.0 if m % 2 == 0 else 2.0) / 3.0) / SPLIT
            c = 1.0 - a - b
            x = c * corners[leaf, 0, j] + a * corners[leaf, 3, j] + b * corners[leaf, 6, j] - beam[0]
            y = c * corners[leaf, 1, j] + a * corners[leaf, 4, j] + b * corners[leaf, 7, j] - beam[1]
            z = c * corners[leaf, 2, j] + a * corners[leaf, 5, j] + b * corners[leaf, 8, j] - beam[2]
            count += _in_round_field(beam, x, y, z)
    return count / (SPLIT * SPLIT)


# --- which cells a beam lights


@njit(nogil=True, error_model="numpy")
def _find_leaves(beam, margin, nodes, found, stack, inside):
    """Leaves that may meet the field, moved out by `margin`, into `found`; their number. `inside` (LEAF,) is room.

    A box lies outside where its centre is farther from the field's middle plane, in u or in v, than half the field at
    its depth and what the box itself extends.
    """
    width = nodes.shape[2]  # LEAF; the compiler vectorises loops over a width that it does not know beforehand
    bottom = (len(nodes) - 1) // LEAF  # the first node that has leaves
    count = 0
    stack[0] = 0
    top = 1
    while top > 0:
        top -= 1
        n = stack[top]
        inside[:] = np.inf
        for axis in (6, 9):
            low, high = beam[12 + (axis - 6) // 3 * 2] - margin, beam[13 + (axis - 6) // 3 * 2] + margin
            middle, half = 0.5 * (low + high), 0.5 * (high - low)
            a, b, c = half * beam[3], half * beam[4], half * beam[5]
            p = beam[16] * beam[axis] - middle * beam[3]
            q = beam[16] * beam[axis + 1] - middle * beam[4]
            r = beam[16] * beam[axis + 2] - middle * beam[5]
            d = p * beam[0] + q * beam[1] + r * beam[2]
            e = a * beam[0] + b * beam[1] + c * beam[2]
            hx, hy, hz = abs(a) + abs(p), abs(b) + abs(q), abs(c) + abs(r)
            for j in range(width):
                x, y, z = nodes[n, 0, j], nodes[n, 1, j], nodes[n, 2, j]
                room = a * x + b * y + c * z - e + hx * nodes[n, 3, j] + hy * nodes[n, 4, j] + hz * nodes[n, 5, j]
                inside[j] = min(inside[j], room - abs(p * x + q * y + r * z - d))
        first = LEAF * n + 1
        if n >= bottom:
            for j in range(LEAF):
                found[count] = first + j - len(nodes)
                count += inside[j] >= 0.0
        else:
            for j in range(LEAF - 1, -1, -1):
                stack[top] = first + j
                top += inside[j] >= 0.0
    return count


# Rows of `look`, which holds what is worked out of the found leaves.
U, V, REACH_U, REACH_V, NEAREST, FARTHEST, SIDE, CUT = 0, 1, 2, 3, 4, 5, 6, 7
# Least depth of the cells that show the source their inner side.
INNER = 14
# From the source to the box's centre, and half sides; used on the way only.
X, Y, Z, HALF_X, HALF_Y, HALF_Z = 8, 9, 10, 11, 12, 13


@njit(nogil=True, error_model="numpy")
def _look(beam, leaves, found, count, look, planes):
    """Look from the source at the found leaves.

    look   (LOOK, leaves) filled: u, v and the reach about them at the reference plane, nearest and farthest depth,
           side (FRONT, BACK, MIXED), the edges of the field that cut the leaf (bits, -1: outside the field)
    planes (4, 4) filled by `_edge_planes`
    """
    _edge_planes(beam, planes)
    for k in range(count):
        leaf = leaves[found[k]]
        x, y, z = leaf[0] - beam[0], leaf[1] - beam[1], leaf[2] - beam[2]
        slack = SLACK * (abs(x) + abs(y) + abs(z))
        look[X, k], look[Y, k], look[Z, k] = x, y, z
        look[HALF_X, k], look[HALF_Y, k], look[HALF_Z, k] = leaf[3] + slack, leaf[4] + slack, leaf[5] + slack
        # All normals lie within an angle about their mean: the extremes of their products with (x, y, z).
        along = leaf[7] * x + leaf[8] * y + leaf[9] * z
        spread = np.sqrt(max(x * x + y * y + z * z - along * along, 0.0)) * leaf[11] + leaf[6] + slack
        along *= leaf[10]
        look[SIDE, k] = FRONT if along + spread < 0.0 else (BACK if along - spread > 0.0 else MIXED)
    x, y, z = look[X, :count], look[Y, :count], look[Z, :count]
    hx, hy, hz = look[HALF_X, :count], look[HALF_Y, :count], look[HALF_Z, :count]
    _look_at_depth(beam[3], beam[4], beam[5], x, y, z, hx, hy, hz, look[NEAREST], look[FARTHEST])
    for row, k in ((U, 6), (V, 9)):
        _look_across(beam, k, x, y, z, hx, hy, hz, look[NEAREST], look[FARTHEST], look[row], look[row + 2])
    look[CUT, :count] = 0.0
    for side in range(4):
        _look_at_edge(
            planes[side, 0], planes[side, 1], planes[side, 2], float(1 << side), x, y, z, hx, hy, hz, look[CUT]
        )


@njit(nogil=True, error_model="numpy")
def _look_at_depth(a, b, c, x, y, z, hx, hy, hz, nearest, farthest):
    """Least and largest depth of boxes along (a, b, c)."""
    for k in range(len(x)):
        nearest[k] = a * x[k] + b * y[k] + c * z[k]
    for k in range(len(x)):
        farthest[k] = nearest[k] + abs(a) * hx[k] + abs(b) * hy[k] + abs(c) * hz[k]
    for k in range(len(x)):
        nearest[k] -= farthest[k] - nearest[k]


@njit(nogil=True, error_model="numpy")
def _look_across(beam, across, x, y, z, hx, hy, hz, nearest, farthest, place, reach):
    """Place of boxes at the reference plane along the field's axis beam[across ...], and reach about it.

    Of another point of the box, place / depth differs by (shift across - place / depth x shift in depth) / its depth.
    """
    a, b, c, ax, ay, az = beam[across], beam[across + 1], beam[across + 2], beam[3], beam[4], beam[5]
    reference = beam[16]
    for k in range(len(x)):
        place[k] = 2.0 * (a * x[k] + b * y[k] + c * z[k]) / (nearest[k] + farthest[k])
    for k in range(len(x)):
        reach[k] = abs(a - place[k] * ax) * hx[k] + abs(b - place[k] * ay) * hy[k] + abs(c - place[k] * az) * hz[k]
    for k in range(len(x)):
        reach[k] *= reference / nearest[k]
        place[k] *= reference


@njit(nogil=True, error_model="numpy")
def _look_at_edge(a, b, c, bit, x, y, z, hx, hy, hz, cut):
    """Add `bit` to `cut` where a plane through the source, of normal (a, b, c), cuts a box; -1 where it lies beyond."""
    for k in range(len(x)):
        middle = a * x[k] + b * y[k] + c * z[k]
        reach = abs(a) * hx[k] + abs(b) * hy[k] + abs(c) * hz[k]
        added = cut[k] + (bit if middle - reach < 0.0 else 0.0)
        cut[k] = -1.0 if (middle + reach < 0.0) | (cut[k] < 0.0) else added


@njit(nogil=True, error_model="numpy")
def _grid(beam, margin, look, count, frame):
    """Lay a grid over the field, its pixels of about a leaf's size; False where a leaf reaches behind the source.

    frame   filled: u of the grid's edge and pixels per mm, the same for v, last pixel, u of the middle and half the
            width within which rays pass the grid, the same for v
    """
    reach, nearest = 1e-9, np.inf
    for k in range(count):
        nearest = min(nearest, look[NEAREST, k])
        reach += look[REACH_U, k] + look[REACH_V, k]
    wide = beam[13] - beam[12] + beam[15] - beam[14] + 4.0 * margin
    pixels = min(max(np.int64(0.6 * wide * count / reach), 1), GRID)
    for k in range(2):
        frame[2 * k] = beam[12 + 2 * k] - margin
        frame[2 * k + 1] = pixels / (beam[13 + 2 * k] - beam[12 + 2 * k] + 2.0 * margin)
        frame[5 + 2 * k] = 0.5 * (beam[12 + 2 * k] + beam[13 + 2 * k])
        frame[6 + 2 * k] = (0.5 * (beam[13 + 2 * k] - beam[12 + 2 * k]) + margin) * (1.0 - SLACK)
    frame[4] = pixels - 1.0
    return nearest > 0.0


@njit(inline="always", error_model="numpy")
def _pixel(frame, u, v):
    """Pixel of a ray that passes the grid."""
    i, j = np.int64((u - frame[0]) * frame[1]), np.int64((v - frame[2]) * frame[3])
    last = np.int64(frame[4])
    return min(max(i, 0), last) * GRID + min(max(j, 0), last)


@njit(inline="always", error_model="numpy")
def _pixels(frame, look, k):
    """First and last pixel that a leaf reaches, in u and in v."""
    u, v, last = (look[U, k] - frame[0]) * frame[1], (look[V, k] - frame[2]) * frame[3], frame[4]
    reach_u, reach_v = look[REACH_U, k] * frame[1], look[REACH_V, k] * frame[3]
    return (
        np.int64(min(max(u - reach_u, 0.0), last)),
        np.int64(min(max(u + reach_u, 0.0), last)),
        np.int64(min(max(v - reach_v, 0.0), last)),
        np.int64(min(max(v + reach_v, 0.0), last)),
    )


@njit(nogil=True, error_model="numpy")
def _deepest(frame, look, count, deepest):
    """Into `deepest` (GRID^2) the largest depth per pixel of leaves with cells that may be lit; the largest of all."""
    deepest[:] = 0.0
    most = 0.0
    for k in range(count):
        if look[SIDE, k] == BACK or look[CUT, k] < 0.0:
            continue
        most = max(most, look[FARTHEST, k])
        i0, i1, j0, j1 = _pixels(frame, look, k)
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                deepest[i * GRID + j] = max(deepest[i * GRID + j], look[FARTHEST, k])
    return most


@njit(nogil=True, error_model="numpy")
def _hang_inner_sides(beam, frame, found, count, look, corners, faces, most, deepest, depths, heads, links):
    """Hang the leaves that show the source an inner side, and may shadow something, into the pixels of the grid.

    most, deepest   from `_deepest`
    depths, heads   (GRID^2) filled: least depth at which a ray through the pixel may leave the body, and its first link
    links           filled: which of the found leaves, and the next link of the pixel, -1 at its end
    returns         False where there was too little room
    """
    depths[:] = np.inf
    heads[:] = -1
    used = 0
    for k in range(count):
        nearest = look[NEAREST, k]
        if look[SIDE, k] == FRONT or nearest >= most:
            continue
        if look[SIDE, k] == MIXED:
            nearest = _nearest_inner_side(beam, corners, faces, found[k])
        look[INNER, k] = nearest
        i0, i1, j0, j1 = _pixels(frame, look, k)
        if used + (i1 - i0 + 1) * (j1 - j0 + 1) > len(links):
            return False
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                pixel = i * GRID + j
                links[used, 0] = k
                links[used, 1] = heads[pixel]
                if nearest < deepest[pixel]:
                    heads[pixel] = used
                    depths[pixel] = min(depths[pixel], nearest)
                    used += 1
    return True


@njit(nogil=True, error_model="numpy")
def _nearest_inner_side(beam, corners, faces, leaf):
    """Least depth of the cells of a leaf that show the source their inner side; infinite where none does."""
    nearest = np.inf
    for j in range(LEAF):
        x, y, z = faces[leaf, 0, j] - beam[0], faces[leaf, 1, j] - beam[1], faces[leaf, 2, j] - beam[2]
        if x * faces[leaf, 3, j] + y * faces[leaf, 4, j] + z * faces[leaf, 5, j] > 0.0:
            for corner in range(0, 9, 3):
                x, y = corners[leaf, corner, j] - beam[0], corners[leaf, corner + 1, j] - beam[1]
                z = corners[leaf, corner + 2, j] - beam[2]
                nearest = min(nearest, beam[3] * x + beam[4] * y + beam[5] * z)
    return nearest * (1.0 - SLACK)


@njit(inline="always", error_model="numpy")
def _clear_as_a_whole(frame, look, k, depths):
    """True where no ray to a cell of the leaf can leave the body before it reaches it, if it passes the grid."""
    i0, i1, j0, j1 = _pixels(frame, look, k)
    for i in range(i0, i1 + 1):
        for j in range(j0, j1 + 1):
            if depths[i * GRID + j] < look[FARTHEST, k]:
                return False
    return True


@njit(inline="always", error_model="numpy")
def _left_before(ray, u, v, depth, link, found, look, links, corners, out, last):
    """Which of the found leaves the ray from the source, o + t d with ray = (o, d), through u and v of the reference
    plane, crosses from the inner side at t < 1; -1 where none. Looked for from `link` on, in the leaf `last` first.
    """
    if last >= 0 and look[INNER, last] < depth:
        _crossings(ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], corners, found[last], -1, out)
        if out[1] > 0:
            return last
    while link >= 0:
        k = links[link, 0]
        link = links[link, 1]
        near = (look[INNER, k] < depth) & (abs(u - look[U, k]) <= look[REACH_U, k])
        if near & (abs(v - look[V, k]) <= look[REACH_V, k]) & (k != last):
            _crossings(ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], corners, found[k], -1, out)
            if out[1] > 0:
                return k
    return -1


@njit(inline="always", error_model="numpy")
def _look_at_cells(beam, faces, leaf, depth, u, v):
    """Depth of a leaf's centroids, u and v of the rays to them; depth -1 where a cell does not show its outer side."""
    s = beam
    sx, sy, sz, ax, ay, az, reference = s[0], s[1], s[2], s[3], s[4], s[5], s[16]
    ux, uy, uz, vx, vy, vz = s[6], s[7], s[8], s[9], s[10], s[11]
    for j in range(faces.shape[2]):
        x, y, z = faces[leaf, 0, j] - sx, faces[leaf, 1, j] - sy, faces[leaf, 2, j] - sz
        along = ax * x + ay * y + az * z
        shows = x * faces[leaf, 3, j] + y * faces[leaf, 4, j] + z * faces[leaf, 5, j] < 0.0
        u[j] = reference * (ux * x + uy * y + uz * z) / along
        v[j] = reference * (vx * x + vy * y + vz * z) / along
        depth[j] = along if shows & (along > 0.0) else -1.0


@njit(inline="always", error_model="numpy")
def _lay_shadows(
    beam, margin, corners, faces, nodes, found, count, look, frame, deepest, depths, heads, links, ray, stack, out
):
    """Prepare the grid of depths; False where shadows must be looked for ray by ray."""
    if not _grid(beam, margin, look, count, frame):
        return False
    if not _outside_body(beam, corners, nodes, ray, stack, out):
        return False
    most = _deepest(frame, look, count, deepest)
    return _hang_inner_sides(beam, frame, found, count, look, corners, faces, most, deepest, depths, heads, links)


@njit(inline="always", error_model="numpy")
def _shares(beam, corners, leaf, cut, planes, depth, shares, crossing, polygon):
    """Into `shares` the share of each of a leaf's cells inside the field; 0 for those that do not face the source."""
    if beam[17] > 0.5:
        for j in range(LEAF):
            shares[j] = _share_in_round_field(beam, corners, leaf, j) if depth[j] > 0.0 else 0.0
        return
    _shares_in_planes(corners, leaf, planes, cut, shares, crossing)
    for j in range(LEAF):
        if depth[j] < 0.0:
            shares[j] = 0.0
        elif shares[j] > 0.0 and crossing[j] & (crossing[j] - 1):
            shares[j] = _clipped(corners, leaf, j, planes, crossing[j], polygon)


@njit(inline="always", error_model="numpy")
def _take_all(leaf, place, share, n):
    """Write all cells of a leaf from place n on, as lit whole; returns the next place."""
    for j in range(LEAF):
        place[n + j] = leaf * LEAF + j
        share[n + j] = 1.0
    return n + LEAF


@njit(inline="always", error_model="numpy")
def _set_ray(beam, faces, leaf, j, ray):
    """The ray (o, d) from the source to a cell's centroid."""
    for k in range(3):
        ray[k] = beam[k]
        ray[3 + k] = faces[leaf, k, j] - beam[k]


@njit(nogil=True, error_model="numpy")
def _room(leaves):
    """Room for what is worked out of one beam: planes, frame, depths, deepest, heads, links, found and look."""
    return (
        np.empty((4, 4)),
        np.empty(9),
        np.empty(GRID * GRID),
        np.empty(GRID * GRID),
        np.empty(GRID * GRID, np.int32),
        np.empty((64 * GRID * GRID, 2), np.int32),
        np.empty(leaves + LEAF, np.int64),
        np.empty((LOOK, leaves + LEAF)),
    )


@njit(nogil=True, error_model="numpy")
def _room_for_leaf():
    """Room for one leaf: depth, u, v, shares, crossing, polygon, and for rays: ray, stack, out."""
    return (
        np.empty(LEAF),
        np.empty(LEAF),
        np.empty(LEAF),
        np.empty(LEAF),
        np.empty(LEAF, np.int64),
        np.empty((2, 8, 2)),
        np.empty(6),
        np.empty(16 * LEAF, np.int64),
        np.empty(2 + LEAF, np.int64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def select(beams, first, corners, faces, leaves, nodes, closed, known, known_leaf, margin, place, share, starts):
    """Cells that the beams from `first` on light, as long as there is room for them in `place`.

    corners, faces, leaves, nodes   from `build`; closed: from `is_closed`
    known, known_leaf   (leaves, LEAF), (leaves,) what is known of each cell, filled in; the same whichever beam asks
    margin     mm at the reference plane by which rays may lie outside the field without going through the hierarchy
    place      (room,) filled with cells in the hierarchy's order, beam by beam
    share      (room,) filled with the share of the cell inside the field
    starts     (beams + 1,) filled with the beams' places in them, from `first` on
    returns    the first beam that was not done

    One function, though long: handing these arrays on for every leaf took 1.4 times as long.
    """
    planes, frame, depths, deepest, heads, links, found, look = _room(len(leaves))
    depth, u, v, shares, crossing, polygon, ray, stack, out = _room_for_leaf()
    n = starts[first] = 0
    for b in range(first, len(beams)):
        beam = beams[b]
        count = _find_leaves(beam, margin, nodes, found, stack, shares)
        if n + count * LEAF > len(place):
            return b
        _look(beam, leaves, found, count, look, planes)
        by_leaving = closed and _lay_shadows(
            beam,
            margin,
            corners,
            faces,
            nodes,
            found,
            count,
            look,
            frame,
            deepest,
            depths,
            heads,
            links,
            ray,
            stack,
            out,
        )
        shadow = -1  # the leaf that lay in the way of the cell before
        for k in range(count):
            cut, leaf, side = np.int64(look[CUT, k]), found[k], look[SIDE, k]
            if side == BACK or cut < 0:
                continue
            if by_leaving and known_leaf[leaf] == UNKNOWN:
                _learn(leaf, corners, faces, nodes, known, known_leaf, ray, stack, out)
            clear = by_leaving and _clear_as_a_whole(frame, look, k, depths)
            if clear and cut == 0 and side == FRONT and known_leaf[leaf] == OPEN and beam[17] < 0.5:
                n = _take_all(leaf, place, share, n)
                continue
            _look_at_cells(beam, faces, leaf, depth, u, v)
            _shares(beam, corners, leaf, cut, planes, depth, shares, crossing, polygon)
            for j in range(LEAF):
                if shares[j] == 0.0:
                    continue
                near = abs(u[j] - frame[5]) <= frame[6] and abs(v[j] - frame[7]) <= frame[8]
                ray_by_ray = not (by_leaving and near and known[leaf, j] == OPEN)
                if ray_by_ray or not clear:
                    _set_ray(beam, faces, leaf, j, ray)
                if ray_by_ray and _along_ray(ray, leaf, j, corners, nodes, stack, out, True):
                    continue
                if not ray_by_ray and not clear and depths[_pixel(frame, u[j], v[j])] < depth[j]:
                    link = heads[_pixel(frame, u[j], v[j])]
                    shadow = _left_before(ray, u[j], v[j], depth[j], link, found, look, links, corners, out, shadow)
                    if shadow >= 0:
                        continue
                place[n] = leaf * LEAF + j
                share[n] = shares[j]
                n += 1
        starts[b + 1] = n
    return len(beams)


@njit(cache=True, nogil=True, error_model="numpy")
def cover(beams, starts, place, corners, faces, share):
    """Into `share` (hits,) the share of each hit's cell inside the field, for cells selected in a wider one.

    starts, place   as `select` leaves them; hits of one leaf stand together
    """
    planes = np.empty((4, 4))
    depth, u, v, shares, crossing, polygon, _, _, _ = _room_for_leaf()
    for b in range(len(beams)):
        _edge_planes(beams[b], planes)
        leaf = -1
        for n in range(starts[b], starts[b + 1]):
            if place[n] // LEAF != leaf:
                leaf = place[n] // LEAF
                _look_at_cells(beams[b], faces, leaf, depth, u, v)
                _shares(beams[b], corners, leaf, 15, planes, depth, shares, crossing, polygon)
            share[n] = shares[place[n] % LEAF]


# --- what is wanted of each hit


@njit(cache=True, nogil=True, error_model="numpy")
def fill(beams, starts, first, place, faces, slabs, columns):
    """Fill columns 0 to 4 of the hits (distance, cosine, u, v, edge) and the path through each slab.

    starts    (beams + 1,) places of the beams' hits in `place`; in `columns` they stand from `first` on
    place     (hits,) cells in the hierarchy's order
    columns   (COLUMNS + slabs, all hits)
    """
    x, y, z = np.empty(BATCH), np.empty(BATCH), np.empty(BATCH)
    for b in range(len(beams)):
        for low in range(starts[b], starts[b + 1], BATCH):
            high = min(low + BATCH, starts[b + 1])
            a, e = first + low, first + high
            distance, edge, u, v = columns[0, a:e], columns[4, a:e], columns[2, a:e], columns[3, a:e]
            _fill_rays(beams[b], place[low:high], faces, x, y, z, distance, columns[1, a:e])
            _fill_places(beams[b], x, y, z, u, v, edge)
            for layer in range(len(slabs)):
                _fill_paths(beams[b], slabs[layer], x, y, z, distance, columns[COLUMNS + layer, a:e])


@njit(nogil=True, error_model="numpy")
def _fill_rays(beam, place, faces, x, y, z, distance, cosine):
    """Rays to the centroids, into x, y, z, their lengths and cosines with the inward normals."""
    for n in range(len(place)):
        i, j = place[n] // LEAF, place[n] % LEAF
        x[n], y[n], z[n] = faces[i, 0, j] - beam[0], faces[i, 1, j] - beam[1], faces[i, 2, j] - beam[2]
        cosine[n] = -(x[n] * faces[i, 3, j] + y[n] * faces[i, 4, j] + z[n] * faces[i, 5, j])
    for n in range(len(place)):
        distance[n] = np.sqrt(x[n] * x[n] + y[n] * y[n] + z[n] * z[n])
        cosine[n] /= distance[n]


@njit(nogil=True, error_model="numpy")
def _fill_places(beam, x, y, z, u, v, edge):
    """Where rays pierce the reference plane, and the signed distance of their ends from the field's edge."""
    ax, ay, az, reference = beam[3], beam[4], beam[5], beam[16]
    ux, uy, uz, vx, vy, vz = beam[6], beam[7], beam[8], beam[9], beam[10], beam[11]
    for n in range(len(u)):
        edge[n] = (ax * x[n] + ay * y[n] + az * z[n]) / reference
    for n in range(len(u)):
        u[n] = (ux * x[n] + uy * y[n] + uz * z[n]) / edge[n]
    for n in range(len(u)):
        v[n] = (vx * x[n] + vy * y[n] + vz * z[n]) / edge[n]
    if beam[17] > 0.5:
        _edge_of_round_field(beam, u, v, edge)
    else:
        _edge_of_field(beam, u, v, edge)


@njit(nogil=True, error_model="numpy")
def _edge_of_field(beam, u, v, edge):
    """Signed distance from the field's edge, positive inside; `edge` has the scale from the reference plane before."""
    u0, u1, v0, v1 = beam[12], beam[13], beam[14], beam[15]
    for n in range(len(u)):
        du = min(u[n] - u0, u1 - u[n])
        dv = min(v[n] - v0, v1 - v[n])
        beside = np.sqrt(min(du, 0.0) ** 2 + min(dv, 0.0) ** 2)
        edge[n] *= max(min(du, dv), 0.0) - beside


@njit(nogil=True, error_model="numpy")
def _edge_of_round_field(beam, u, v, edge):
    """As `_edge_of_field` for the ellipse inscribed in the edges; exact for a circle."""
    half_u, half_v = 0.5 * (beam[13] - beam[12]), 0.5 * (beam[15] - beam[14])
    for n in range(len(u)):
        a = (u[n] - 0.5 * (beam[12] + beam[13])) / half_u
        b = (v[n] - 0.5 * (beam[14] + beam[15])) / half_v
        edge[n] *= (1.0 - np.sqrt(a * a + b * b)) * min(half_u, half_v)


@njit(nogil=True, error_model="numpy")
def _fill_paths(beam, slab, x, y, z, distance, path):
    """Path length of the rays source + t (x, y, z), 0 <= t <= 1, through a slab of the table frame."""
    r0, r1, r2, r3, r4, r5 = beam[18], beam[19], beam[20], beam[21], beam[22], beam[23]
    r6, r7, r8 = beam[24], beam[25], beam[26]
    start0 = r0 * beam[0] + r1 * beam[1] + r2 * beam[2] + beam[27]
    start1 = r3 * beam[0] + r4 * beam[1] + r5 * beam[2] + beam[28]
    start2 = r6 * beam[0] + r7 * beam[1] + r8 * beam[2] + beam[29]
    low0, high0, low1 = slab[0] - start0, slab[1] - start0, slab[2] - start1
    high1, low2, high2 = slab[3] - start1, slab[4] - start2, slab[5] - start2
    for n in range(len(path)):
        i0 = 1.0 / _not_zero(r0 * x[n] + r1 * y[n] + r2 * z[n])
        i1 = 1.0 / _not_zero(r3 * x[n] + r4 * y[n] + r5 * z[n])
        i2 = 1.0 / _not_zero(r6 * x[n] + r7 * y[n] + r8 * z[n])
        near = max(max(min(low0 * i0, high0 * i0), min(low1 * i1, high1 * i1)), min(low2 * i2, high2 * i2))
        far = min(min(max(low0 * i0, high0 * i0), max(low1 * i1, high1 * i1)), max(low2 * i2, high2 * i2))
        path[n] = max(min(far, 1.0) - max(near, 0.0), 0.0) * distance[n]


@njit(nogil=True, error_model="numpy")
def _not_zero(d):
    """`d`, or a number too small to matter where it is 0: a ray along a slab's face then passes it or not."""
    return d if d != 0.0 else 1e-300
