"""All numba code of the physics; one file, since numba's disk cache does not see changes in other files.

Scattered air kerma at a hit, over the primary's free in air there:

    S = sum over strips and j of w_j dG_u dG_v + l_j (t_u dg_u dG_v + t_v dG_u dg_v)
    dG_u = G(u_max/s_j) - G(u_min/s_j), dg_u = g(u_max/s_j) - g(u_min/s_j)

What a point of the field scatters to its surroundings is a sum of round Gaussians of widths s_j, and on an oblique
surface of their slopes in the direction t in which it falls away from the focal spot (backscatter.py). So what a
rectangle scatters is a sum of products of the normal integral G and density g, exactly, for points inside and outside.
A field is a set of rectangles, its strips. Edges u and v are those seen from the hit.
"""

import math

import numpy as np
from numba import njit

# G and g are looked up at the nearest of this many places up to REACH_MM, even in the square root: S within 1e-4.
PLACES = 4096
REACH_MM = 900.0
# Sums of a few terms may be taken in any order: needed for several to be worked on side by side.
REORDER = {"reassoc", "contract", "nsz"}


@njit(nogil=True, error_model="numpy")
def _place(x):
    """Place nearest to |x| mm, and the sign of x."""
    root = math.sqrt(min(abs(x), REACH_MM) * (1.0 / REACH_MM))
    return np.uint64(root * PLACES + 0.5), math.copysign(1.0, x)


@njit(nogil=True, error_model="numpy", fastmath=REORDER)
def _strip(integrals, weights, u, v, tilt, node):
    """What one rectangle scatters to a point.

    u, v    its edges as seen from the point, mm
    tilt    unit vector (u, v) in which the surface falls away, or zeros
    node    place among the cosines: index, index of the next, share of the next
    """
    a, of_a = _place(u[0])
    b, of_b = _place(u[1])
    c, of_c = _place(v[0])
    d, of_d = _place(v[1])
    whole, slope = integrals[0], integrals[1]
    step, next_step, share = node
    rest = 1.0 - share
    found = 0.0
    for j in range(integrals.shape[2]):
        across = of_b * whole[b, j] - of_a * whole[a, j]
        along = of_d * whole[d, j] - of_c * whole[c, j]
        lean = tilt[0] * (slope[b, j] - slope[a, j]) * along + tilt[1] * (slope[d, j] - slope[c, j]) * across
        found += across * along * (rest * weights[0, step, j] + share * weights[0, next_step, j])
        found += lean * (rest * weights[1, step, j] + share * weights[1, next_step, j])
    return found


@njit(nogil=True, error_model="numpy")
def _between(place, last):
    """Index, index of the next and share of the next at a place among 0 to `last`; clamped."""
    place = min(max(place, 0.0), float(last))
    k = min(int(place), max(last - 1, 0))
    return np.uint64(k), np.uint64(min(k + 1, last)), place - k


@njit(nogil=True, error_model="numpy")
def _lit(hits, primary, cell, normal, beam, first, last, margin, lit):
    """What of the body a beam lights; into `lit`, see `lit`."""
    x = y = z = distance = thickness = 0.0
    u_min = v_min = np.inf
    u_max = v_max = -np.inf
    count = 0
    for hit in range(first, last):
        if primary[hit]:
            at = cell[hit]
            x, y, z = x + normal[at, 0], y + normal[at, 1], z + normal[at, 2]
            u, v = hits[1][hit], hits[2][hit]
            u_min, u_max = min(u_min, u), max(u_max, u)
            v_min, v_max = min(v_min, v), max(v_max, v)
            distance += hits[0][hit]
            thickness += hits[3][hit]
            count += 1
    length = max(math.sqrt(x * x + y * y + z * z), 1e-12)
    for k in range(3):
        lit[0, k] = (x * beam[5 + 3 * k] + y * beam[6 + 3 * k] + z * beam[7 + 3 * k]) / length
    lit[0, 3] = distance / max(count, 1)
    lit[3] = thickness / max(count, 1)
    lit[1, 0], lit[1, 1], lit[1, 2], lit[1, 3] = u_min, u_max, v_min, v_max
    for k in range(4):
        within = beam[1 + k] - lit[1, k] if k % 2 else lit[1, k] - beam[1 + k]
        lit[2, k] = 1.0 if u_max > u_min and within > margin else 0.0
        if lit[2, k] == 0.0:
            lit[1, k] = beam[1 + k]


