"""All numba code of the Monte Carlo; one file, since numba's disk cache does not see changes in other files.

Photons alone are followed: photoelectric absorption, Compton scattering with the incoherent scattering function, and
Rayleigh scattering with the form factor. What an electron gets stays where it is: at 150 kV its range in tissue is
below 0.3 mm. Fluorescence of the light elements that bodies and tables are made of stays too (below 4 keV).

Every batch of histories has its own stream of random numbers, made from the seed and the batch's number: a result does
not depend on how many threads share the batches.

Tables (materials.py, `m` numbers the material): interaction (materials, energies, 3), scattering and form
(materials, x), kerma (energies, 2).
"""

import math

import numpy as np
from numba import njit

FIRST_KEV, PER_KEV = 1.0, 20.0  # the tables' first energy and steps per keV
PER_X = 200.0  # the tables' steps per 1/angstrom
HC_KEV_ANGSTROM = 12.39841984
ELECTRON_KEV = 510.99895
# A crossing's fluence is weight / |cosine|, whose variance has no bound. Below the floor the mean of 1 / |cosine| over
# such crossings is scored instead, 2 / floor: exact where the fluence there does not depend on the angle; to first
# order the error is a sixth of its relative change over the floor, on the few per cent of fluence that lie there.
GRAZING = 0.05
# Photons straight from the focus meet a flat cell all at nearly one angle, where that mean would be wrong and the
# variance is small: theirs is a floor against single photons of thousands, right on the average of cells so steep.
GRAZING_PRIMARY = 0.01

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S7, _S11, _S17, _S23, _S27, _S30, _S31, _S41, _S45, _S19 = (
    np.uint64(k) for k in (7, 11, 17, 23, 27, 30, 31, 41, 45, 19)
)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2^-53


# --- random numbers


@njit(nogil=True)
def _splitmix(x):
    x = (x ^ (x >> _S30)) * _MIX1
    x = (x ^ (x >> _S27)) * _MIX2
    return x ^ (x >> _S31)


@njit(nogil=True)
def _stream(seed, batch):
    """State of xoshiro256++ for a batch, filled by splitmix64 as its authors advise [BlackmanVigna2021]."""
    state = np.empty(4, dtype=np.uint64)
    x = _splitmix(np.uint64(seed) + _GOLDEN) ^ (np.uint64(batch) * _GOLDEN)
    for k in range(4):
        x += _GOLDEN
        state[k] = _splitmix(x)
    return state


