"""Memory is flat over 10,000 reports: of the parent, which stores, and of the workers, which compute."""

import json
import time
from pathlib import Path

import pytest

from tests.intake.test_batch import config, feed, start
from tests.registry import made

__all__ = ["config", "feed"]
FILES, SETTLED = 10_000, 1_000  # until then the processes load, and keep what they keep


def resident_mb(process):
    """Of a process and of its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096 / 2**20 for one in (process, *children)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell")
def test_memory_is_flat_over_ten_thousand_reports(sqlite_home, feed, config, tmp_path):
    for number in range(FILES):
        feed.put(f"{number % 100}/{number}.dcm", made.report(f"{number}", events=(1,), number=f"P{number}"))
    made.report.cache_clear()
    log = tmp_path / "log.jsonl"
    running = start(feed.folder, "--config", config, "--jobs", "2", "--log", log, "--json")
    seen = []
    while running.poll() is None:
        done = log.read_bytes().count(b"\n") if log.exists() else 0
        if done:
            seen.append((done, resident_mb(running.pid)))
        time.sleep(5.0)
    said, _ = running.communicate()
    assert json.loads(said)["outcomes"]["stored"] == FILES
    settled = [mb for done, mb in seen if SETTLED <= done <= 2 * SETTLED]
    last = [mb for done, mb in seen if done >= FILES - SETTLED]
    for who, name in ((0, "parent"), (1, "worker"), (2, "worker")):
        before, after = (max(mb[who] for mb in some if len(mb) > who) for some in (settled, last))
        assert after - before < 40.0, f"{name}: 5 kB a report would be 40 MB over the other 8,000; a report has 11 kB"
