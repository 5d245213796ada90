"""The one comparison helper of the tests: a tolerance is an argument and comes with its reason."""

import numpy as np


def close(got, want, *, rtol=0.0, atol=0.0, because=""):
    """Assert that `got` equals `want` within the tolerances; `because` says why they are what they are."""
    if not because:
        raise ValueError("a tolerance needs a reason: close(..., because=...)")
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, err_msg=because)
