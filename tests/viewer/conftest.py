"""One stored result for all tests of the window: the demonstration's 80 events on the trunk without arms."""

import shutil

import pytest

from skindose import folder, pipeline, rdsr
from skindose.config import Settings
from skindose.rdsr.demo import write_demo

# By the table alone, so that to leave an event out moves no other.
SETTINGS = Settings(phantom="oval", placement="table")


@pytest.fixture(scope="session")
def procedure(tmp_path_factory):
    return rdsr.read(write_demo(tmp_path_factory.mktemp("rdsr") / "demo.dcm"))


@pytest.fixture(scope="session")
def written(procedure, tmp_path_factory):
    """The stored result; not to be changed: `place` has a copy of it."""
    path = tmp_path_factory.mktemp("stored") / "demo"
    folder.write_result(pipeline.compute(procedure, SETTINGS), path)
    return path


@pytest.fixture
def place(written, tmp_path):
    return shutil.copytree(written, tmp_path / "demo")
