"""Damaged reports, many in one call: a sane result with its warnings, or one line that names the file."""

import json
import math

import pytest

from tests.damage import write_damaged
from tests.e2e.test_run import skindose

SOURCES = ("siemens_axiom_artis", "philips_allura_no_model", "ge_oec_esp_c_arm", "philips_allura_clarity_u104")


def numbers(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from numbers(part)
    elif isinstance(tree, float):
        yield tree


def check(rdsr_folder, tmp_path, count, seed):
    (tmp_path / "in").mkdir()
    files = write_damaged(tmp_path / "in", count, [rdsr_folder / f"{name}.dcm" for name in SOURCES], seed)
    code, stdout, stderr = skindose(
        "run", *files, "--out", tmp_path / "out", "--phantom", "oval", "--json", "--jobs", 2
    )
    lines = [line for line in stderr.splitlines() if line.strip()]
    outcomes = {one["file"]: one for one in json.loads(stdout, parse_constant=pytest.fail)}
    assert set(outcomes) == {path.name for path in files}, "an input was lost in silence"
    failed = {name for name, one in outcomes.items() if "error" in one}
    assert {line.split(":")[0] for line in lines} == failed
    assert len(lines) == len(failed)
    assert not any("inside the program" in line for line in lines), lines
    assert code == (1 if failed else 0)
    for name in set(outcomes) - failed:
        sane(outcomes[name]["result"])


def sane(result):
    assert all(math.isfinite(number) for number in numbers(result))
    totals = result["totals"]
    for plane in totals["air_kerma_mgy"].values():
        assert (plane["summed"] or 0) >= 0
    if result["peak"] is None:
        assert result["no_map_reason"]
    else:
        assert result["peak"]["skin_dose_mgy"] > 0
    if totals["events_mapped"] < totals["events"]:
        assert result["warnings"] or result["assumptions"]


@pytest.mark.shared
def test_sixty_damaged_reports(rdsr_folder, tmp_path):
    check(rdsr_folder, tmp_path, 60, seed=0)


@pytest.mark.shared
@pytest.mark.slow
def test_six_hundred_damaged_reports(rdsr_folder, tmp_path):
    check(rdsr_folder, tmp_path, 600, seed=1000)
