"""Reads what valgrind's callgrind wrote: instructions by function, without those of the functions that it called.

The form: https://valgrind.org/docs/manual/cl-format.html. Names may be "(number) name" once and "(number)" after that; a
line of positions and costs after "calls=" is what the call cost altogether, and is left out.
"""
import re

SPEC = re.compile(r"\((\d+)\)(?: (.*))?$")


class Names:
    """The table of compressed names of one kind."""

    def __init__(self):
        self.known = {}

    def resolve(self, text):
        match = SPEC.match(text)
        if not match:
            return text
        number, name = match.groups()
        if name:
            self.known[number] = name
        return self.known.get(number, text)


def instructions(lines):
    """{function: instructions} of one dump; all parts (threads, dumps) of the file are added up."""
    functions, costs = Names(), {}
    current, after_call = None, False
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("fn="):
            current = functions.resolve(line[3:])
        elif line.startswith("cfn="):
            functions.resolve(line[4:])
        elif line.startswith("calls="):
            after_call = True
        elif current is not None and line[:1] in set("+-*0123456789"):
            if not after_call:
                costs[current] = costs.get(current, 0) + int(line.split()[1])
            after_call = False
    return costs


def difference(after, before):
    """What `after` has more than `before`, by function."""
    names = set(after) | set(before)
    return {name: after.get(name, 0) - before.get(name, 0) for name in names if after.get(name, 0) != before.get(name, 0)}


def short(name):
    """A function's name without its parameters, template arguments and clone marks."""
    name = re.sub(r"\[clone [^]]*\]|'\d+$", "", name).strip()
    name = name.replace("(anonymous namespace)", "@")
    depth, kept = 0, []
    for octet in name:
        depth += octet in "<("
        if depth == 0:
            kept.append(octet)
        depth -= octet in ">)"
    text = "".join(kept).replace("@::", "").replace(" const", "").strip()
    return text.split(" ")[-1] if text and "operator" not in text else text or name
