"""Where millrace differs from amavisd-milter on purpose, for the comparison side by side.

Each entry changes what the incumbent did into what millrace has to do for the same transaction,
and says why; everything else has to be equal. Every difference here has a test of its own in
scanner_reply_test.py or spooled_message_test.py.
"""

import milter_wire as wire

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


def _messages(transaction):
    """The steps of each message that reached its end, in order."""
    messages, current = [], []
    for step in (step for steps in transaction["sessions"] for step in steps):
        if step["op"] == "mail":
            current = []
        current.append(step)
        if step["op"] == "eom":
            messages.append(current)
    return messages


def _right_octets(transaction, incumbent):
    """Row "non-ASCII octets": the incumbent sends each as %ff; the right octets name the right
    people.
    """
    for request, steps in zip(incumbent.requests, _messages(transaction)):
        addresses = {"sender": [], "recipient": []}
        for step in steps:
            if step["op"] in ("mail", "rcpt"):
                addresses["sender" if step["op"] == "mail" else "recipient"].append(step["args"][0])
        request[:] = [
            (name, addresses[name].pop(0) if name in addresses else value)
            for name, value in request
        ]


def _spelling(transaction, incumbent):
    """Row "chgheader name": amavisd's lower-case name becomes the spelling that the indexed field
    has in the message.
    """

    def spelled(effect, names):
        if effect[0] != "change":
            return effect
        name, colon, value = effect[2].partition(":")
        same = [found for found in names if found.lower() == name.lower()]
        found = same[effect[1] - 1] if 0 < effect[1] <= len(same) else name
        return ("change", effect[1], found + colon + value)

    for effects, steps in zip(incumbent.outcomes, _messages(transaction)):
        names = [step["name"] for step in steps if step["op"] == "header"]
        effects[:] = [spelled(effect, names) for effect in effects]


DIFFERENCES = (_right_octets, _spelling)


def apply(transaction, incumbent):
    """Changes what the incumbent did into what millrace has to do."""
    for difference in DIFFERENCES:
        difference(transaction, incumbent)
