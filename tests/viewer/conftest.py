"""One stored result for all tests of the window: the demonstration's 80 events on a coarse body, an ellipsoid."""

import shutil

import pytest

from skindose import folder, pipeline, rdsr
from skindose.config import Settings
from skindose.rdsr.demo import write_demo
from tests import scenes


@pytest.fixture(scope="session")
def procedure(tmp_path_factory):
    return rdsr.read(write_demo(tmp_path_factory.mktemp("rdsr") / "demo.dcm"))


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    """By the table alone, so that to leave an event out moves no other."""
    vertices, triangles = scenes.sphere(1.0, subdivisions=4)
    path = tmp_path_factory.mktemp("body") / "ellipsoid.obj"
    corners = [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertices * (170.0, 110.0, 450.0) + (0.0, -110.0, -450.0)]
    path.write_text("\n".join([*corners, *(f"f {a} {b} {c}" for a, b, c in triangles + 1)]))
    return Settings(phantom=str(path), placement="table")


@pytest.fixture(scope="session")
def written(procedure, settings, tmp_path_factory):
    """The stored result; not to be changed: `place` has a copy of it."""
    path = tmp_path_factory.mktemp("stored") / "demo"
    folder.write_result(pipeline.compute(procedure, settings), path)
    return path


@pytest.fixture
def place(written, tmp_path):
    return shutil.copytree(written, tmp_path / "demo")
