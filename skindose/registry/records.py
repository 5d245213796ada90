"""What goes into the registry and comes out of it, in our types: nothing of Django here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from skindose.case import Case, from_bytes, to_bytes
from skindose.model import FloatArray, Header, Phantom, Result
from skindose.registry.home import Place, derived
from skindose.registry.packing import pack_map, pack_skin, skin_digest, unpack_skin


@dataclass(frozen=True, repr=False)
class Registry:
    """An open registry. No `repr`: it holds the key.

    who     who is written into the audit trail: the user of the system
    plain   whether plain identifiers are kept, in their own table
    hook    `store.Hook`: what else is written with every new result, unless the writer says otherwise
    summed  `sums.Hook`: the same for every sum of procedures
    """

    place: Place
    key: bytes
    who: str
    plain: bool = False
    hook: Callable[[Any, Any], None] | None = None
    summed: Callable[[Any, Any], None] | None = None

    def key_of(self, purpose: str) -> bytes:
        """The key for one purpose."""
        return derived(self.key, purpose)

    def reconnect(self) -> None:
        """Forget a connection that is broken; the next use makes a new one."""
        from skindose.registry import settings

        settings.close()


@dataclass(frozen=True, repr=False)
class Incoming:
    """A report that came in. No `repr`: it names the patient.

    data               its bytes, as they came
    header             what it says of study and machine
    issuer, number     of the patient; "" where not stated
    predecessors       SOP Instance UIDs of reports that it takes the place of
    purpose            "patient" or "test"
    """

    data: bytes
    sha256: str
    sop_instance_uid: str
    header: Header
    issuer: str = ""
    number: str = ""
    predecessors: tuple[str, ...] = ()
    purpose: str = "patient"


@dataclass(frozen=True)
class Computed:
    """One result of a procedure, as it is stored.

    inputs          digests of the reports that it was made from
    facts           result.json
    case            the case's bytes
    map, skin       packed; None without a map, and where the body is made again from the case
    configuration   what it was computed with, beside the case: versions, settings, digests of the site's files
    records         name, signer and content of the calibration records of its machine
    """

    inputs: tuple[str, ...]
    facts: Mapping[str, Any]
    case: bytes
    map: bytes | None
    skin: bytes | None
    configuration: Mapping[str, Any]
    why: str = ""
    records: tuple[tuple[str, str, bytes], ...] = ()


class Received(NamedTuple):
    """What became of a report.

    new      False: these bytes were there already, nothing was written
    notes    what somebody should look at, in words
    current  the result that came with it is the procedure's; False: the reports that count must be joined
    """

    procedure: int
    case_number: str
    new: bool
    notes: tuple[str, ...] = ()
    current: bool = True


class Row(NamedTuple):
    """A procedure in a list.

    reviewed   somebody signed that he reviewed the current result
    """

    procedure: int
    case_number: str
    study_date: str
    station: str
    purpose: str
    reports: int
    version: int | None
    peak_skin_dose_mgy: float | None
    air_kerma_mgy: float | None
    kap_gycm2: float | None
    fired: tuple[str, ...]
    reviewed: bool


class Current(NamedTuple):
    """The current result of a procedure, unopened.

    inputs           digests of its reports, sorted
    configuration    what it was made with
    result, case     digests of the stored bytes
    """

    procedure: int
    case_number: str
    version: int
    inputs: tuple[str, ...]
    configuration: dict[str, Any]
    result: str
    case: str


@dataclass(frozen=True)
class Kept:
    """A stored result, opened.

    body         the phantom; None where this program makes another body of the case than the map was made on
    dose_mgy     (cells,); None without a map
    """

    facts: Mapping[str, Any]
    case: Case
    body: Phantom | None
    dose_mgy: FloatArray | None
    uncertainty_mgy: FloatArray | None


@dataclass(frozen=True, repr=False)
class Stored:
    """A result that goes into a sum, as bytes."""

    case_number: str
    facts: bytes
    case: bytes
    skin: bytes | None


@dataclass(frozen=True)
class AddedUp:
    """A sum as it is stored.

    document   cumulative.json
    map        packed; None without dose
    findings   of the rules that count earlier procedures, as in result.json
    """

    document: Mapping[str, Any]
    map: bytes | None
    findings: tuple[Mapping[str, Any], ...]


class Heard(NamedTuple):
    """A machine, as its reports name it.

    days      on which it had procedures in the last 400, sorted
    last      day of its last procedure; of its last report's coming in where none states its day
    profile, status, calibration   of its newest result
    """

    name: str
    days: tuple[date, ...]
    last: date
    profile: str
    status: str
    calibration: str


class Fault(NamedTuple):
    """Something that `verify` found."""

    where: str
    what: str


def computed(
    result: Result,
    facts: Mapping[str, Any],
    configuration: Mapping[str, Any],
    why: str = "first result",
    records: tuple[tuple[str, str, bytes], ...] = (),
) -> Computed:
    """A result as it is stored.

    facts     result.json, of report.summary
    records   name, signer and content of the calibration records that stand in the configuration
    """
    packed = skin = None
    if result.dosemap is not None:
        digest = skin_digest(result.phantom)
        packed = pack_map(result.dosemap.dose_mgy, result.dosemap.uncertainty_mgy, digest)
        skin = None if is_made_again(result.settings.phantom) else pack_skin(result.phantom)
    inputs = tuple(sorted(source.sha256 for source in result.procedure.inputs))
    return Computed(inputs, facts, to_bytes(result.case), packed, skin, configuration, why, records)


def open_case(data: bytes, skin: bytes | None) -> tuple[Case, Phantom | None]:
    """A stored case on its body: of the stored skin, else made again; without a skin where that cannot be.

    raises   InputError for a case of another version
    """
    if skin is not None:
        case = from_bytes(data, unpack_skin(skin))
        return case, case.body
    bare = from_bytes(data, {})
    if not is_made_again(bare.settings.phantom):
        return bare, None
    from skindose import phantom

    body = phantom.make(bare.settings, bare.procedure.header.patient)
    return replace(bare, body=body), body


def is_made_again(phantom: str) -> bool:
    """Whether this phantom is one that the program makes, not a file."""
    from skindose.phantom import NAMES

    return phantom.strip().lower() in NAMES
