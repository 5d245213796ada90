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


@njit(cache=True, nogil=True, error_model="numpy")
def normal_integrals(width_mm):
    """(2, PLACES + 1, widths) G(x) - 1/2 and g(x) of each width, at x = REACH_MM (k / PLACES)^2."""
    found = np.empty((2, PLACES + 1, len(width_mm)), dtype=np.float32)
    for k in range(PLACES + 1):
        for j in range(len(width_mm)):
            x = REACH_MM * (k / PLACES) ** 2 / width_mm[j]
            found[0, k, j] = 0.5 * math.erf(x / math.sqrt(2.0))
            found[1, k, j] = math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return found


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
def _lit(hits, primary, cell, normal, field, margin):
    """What of the body a beam lights: mean outward normal, edges within the field, and which are the body's own.

    margin    an edge is the body's own where nothing lit comes nearer than this to the field's, mm
    """
    mean = np.zeros(3)
    edges = np.array([np.inf, -np.inf, np.inf, -np.inf])
    for hit in range(len(cell)):
        if primary[hit]:
            for k in range(3):
                mean[k] += normal[cell[hit], k]
            u, v = hits[2, hit], hits[3, hit]
            edges[0], edges[1] = min(edges[0], u), max(edges[1], u)
            edges[2], edges[3] = min(edges[2], v), max(edges[3], v)
    own = np.zeros(4, dtype=np.bool_)
    for k in range(4):
        own[k] = abs(edges[k] - field[k]) > margin and edges[1] > edges[0]
        if not own[k]:
            edges[k] = field[k]
    return mean / max(math.sqrt((mean * mean).sum()), 1e-12), edges, own


@njit(nogil=True, error_model="numpy")
def _chord(cosine, normal, mean, axes, along, u, v):
    """Cosine of incidence on the chord between a point and the middle of what is lit, and where that falls away.

    A curved surface lies as obliquely to the ray as the mean of its ends: the chord of a circle.

    axes    (2, 3) the field's u and v axes
    u, v    of the ray over its length, `along` the latter's share of the axis
    """
    half = normal + mean
    length = max(math.sqrt((half * half).sum()), 1e-12)
    of_u = (half[0] * axes[0, 0] + half[1] * axes[0, 1] + half[2] * axes[0, 2]) / length
    of_v = (half[0] * axes[1, 0] + half[1] * axes[1, 1] + half[2] * axes[1, 2]) / length
    # The ray is axis x along + u and v; the axis is u x v.
    of_axis = half[0] * (axes[0, 1] * axes[1, 2] - axes[0, 2] * axes[1, 1])
    of_axis += half[1] * (axes[0, 2] * axes[1, 0] - axes[0, 0] * axes[1, 2])
    of_axis += half[2] * (axes[0, 0] * axes[1, 1] - axes[0, 1] * axes[1, 0])
    cosine = -(of_u * u + of_v * v + of_axis / length * along)
    of_u, of_v = of_u + cosine * u, of_v + cosine * v
    sine = math.sqrt(of_u * of_u + of_v * of_v)
    if sine < 1e-9:
        return cosine, (0.0, 0.0)
    return cosine, (of_u / sine, of_v / sine)


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(starts, beams, weights, of_beam, strip_start, strips, integrals, hits, primary, cell, normal, body, out):
    """Scattered over primary air kerma of the hits of consecutive beams.

    starts         (beams + 1,) first hit of each beam
    beams          (beams, 11) focal spot to reference plane, mm; field edges there; u axis, v axis
    weights        (qualities, 3, cosines, thicknesses, widths) w_j, its change per 1/mm of inverse distance, for which
                   the mean over the beam's hits will do, and l_j; cosines at equal steps over 0 to 1
    of_beam        (beams,) row of `weights`
    strip_start    (beams + 1,) first strip of each beam
    strips         (strips, 4) u_min, u_max, v_min, v_max at the reference plane, mm
    integrals      of `normal_integrals`
    hits           (4, hits) distance, cosine of incidence, u, v
    primary        (hits,) lit by the primary beam
    cell           (hits,) row of `normal`
    normal         (cells, 3) outwards; without rows the surface counts as flat and across the beam
    body           thicknesses of `weights`, then: margin of `_lit` in mm, and the share that counts of a distance to
                   an edge that is the body's own
    out            (hits,) gets the result
    """
    layers = weights.shape[3]
    margin, curved = body[layers], body[layers + 1]
    flat = len(normal) == 0
    for beam in range(len(beams)):
        first, last = starts[beam], starts[beam + 1]
        if first == last:
            continue
        reference, field = beams[beam, 0], beams[beam, 1:5]
        axes = beams[beam, 5:11].copy().reshape(2, 3)
        mean, edges, own = np.zeros(3), field.copy(), np.zeros(4, dtype=np.bool_)
        distance = hits[0, first:last].mean()
        deepest = layers - 1.0
        if not flat:
            mean, edges, own = _lit(hits[:, first:last], primary[first:last], cell[first:last], normal, field, margin)
            for k in (0, 2):
                if own[k] and own[k + 1]:
                    thickness = (edges[k + 1] - edges[k]) * distance / reference
                    deepest = min(deepest, np.interp(thickness, body[:layers], np.arange(layers) * 1.0))
        under, over, deeper = _between(deepest, layers - 1)
        kernel = (1.0 - deeper) * weights[of_beam[beam], :, :, under] + deeper * weights[of_beam[beam], :, :, over]
        kernel[0] += kernel[1] / distance
        kernel[1] = kernel[2]
        share = np.ones(4)
        for k in range(4):
            if own[k]:
                share[k] = curved
        steps = kernel.shape[1] - 1
        for hit in range(first, last):
            u, v = hits[2, hit], hits[3, hit]
            length = math.sqrt(reference * reference + u * u + v * v)
            # Everything happens in the plane across the axis at the cell: the field grows with the distance to it.
            scale = hits[0, hit] / length
            cosine, tilt = 1.0, (0.0, 0.0)
            if not flat:
                cosine, tilt = _chord(cosine, normal[cell[hit]], mean, axes, reference / length, u / length, v / length)
            node = _between(cosine * steps, steps)
            found = 0.0
            for k in range(strip_start[beam], strip_start[beam + 1]):
                u_min, u_max = max(strips[k, 0], edges[0]) - u, min(strips[k, 1], edges[1]) - u
                v_min, v_max = max(strips[k, 2], edges[2]) - v, min(strips[k, 3], edges[3]) - v
                if u_min < u_max and v_min < v_max:
                    found += _strip(
                        integrals,
                        kernel,
                        (u_min * scale * share[0], u_max * scale * share[1]),
                        (v_min * scale * share[2], v_max * scale * share[3]),
                        tilt,
                        node,
                    )
            out[hit] = max(0.0, found)
