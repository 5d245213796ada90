"""Maps and bodies as compact bytes.

Of a map only the cells with dose are kept: dose as float32 whose last seven bits are 0 (relative error below 1e-5),
uncertainty with twelve bits (1e-4), each split into planes of bytes, which compress better than whole numbers.
A body that can be made again from the case is kept as its digest only.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.errors import RegistryError
from skindose.model import FloatArray, Phantom

VERSION = 1
_DOSE_BITS, _UNCERTAINTY_BITS = 16, 12  # of the 23 of a float32's mantissa
_SKIN_STEPS_PER_MM = 100  # to which places of two bodies must agree: finer than the order of summing changes them


class PackedMap(NamedTuple):
    """A map without its body: dose and standard uncertainty of each cell, and the digest of the body's skin."""

    dose_mgy: FloatArray
    uncertainty_mgy: FloatArray
    skin_sha256: str


def pack_map(dose_mgy: FloatArray, uncertainty_mgy: FloatArray, skin_sha256: str) -> bytes:
    """The bytes of a map; the same map gives the same bytes."""
    lit = (dose_mgy != 0) | (uncertainty_mgy != 0)
    planes = [
        np.packbits(lit),
        _planes(dose_mgy[lit], _DOSE_BITS),
        _planes(uncertainty_mgy[lit], _UNCERTAINTY_BITS),
    ]
    parts = [zlib.compress(part.tobytes(), 6) for part in planes]
    head = {"version": VERSION, "cells": len(dose_mgy), "skin": skin_sha256, "parts": [len(part) for part in parts]}
    return json.dumps(head).encode() + b"\n" + b"".join(parts)


def unpack_map(data: bytes) -> PackedMap:
    """The map of `pack_map`.

    raises   RegistryError for anything else
    """
    head_line, _, body = data.partition(b"\n")
    try:
        head = json.loads(head_line)
        version = head["version"]
    except (ValueError, KeyError, TypeError):
        raise RegistryError("a stored map is damaged", "registry", "Run `skindose registry verify`.") from None
    if version != VERSION:
        what = f"a stored map is of version {version}, this program reads {VERSION}"
        raise RegistryError(what, "registry", "Install the newer version here too.")
    ends = np.cumsum([0, *head["parts"]])
    mask, dose, spread = (zlib.decompress(body[low:high]) for low, high in pairwise(ends))
    lit = np.unpackbits(np.frombuffer(mask, np.uint8), count=head["cells"]).astype(bool)
    arrays = []
    for part in (dose, spread):
        values = np.zeros(head["cells"])
        values[lit] = np.frombuffer(part, np.uint8).reshape(4, -1).T.copy().view("<f4")[:, 0]
        arrays.append(values)
    return PackedMap(arrays[0], arrays[1], head["skin"])


def _planes(values: FloatArray, bits: int) -> NDArray[np.uint8]:
    """(4, values) bytes of float32, lowest first, rounded to nearest at so many bits of the mantissa."""
    whole = values.astype("<f4").view("<u4")
    drop = 23 - bits
    rounded = ((whole + np.uint32(1 << (drop - 1))) >> np.uint32(drop)) << np.uint32(drop)
    return np.ascontiguousarray(rounded.view(np.uint8).reshape(-1, 4).T)


# --- Bodies


def skin_digest(body: Phantom) -> str:
    """SHA-256 of a body's skin: corners to 0.01 mm, triangles and regions; the same on every machine."""
    corners = np.rint(body.vertices_mm * _SKIN_STEPS_PER_MM).astype("<i4")
    digest = hashlib.sha256(corners.tobytes())
    digest.update(body.triangles.astype("<i4").tobytes())
    digest.update(body.region.tobytes())
    return digest.hexdigest()


def pack_skin(body: Phantom) -> bytes:
    """A body's skin, for one that cannot be made again."""
    out = io.BytesIO()
    np.savez_compressed(out, vertices_mm=body.vertices_mm, triangles=body.triangles, region=body.region)
    return out.getvalue()


def unpack_skin(data: bytes) -> dict[str, NDArray[Any]]:
    """What `Phantom` has of its surface, by the names of its fields."""
    from skindose.phantom.build import measured

    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        return measured(kept["vertices_mm"], kept["triangles"]) | {"region": kept["region"]}
