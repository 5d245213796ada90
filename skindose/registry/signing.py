"""Who released which rules: one row of the registry for each signature, in the audit trail; none is ever taken back.

A signature is bound to what the rules say: the stored bytes are `RuleSet.content`, so that their SHA-256 is its digest.
"""

from __future__ import annotations

from datetime import UTC

from skindose import release
from skindose.errors import SettingsError
from skindose.registry import audit
from skindose.registry.guard import guarded
from skindose.registry.models import RuleSet, short
from skindose.registry.records import Registry
from skindose.registry.store import keep
from skindose.release import Signature
from skindose.triggers import RuleSet as Rules

_LONGEST = 90  # letters of a name, and of a role


def sign(registry: Registry, rules: Rules, by: str, role: str) -> bool:
    """Record that a named person released the rules; False where the same one did already.

    raises   SettingsError for what is no name or role, RegistryError
    """
    signed_by = f"{plain(by, '--by')}, {plain(role, '--role')}"
    with audit.writing(registry.key_of("audit"), registry.who, "rules signed") as entry:
        last = RuleSet.objects.filter(blob_id=rules.digest).order_by("-pk").first()
        if last is not None and last.signed_by == signed_by:
            return False
        blob = keep(entry, "rules", rules.content)
        entry.add(RuleSet(blob=blob, name=short(rules.id), signed_by=signed_by, signed_at=audit.now()))
        entry.details |= {"rules": rules.id, "digest": rules.digest, "by": signed_by}
    return True


def put_in_force(registry: Registry, name_or_path: str) -> Rules:
    """`release.use`, with its row of the audit trail.

    raises   as `release.use`, and RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "rules put in force") as entry:
        rules = release.use(name_or_path)
        entry.tell(rules=rules.id, digest=rules.digest)
    return rules


def signatures() -> list[Signature]:
    """All of them, oldest first.

    raises   RegistryError
    """
    with guarded():
        rows = list(RuleSet.objects.order_by("pk"))
    return [
        Signature(row.blob_id, row.name, row.signed_by, row.signed_at.astimezone(UTC).date().isoformat())
        for row in rows
    ]


def copy(registry: Registry) -> None:
    """Make the sealed copy say what the registry says: it was killed in between, or somebody signed elsewhere.

    raises   RegistryError, OutputError
    """
    known = signatures()
    if release.sealed() != known:
        release.seal(registry.place.folder, registry.key, known)


def plain(text: str, option: str) -> str:
    """A name or role as it is recorded.

    raises   SettingsError for what is none
    """
    said = " ".join(text.split())
    if not any(sign.isalpha() for sign in said) or not said.isprintable() or len(said) > _LONGEST:
        raise SettingsError(f"{option}: a name of at most {_LONGEST} letters is needed", "options", "Give it in full.")
    return said
