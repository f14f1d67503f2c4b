#!/usr/bin/python3
"""Checks the rules of the tree that no compiler knows; a ctest.

    tools/tidy.py               checks every file that git knows or would add
    tools/tidy.py FILE ...      checks these
    tools/tidy.py --self-test   shows each rule a bad sample (it must find it) and a good one (it must not)

Rules: file length, header comment, include guard, include layers, words that engine/ must not know, banned calls and
headers with their replacement, leftovers, where main() may be, file names, machine paths.  tools/tidy_ratchet.txt holds
the files that are too long already, with the length that they may shrink from but not exceed.
Text matching, not parsing: comments and string literals are blanked out before code is searched.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATCHET = "tools/tidy_ratchet.txt"
LINES_MAX = 400

CXX = (".h", ".cc")
# Folders whose files are data of others or generated.
NOT_OURS = ("tests/golden/", "tests/fuzz/corpus/", "LICENSE")

# A folder (longest prefix wins) -> what its files may include with quotes, besides absl/ and themselves.
ENGINE_ALL = ("engine/",)
LAYERS = {
    "engine/base/": ("engine/base/",),
    "engine/io/": ("engine/base/", "engine/io/", "engine/net/"),
    "engine/net/": ("engine/base/", "engine/io/", "engine/net/"),
    "engine/spool/": ("engine/base/", "engine/io/", "engine/spool/"),
    "engine/quota/": ("engine/base/", "engine/io/", "engine/quota/"),
    "milter/": ("engine/base/", "milter/"),
    "ampdp/": ("engine/base/", "ampdp/"),
    "relay/": ("engine/", "milter/", "ampdp/", "relay/", "millrace_build.h"),
    "tools/": ("engine/", "milter/", "ampdp/", "relay/", "tools/", "millrace_build.h"),
    "bench/": ("engine/", "milter/", "ampdp/", "relay/", "tools/", "bench/", "tests/", "millrace_build.h"),
    "tests/": ("engine/", "milter/", "ampdp/", "relay/", "tools/", "bench/", "tests/", "millrace_build.h"),
}
SANS_IO = ("milter/", "ampdp/")
SANS_IO_HEADERS = re.compile(
    r"<(thread|mutex|future|fstream|iostream|filesystem|unistd\.h|fcntl\.h|poll\.h|netdb\.h|pthread\.h|time\.h|ctime"
    r"|sys/(socket|stat|epoll|mman|uio|un)\.h)>")

# Pattern in code, where (prefixes), what to use instead.
EVERYWHERE = ("",)
OUR_PROGRAM = ("engine/", "milter/", "ampdp/", "relay/")
BANNED = (
    (r"\b(sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(", EVERYWHERE, "wait for the event, or a timer of the loop"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(", EVERYWHERE, "std::string_view, snprintf, or LogLine"),
    (r"\b(system|popen|tmpnam|mktemp)\s*\(", EVERYWHERE, "posix_spawn or mkdtemp"),
    (r"\b(rand|srand)\s*\(", EVERYWHERE, "a seeded generator that is passed in"),
    (r"\bstd::function\b", OUR_PROGRAM, "a function pointer with a context, or a template"),
    (r"\bstd::shared_ptr\b|\bmake_shared\b", OUR_PROGRAM, "one owner, and a handle"),
    (r"\bstd::(mutex|recursive_mutex|lock_guard|condition_variable)\b", OUR_PROGRAM, "a mailbox or an atomic"),
    (r"\btry\s*\{|\bcatch\s*\(|\bthrow\b", EVERYWHERE, "a result value: the tree is built without exceptions"),
    (r"\.dump\s*\((?!.*error_handler)", EVERYWHERE, "dump(-1, ' ', false, error_handler_t::replace)"),
    (r"#include <(format|ranges|source_location|expected)>|\bstd::(views|ranges::views)\b", EVERYWHERE,
     "what clang 14 and g++ 12 both have"),
    (r"\busing namespace (?!std::(\w+_)?literals)", EVERYWHERE, "full names"),
    (r"\bdefault:\s*(ENGINE_CHECK|abort|std::abort)", EVERYWHERE, "all enumerators, and no default"),
)
ALLOWED = re.compile(r"// tidy: allowed, \w+")
STATUS_OR_VALUE = (r"\.value\(\)", "ok() and operator*: value() aborts")
ENGINE_WORDS = re.compile(r"milter|smtp|amavis|am\.pdp", re.IGNORECASE)
LEFTOVERS = re.compile(r"\b(FIX" r"ME|TO" r"DO|XX" r"X)\b")
MAIN = re.compile(r"^int main\(", re.MULTILINE)
MAIN_FOLDERS = ("tools/", "bench/", "tests/")
VAGUE_NAMES = re.compile(r"(^|_)(util|utils|common|helper|helpers|manager|misc|impl)(_|$)")
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
CODE_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_only(text):
    """The text with comments and literals blanked out, line numbers kept; #include lines stay."""
    def blank(match):
        line_start = text.rfind("\n", 0, match.start()) + 1
        if text[line_start:match.start()].lstrip().startswith("#include"):
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())
    return CODE_TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_length(path, text, ratchet):
    lines = text.count("\n")
    limit = ratchet.get(path, LINES_MAX)
    if lines > limit:
        yield lines, f"{lines} lines, at most {limit}: split it by subject"


