"""A pool that survives the death of one of its processes."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

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


def own_number():
    time.sleep(0.2)  # so that both get one
    return os.getpid()


def kill_itself(pipe):
    with Pool(2) as pool:
        pipe.send([number for _, number in pool.run(own_number, {"a": (), "b": ()})])
        os.kill(os.getpid(), signal.SIGKILL)


def is_there(number):
    """Not so where it waits for somebody to ask for its exit code, which nobody does in some containers."""
    try:
        os.kill(number, 0)
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:  # a system without /proc, where orphans are asked
        return not Path("/proc/self").exists()
    except ProcessLookupError:
        return False


def test_no_worker_outlives_its_parent():
    here, there = multiprocessing.Pipe()
    parent = multiprocessing.get_context("spawn").Process(target=kill_itself, args=(there,))
    parent.start()
    workers = here.recv()
    parent.join()
    deadline = time.monotonic() + 30  # it takes milliseconds; a worker without the watch waits for ever
    while any(map(is_there, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert parent.exitcode == -signal.SIGKILL
    assert not any(map(is_there, workers))
