"""A pool that survives the death of one of its processes."""

import os
import signal

from skindose.errors import InputError
from skindose.pool import Pool


def halve(number):
    """Even numbers only; of an odd one the process dies, as when the system runs out of memory."""
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number // 2


def test_one_deadly_task_costs_no_other():
    with Pool(2) as pool:
        done = dict(pool.run(halve, {str(number): (number,) for number in (2, 3, 4, 6)}))
    assert isinstance(done.pop("3"), InputError)
    assert done == {"2": 1, "4": 2, "6": 3}


def test_one_job_works_in_this_process():
    with Pool(1) as pool:
        assert dict(pool.run(os.getpid, {"a": ()})) == {"a": os.getpid()}
