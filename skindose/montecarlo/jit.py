"""All numba code of the Monte Carlo; one file, since numba's disk cache does not see changes in other files.

Photons alone are followed: photoelectric absorption, Compton scattering with the incoherent scattering function, and
Rayleigh scattering with the form factor. What an electron gets stays where it is: at 150 kV its range in tissue is
below 0.3 mm. Fluorescence of the light elements that bodies and tables are made of stays too (below 4 keV).

Every batch of histories has its own stream of random numbers, made from the seed and the batch's number: a result does
not depend on how many threads share the batches.

Tables (materials.py): interaction (materials, energies, 3), scattering and form (materials, x), kerma (energies, 2).
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
def _compton(state, energy, scattering):
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
        if wanted <= density * (scattering[k] + (at - k) * (scattering[k + 1] - scattering[k])):
            return cosine, energy * ratio


@njit(nogil=True, error_model="numpy")
def _rayleigh(state, energy, form):
    """Cosine of a Rayleigh scatter: x squared by the integral of the form factor's square, kept by Thomson's factor."""
    most = energy / HC_KEV_ANGSTROM
    at = most * PER_X
    k = int(at)
    reached = form[k] + (at - k) * (form[k + 1] - form[k])
    while True:
        wanted = _uniform(state) * reached
        low, high = 0, k + 1  # form[low] < wanted <= form[high]
        while high - low > 1:
            middle = (low + high) // 2
            if form[middle] < wanted:
                low = middle
            else:
                high = middle
        share = (wanted - form[low]) / (form[high] - form[low])
        below, above = low / PER_X, high / PER_X
        squared = below * below + share * (above * above - below * below)
        cosine = max(-1.0, 1.0 - 2.0 * squared / (most * most))
        if 2.0 * _uniform(state) <= 1.0 + cosine * cosine:
            return cosine


@njit(nogil=True, error_model="numpy")
def _collide(state, energy, at, share, interaction, scattering, form):
    """Energy after a collision, 0 where the photon is absorbed, and the cosine of its turn."""
    kind = _uniform(state)
    compton = interaction[at, 1] + share * (interaction[at + 1, 1] - interaction[at, 1])
    if kind <= compton:
        cosine, energy = _compton(state, energy, scattering)
        return (energy if energy > FIRST_KEV else 0.0), cosine
    if kind <= interaction[at, 2] + share * (interaction[at + 1, 2] - interaction[at, 2]):
        return energy, _rayleigh(state, energy, form)
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
def _per_cosine(cosine):
    """1 / |cosine| of a crossing, its mean below the floor."""
    cosine = abs(cosine)
    return 1.0 / cosine if cosine > GRAZING else 2.0 / GRAZING


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
    out           (2, 2, depths, rings) sums of E mu_en/rho / |cosine|: radius on the surface or across the beam; air or
                  water; by the first depth that the photon never passed; by the ring where it came out
    """
    state = _stream(seed, batch)
    rings, deepest = len(squares), depths[-1]
    for _ in range(photons):
        energy = energies[_pick(state, cumulative)]
        x = y = z = reached = 0.0
        u, v, w = incidence[1], 0.0, incidence[0]
        while energy > 0.0:
            at, share = _place(energy)
            mu = interaction[at, 0] + share * (interaction[at + 1, 0] - interaction[at, 0])
            path = -math.log(_uniform(state)) / mu
            if z + path * w < 0.0:
                path = -z / w
                x, y = x + path * u, y + path * v
                level = 0
                while depths[level] < reached:
                    level += 1
                for plane in range(2):
                    square = x * x + y * y if plane == 0 else (x * incidence[0]) ** 2 + y * y
                    if square < squares[-1]:
                        low, high = 0, rings - 1
                        while low < high:
                            middle = (low + high) // 2
                            if squares[middle] <= square:
                                low = middle + 1
                            else:
                                high = middle
                        for medium in range(2):
                            value = kerma[at, medium] + share * (kerma[at + 1, medium] - kerma[at, medium])
                            out[plane, medium, level, low] += value * _per_cosine(w)
                break
            x, y, z = x + path * u, y + path * v, z + path * w
            reached = max(reached, z)
            if z > deepest:
                break
            energy, cosine = _collide(state, energy, at, share, interaction, scattering, form)
            if energy > 0.0:
                u, v, w = _turn(state, u, v, w, cosine)
