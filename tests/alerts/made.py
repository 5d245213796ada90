"""Results that exceed levels, rules that are signed, and people who are told."""

import dataclasses
import json

from skindose import recipients, triggers
from skindose.registry import Computed
from tests.registry import made as registered

RULES = triggers.load("ncrp-168")
SIGNER = "Dr. Physicist"
A, B, HEAD = "anna@example.org", "bert@example.org", "head@example.org"


def people(port=None, **changes):
    """Operator A, physicist A and B, no nurse; a mail server on this port."""
    given = {
        "recipient": [
            {"role": "operator", "to": [A], "deputies": ["deputy@example.org"]},
            {"role": "physicist", "to": [B, A]},
            {"role": "head_of_department", "to": [HEAD]},
        ],
        "picture": False,
        "time_zone": "UTC",
        "mail_procedures_within_days": 0,
    } | changes
    if port is not None:
        given["mail"] = {
            "host": "127.0.0.1", "port": port, "security": "none", "sender": "alerts@example.org", "timeout_s": 5,
        }  # fmt: skip
    return recipients.parse(given)


def stored(
    data, fired=(("ncrp-168.substantial", "psd", 0),), peak_mgy=4100.0, mapless=False, lacks=None, **options
) -> Computed:
    """A result in which just these levels are passed: (rule, quantity, increments)."""
    result = registered.stored(data, **options)
    facts = json.loads(json.dumps(dict(result.facts)))
    for finding in facts["triggers"]:
        steps = [steps for rule, quantity, steps in fired if (rule, quantity) == (finding["rule"], finding["quantity"])]
        finding["fired"], finding["steps"] = bool(steps), steps[0] if steps else 0
    facts["peak"] = None if mapless else facts["peak"] | {"skin_dose_mgy": peak_mgy, "lower_bound_reason": lacks}
    return dataclasses.replace(result, facts=facts, map=None if mapless else result.map)


def receive(registry, data=None, who=SIGNER, crew=None, purpose="patient", **options):
    """Store a report with its result and its alerts; the case number. `who` None: as the registry says."""
    from skindose.registry import alerts, store

    data = data or registered.report()
    asked = store.signed if who is None else lambda _: who
    hook = alerts.raising(RULES, crew or people(), asked)
    return store.receive(registry, registered.incoming(data, purpose), stored(data, **options), hook).case_number


def put(registry, case, data=None, who=SIGNER, crew=None, **options):
    """Store another result of a case."""
    from skindose.registry import alerts, reading, store

    hook = alerts.raising(RULES, crew or people(), lambda _: who)
    return store.put(registry, reading.find(case), stored(data or registered.report(), **options), hook)
