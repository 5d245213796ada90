"""Here the uncertainty is sampled in full."""

import pytest

from skindose.uncertainty import sample


@pytest.fixture(scope="package", autouse=True)
def all_draws(few_draws):
    """What the product does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "PLACEMENTS", 64)
        patch.setattr(sample, "DRAWS", 1000)
        yield
