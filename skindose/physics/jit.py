"""All numba code of the physics; one file, since numba's disk cache does not see changes in other files.

Scattered air kerma at a hit, over the primary's free in air there:

    S = sum over strips of sum over j of w_j [G(u_max/s_j) - G(u_min/s_j)] [G(v_max/s_j) - G(v_min/s_j)]

What a point of the field scatters to its surroundings is a sum of round Gaussians of widths s_j (scatter.py), so that
what a rectangle scatters is a sum of products of the normal integral G, exactly, for points inside and outside. A field
is a set of rectangles, its strips.
"""

import math

import numpy as np
from numba import njit

# G is looked up at the nearest of this many places up to REACH_MM, even in the square root: S within 5e-5.
PLACES = 4096
REACH_MM = 900.0
# Sums of a few terms may be taken in any order: needed for several to be worked on side by side.
REORDER = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy")
def half_integrals(width_mm):
    """(PLACES + 1, widths) G(x) - 1/2 of each width, at x = REACH_MM (k / PLACES)^2."""
    found = np.empty((PLACES + 1, len(width_mm)), dtype=np.float32)
    for k in range(PLACES + 1):
        x = REACH_MM * (k / PLACES) ** 2
        for j in range(len(width_mm)):
            found[k, j] = 0.5 * math.erf(x / (width_mm[j] * math.sqrt(2.0)))
    return found


@njit(nogil=True, error_model="numpy")
def _place(x):
    """Place nearest to |x| mm, and the sign of x."""
    root = math.sqrt(min(abs(x), REACH_MM) * (1.0 / REACH_MM))
    return np.uint64(root * PLACES + 0.5), math.copysign(1.0, x)


@njit(nogil=True, error_model="numpy", fastmath=REORDER)
def _strip(integrals, weights, u, v, node):
    """What one rectangle scatters to a point.

    u, v    its edges as seen from the point, mm
    node    place among cosines and thicknesses: index, index of the next, share of the next, for each of the two
    """
    a, of_a = _place(u[0])
    b, of_b = _place(u[1])
    c, of_c = _place(v[0])
    d, of_d = _place(v[1])
    step, next_step, steeper, layer, next_layer, deeper = node
    thin, thick = (1.0 - steeper) * (1.0 - deeper), (1.0 - steeper) * deeper
    thin_next, thick_next = steeper * (1.0 - deeper), steeper * deeper
    found = 0.0
    for j in range(integrals.shape[1]):
        across = of_b * integrals[b, j] - of_a * integrals[a, j]
        along = of_d * integrals[d, j] - of_c * integrals[c, j]
        weight = thin * weights[step, layer, j] + thin_next * weights[next_step, layer, j]
        weight += thick * weights[step, next_layer, j] + thick_next * weights[next_step, next_layer, j]
        found += across * along * weight
    return found


@njit(nogil=True, error_model="numpy")
def _between(place, last):
    """Index, index of the next and share of the next at a place among 0 to `last`; clamped."""
    place = min(max(place, 0.0), float(last))
    k = min(int(place), max(last - 1, 0))
    return np.uint64(k), np.uint64(min(k + 1, last)), place - k


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(starts, reference, weights, of_beam, strip_start, strips, integrals, hits, out):
    """Scattered over primary air kerma of the hits of consecutive beams.

    starts         (beams + 1,) first hit of each beam
    reference      (beams,) focal spot to reference plane, mm
    weights        (qualities, 2, cosines, thicknesses, widths) w_j, and its change per 1/mm of inverse distance, for
                   which the mean over the beam's hits will do; cosines at equal steps over 0 to 1
    of_beam        (beams,) row of `weights`
    strip_start    (beams + 1,) first strip of each beam
    strips         (strips, 4) u_min, u_max, v_min, v_max at the reference plane, mm
    integrals      of `half_integrals`
    hits           (5, hits) distance, cosine of incidence, u, v, place among the thicknesses
    out            (hits,) gets the result
    """
    for beam in range(len(reference)):
        first, last = starts[beam], starts[beam + 1]
        if first == last:
            continue
        own = weights[of_beam[beam], 0] + weights[of_beam[beam], 1] / hits[0, first:last].mean()
        steps, layers = own.shape[0] - 1, own.shape[1] - 1
        for hit in range(first, last):
            u, v = hits[2, hit], hits[3, hit]
            # Everything happens in the plane across the axis at the cell: the field grows with the distance to it.
            scale = hits[0, hit] / math.sqrt(reference[beam] * reference[beam] + u * u + v * v)
            node = (*_between(hits[1, hit] * steps, steps), *_between(hits[4, hit], layers))
            found = 0.0
            for k in range(strip_start[beam], strip_start[beam + 1]):
                found += _strip(
                    integrals,
                    own,
                    ((strips[k, 0] - u) * scale, (strips[k, 1] - u) * scale),
                    ((strips[k, 2] - v) * scale, (strips[k, 3] - v) * scale),
                    node,
                )
            out[hit] = max(0.0, found)