@njit(nogil=True)
def _uniform(state):
    """xoshiro256++: uniform in (0, 1], so that its logarithm exists [BlackmanVigna2021]."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << _S23) | (total >> _S41)) + s0
    shifted = s1 << _S17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _S45) | (s3 >> _S19)
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return (float(result >> _S11) + 1.0) * _TO_UNIT


@njit(nogil=True)
def _pick(state, cumulative):
    """Index of an element drawn by its share of `cumulative`, whose last value is the total."""
    wanted = _uniform(state) * cumulative[-1]
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


# --- interactions


@njit(nogil=True, error_model="numpy")
def _place(energy):
    """Index below an energy in the tables, and the share of the next one."""
    at = (energy - FIRST_KEV) * PER_KEV
    k = int(at)
    return k, at - k


@njit(nogil=True, error_model="numpy")
def _compton(state, energy, scattering, m):
    """Cosine of a Compton scatter: even over the cosine, kept by Klein-Nishina times S(x) over its bound of 2."""
    alpha = energy / ELECTRON_KEV
    to_x = energy / HC_KEV_ANGSTROM * PER_X
    while True:
        cosine = 2.0 * _uniform(state) - 1.0
        ratio = 1.0 / (1.0 + alpha * (1.0 - cosine))
        density = ratio * ratio * (ratio + 1.0 / ratio - 1.0 + cosine * cosine)
        wanted = 2.0 * _uniform(state)
        if wanted > density:
            continue
        at = to_x * math.sqrt(0.5 * (1.0 - cosine))
        k = int(at)
        if wanted <= density * (scattering[m, k] + (at - k) * (scattering[m, k + 1] - scattering[m, k])):
            return cosine, energy * ratio


@njit(nogil=True, error_model="numpy")
def _rayleigh(state, energy, form, m):
    """Cosine of a Rayleigh scatter: x squared by the integral of the form factor's square, kept by Thomson's factor."""
    most = energy / HC_KEV_ANGSTROM
    at = most * PER_X
    k = int(at)
    reached = form[m, k] + (at - k) * (form[m, k + 1] - form[m, k])
    while True:
        wanted = _uniform(state) * reached
        low, high = 0, k + 1  # form[m, low] < wanted <= form[m, high]
        while high - low > 1:
            middle = (low + high) // 2
            if form[m, middle] < wanted:
                low = middle
            else:
                high = middle
        share = (wanted - form[m, low]) / (form[m, high] - form[m, low])
        below, above = low / PER_X, high / PER_X
        squared = below * below + share * (above * above - below * below)
        cosine = max(-1.0, 1.0 - 2.0 * squared / (most * most))
        if 2.0 * _uniform(state) <= 1.0 + cosine * cosine:
            return cosine


@njit(nogil=True, error_model="numpy")
def _collide(state, energy, at, share, interaction, scattering, form, m):
    """Energy after a collision, 0 where the photon is absorbed, and the cosine of its turn."""
    kind = _uniform(state)
    compton = interaction[m, at, 1] + share * (interaction[m, at + 1, 1] - interaction[m, at, 1])
    if kind <= compton:
        cosine, energy = _compton(state, energy, scattering, m)
        return (energy if energy > FIRST_KEV else 0.0), cosine
    if kind <= interaction[m, at, 2] + share * (interaction[m, at + 1, 2] - interaction[m, at, 2]):
        return energy, _rayleigh(state, energy, form, m)
    return 0.0, 1.0


@njit(nogil=True, error_model="numpy")
def _turn(state, x, y, z, cosine):
    """Direction (x, y, z) turned by the polar angle of `cosine` and an azimuth that is even over the circle."""
    while True:
        a, b = 2.0 * _uniform(state) - 1.0, 2.0 * _uniform(state) - 1.0
        square = a * a + b * b
        if 1e-12 < square <= 1.0:
            break
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine) / square)
    a, b = a * sine, b * sine
    # Two vectors at right angles to the direction without a special case at the pole [Duff2017].
    sign = 1.0 if z >= 0.0 else -1.0
    c = -1.0 / (sign + z)
    d = x * y * c
    nx = cosine * x + a * (1.0 + sign * x * x * c) + b * d
    ny = cosine * y + a * sign * d + b * (sign + y * y * c)
    nz = cosine * z - a * sign * x - b * y
    scale = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz)
    return nx * scale, ny * scale, nz * scale


@njit(nogil=True, error_model="numpy")
def _per_cosine(cosine, floor):
    """1 / |cosine| of a crossing, its mean below the floor."""
    cosine = abs(cosine)
    return 1.0 / cosine if cosine > floor else 2.0 / floor


# --- a flat slab


@njit(cache=True, nogil=True, error_model="numpy")
def slab(
    seed, batch, photons, incidence, energies, cumulative, squares, depths, interaction, scattering, form, kerma, out
):
    """Follow a pencil beam into a slab (z >= 0) through the origin; add what comes back to `out`.

    incidence     cosine and sine of the beam to the inward normal; it leans towards +x
    energies, cumulative   (lines,) of the spectrum
    squares       (rings,) outer radii squared, mm2, growing
    depths        (depths,) mm, growing; a photon that passes the last is gone
    out           (4, 2, depths, rings) sums of E mu_en/rho / |cosine|: radius on the surface or across the beam, then
                  both times the cosine of the azimuth from +x; air or water; by the first depth that the photon never
                  passed; by the ring where it came out
    """
    state = _stream(seed, batch)
    rings, deepest = len(squares), depths[-1]
    for _ in range(photons):
        energy = energies[_pick(state, cumulative)]
        x = y = z = reached = 0.0
        u, v, w = incidence[1], 0.0, incidence[0]
        while energy > 0.0:
            at, share = _place(energy)
            mu = interaction[0, at, 0] + share * (interaction[0, at + 1, 0] - interaction[0, at, 0])
            path = -math.log(_uniform(state)) / mu
            if z + path * w < 0.0:
                path = -z / w
                x, y = x + path * u, y + path * v
                level = 0
                while depths[level] < reached:
                    level += 1
                for plane in range(2):
                    along = x if plane == 0 else x * incidence[0]
                    square = along * along + y * y
                    if square < squares[-1]:
                        low, high = 0, rings - 1
                        while low < high:
                            middle = (low + high) // 2
                            if squares[middle] <= square:
                                low = middle + 1
                            else:
                                high = middle
                        lean = along / math.sqrt(square) if square > 0.0 else 0.0
                        for medium in range(2):
                            value = kerma[at, medium] + share * (kerma[at + 1, medium] - kerma[at, medium])
                            value *= _per_cosine(w, GRAZING)
                            out[plane, medium, level, low] += value
                            out[plane + 2, medium, level, low] += value * lean
                break
            x, y, z = x + path * u, y + path * v, z + path * w
            reached = max(reached, z)
            if z > deepest:
                break
            energy, cosine = _collide(state, energy, at, share, interaction, scattering, form, 0)
            if energy > 0.0:
                u, v, w = _turn(state, u, v, w, cosine)


# --- a ray through a closed mesh


@njit(nogil=True, error_model="numpy")
def _inverse(d):
    """1 / d, finite: boxes are a little larger than what they hold."""
    return 1.0 / (d if abs(d) > 1e-12 else 1e-12)


@njit(nogil=True, error_model="numpy")
def _into_box(boxes, k, ox, oy, oz, ix, iy, iz, least, most):
    """Where a ray enters a node's box within (least, most); infinite where it does not."""
    a, b = (boxes[k, 0] - ox) * ix, (boxes[k, 3] - ox) * ix
    near, far = max(least, min(a, b)), min(most, max(a, b))
    a, b = (boxes[k, 1] - oy) * iy, (boxes[k, 4] - oy) * iy
    near, far = max(near, min(a, b)), min(far, max(a, b))
    a, b = (boxes[k, 2] - oz) * iz, (boxes[k, 5] - oz) * iz
    near, far = max(near, min(a, b)), min(far, max(a, b))
    return near if near <= far else np.inf


