"""One stored result for all tests of the window: the demonstration's 80 events on a coarse body, an ellipsoid."""

import shutil
from dataclasses import replace

import pytest

from skindose import folder, pipeline, rdsr
from skindose.config import Settings
from skindose.prepare import prepare
from skindose.rdsr.demo import write_demo
from tests import scenes


@pytest.fixture(scope="session")
def computed(tmp_path_factory):
    """What run computes of the demonstration with further options; by the table alone, so that to leave an event out
    moves no other.
    """
    procedure = rdsr.read(write_demo(tmp_path_factory.mktemp("rdsr") / "demo.dcm"))
    vertices, triangles = scenes.sphere(1.0, subdivisions=4)
    body = scenes.phantom(vertices * (170.0, 110.0, 450.0) + (0.0, -110.0, -450.0), triangles)

    def compute(**options):
        case = prepare(procedure, Settings(phantom="plane", placement="table", **options))
        return pipeline.compute_case(replace(case, body=body))

    return compute


@pytest.fixture(scope="session")
def written(computed, tmp_path_factory):
    """The stored result; not to be changed: `place` has a copy of it."""
    path = tmp_path_factory.mktemp("stored") / "demo"
    folder.write_result(computed(), path)
    return path


@pytest.fixture
def place(written, tmp_path):
    return shutil.copytree(written, tmp_path / "demo")
