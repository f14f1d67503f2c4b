"""Samples for tools/tidy.py --self-test: for each rule a text that breaks it and one that does not.

A row: part of the problem's text, the path that the sample pretends to have, the bad text, the good text.
tidy.py does not check this file: it is full of what it must find.
"""


def source(code, guard=None):
    """A well-formed file around the code."""
    if guard:
        return f"// Does one thing.\n#ifndef {guard}\n#define {guard}\n{code}\n#endif\n"
    return f"// Does one thing.\n{code}\n"


LONG = source("int a;\n" * 399)

BANNED = (
    ("sleep", "tests/relay/a_test.cc", "void F() { usleep(3); }", "void F() { Wait(); } // no sleep (3)"),
    ("sleep", "engine/io/a.cc", "nanosleep(a, b);  // tidy: allowed", "nanosleep(a, b);  // tidy: allowed, at start"),
    ("sleep_for", "engine/io/a.cc", "std::this_thread::sleep_for(x);", 'Log("sleep_for(");'),
    ("strcpy", "relay/a.cc", "strcpy(a, b);", "std::memcpy(a, b, 3);"),
    ("sprintf", "relay/a.cc", "sprintf(a, b);", "snprintf(a, n, b);"),
    ("system", "tools/x/a.cc", 'system("ls");', "posix_spawn(a);"),
    ("rand", "tests/sim/a.cc", "int x = rand();", "int x = random();"),
    ("std::function", "relay/a.cc", "std::function<void()> f;", "void (*f)();"),
    ("std::shared_ptr", "milter/a.cc", "std::shared_ptr<int> p;", "std::unique_ptr<int> p;"),
    ("std::mutex", "engine/io/a.cc", "std::mutex m;", "std::atomic<int> m;"),
    ("throw", "relay/a.cc", "throw 3;", "return 3;  // nothing to throw"),
    ("catch", "relay/a.cc", "catch (...) { }", "int catches;"),
    ("try", "relay/a.cc", "try { F(); }", "retry {3};"),
    ("dump", "relay/a.cc", "json.dump();", "json.dump(-1, ' ', false, json::error_handler_t::replace);"),
    ("#include <format>", "relay/a.cc", "#include <format>", "#include <string>"),
    ("using namespace", "relay/a.cc", "using namespace std;", "using namespace std::chrono_literals;"),
    ("banned: .value()", "relay/a.cc", "StatusOr<int> a; a.value();", "StatusOr<int> a; *a;"),
)

SAMPLES = [
    ("at most 400", "milter/long.cc", LONG, source("int a;\n" * 398)),
    ("no header comment", "milter/a.cc", "#include <span>\n", source("int a;")),
    ("no header comment", "tests/e2e/a.py", "import os\n", '"""Does one thing."""\nimport os\n'),
    ("no header comment", "tools/test", "#!/bin/bash\nset -e\n", "#!/bin/bash\n# Tests.\nset -e\n"),
    ("no licence text", "milter/a.cc", "// Copyright 2026 us.\n", source("int a;")),
    ("include guard", "milter/a.h", source("int a;", "A_H"), source("int a;", "MILLRACE_MILTER_A_H_")),
    ("may include", "engine/base/a.cc", source('#include "engine/io/loop.h"'), source('#include "engine/base/slab.h"')),
    ("may include", "engine/quota/a.cc", source('#include "engine/net/x.h"'), source('#include "engine/io/loop.h"')),
    ("may include", "milter/a.cc", source('#include "ampdp/reply.h"'), source('#include "milter/wire.h"')),
    ("may include", "ampdp/a.cc", source('#include "engine/io/loop.h"'), source('#include "absl/status/status.h"')),
    ("may include", "relay/a.cc", source('#include "tools/replay/player.h"'), source('#include "milter/wire.h"')),
    ("may include", "tools/x/a.cc", source('#include "bench/a.h"'), source('#include "relay/config.h"')),
    ("no descriptors", "milter/a.cc", source("#include <unistd.h>"), source("// no #include <unistd.h>")),
    ("engine/ knows", "engine/io/a.cc", source("// for SMTP"), source("// for bytes")),
    ("engine/ knows", "engine/io/a.cc", source('Log("Amavisd");'), source('Log("scanner");')),
    ("FIX" "ME", "relay/a.cc", source("// FIX" "ME later"), source("// afXXXXXX is a template")),
    ("TO" "DO", "docs/a.md", "TO" "DO: write\n", "Mastodons roamed.\n"),
    ("main() belongs", "relay/a.cc", source("int main() { }"), source("int Domain(int main);")),
] + [(name, path, source(bad), source(good)) for name, path, bad, good in BANNED]

RATCHETS = (
    ("relay/a.cc 500\n", {"relay/a.cc": 500}, 0),
    ("# why\nrelay/a.cc 500\n", {"relay/a.cc": 450}, 1),
    ("relay/a.cc 500\n", {"relay/a.cc": 400}, 1),
    ("relay/a.cc 500\n", {}, 1),
)
VAGUE = ("relay/string_util.cc", "engine/io/common.h", "tools/test_helpers.py", "relay/relay_manager.cc")
CLEAR = ("relay/utility_meter.cc", "engine/io/uncommon.h", "milter/implicit.cc")