@njit(cache=True, nogil=True, error_model="numpy")
def lit(starts, beams, hits, primary, cell, normal, margin, out):
    """What of the body each beam lights; arguments as of `scatter`.

    hits     four of (hits,): distance, u, v, thickness of the body behind the cell
    margin   mm at the reference plane
    out      (beams, 4, 4) gets: mean outward normal of what is lit, along the field's u, v and the axis, and its mean
             distance, 0 where nothing is; edges of what is lit within the field; which of them (1) are the body's own:
             where nothing lit comes nearer than `margin` to the field's; mean thickness behind what is lit.
             Without rows in `normal` all of the field
    """
    for b in range(len(beams)):
        first, last = starts[b], starts[b + 1]
        if len(normal) > 0:
            _lit(hits, primary, cell, normal, beams[b], first, last, margin, out[b])
            continue
        out[b] = 0.0
        for hit in range(first, last):
            out[b, 0, 3] += hits[0][hit] / (last - first)
            out[b, 3] += hits[3][hit] / (last - first)
        for k in range(4):
            out[b, 1, k] = beams[b, 1 + k]


@njit(nogil=True, error_model="numpy")
def _layer(thickness, nodes, layers):
    """Place of a thickness among the nodes, as an index with a fraction; clamped."""
    k = 0
    while k < layers - 2 and nodes[k + 1] < thickness:
        k += 1
    return min(max(k + (thickness - nodes[k]) / (nodes[k + 1] - nodes[k]), 0.0), layers - 1.0)


@njit(nogil=True, error_model="numpy")
def _kernel(weights, deepest, distance, kernel):
    """The weights of one beam into `kernel` (2, cosines, widths): at a thickness, at a distance from the focal spot."""
    layers = weights.shape[2]
    under, over, deeper = _between(deepest, layers - 1)
    for c in range(weights.shape[1]):
        for j in range(weights.shape[3]):
            for k in range(3):
                value = (1.0 - deeper) * weights[k, c, under, j] + deeper * weights[k, c, over, j]
                if k == 0:
                    kernel[0, c, j] = value
                elif k == 1:
                    kernel[0, c, j] += value / distance
                else:
                    kernel[1, c, j] = value


@njit(nogil=True, error_model="numpy")
def _along(normal, at, beam, k):
    """Component of a cell's normal along the axis of the beam that begins at its column k."""
    return normal[at, 0] * beam[k] + normal[at, 1] * beam[k + 1] + normal[at, 2] * beam[k + 2]


