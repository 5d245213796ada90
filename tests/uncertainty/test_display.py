"""The interval from the display's tolerance: closed form against draws."""

import math

import numpy as np
import pytest

from skindose.uncertainty import interval_95
from tests.close import close


def test_interval_of_the_iec_tolerance():
    close(interval_95(2.0), (1.50, 3.00), atol=0.005, because="0.75 to 1.50 of the value, to two digits")


def test_interval_holds_95_percent_of_draws():
    e = np.random.default_rng(1).uniform(-0.35, 0.35, 200_000)
    true = 4.0 / (1 + e)
    close(np.quantile(true, [0.025, 0.975]), interval_95(4.0), rtol=0.002, because="4 sigma of 200,000 draws")


def test_an_exact_value_has_no_width():
    assert interval_95(3.1, 0.0) == (3.1, 3.1)
    assert interval_95(0.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("value", "tolerance"), [(-1.0, 0.35), (math.nan, 0.35), (math.inf, 0.35), (1.0, 1.0), (1.0, math.nan)]
)
def test_no_interval_of_nonsense(value, tolerance):
    with pytest.raises(ValueError, match="no interval"):
        interval_95(value, tolerance)
