"""dosemap.vtp as others read it: pyvista (VTK itself), meshio (which has no reader of PolyData and gets the mesh
from pyvista), and a plain XML parser."""

import base64
import xml.etree.ElementTree as ElementTree
import zlib

import meshio
import numpy as np
import pytest

from skindose.errors import OutputError
from skindose.report.mesh import vtp
from tests.report.factory import make_mapless, make_result

pyvista = pytest.importorskip("pyvista")


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("vtp") / "dosemap.vtp"
    path.write_bytes(vtp(result))
    return path


@pytest.fixture
def read(path):
    return pyvista.read(path)


def test_arrays_are_intact(result, read):
    np.testing.assert_array_equal(read.points, result.phantom.vertices_mm)
    np.testing.assert_array_equal(read.regular_faces, result.phantom.triangles)
    np.testing.assert_array_equal(read.cell_data["dose_mgy"], result.dosemap.dose_mgy)
    np.testing.assert_array_equal(read.cell_data["uncertainty_mgy"], result.dosemap.uncertainty_mgy)
    np.testing.assert_array_equal(read.cell_data["region"], result.phantom.region)


def test_is_a_closed_surface_with_outward_normals(read):
    assert read.is_manifold
    assert read.volume == pytest.approx(300 * 200 * 600, rel=1e-9)  # rounding only: a box has an exact volume


def test_field_data_has_the_transforms(result, read):
    np.testing.assert_array_equal(read.field_data["patient_to_table_rotation"], [result.placement.rotation.ravel()])
    np.testing.assert_array_equal(read.field_data["patient_to_table_origin_mm"], [result.placement.origin_mm])
    np.testing.assert_allclose(read.field_data["isocentre_mm"], [[0.0, -100.0, -300.0]], atol=1e-9)
    assert tuple(read.field_data["region_names"]) == result.phantom.region_names
    assert str(read.field_data["software"][0]).startswith("skindose ")


def test_meshio_gets_it_from_pyvista_with_arrays_intact(result, read, tmp_path):
    """The README's two lines, and what meshio then writes and reads itself."""
    handed = pyvista.to_meshio(read)
    handed.write(tmp_path / "dosemap.vtu")
    for mesh in (handed, meshio.read(tmp_path / "dosemap.vtu")):
        np.testing.assert_array_equal(mesh.points, result.phantom.vertices_mm)
        np.testing.assert_array_equal(mesh.cells_dict["triangle"], result.phantom.triangles)
        wanted = {"dose_mgy": result.dosemap.dose_mgy, "uncertainty_mgy": result.dosemap.uncertainty_mgy}
        for name, array in (wanted | {"region": result.phantom.region}).items():
            np.testing.assert_array_equal(mesh.cell_data[name][0].ravel(), array)


def test_meshio_has_no_reader_of_its_own():
    """Where this fails, meshio has learnt PolyData: read it directly above, and say so in the README."""
    assert ".vtp" not in meshio.extension_to_filetypes


def test_is_xml_that_any_parser_reads(result):
    tree = ElementTree.fromstring(vtp(result))
    text = tree.find(".//CellData/DataArray[@Name='dose_mgy']").text
    header = base64.b64decode(text[:44])  # four UInt64 are 44 characters of base64
    blocks, size, last, packed = np.frombuffer(header, "<u8").tolist()
    raw = base64.b64decode(text[44:])
    assert (blocks, last, packed) == (1, 0, len(raw))
    dose = np.frombuffer(zlib.decompress(raw), "<f8")
    assert dose.nbytes == size
    np.testing.assert_array_equal(dose, result.dosemap.dose_mgy)


def test_without_a_map_there_is_no_mesh():
    with pytest.raises(OutputError, match="no dose map"):
        vtp(make_mapless())


def test_the_same_result_gives_the_same_bytes(result):
    assert vtp(result) == vtp(make_result())