@njit(nogil=True, error_model="numpy")
def _chord(of_u, of_v, of_axis, ray):
    """Cosine of incidence of a ray, and the unit vector (u, v) in which the surface falls away across it.

    of_u, of_v, of_axis   the sum of two outward normals, at the point and of what is lit on the whole, along the
                          field's axes: a curved surface lies as obliquely as the chord, for a circle exactly
    ray                   unit vector along the same axes
    """
    scale = 1.0 / max(math.sqrt(of_u * of_u + of_v * of_v + of_axis * of_axis), 1e-12)
    cosine = -(of_u * ray[0] + of_v * ray[1] + of_axis * ray[2]) * scale
    of_u, of_v = of_u * scale + cosine * ray[0], of_v * scale + cosine * ray[1]
    per_sine = 1.0 / max(math.sqrt(of_u * of_u + of_v * of_v), 1e-12)
    return cosine, (of_u * per_sine, of_v * per_sine)


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(starts, beams, weights, of_beam, strip_start, strips, integrals, hits, cell, normal, whole, body, out):
    """Scattered over primary air kerma of the hits of consecutive beams.

    starts         (beams + 1,) first hit of each beam
    beams          (beams, 14) focal spot to reference plane, mm; field edges there; u axis, v axis, axis
    weights        (qualities, 3, cosines, thicknesses, widths) w_j, its change per 1/mm of inverse distance, for which
                   the mean over the beam's hits will do, and l_j; cosines at equal steps over 0 to 1
    of_beam        (beams,) row of `weights`
    strip_start    (beams + 1,) first strip of each beam
    strips         (strips, 4) u_min, u_max, v_min, v_max at the reference plane, mm
    integrals      (2, PLACES + 1, widths) G(x) - 1/2 and g(x) of each width, at x = REACH_MM (k / PLACES)^2
    hits           three or more of (hits,): distance, u, v
    cell           (hits,) row of `normal`
    normal         (cells, 3) outwards; without rows the surface counts as flat and across the beam
    whole          (beams, 4, 4) of `lit`, from all hits of the beams; a beam that lights nothing scatters nothing
    body           thicknesses of `weights`, then the share that counts of a distance to an edge that is the body's own
    out            (hits,) gets the result
    """
    layers = weights.shape[3]
    curved = body[layers]
    flat = len(normal) == 0
    steps = weights.shape[2] - 1
    kernel = np.empty((2, steps + 1, weights.shape[4]))
    for b in range(len(beams)):
        first, last = starts[b], starts[b + 1]
        beam, lit = beams[b], whole[b]
        reference, distance = beam[0], lit[0, 3]
        if distance == 0.0:
            out[first:last] = 0.0
            continue
        deepest = _layer(lit[3, 0], body, layers)
        for k in (0, 2):
            if lit[2, k] + lit[2, k + 1] == 2.0:
                wide = (lit[1, k + 1] - lit[1, k]) * distance / reference
                deepest = min(deepest, _layer(wide, body, layers))
        _kernel(weights[of_beam[b]], deepest, distance, kernel)
        left, right, lower, upper = lit[1, 0], lit[1, 1], lit[1, 2], lit[1, 3]
        of_left, of_right = 1.0 - (1.0 - curved) * lit[2, 0], 1.0 - (1.0 - curved) * lit[2, 1]
        of_lower, of_upper = 1.0 - (1.0 - curved) * lit[2, 2], 1.0 - (1.0 - curved) * lit[2, 3]
        for hit in range(first, last):
            u, v = hits[1][hit], hits[2][hit]
            per_length = 1.0 / math.sqrt(reference * reference + u * u + v * v)
            # Everything happens in the plane across the axis at the cell: the field grows with the distance to it.
            scale = hits[0][hit] * per_length
            cosine, tilt = 1.0, (0.0, 0.0)
            if not flat:
                at = cell[hit]
                cosine, tilt = _chord(
                    lit[0, 0] + _along(normal, at, beam, 5),
                    lit[0, 1] + _along(normal, at, beam, 8),
                    lit[0, 2] + _along(normal, at, beam, 11),
                    (u * per_length, v * per_length, reference * per_length),
                )
            node = _between(cosine * steps, steps)
            found = 0.0
            for k in range(strip_start[b], strip_start[b + 1]):
                u_min, u_max = max(strips[k, 0], left) - u, min(strips[k, 1], right) - u
                v_min, v_max = max(strips[k, 2], lower) - v, min(strips[k, 3], upper) - v
                if u_min < u_max and v_min < v_max:
                    found += _strip(
                        integrals,
                        kernel,
                        (u_min * scale * of_left, u_max * scale * of_right),
                        (v_min * scale * of_lower, v_max * scale * of_upper),
                        tilt,
                        node,
                    )
            out[hit] = max(0.0, found)
