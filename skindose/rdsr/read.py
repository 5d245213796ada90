"""DICOM file -> Procedure: everything the report says, exactly as it says it."""

from __future__ import annotations

import errno
import hashlib
import stat
import zlib
from pathlib import Path

from skindose.errors import InputError, reason
from skindose.model import InputFile, Procedure
from skindose.rdsr import kinds, privacy
from skindose.rdsr.collect import Collected, collect, once_each
from skindose.rdsr.content import Content, decoder
from skindose.rdsr.header import header
from skindose.rdsr.walk import (
    CONTENT,
    EXPLICIT,
    EXPLICIT_BIG,
    IMPLICIT,
    CutShortError,
    DataSet,
    NonsenseError,
    data_set,
    group_2,
)

LARGEST_BYTES = 200 * 2**20
_DEFLATED = "1.2.840.10008.1.2.1.99"
_IDENTIFIERS = (0x00100010, 0x00100020, 0x00101001, 0x00080050)  # name, number, other names, accession number
_FROM_ROOM = "Export the dose report (RDSR) again from the X-ray system or the archive."


def read(path: Path | str) -> Procedure:
    """The dose report in a file.

    raises   InputError: one line that says what the file is or lacks, and what to do
    """
    path = Path(path)
    return read_bytes(file_bytes(path), path.name)


def file_bytes(path: Path) -> bytes:
    """What a file holds.

    raises   InputError: no regular file, too large for a dose report, or not to be read
    """
    try:
        status = path.stat()  # before opening: a named pipe would wait for its writer
        if stat.S_ISDIR(status.st_mode):
            raise InputError("this is a folder", path.name, "Give the files in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError("this is not a regular file", path.name, "Give the DICOM file itself.")
        if status.st_size > LARGEST_BYTES:
            raise _too_large(path.name)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(error, path) from None
    except ValueError:
        raise InputError("this is no name of a file", path.name.replace("\0", "?"), "Check the name.") from None


def _too_large(name: str) -> InputError:
    return InputError("the file is too large for a dose report (over 200 MB)", name, "Give the dose report alone.")


def _unreadable(error: OSError, path: Path) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError("there is no such file", path.name, "Check the name.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputError("no permission to read the file", path.name, "Mend its access rights.")
    return InputError(f"cannot read the file ({reason(error)})", path.name, "Check the disk.")


def read_bytes(data: bytes, name: str) -> Procedure:
    """The dose report in the bytes of a DICOM file; `name` is what errors and results call it.

    raises   InputError
    """
    name = "".join(sign if sign.isprintable() else "?" for sign in name)  # else no terminal or page could show it
    root, content = opened(data, name)
    return procedure_of(
        root, content, InputFile(name, hashlib.sha256(data).hexdigest(), content.text(root, 0x00080018))
    )


def opened(data: bytes, name: str) -> tuple[DataSet, Content]:
    """The data set in the bytes of a DICOM file, and what decodes its texts.

    raises   InputError
    """
    try:
        root = _root(data, name)
    except CutShortError:
        what = "the file is cut short: its end, with irradiation events, may be lost"
        raise InputError(what, name, _FROM_ROOM) from None
    except NonsenseError as error:
        raise InputError(f"the file is damaged ({error})", name, _FROM_ROOM) from None
    sets = root.get(0x00080005, b"")
    return root, Content(decoder(sets.decode("ascii", "replace").rstrip("\0 ") if isinstance(sets, bytes) else ""))


def _root(data: bytes, name: str) -> DataSet:
    """The data set, whatever its transfer syntax."""
    if not data:
        raise InputError("the file is empty", name, _FROM_ROOM)
    meta, start = _meta(data, name)
    syntax = meta.get(0x00020010, b"")
    syntax_uid = syntax.decode("ascii", "replace").rstrip("\0 ") if isinstance(syntax, bytes) else ""
    if len(data) < start + 8:
        raise CutShortError
    if syntax_uid == _DEFLATED:
        data, start = _inflated(data[start:], name), 0
    # Not as declared, but as it is: the declared syntax is wrong now and then, and may be missing.
    vr = data[start + 4 : start + 6]
    big = data[start : start + 2] == b"\0\x08"
    explicit = EXPLICIT_BIG if big else EXPLICIT
    root = data_set(data, start, explicit if vr.isalpha() and vr.isupper() else IMPLICIT)
    if 0x00020002 in meta:
        root.setdefault(0x00080016, meta[0x00020002])
    return root


def _meta(data: bytes, name: str) -> tuple[DataSet, int]:
    """The file meta information, and where the data set begins; without the preamble it must begin as data sets do."""
    if data[128:132] == b"DICM":
        return group_2(data, 132)
    group = int.from_bytes(data[:2], "little")
    if group == 2:
        return group_2(data, 0)
    if group != 8 or not data[2:8].strip(b"\0"):
        raise InputError("this is not a DICOM file", name, "Give RDSR files, as exported by the X-ray system.")
    return {}, 0


def _inflated(data: bytes, name: str) -> bytes:
    """A deflated data set as it was before; it cannot grow without end."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data, LARGEST_BYTES)
    except zlib.error:
        raise InputError("the file is damaged (its compressed part)", name, _FROM_ROOM) from None
    if inflater.unconsumed_tail:
        raise _too_large(name)
    if not inflater.eof:
        raise CutShortError
    return inflated


def procedure_of(root: DataSet, content: Content, source: InputFile) -> Procedure:
    """What an opened report says.

    raises   InputError for what is no dose report, or one without dose
    """
    sop_class, modality = content.text(root, 0x00080016), content.text(root, 0x00080060)
    _refuse(kinds.other_class(sop_class, modality, 0x00280010 in root), source.name)
    if CONTENT not in root:
        what = "the report has no content: the file may be cut short, before its irradiation events"
        raise InputError(what, source.name, _FROM_ROOM)
    report = collect(content.items(root))
    _refuse(kinds.other_report(content.code(root, 0x0040A043), report.context), source.name)
    if not report.events and not report.accumulated and sop_class != kinds.X_RAY_DOSE:
        _refuse(kinds.REPORT_CLASSES.get(sop_class, "a structured report"), source.name)
    _refuse_empty(report, source.name)
    notes: list[str] = []
    if report.renamed:
        notes.append(f"{report.renamed} containers do not say that they are events or totals; their content does.")
    private = privacy.secrets([content.text(root, tag) for tag in _IDENTIFIERS])
    events = tuple(privacy.item_without(event, private) for event in once_each(report.events, notes))
    head = privacy.header_without(header(root, content, (*report.context, *events[:1]), notes), private)
    found = (*content.warnings(), *notes)
    return Procedure((source,), head, report.context, report.accumulated, events, found)


def _refuse(what: str | None, name: str) -> None:
    if what:
        raise InputError(f"this is {what}, not an X-ray dose report of a fluoroscopy system", name, "Give RDSR files.")


def _refuse_empty(report: Collected, name: str) -> None:
    """Refuse reports that say nothing a skin dose could follow from."""
    if not report.events and not report.accumulated:
        raise InputError("the dose report has neither irradiation events nor totals", name, _FROM_ROOM)
    if kinds.is_breast(report.events, report.accumulated):
        _refuse("a mammography dose report", name)
    if not kinds.holds_dose(report.events, report.accumulated):
        what = "the dose report holds no dose: neither air kerma nor kerma-area product, as on some radiography systems"
        raise InputError(what, name, _FROM_ROOM)
