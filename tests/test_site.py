"""site.toml: what a site decides once."""

import pytest

from skindose import site
from skindose.errors import SettingsError


def test_without_a_file_the_defaults_hold(tmp_path):
    assert site.load(tmp_path) == site.Site()
    assert not site.Site().plain_identifiers, "plain identifiers are kept only where a site says so"


@pytest.mark.parametrize(
    ("number", "description", "purpose"),
    [
        ("QA-2026", "", "test"),
        ("x_phantom_3", "", "test"),
        ("AQUA", "", "patient"),
        ("", "Phantom limb pain, lumbar block", "patient"),
        ("12", "daily CONSTANCY", "test"),
    ],
)
def test_marks_are_whole_words(number, description, purpose):
    marked = site.Site(test_descriptions=("constancy",))
    assert marked.purpose(number, description) == purpose


@pytest.mark.parametrize("text", ["plain = true", "test_numbers = 3", "no toml", "plain_identifiers = 'perhaps'"])
def test_a_mistake_is_told(tmp_path, text):
    (tmp_path / site.FILE).write_text(text)
    with pytest.raises(SettingsError, match=site.FILE):
        site.load(tmp_path)


@pytest.mark.parametrize("number", ["", "0", "000-000", "unknown", " Anonymous ", "XXXX", "N O N E"])
def test_a_number_that_is_nobodys_joins_no_strangers(number):
    assert not site.Site().names_somebody(number)


@pytest.mark.parametrize("number", ["4711", "ANON-0815", "P1", "UNKNOWN-17"])
def test_other_numbers_are_somebodys(number):
    assert site.Site().names_somebody(number)


def test_a_site_names_its_own_stand_ins():
    own = site.Site(nobodys_numbers=("Notfall",))
    assert (own.names_somebody("NOTFALL"), own.names_somebody("unknown")) == (False, True)
