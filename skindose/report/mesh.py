"""Result -> dosemap.vtp: the body in the patient frame with the dose of every cell, as VTK XML PolyData.

Format: "VTK File Formats" of the VTK User's Guide, XML, PolyData; inline base64, zlib blocks, little endian. Written
here in a few lines because importing vtk costs a second.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from skindose import __version__
from skindose.errors import OutputError
from skindose.model import ByteArray, FloatArray, IntArray, Result

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HEADER_LETTERS = 44  # four UInt64 in base64
_VTK_TYPES = {"f8": "Float64", "i4": "Int32", "i8": "Int64", "u1": "UInt8"}


def vtp(result: Result) -> bytes:
    """dosemap.vtp.

    Cell arrays dose_mgy, uncertainty_mgy (float64) and region (uint8, index into the field array region_names). Field
    data: patient_to_table_rotation (9, row by row) and patient_to_table_origin_mm (3), with
    x_table = rotation @ x_patient + origin; isocentre_mm (3), the kerma-weighted isocentre in the patient frame, where
    it is known; software.

    raises   OutputError where there is no map: ask `result.dosemap` first
    """
    if result.dosemap is None:
        raise OutputError("there is no dose map to write", remedy="Only results with a map have a dosemap.vtp.")
    phantom, dosemap = result.phantom, result.dosemap
    cells: dict[str, NDArray[Any]] = {
        "dose_mgy": dosemap.dose_mgy,
        "uncertainty_mgy": dosemap.uncertainty_mgy,
        "region": phantom.region,
    }
    triangles = phantom.triangles.astype("<i4")
    polys = {"connectivity": triangles.reshape(-1), "offsets": np.arange(1, len(triangles) + 1, dtype="<i4") * 3}
    body = [
        '<?xml version="1.0"?>\n<VTKFile type="PolyData" version="1.0" byte_order="LittleEndian"'
        ' header_type="UInt64" compressor="vtkZLibDataCompressor">\n<PolyData>\n<FieldData>\n',
        *_field_data(result),
        f'</FieldData>\n<Piece NumberOfPoints="{len(phantom.vertices_mm)}" NumberOfPolys="{len(triangles)}">\n',
        _section("Points", {"points_mm": phantom.vertices_mm}),
        _section("Polys", polys),
        _section("CellData", cells, ' Scalars="dose_mgy"'),
        "</Piece>\n</PolyData>\n</VTKFile>\n",
    ]
    return "".join(body).encode()


def _field_data(result: Result) -> list[str]:
    arrays: dict[str, FloatArray] = {}
    if result.placement is not None:
        arrays["patient_to_table_rotation"] = result.placement.rotation.reshape(1, 9)
        arrays["patient_to_table_origin_mm"] = result.placement.origin_mm.reshape(1, 3)
    isocentre_mm = reference_isocentre_mm(result)
    if isocentre_mm is not None:
        arrays["isocentre_mm"] = isocentre_mm.reshape(1, 3)
    texts = {"region_names": result.phantom.region_names, "software": (f"skindose {__version__}",)}
    return [
        *(_array(name, array, f' NumberOfTuples="{len(array)}"') for name, array in arrays.items()),
        *(_strings(name, values) for name, values in texts.items()),
    ]


def reference_isocentre_mm(result: Result) -> FloatArray | None:
    """(3,) the isocentre in the patient frame, mean over the beams weighted by air kerma; None where unknown."""
    beams = result.beams
    if beams is None or not len(beams):
        return None
    distance_mm = result.events.distance_source_to_isocenter_mm[beams.event]
    isocentre_mm = beams.source_mm + distance_mm[:, None] * beams.axis
    weight = np.where(np.isfinite(distance_mm), beams.air_kerma_rp_mgy, 0.0)
    if not weight.sum() > 0:
        return None
    mean: FloatArray = np.average(np.nan_to_num(isocentre_mm), axis=0, weights=weight)
    return mean


def _section(tag: str, arrays: Mapping[str, NDArray[Any]], attributes: str = "") -> str:
    inside = "".join(_array(name, array) for name, array in arrays.items())
    return f"<{tag}{attributes}>\n{inside}</{tag}>\n"


def _array(name: str, array: NDArray[Any], attributes: str = "") -> str:
    """One DataArray: UInt64 header (blocks, block size, last block's size, packed size), then the block."""
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    raw = data.tobytes()
    packed = zlib.compress(raw, 1)
    header = np.array([1, len(raw), 0, len(packed)] if raw else [0, 0, 0], dtype="<u8").tobytes()
    text = (base64.b64encode(header) + (base64.b64encode(packed) if raw else b"")).decode("ascii")
    components = data.shape[1] if data.ndim == 2 else 1
    vtk_type = _VTK_TYPES[data.dtype.str[1:]]
    return (
        f'<DataArray type="{vtk_type}" Name={quoteattr(name)} NumberOfComponents="{components}"'
        f'{attributes} format="binary">{text}</DataArray>\n'
    )


def _strings(name: str, values: tuple[str, ...]) -> str:
    """Texts as VTK writes them in XML: the bytes as numbers, each text ended by 0."""
    codes = " ".join(str(code) for value in values for code in (*value.encode(), 0))
    return (
        f'<Array type="String" Name={quoteattr(name)} NumberOfTuples="{len(values)}" format="ascii">{codes}</Array>\n'
    )


# --- Reading


class Surface(NamedTuple):
    """What `vtp` wrote of the skin: vertices_mm (vertices, 3), triangles (cells, 3), and one value per cell."""

    vertices_mm: FloatArray
    triangles: IntArray
    region: ByteArray
    dose_mgy: FloatArray
    uncertainty_mgy: FloatArray


def read_vtp(content: bytes) -> Surface:
    """The skin of a file that `vtp` wrote, to the bit.

    raises   ValueError, KeyError and whatever the parsers raise, for anything else
    """
    from xml.etree import ElementTree  # what only writes needs no parser

    arrays = {one.get("Name"): one for one in ElementTree.fromstring(content).iter("DataArray")}
    points, corners, region, dose, uncertainty = (
        _read_array(arrays[name]) for name in ("points_mm", "connectivity", "region", "dose_mgy", "uncertainty_mgy")
    )
    return Surface(points.reshape(-1, 3), corners.reshape(-1, 3), region, dose, uncertainty)


def _read_array(element: Element) -> NDArray[Any]:
    text = element.text or ""
    header = base64.b64decode(text[:_HEADER_LETTERS])
    raw = zlib.decompress(base64.b64decode(text[_HEADER_LETTERS:]))
    if np.frombuffer(header, dtype="<u8")[1] != len(raw):
        raise ValueError("a block is not as long as its header says")
    dtype = next(name for name, vtk in _VTK_TYPES.items() if vtk == element.get("type"))
    return np.frombuffer(raw, dtype=f"<{dtype}" if dtype != "u1" else dtype).copy()