@njit(nogil=True, error_model="numpy")
def _meet(o, d, least, most, last, boxes, first, faces, stack):
    """Nearest triangle, but `last`, that a ray meets between `least` and `most` along it: distance, place; else -1.

    The hierarchy is a full binary tree: node k has the children 2k + 1 and 2k + 2, the last half are leaves. Triangles
    of one ray are compared along the same origin, so what lies side by side is met in one order [MollerTrumbore1997].
    """
    ox, oy, oz = o
    dx, dy, dz = d
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    leaves = len(first) - 1
    found = -1
    top, node = 0, 0
    if _into_box(boxes, 0, ox, oy, oz, ix, iy, iz, least, most) == np.inf:
        return most, found
    while True:
        if node >= leaves - 1:
            for k in range(first[node - leaves + 1], first[node - leaves + 2]):
                if k == last:
                    continue
                ax, ay, az = faces[k, 3], faces[k, 4], faces[k, 5]
                bx, by, bz = faces[k, 6], faces[k, 7], faces[k, 8]
                px, py, pz = dy * bz - dz * by, dz * bx - dx * bz, dx * by - dy * bx
                det = ax * px + ay * py + az * pz
                sx, sy, sz = ox - faces[k, 0], oy - faces[k, 1], oz - faces[k, 2]
                u = (sx * px + sy * py + sz * pz) / det
                if not 0.0 <= u <= 1.0:  # also where det is 0
                    continue
                qx, qy, qz = sy * az - sz * ay, sz * ax - sx * az, sx * ay - sy * ax
                v = (dx * qx + dy * qy + dz * qz) / det
                if not (v >= 0.0 and u + v <= 1.0):
                    continue
                t = (bx * qx + by * qy + bz * qz) / det
                if least <= t < most:
                    most, found = t, k
        else:
            left = 2 * node + 1
            a = _into_box(boxes, left, ox, oy, oz, ix, iy, iz, least, most)
            b = _into_box(boxes, left + 1, ox, oy, oz, ix, iy, iz, least, most)
            if a < np.inf and b < np.inf:
                stack[top] = left + 1 if a <= b else left
                top += 1
                node = left if a <= b else left + 1
                continue
            if a < np.inf or b < np.inf:
                node = left if a < np.inf else left + 1
                continue
        while True:  # the next node that is still nearer than what was found
            if top == 0:
                return most, found
            top -= 1
            node = stack[top]
            if _into_box(boxes, node, ox, oy, oz, ix, iy, iz, least, most) < np.inf:
                break


