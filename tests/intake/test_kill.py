"""Kill -9 at random moments, restart each time: at the end every procedure is there once, and the chain verifies."""

import random
import signal
import time

import pytest

from skindose.registry import open_registry
from tests.intake.test_batch import batch, config, feed, listed, start
from tests.registry import made

__all__ = ["config", "feed"]
KILLS, FILES, SEED = 200, 100, 7


@pytest.mark.slow
def test_killed_at_random_moments_everything_is_there_once(home, feed, config):
    for number in range(FILES - 5):
        feed.put(f"{number}.dcm", made.report(f"study {number}"))
    for number in range(5):
        feed.put(f"more-{number}.dcm", made.report(f"study {number}", events=(9,), instance="2"))
    moments = random.Random(SEED)
    for _ in range(KILLS):
        victim = start(feed.folder, "--config", config)
        time.sleep(moments.uniform(0.5, 4.0))
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
    batch(feed.folder, "--config", config)
    rows = listed()
    assert len(rows) == FILES - 5
    assert sum(row.reports for row in rows) == FILES
    with open_registry():
        from skindose.registry import reading

        assert reading.outdated(None) == []
