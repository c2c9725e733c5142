# tests/python_sources.py: runs pyflakes over the Python programs in the *_source.hpp headers below INCLUDE/latepy.
# SPDX-License-Identifier: MIT
"""Usage: python_sources.py INCLUDE

Exits with 4, which ctest reports as skipped, where no Python of this machine has pyflakes.
"""

import ast
import pathlib
import re
import subprocess
import sys

try:
    from pyflakes import checker, messages
except ImportError:
    for other in ("/usr/bin/python3", "python3"):
        try:
            if not subprocess.run([other, "-c", "import pyflakes"], stderr=subprocess.DEVNULL).returncode:
                sys.exit(subprocess.run([other, *sys.argv]).returncode)
        except OSError:
            pass
    print("skipped: pyflakes is missing (python3-pyflakes)")
    sys.exit(4)

# The names that a program uses and does not define: {program: {name: who defines it}}.
BY_FINDER = "import_hooks_source, in whose namespace it runs"
GIVEN = {
    "import_hooks_source": {"loader_source": "core/detail/import_hooks.hpp",
                            "find": "import_hooks_loader_source, which has run then"},
    "import_hooks_loader_source": dict.fromkeys(("finder", "getpid", "lines", "main_thread", "sys", "waiting"),
                                                BY_FINDER),
    "settle_source": dict.fromkeys(("base_executable", "executable", "paths", "signal_handlers"),
                                   "run/detail/start/start.hpp"),
    "stub_source": dict.fromkeys(("has_buffer", "overloads"), "host/stub.hpp"),
}

CONSTANT = re.compile(r'\b(\w+_source)\[\] = R"(\w*)\((.*?)\)\2";', re.DOTALL)


def look_at(name, text, line, path):
    """What is wrong with a program that begins in this line of this file."""
    given = GIVEN.pop(name, {})
    undefined = set()
    # ast counts lines from the program's own first one.
    found = checker.Checker(ast.parse("\n" * (line - 1) + text, str(path)), str(path)).messages
    for message in sorted(found, key=lambda message: message.lineno):
        if isinstance(message, messages.UndefinedName) and message.message_args[0] in given:
            undefined.add(message.message_args[0])
        else:
            yield str(message)
    for each in sorted(set(given) - undefined):
        yield f"{path}: {name} does not use {each}, or defines it: GIVEN must not list it"


def main(include):
    errors = []
    count = 0
    for path in sorted(pathlib.Path(include, "latepy").rglob("*_source.hpp")):
        text = path.read_text(encoding="utf-8")
        for constant in CONSTANT.finditer(text):
            count += 1
            line = text.count("\n", 0, constant.start(3)) + 1
            errors += look_at(constant[1], constant[3], line, path)
    errors += [f"no program {name}: GIVEN must not list it" for name in GIVEN]
    if not count:
        errors.append(f"no Python programs below {include}")
    print(f"{count} Python programs")
    sys.exit("\n".join(errors) or 0)


main(*sys.argv[1:])
