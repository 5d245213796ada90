"""What every test shares: where the real files are, and why a test is skipped without them."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
CI = os.environ.get("CI", "").lower() == "true"


def pytest_collection_modifyitems(config, items):
    if SHARED.is_dir():
        return
    if CI:
        raise pytest.UsageError("../shared is missing: in CI its tests must run")
    skip = pytest.mark.skip(reason="../shared is not beside the project")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory):
    """Whatever rules are in force on this machine, they are not in the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKINDOSE_HOME", str(tmp_path_factory.mktemp("nobody") / "home"))
        yield


@pytest.fixture(scope="session")
def rdsr_folder():
    """Folder of the real RDSRs; tests that use it carry @pytest.mark.shared."""
    return SHARED / "rdsr"


@pytest.fixture(scope="session")
def reference_folder():
    """Folder of the published tables; tests that use it carry @pytest.mark.shared."""
    return SHARED / "reference"


@pytest.fixture(scope="session", autouse=True)
def few_draws():
    """8 placements instead of 64 for what is about something else; tests/uncertainty has them all, so has the CLI's."""
    from skindose.uncertainty import sample

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "PLACEMENTS", 8)
        patch.setattr(sample, "DRAWS", 200)
        yield