def check_header_comment(path, text):
    lines = text.splitlines() or [""]
    first = 1 if lines[0].startswith("#!") else 0
    line = lines[first] if len(lines) > first else ""
    name = pathlib.PurePath(path)
    if name.name == "CMakeLists.txt":
        return  # a list of targets says what it is
    if name.suffix in CXX:
        good = line.startswith("// ")
    elif name.suffix == ".py":
        good = line.startswith(('"""', "# "))
    else:
        good = line.startswith("# ")
    if not good:
        yield 1, "no header comment: say what the file is for, in a sentence"
    elif "Copyright" in line or "License" in line:
        yield 1, "no licence text in files: the header comment says what the file is for"


def check_include_guard(path, text):
    if not path.endswith(".h"):
        return
    guard = "MILLRACE_" + re.sub(r"[^A-Z0-9]", "_", path.upper()) + "_"
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        yield 1, f"include guard is not {guard}"


def check_layers(path, text):
    folders = [folder for folder in LAYERS if path.startswith(folder)]
    if not folders:
        return
    allowed = LAYERS[max(folders, key=len)]
    for match in INCLUDE.finditer(text):
        name = match.group(1)
        own = "/" not in name and (ROOT / path).parent.joinpath(name).exists()
        if not (name.startswith("absl/") or name.startswith(allowed) or own):
            yield line_of(text, match.start()), f"includes {name}: this folder may include {', '.join(allowed)}"
    if path.startswith(SANS_IO):
        for match in SANS_IO_HEADERS.finditer(code_only(text)):
            yield line_of(text, match.start()), f"{match.group()}: no descriptors, clock, or threads here"


def check_engine_words(path, text):
    if path.startswith("engine/"):
        for match in ENGINE_WORDS.finditer(text):
            yield line_of(text, match.start()), f"'{match.group()}': engine/ knows bytes, files, time and limits only"


def check_banned(path, text):
    lines = text.splitlines()
    # Breaking a rule is allowed where a comment on the line says why.
    code = "\n".join("" if ALLOWED.search(raw) else line for raw, line in zip(lines, code_only(text).splitlines()))
    for pattern, folders, instead in BANNED:
        if path.startswith(folders):
            for match in re.finditer(pattern, code):
                yield line_of(code, match.start()), f"banned: {match.group().strip()}; use {instead}"
    if "StatusOr<" in code:
        pattern, instead = STATUS_OR_VALUE
        for match in re.finditer(pattern, code):
            yield line_of(code, match.start()), f"banned: {match.group()}; use {instead}"


def check_leftovers(path, text):
    for match in LEFTOVERS.finditer(text):
        yield line_of(text, match.start()), f"{match.group()}: finish it, or put it on docs/roadmap.md"


def check_main(path, text):
    if path.startswith(MAIN_FOLDERS):
        return
    for match in MAIN.finditer(code_only(text)):
        yield line_of(text, match.start()), "main() belongs to tools/, bench/ and tests/"


