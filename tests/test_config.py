"""A wrong option or configuration is told in plain words, with the key and what is known."""

import pytest

from skindose.config import Settings, is_mail_address
from skindose.errors import SettingsError

WRONG = {  # a line of TOML -> words of the message
    'height_cm = "tall"': ("height_cm: 'tall' is no number",),
    "height_cm = 5": ("height_cm: 5 is not above 20",),
    "age = nan": ("age: nan is not below 130",),
    "age = true": ("age: true is not possible",),
    "heigth_cm = 170": ("heigth_cm: there is no such key", "height_cm", "profile_folder"),
    "[run]\nheight_cm = 170": ("run: there is no such key",),
    "phantom = 3": ("phantom: 3 is no text in quotes",),
    "offset_mm = [1, 2]": ("offset_mm.3: something is missing",),
    "offset_mm = 3": ("offset_mm: 3 is no list in brackets",),
    'corrections = ["magic"]': ("'magic' is not one of 'backscatter', 'medium', 'table', 'heel', 'calibration'",),
    "seed = 1.5": ("seed: 1.5 is no whole number",),
    "a = [": ("not TOML",),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_told_in_plain_words(text, tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(text + "\n")
    with pytest.raises(SettingsError) as told:
        Settings.load(path, {})
    message = str(told.value)
    assert message.startswith(str(path))
    for words in WRONG[text]:
        assert words in message
    for jargon in ("Input should", "Extra inputs", "tuple", "pydantic", "<class"):
        assert jargon not in message


@pytest.mark.parametrize(("name", "words"), [("absent.toml", "no such file"), ("", "is a directory")])
def test_a_file_that_cannot_be_read_is_told_without_its_errno(name, words, tmp_path):
    with pytest.raises(SettingsError, match=words) as told:
        Settings.load(tmp_path / name, {})
    assert "Errno" not in str(told.value)


def test_capitals_and_the_mark_of_windows_editors_do_not_matter(tmp_path):
    path = tmp_path / "site.toml"
    path.write_bytes(b'\xef\xbb\xbforientation = "HFP"\nsex = "Female"\n')
    settings = Settings.load(path, {"placement": "TABLE"})
    assert (settings.orientation, settings.sex, settings.placement) == ("hfp", "female", "table")


@pytest.mark.parametrize("given", ["a@b.c", "first.last+tag@mail.example.org"])
def test_addresses(given):
    assert is_mail_address(given)


@pytest.mark.parametrize("given", ["", "@", "a@", "@b", "a b@c", "a@b\n", "a@b, c@d", "<a@b>", "\u00e4@b.c", "a@b@c"])
def test_no_addresses(given):
    assert not is_mail_address(given)
