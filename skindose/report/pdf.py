"""Facts and pictures -> the two-page dose report: page one for clinicians, page two for physicists.

Set by typst (PDF/A-2a: tagged, text selectable, fonts embedded); the layout stands in report.typ beside this file. What
came out of a file is hostile: it travels as JSON, is shown as text only, and the layout sees no file but its pictures.
The same content gives the same bytes: the document's date is the procedure's.
"""

from __future__ import annotations

import datetime
import json
import re
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from skindose.errors import OutputError
from skindose.report.pages import page_one, page_two

if TYPE_CHECKING:
    from skindose.rdsr import Identity

STANDARD = "a-2a"
TITLE = "Skin dose report"  # also the document's own title: names no patient and no file
_NO_DATE = datetime.date(1970, 1, 1)  # PDF/A asks for a date; a report without one gets this
_LONGEST_WORD = 20  # letters; a longer one may be broken anywhere
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LETTERS = re.compile(rb'font-size="([0-9.]+)"')
_LARGER = 1.4
_BREAK = "\u200b"
_MOST_PROBED = 200  # characters of a text that are tried in the fonts, beyond those that they surely have
_REPLACED = "?"
_UNSHOWN = "in letters that no font on this machine has"


class Pictures(NamedTuple):
    """What the report shows beside the text; None: left out.

    body_png       the body from four sides
    unrolled_svg   the unrolled map
    chart_svg      dose per event
    """

    body_png: bytes | None = None
    unrolled_svg: bytes | None = None
    chart_svg: bytes | None = None


_FILES = {"body_png": "body.png", "unrolled_svg": "unrolled.svg", "chart_svg": "chart.svg"}


def pdf(facts: Mapping[str, Any], pictures: Pictures, identity: Identity | None = None) -> bytes:
    """The dose report as PDF/A, two pages of A4.

    facts      what `summary.summary` returns, or result.json holds
    identity   the patient, for the patient's own record; None: the report names nobody
    raises     OutputError where typst is not installed
    """
    content = {
        "title": TITLE,
        "date": _date(facts["procedure"]["date"]),
        "pictures": {name.partition("_")[0]: getattr(pictures, name) is not None for name in _FILES},
        "identity": identity and _identity(identity),
        **page_one(dict(facts)),
        **page_two(dict(facts)),
    }
    with tempfile.TemporaryDirectory(prefix="skindose-") as folder:
        for name, file in _FILES.items():
            if (picture := getattr(pictures, name)) is not None:
                (Path(folder) / file).write_bytes(_legible(picture) if file.endswith(".svg") else picture)
        return _set(content, folder, system_fonts=identity is not None)


def _legible(svg: bytes) -> bytes:
    """A chart that is drawn for a page's whole width, with letters for half of it."""
    return _LETTERS.sub(lambda found: b'font-size="%.1f"' % (_LARGER * float(found[1])), svg)


def _date(written: str | None) -> tuple[int, int, int]:
    try:
        day = datetime.date.fromisoformat(written or "")
    except ValueError:
        day = _NO_DATE
    return day.year, day.month, day.day


def _identity(identity: Identity) -> list[tuple[str, str]]:
    """Who the report is about; a name's further groups (in Chinese letters, as spoken) stand below the first."""
    number = f"{identity.number} ({identity.issuer})" if identity.issuer else identity.number
    rows = [("Patient", name) for name in identity.names] or [("Patient", "")]
    return [(name, value or "not stated") for name, value in (*rows, ("Number", number), ("Born", identity.birth_date))]


# --- Typst


def _set(content: Mapping[str, Any], folder: str, system_fonts: bool) -> bytes:
    """The content, set. A character that no font has would end the run (PDF/A forbids it): it becomes "?".

    system_fonts   the machine's own fonts stand in for what the embedded ones lack: names in Chinese or Japanese
    """
    typst = _typst()
    setter = typst.Compiler(root=folder, font_paths=[], ignore_system_fonts=not system_fonts)

    def compiled(source: bytes, data: Any) -> bytes:
        inputs = {"data": json.dumps(data, ensure_ascii=False)}
        done: bytes = setter.compile(source, format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD])
        return done

    def has(sign: str) -> bool:
        try:
            return bool(compiled(_PROBE, sign))
        except typst.TypstError:
            return False

    def done(known: set[str]) -> bytes:
        named = content["identity"] and _named(content["identity"], known)
        return compiled(_layout(), _mapped({**content, "identity": named}, known))

    exotic = sorted({sign for text in _texts(content) for sign in text if sign.isprintable() and not _common(sign)})
    known = {sign for sign in exotic[:_MOST_PROBED] if has(sign)}
    try:
        return done(known)
    except typst.TypstError:  # a letter that is there alone but not beside another
        return done(set())


def _named(rows: list[tuple[str, str]], known: set[str]) -> list[tuple[str, str]]:
    """The rows of the identity; half a name is none, so one with a letter that no font has is not shown."""
    shown = [(key, text if all(_common(one) or one in known for one in text) else _UNSHOWN) for key, text in rows]
    return list(dict.fromkeys(shown))


_PROBE = b"""#set document(date: datetime(year: 2000, month: 1, day: 1), title: "probe")
#set text(font: "Libertinus Serif", lang: "en")
#json(bytes(sys.inputs.data))"""


def require() -> None:
    """Say at once where typst is missing.

    raises   OutputError
    """
    _typst()


def _typst() -> Any:
    try:
        import typst
    except ImportError:
        what = "the PDF needs typst, which is not installed"
        raise OutputError(what, "pdf", "Install it: pip install 'skindose[pdf]'.") from None
    return typst


@lru_cache
def _layout() -> bytes:
    return resources.files("skindose.report").joinpath("report.typ").read_bytes()


def _common(sign: str) -> bool:
    """Printable letters that every text font has: ASCII and Latin-1."""
    return sign <= "\u00ff"


def _texts(value: Any) -> list[str]:
    """Every text in the tree."""
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for each in inside for text in _texts(each)]


def _mapped(value: Any, known: set[str]) -> Any:
    """The tree with texts as they can be set: in letters that the fonts have, long words with places to break."""
    if isinstance(value, str):
        plain = "".join(
            " " if sign in "\n\t" else sign if sign.isprintable() and (_common(sign) or sign in known) else _REPLACED
            for sign in value
        )
        return _breakable(plain)
    if isinstance(value, Mapping):
        return {key: _mapped(each, known) for key, each in value.items()}
    return [_mapped(each, known) for each in value] if isinstance(value, list | tuple) else value


def _breakable(text: str) -> str:
    def broken(word: str) -> str:
        if len(word) <= _LONGEST_WORD or _DIGEST.fullmatch(word):
            return word
        return _BREAK.join(word[at : at + _LONGEST_WORD] for at in range(0, len(word), _LONGEST_WORD))

    return " ".join(map(broken, text.split(" ")))