def check_name(path, text):
    if VAGUE_NAMES.search(pathlib.PurePath(path).name.split(".")[0]):
        yield 1, "the file's name says nothing: name it after its one type or job"


def is_cxx(path):
    return path.endswith(CXX)


def is_source(path):
    name = pathlib.PurePath(path)
    return is_cxx(path) or name.suffix in (".py", ".cmake") or name.name == "CMakeLists.txt" or is_script(path)


def is_script(path):
    return path in ("tools/setup", "tools/test", "tools/quickstart", ".ci/run")


def is_text(path):
    return is_source(path) or path.endswith((".md", ".sh", ".8", ".5", ".service", ".json", ".lua", ".pl"))


def problems_in(path, text, ratchet):
    """Every (line, text) that breaks a rule."""
    if path.startswith(NOT_OURS) or not is_text(path):
        return
    if is_source(path):
        yield from check_length(path, text, ratchet)
        yield from check_header_comment(path, text)
        yield from check_name(path, text)
    if is_cxx(path):
        yield from check_include_guard(path, text)
        yield from check_layers(path, text)
        yield from check_engine_words(path, text)
        yield from check_banned(path, text)
        yield from check_main(path, text)
    yield from check_leftovers(path, text)


def read_ratchet(text):
    """Lines of "path limit"."""
    rows = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {path: int(limit) for path, limit in rows}


def check_ratchet(ratchet, lengths):
    """A file that has become short, or is gone, must leave the ratchet; one that shrank must lower it."""
    for path, limit in sorted(ratchet.items()):
        lines = lengths.get(path)
        if lines is None or lines <= LINES_MAX:
            yield f"{RATCHET}: {path} needs no entry any more"
        elif lines < limit:
            yield f"{RATCHET}: {path} has shrunk: lower its limit to {lines}"


def known_files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return sorted(set(listed.stdout.splitlines()))
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                  if path.is_file() and "build" not in path.relative_to(ROOT).parts[:1])


def check_tree(paths, whole):
    ratchet_file = ROOT / RATCHET
    ratchet = read_ratchet(ratchet_file.read_text()) if ratchet_file.exists() else {}
    found = 0
    lengths = {}
    for path in paths:
        file = ROOT / path
        if path == "tools/tidy_samples.py" or not is_text(path) or not file.is_file():
            continue
        text = file.read_text(errors="replace")
        lengths[path] = text.count("\n")
        for line, problem in problems_in(path, text, ratchet):
            print(f"{path}:{line}: {problem}")
            found += 1
    for problem in check_ratchet(ratchet, lengths) if whole else ():
        print(problem)
        found += 1
    print(f"tidy: {len(lengths)} files, {found} problems")
    return 1 if found or not lengths else 0


def self_test():
    import tidy_samples
    failures = 0
    for name, path, bad, good in tidy_samples.SAMPLES:
        if not any(name in problem for _, problem in problems_in(path, bad, {})):
            print(f"self-test: not found: {name!r} in {path}")
            failures += 1
        for _, problem in problems_in(path, good, {}):
            print(f"self-test: found in the good sample of {name!r}: {problem}")
            failures += 1
    if list(problems_in("milter/long.cc", tidy_samples.LONG, {"milter/long.cc": 401})):
        print("self-test: the ratchet did not allow its length")
        failures += 1
    for path in tidy_samples.VAGUE + tidy_samples.CLEAR:
        if bool(list(check_name(path, ""))) != (path in tidy_samples.VAGUE):
            print(f"self-test: wrong about the name {path}")
            failures += 1
    for ratchet, lengths, count in tidy_samples.RATCHETS:
        if len(list(check_ratchet(read_ratchet(ratchet), lengths))) != count:
            print(f"self-test: ratchet {ratchet!r} with {lengths} should have {count} problems")
            failures += 1
    print(f"tidy: {len(tidy_samples.SAMPLES)} rules shown, {failures} failures")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="relative to the root of the tree")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    return check_tree(arguments.files or known_files(), not arguments.files)


if __name__ == "__main__":
    sys.exit(main())
