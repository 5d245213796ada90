"""A pool that survives the death of one of its processes."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from skindose.errors import InputError
from skindose.pool import Pool, end_with_parent


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


def kill_itself_with_another_pool(pipe):
    """As `skindose run` has it: its processes may know each other's pipes."""
    with ProcessPoolExecutor(2, initializer=end_with_parent) as pool:
        pipe.send([done.result() for done in [pool.submit(own_number), pool.submit(own_number)]])
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


@pytest.mark.parametrize("end", [kill_itself, kill_itself_with_another_pool])
def test_no_worker_outlives_its_parent(end):
    here, there = multiprocessing.Pipe()
    parent = multiprocessing.get_context("spawn").Process(target=end, args=(there,))
    parent.start()
    workers = here.recv()
    parent.join()
    deadline = time.monotonic() + 30  # it takes milliseconds; a worker without the watch waits for ever
    while any(map(is_there, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert parent.exitcode == -signal.SIGKILL
    assert not any(map(is_there, workers))


def test_it_holds_no_more_than_keeps_the_processes_busy():
    with Pool(2) as pool:
        given = 0
        while not pool.is_full():
            pool.put(f"{given}", halve, (2 * given,))
            given += 1
        assert given == 4, "for each process one that it works on, and one that waits"
        assert dict(pool.take() for _ in range(given)) == {f"{number}": number for number in range(given)}
        assert not pool.is_busy()


def test_what_is_put_in_after_a_process_died_is_done_too():
    with Pool(2) as pool:
        found = {}
        for number in (3, 4, 6, 8, 10):
            while pool.is_full():
                found |= [pool.take()]
            pool.put(f"{number}", halve, (number,))
        while pool.is_busy():
            found |= [pool.take()]
    assert isinstance(found.pop("3"), InputError)
    assert found == {"4": 2, "6": 3, "8": 4, "10": 5}


def test_what_is_forgotten_never_comes_out():
    with Pool(2) as pool:
        for number in (2, 4, 6):
            pool.put(f"{number}", halve, (number,))
        pool.clear()
        assert not pool.is_busy()
        assert dict(pool.run(halve, {"8": (8,)})) == {"8": 4}
