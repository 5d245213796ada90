"""A line typed key by key."""

import pytest

from skindose.viewer.prompt import Prompt, letter


def typed(prompt, text):
    for sign in text:
        assert prompt.key(sign, sign)


def test_keys_become_a_line_and_enter_gives_it():
    given = []
    prompt = Prompt("Why?", lambda text: given.append(text) or "")
    typed(prompt, "slid downx")
    assert prompt.key("BackSpace", "\x08")
    assert "Why? slid down_" in prompt.line()
    assert not prompt.key("Return", "\r")
    assert given == ["slid down"]


def test_a_refused_answer_keeps_the_prompt_open_with_the_reason():
    prompt = Prompt("Name?", lambda text: "" if text else "a name is needed")
    assert prompt.key("Return", "\r")
    assert "a name is needed" in prompt.line()
    typed(prompt, "A")
    assert not prompt.key("Return", "\r")


def test_escape_leaves_without_an_answer():
    prompt = Prompt("Why?", lambda text: pytest.fail("nothing was accepted"))
    typed(prompt, "q")
    assert not prompt.key("Escape", "\x1b")


def test_a_line_has_an_end():
    prompt = Prompt("Why?", lambda text: "")
    typed(prompt, "x" * 300)
    assert len(prompt.text) == 200


@pytest.mark.parametrize(
    ("name", "sign", "wanted"),
    [
        ("a", "a", "a"), ("space", " ", " "), ("Shift_L", "", ""), ("F1", "", ""), ("Tab", "\t", ""), ("Left", "", ""),
        ("udiaeresis", "", "\u00fc"), ("eacute", "", "\u00e9"), ("Aring", "", "\u00c5"), ("ccedilla", "", "\u00e7"),
        ("ssharp", "", "\u00df"), ("ntilde", "", "\u00f1"), ("ocircumflex", "", "\u00f4"), ("egrave", "", "\u00e8"),
        ("scaron", "", "\u0161"), ("a", None, ""),
    ],
)  # fmt: skip
def test_a_key_stands_for_a_sign(name, sign, wanted):
    assert letter(name, sign or "") == wanted
