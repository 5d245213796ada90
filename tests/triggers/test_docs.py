"""docs/triggers.md is what its script makes of the rule files, and its example is a valid rule file."""

import importlib.util
import re
from pathlib import Path

import pytest

from skindose.triggers.rules import parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "triggers.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_trigger_docs", ROOT / "scripts" / "make_trigger_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script):
    assert script.rendered(PAGE) == PAGE, "run scripts/make_trigger_docs.py"


def test_a_page_without_a_place_for_a_table_is_refused(script):
    with pytest.raises(ValueError, match="no place for bands"):
        script.rendered(PAGE.replace("<!-- bands: end -->", ""))


def test_the_example_is_a_valid_rule_file():
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    ruleset = parse(example, "example.toml")
    assert ruleset.id == "our-lab"
    assert ruleset.rules[0].window_days == 60
