"""Where millrace differs from amavisd-milter on purpose, for the comparison side by side.

Each entry changes what the incumbent did into what millrace has to do for the same transaction,
and says why; everything else has to be equal. Every difference here has a test of its own in
scanner_reply_test.py or spooled_message_test.py.
"""

import re

import milter_wire as wire
from scanner import Request

# Attributes that millrace sends in addition; amavisd logs the port and ignores the version.
ADDITIONS = ("version_client", "client_port")


def recorded_effects(packets):
    """The effects of the reply packets in a transaction file (the incumbent never asked for
    LEADSPC).
    """
    return [
        wire.effect(command, payload.encode("latin-1"), leading_space=False)
        for command, payload in packets
    ]


def drop_additions(played):
    """Row "request": client_port and version_client are sent in addition."""
    for request in played.requests:
        request[:] = [(name, value) for name, value in request if name not in ADDITIONS]


def _recipients_and_sender(transaction):
    """The envelopes of the messages that reached their end, in order."""
    envelopes, current = [], None
    for steps in transaction["sessions"]:
        for step in steps:
            if step["op"] == "mail":
                current = [("sender", step["args"][0])]
            elif step["op"] == "rcpt":
                current.append(("recipient", step["args"][0]))
            elif step["op"] == "eom":
                envelopes.append(current)
    return envelopes


def _right_octets(transaction, incumbent):
    """Row "non-ASCII octets": the incumbent sends each as %ff; the right octets name the right
    people.
    """
    for request, envelope in zip(incumbent.requests, _recipients_and_sender(transaction)):
        rest = [pair for pair in request if pair[0] not in ("sender", "recipient")]
        at = [name for name, _ in request].index("sender")
        request[:] = rest[:at] + envelope + rest[at:]


def _header_names(steps):
    return [step["name"] for step in steps if step["op"] == "header"]


def _spelling(transaction, incumbent):
    """Row "chgheader name": amavisd's lower-case name becomes the spelling that the message has."""
    names = {
        name.lower(): name for steps in transaction["sessions"] for name in _header_names(steps)
    }

    def spelled(effect):
        if effect[0] not in ("change", "delete"):
            return effect
        name, colon, value = effect[2].partition(":")
        return (effect[0], effect[1], names.get(name.lower(), name) + colon + value)

    incumbent.outcomes[:] = [
        [spelled(effect) for effect in effects] for effects in incumbent.outcomes
    ]


def _unknown_attribute(transaction, incumbent):
    """Row "unknown attribute": ignored with a warning, where the incumbent fails the message."""
    for at, scan in enumerate(transaction["scans"]):
        if "unknown" in transaction["name"] and "return_value=continue" in scan["reply"]:
            inserted = re.findall(r"^insheader=(\d+) (\S+) (.*)\r$", scan["reply"], re.M)
            incumbent.outcomes[at] = [
                *(("insert", int(index), f"{name}: {value}") for index, name, value in inserted),
                ("continue",),
            ]


def _percent(transaction, incumbent):
    """Row "%": the incumbent's undoubled "%" is lost on the way to the client."""
    for at, scan in enumerate(transaction["scans"]):
        text = re.search(r"^setreply=([45]\d\d) (\S+) (.*)\r$", scan["reply"], re.M)
        if text and "%25" in text.group(3):
            whole = Request.parse(
                f"setreply={text.group(1)} {text.group(2)} {text.group(3)}\n\n".encode()
            )
            incumbent.outcomes[at][-1] = ("reply", whole.value("setreply"))


DIFFERENCES = (_right_octets, _spelling, _unknown_attribute, _percent)


def apply(transaction, incumbent):
    """Changes what the incumbent did into what millrace has to do."""
    for difference in DIFFERENCES:
        difference(transaction, incumbent)