# --- a scene: beams, table, body

BEAM = (
    31  # source 0:3, axis 3:6, u 6:9, v 9:12, field 12:16, reference 16, circular 17, table 18:27 and 27:30, spectrum
)
# Rows of what a batch counts: energy emitted, left in the body, in the support, gone; photons lost; worst imbalance.
EMITTED, IN_BODY, IN_SUPPORT, GONE, LOST, IMBALANCE = 0, 1, 2, 3, 4, 5
COUNTS = 6


@njit(nogil=True, error_model="numpy")
def _emit(state, beam):
    """Direction of a photon from the focal spot, and its weight.

    Even over the field in the plane at right angles to the axis, where the fluence of a point source goes with the cube
    of the cosine to the axis.
    """
    while True:
        a, b = _uniform(state), _uniform(state)
        if beam[17] == 0.0 or (a - 0.5) ** 2 + (b - 0.5) ** 2 <= 0.25:
            break
    a, b = beam[12] + a * (beam[13] - beam[12]), beam[14] + b * (beam[15] - beam[14])
    reference = beam[16]
    length = math.sqrt(reference * reference + a * a + b * b)
    x = (reference * beam[3] + a * beam[6] + b * beam[9]) / length
    y = (reference * beam[4] + a * beam[7] + b * beam[10]) / length
    z = (reference * beam[5] + a * beam[8] + b * beam[11]) / length
    return (x, y, z), (reference / length) ** 3


@njit(nogil=True, error_model="numpy")
def _through(table, slabs, spans, o, d):
    """Where a ray is inside each slab of the support: spans (slabs, 2), along the ray; empty ones end at -1."""
    hit = False
    for k in range(len(slabs)):
        near, far = 0.0, np.inf
        for j in range(3):
            row = 18 + 3 * j
            at = table[row] * o[0] + table[row + 1] * o[1] + table[row + 2] * o[2] + table[27 + j]
            along = table[row] * d[0] + table[row + 1] * d[1] + table[row + 2] * d[2]
            if abs(along) < 1e-12:
                if not slabs[k, 2 * j] < at < slabs[k, 2 * j + 1]:
                    far = -1.0
                continue
            a, b = (slabs[k, 2 * j] - at) / along, (slabs[k, 2 * j + 1] - at) / along
            near, far = max(near, min(a, b)), min(far, max(a, b))
        spans[k, 0], spans[k, 1] = near, far
        if far > near:
            hit = True
        else:
            spans[k, 1] = -1.0
    return hit


@njit(nogil=True, error_model="numpy")
def _march(t, end, depth, at, share, spans, interaction):
    """Along a ray outside the body from t to `end`: distance, optical depth left, and the material it collides in.

    Material 0: it reaches the end. Slab k is material k + 1; where slabs overlap the first counts.
    """
    while t < end:
        inside, edge = 0, end
        for k in range(len(spans)):
            if spans[k, 0] > t:
                edge = min(edge, spans[k, 0])
            elif spans[k, 1] > t and inside == 0:
                inside = k + 1
                edge = min(edge, spans[k, 1])
        if inside > 0:
            mu = interaction[inside, at, 0] + share * (interaction[inside, at + 1, 0] - interaction[inside, at, 0])
            path = depth / mu
            if t + path < edge:
                return t + path, 0.0, inside
            depth -= mu * (edge - t)
        t = edge
    return end, depth, 0


@njit(nogil=True, error_model="numpy")
def _fly(state, o, d, at, share, inside, value, floor, beam, slabs, spans, tree, stack, interaction, dose):
    """One flight: distance to the next collision, its material (-1: flown away), and how deep inside the mesh it ends.

    inside   how many times more the ray has entered the mesh than left it
    value    scored over the cosine where the photon crosses the skin
    """
    boxes, first, faces, order = tree
    mu = interaction[0, at, 0] + share * (interaction[0, at + 1, 0] - interaction[0, at, 0])
    depth = -math.log(_uniform(state))
    t, last, known, slabbed = 0.0, -1, False, False
    while True:
        if inside > 0:
            end, face = _meet(o, d, t, t + depth / mu, last, boxes, first, faces, stack)
            if face < 0:
                return end, 0, inside
            depth -= mu * (end - t)
        else:
            end, face = _meet(o, d, t, np.inf, last, boxes, first, faces, stack)
            if not known:
                known, slabbed = True, _through(beam, slabs, spans, o, d)
            if slabbed:
                t, depth, struck = _march(t, end, depth, at, share, spans, interaction)
                if struck > 0:
                    return t, struck, inside
            if face < 0:
                return end, -1, inside
        t, last = end, face
        cosine = d[0] * faces[face, 9] + d[1] * faces[face, 10] + d[2] * faces[face, 11]
        before = inside
        inside += 1 if cosine < 0.0 else -1
        if inside < 0:
            return t, -1, inside
        if before == 0 or inside == 0:
            dose[order[face]] += value * _per_cosine(cosine, floor)


