# tests/idle_includes.py: finds the #include <latepy/...> lines that their header compiles without.
# SPDX-License-Identifier: MIT
"""Usage: idle_includes.py [--through] INCLUDE SCRATCH ROOM COMPILER [ARGUMENT...]

INCLUDE is the folder that contains latepy/. ROOM is a folder below latepy/, or `.` for latepy/ itself. Each header of
the room is compiled without one of its includes at a time. If it compiles all the same, also with LATEPY_COMPILED, the
include is idle.

With --through it is also compiled with the included header's own includes in place of that header. If it compiles, the
header uses nothing that the included header itself says, or uses it in templates only. That is for somebody to look at:
what is found stays no error.

The variant stands in SCRATCH, which is searched before INCLUDE, so INCLUDE is not touched. That each header compiles
alone with all of its includes is checked by the target `headers`.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import time

# Headers that include for those who include them.
UMBRELLAS = {"latepy.hpp", "object.hpp", "core/object.hpp", "stl/all.hpp", "stl/pair.hpp"}
# Headers that include those of another library, which may not be there.
OF_OTHERS = {"memory/eigen.hpp", "memory/detail/matrix_layout.hpp"}
# (header, included header): the reason why the include stays though the header compiles without it.
CONVERTERS = "who converts has the converters of all built-in types"
LOOPS = "who makes an EventLoop has what its coroutines are given and await"
TEMPLATES = "used in templates only, which no compiler looks up before they are expanded"
COROUTINES = "compiled from C++20 on"
WINDOWS = "on Windows no other header includes it"
KEPT = {
    ("core/convert.hpp", "core/bytes.hpp"): CONVERTERS,
    ("core/convert.hpp", "core/detail/convert_number.hpp"): CONVERTERS,
    ("core/convert.hpp", "core/detail/convert_pointer.hpp"): CONVERTERS,
    ("core/convert.hpp", "core/detail/convert_text.hpp"): CONVERTERS,
    ("find/detail/checks.hpp", "find/detail/parse.hpp"): WINDOWS,
    ("host/detail/function/argument_loader.hpp", "host/extras.hpp"): TEMPLATES,
    ("load/api.hpp", "load/error.hpp"): TEMPLATES,
    ("run/event_loop.hpp", "run/future.hpp"): LOOPS,
    ("run/event_loop.hpp", "run/promise.hpp"): LOOPS,
    ("run/event_loop.hpp", "run/task.hpp"): LOOPS,
    ("run/scope.hpp", "host/class.hpp"): TEMPLATES,
    ("run/task.hpp", "run/future.hpp"): COROUTINES,
    ("run/task.hpp", "run/promise.hpp"): COROUTINES,
}

# The lines of a header that include something, and the conditions around them.
INCLUDES = re.compile(r"^[ \t]*#[ \t]*(?:include[ \t]+<[^>]+(?<!\.inl)>|(?:if|ifdef|ifndef|elif|else|endif)\b.*)",
                      re.MULTILINE)
LINE = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<latepy/([^>]+\.hpp)>.*$", re.MULTILINE)


class Compiler:
    def __init__(self, include, scratch, command):
        self.scratch = scratch
        flags = ["-std=c++17", "-fsyntax-only", "-Werror=undef", "-Wfatal-errors", "-O0", "-x", "c++"]
        self.command = [*command, *flags, f"-I{scratch}", f"-I{include}", "-"]
        self.count = 0

    def compiles(self, headers, replaced=None, text=None, compiled=0):
        """Whether a file that includes the headers compiles, with another text for one of them."""
        shutil.rmtree(self.scratch / "latepy", ignore_errors=True)
        if replaced:
            path = self.scratch / "latepy" / replaced
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
        self.count += 1
        source = f"#define LATEPY_COMPILED {compiled}\n" + "".join(f"#include <latepy/{each}>\n" for each in headers)
        self.result = subprocess.run(self.command, input=source, stderr=subprocess.PIPE, text=True)
        return self.result.returncode == 0


def main(include, scratch, room, *command, through=False):
    folder = pathlib.Path(include) / "latepy"
    scratch = pathlib.Path(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "Python.h").write_text("#error latepy is built without Python.h\n", encoding="utf-8")
    compiler = Compiler(include, scratch, command)

    other = "_posix.hpp" if sys.platform == "win32" else "_windows.hpp"
    headers = sorted(each.relative_to(folder).as_posix() for each in (folder / room).glob("*.hpp")
                     if not each.name.endswith(other))
    headers = [each for each in headers if each not in OF_OTHERS or compiler.compiles([each])]
    errors = []
    kept = {each for each in KEPT if each[0] in headers}
    if not headers:
        errors.append(f"no headers in {folder / room}")
    elif not compiler.compiles(headers):
        sys.exit(f"the headers of {room} do not compile:\n{compiler.result.stderr}")

    begun = time.monotonic()
    for header in headers:
        if header in UMBRELLAS:
            continue
        text = (folder / header).read_text(encoding="utf-8")
        for line in LINE.finditer(text):
            before, after = text[:line.start()], text[line.end():]
            number = before.count("\n") + 1
            if not compiler.compiles([header], header, before + after):
                if through and line[1] not in UMBRELLAS:
                    own = "\n".join(INCLUDES.findall((folder / line[1]).read_text(encoding="utf-8")))
                    if compiler.compiles([header], header, f"{before}\n{own}\n{after}"):
                        print(f"{header}:{number}: uses nothing that is said in <latepy/{line[1]}>")
                continue
            if not compiler.compiles([header], header, before + after, compiled=1):
                if not compiler.compiles([header], compiled=1):
                    errors.append(f"{header} does not compile with LATEPY_COMPILED:\n{compiler.result.stderr}")
                continue
            # Idle, or in a part of the file that this platform does not compile.
            if compiler.compiles([header], header, f"{before}#error this line is compiled{after}"):
                continue
            if (header, line[1]) in kept:
                kept.remove((header, line[1]))
            else:
                errors.append(f"{header}:{number}: compiles without <latepy/{line[1]}>")
    for header, included in sorted(kept):
        errors.append(f"{header} needs <latepy/{included}>, or does not include it: KEPT must not list it")
    print(f"{room}: {compiler.count} compilations in {time.monotonic() - begun:.0f} s")
    sys.exit("\n".join(errors) or 0)


arguments = sys.argv[1:]
through = arguments[0] == "--through"
main(*arguments[through:], through=through)