@njit(nogil=True, error_model="numpy")
def _outside(boxes, o):
    """Whether a point lies beyond the box of the whole mesh."""
    return not (
        boxes[0, 0] <= o[0] <= boxes[0, 3] and boxes[0, 1] <= o[1] <= boxes[0, 4] and boxes[0, 2] <= o[2] <= boxes[0, 5]
    )


@njit(nogil=True, error_model="numpy")
def _probe(probes, probed, o, left):
    """Add the energy left at a point to the probes that hold it."""
    for k in range(len(probes)):
        if (
            probes[k, 0] <= o[0] < probes[k, 1]
            and probes[k, 2] <= o[1] < probes[k, 3]
            and probes[k, 4] <= o[2] < probes[k, 5]
        ):
            probed[k] += left


@njit(cache=True, nogil=True, error_model="numpy")
def scene(
    seed, batch, photons, beams, energies, cumulative, tree, slabs, probes, interaction, scattering, form, kerma, dose,
    probed, counts
):  # fmt: skip
    """Follow photons of the beams through table and body; add what they bring to `dose`, `probed`, `counts`.

    photons        (beams,) how many of each
    beams          (beams, BEAM)
    energies, cumulative   (lines,), (spectra, lines)
    tree           boxes (nodes, 6), first (leaves + 1,), faces (cells, 12): corner, two edges, outward normal; order
                   (cells,) the cell of each face
    slabs          (slabs, 6) of the support in the table frame, materials 1, 2, ... of the tables
    probes         (probes, 6) boxes in the body, x_min, x_max, ...; `probed` gets the energy left in them, keV
    dose           (cells,) sum of E mu_en/rho of water / |cosine|, keV cm2/g, over crossings of the skin either way
    counts         (COUNTS,)

    The body is where the ray has entered the mesh more often than left it; only the outermost surface is skin. A photon
    that finds itself leaving what it never entered, or inside with no surface before it, is lost and counted.
    """
    state = _stream(seed, batch)
    stack = np.empty(64, dtype=np.int64)
    spans = np.empty((len(slabs), 2))
    for b in range(len(beams)):
        beam = beams[b]
        spectrum = cumulative[int(beam[30])]
        for _ in range(photons[b]):
            d, weight = _emit(state, beam)
            o = (beam[0], beam[1], beam[2])
            energy = energies[_pick(state, spectrum)]
            counts[EMITTED] += weight * energy
            balance, inside, floor = energy, 0, GRAZING_PRIMARY
            while energy > 0.0:
                at, share = _place(energy)
                value = weight * (kerma[at, 1] + share * (kerma[at + 1, 1] - kerma[at, 1]))
                t, m, inside = _fly(
                    state, o, d, at, share, inside, value, floor, beam, slabs, spans, tree, stack, interaction, dose
                )
                if m >= 0:
                    o = (o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2])
                if m < 0 or (m == 0 and _outside(tree[0], o)):
                    counts[GONE] += weight * energy
                    counts[LOST] += 1.0 if inside != 0 else 0.0
                    balance -= energy
                    break
                after, cosine = _collide(state, energy, at, share, interaction, scattering, form, m)
                balance -= energy - after
                counts[IN_BODY if m == 0 else IN_SUPPORT] += weight * (energy - after)
                if m == 0:
                    _probe(probes, probed, o, weight * (energy - after))
                energy, floor = after, GRAZING
                if energy > 0.0:
                    d = _turn(state, d[0], d[1], d[2], cosine)
            counts[IMBALANCE] = max(counts[IMBALANCE], abs(balance))
