# tests/mutate.py: changes one place of a header at a time, and tells which changes no test notices.
# SPDX-License-Identifier: MIT
"""Usage: mutate.py [--seed N] [--count N] [--header H...] [--room R...] [--jobs N] [--help] ...

A mutant is a header with one change: a condition negated, a statement dropped, `<` for `<=`, `==` for `!=`, `&&` for
`||`, a number one higher or lower, a function that returns at once. The places are drawn by the seed from all lines of
code, each line at most once. The tests of the header (see TESTS) run with the mutant, on one CPython after the other,
with and without fast paths:

killed       a test fails that passes without the change
SURVIVED     the tests pass: it is a change that nobody can notice, or a test is missing
NOT REACHED  the tests do not run the place: it is for another platform or version, or a test is missing
same code    the tests' object code is the same: this compiler or platform does not use the place, or no test does
no program   it does not compile

A test is built once with all mutants that it looks at: each of them is a switch in the copied headers, which an
environment variable turns on when the test runs. What cannot be switched is built alone: `&&`, `||`, and constants of
the compiler. The tree is copied when the program starts, so it may be edited meanwhile. A mutant may write or delete
files anywhere: run it where the rest of the system is read-only, in a container or as another user.
"""

import argparse
import bisect
import collections
import concurrent.futures
import functools
import itertools
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

# The tests of a header whose path begins so; the longest counts. Others have the tests of their own name.
TESTS = {
    "config_macros.hpp": "core_handle load_error",
    "fwd.hpp": "core_handle",
    "load/abi.hpp": "load_api core_refcount",
    "load/api.hpp": "load_api load_dynlib core_gil",
    "load/detail/c_function.hpp": "core_raise host_function",
    "load/detail/dynlib_posix.hpp": "load_dynlib load_api",
    "load/detail/paths.hpp": "load_path find_locate run_config",
    "load/detail/text.hpp": "load_error find_locate run_config load_api",
    "load/error.hpp": "load_error run_config",
    "load/detail/guard_count.hpp": "core_gil",
    "load/interpreter_state.hpp": "core_gil run_subinterpreter run_interpreter",
    "load/process_state.hpp": "load_process_state run_interpreter core_gil",
    "load/object_layout.hpp": "core_refcount load_state",
    "load/path.hpp": "load_path find_locate run_scope",
    "load/state.hpp": "load_state run_interpreter core_gil",
    "find/detail/": "find_locate run_config find_discovery",
    "find/detail/binary_header.hpp": "find_locate load_dynlib",
    "find/detail/running_python.hpp": "find_locate run_interpreter_attach run_interpreter",
    "find/detail/trace.hpp": "run_interpreter find_locate",
    "find/detail/version_range.hpp": "find_discovery find_locate",
    "find/discovery.hpp": "find_discovery find_locate",
    "core/detail/carrier": "core_translate",
    "core/detail/class_registry.hpp": "host_class host_class_restart host_class_local_types",
    "core/detail/cold.hpp": "core_object core_handle core_call",
    "core/detail/convert_": "core_convert core_converter stl_vector",
    "core/detail/convert_text.hpp": "core_convert core_call host_function",
    "core/detail/crossings.hpp": "core_script_traceback core_translate",
    "core/detail/drops.hpp": "whole_ended_threads core_gil",
    "core/detail/current_state.hpp": "core_refcount core_gil run_subinterpreter",
    "core/detail/error_": "core_python_error core_translate core_exceptions",
    "core/detail/fetch_error.hpp": "core_python_error core_exceptions core_translate",
    "core/detail/fit.hpp": "stl_variant host_function",
    "core/detail/forked.hpp": "whole_fork core_gil",
    "core/detail/gate.hpp": "core_gil run_interpreter",
    "core/detail/host_exception.hpp": "core_translate",
    "core/detail/given_globals.hpp": "run_scope_reset core_proxy",
    "core/detail/import_hooks": "core_script_traceback whole_fork run_scope",
    "core/detail/interned_names.hpp": "core_call core_proxy core_handle",
    "core/detail/item_kind.hpp": "core_convert stl_vector memory_buffer",
    "core/detail/kept_codes.hpp": "core_code run_scope",
    "core/detail/kept_namespace.hpp": "core_code run_scope core_translate",
    "core/detail/kept_proxy.hpp": "core_proxy",
    "core/detail/late_object.hpp": "run_subinterpreter core_call",
    "core/detail/lookup_error.hpp": "core_handle core_proxy core_result",
    "core/detail/mismatch.hpp": "core_converter core_convert",
    "core/detail/missing_converter.hpp": "core_converter",
    "core/detail/own_errors_source.hpp": "core_exceptions",
    "core/detail/os_error.hpp": "core_translate",
    "core/detail/owners.hpp": "host_class_temporary core_convert",
    "core/detail/reads_value.hpp": "stl_chrono",
    "core/detail/probe_layout.hpp": "core_refcount load_state core_convert",
    "core/detail/reads_value.hpp": "stl_chrono types_exact types_uuid",
    "core/detail/recursion_counter.hpp": "whole_stack",
    "core/detail/show.hpp": "core_converter core_python_error host_function_arguments",
    "core/detail/stack_limit.hpp": "whole_stack",
    "core/detail/scope_place.hpp": "run_task",
    "core/detail/thread_record.hpp": "core_gil run_subinterpreter whole_ended_threads whole_fork",
    "core/detail/vectorcall.hpp": "core_call host_function",
    "core/detail/visits.hpp": "run_subinterpreter core_gil",
    "core/detail/way_in.hpp": "run_subinterpreter core_gil run_interpreter_attach",
    "core/detail/wrong_result.hpp": "core_call host_trampoline stl_function",
    "core/object.hpp": "core_object core_handle",
    "core/raise.hpp": "core_raise run_interpreter",
    "core/proxy.hpp": "core_proxy run_scope",
    "core/refcount.hpp": "core_refcount core_handle",
    "host/container.hpp": "host_container",
    "host/class.hpp": "host_class host_class_protocols host_class_ownership host_trampoline",
    "host/detail/class/bound.hpp": "host_class host_class_ownership host_class_lifetime",
    "host/detail/class/class_traits.hpp": "host_class host_buffer_info host_class_cycles host_trampoline",
    "host/detail/class/container_": "host_container",
    "host/detail/class/field_copy.hpp": "host_class_field_copy host_container host_class",
    "host/detail/class/from_python.hpp": "host_class_ownership host_class_lifetime host_class_temporary host_function",
    "host/detail/class/host_types.hpp": "host_class host_function host_class_restart",
    "host/detail/class/instance": "host_class_lifetime host_class host_class_ownership",
    "host/detail/class/instance_type.hpp": "host_class_lifetime host_class_cycles host_class",
    "host/detail/class/iterate.hpp": "host_class_protocols host_class_lifetime",
    "host/detail/class/make_class.hpp": "host_class host_class_protocols host_class_lifetime host_trampoline",
    "host/detail/class/super_call.hpp": "host_trampoline",
    "host/detail/class/to_python.hpp": "host_class_ownership host_class_lifetime host_class",
    "host/detail/class/views.hpp": "host_container host_buffer_info memory_return_tags",
    "host/detail/class/visitor.hpp": "host_class_cycles",
    "host/detail/function/": "host_function host_function_arguments host_stub",
    "host/detail/free_threading.hpp": "host_class host_function",
    "host/detail/function/argument_loader.hpp": "host_function host_function_arguments host_class_temporary",
    "host/detail/function/bind_arguments.hpp": "host_function_arguments host_extras",
    "host/detail/function/invoke.hpp": "host_function host_function_arguments host_extras host_class_ownership",
    "host/detail/function/lent_argument.hpp": "core_call host_class_temporary",
    "host/detail/function/python_type.hpp": "host_stub host_function",
    "host/detail/stub_source.hpp": "host_stub",
    "host/extras.hpp": "host_extras host_function_arguments",
    "host/module.hpp": "host_module host_module_restart",
    "memory/detail/": "memory_array memory_arrow memory_buffer memory_dlpack memory_table memory_view stl_vector",
    "memory/detail/convert_items.hpp": "stl_vector memory_array memory_float16",
    "memory/detail/matrix_layout.hpp": "memory_eigen",
    "memory/detail/strided_memory.hpp": "memory_eigen memory_mdspan",
    "run/detail/attach.hpp": "run_interpreter_attach",
    "run/detail/audit_hook.hpp": "run_audit run_subinterpreter",
    "run/detail/entry.hpp": "run_scope run_streams core_gil",
    "run/detail/finish.hpp": "run_interpreter",
    "run/detail/fork": "whole_fork",
    "run/detail/host_finder.hpp": "run_config",
    "run/detail/imports.hpp": "run_scope run_interpreter host_module",
    "run/detail/installed": "run_config run_streams_start run_interpreter",
    "run/detail/limits/": "run_limits run_limits_start run_subinterpreter",
    "run/detail/loop/": "run_event_loop run_promise run_event_loop_stop",
    "run/detail/loop/end_loop.hpp": "run_event_loop_stop run_event_loop_pumped run_event_loop",
    "run/detail/loop/own_loop.hpp": "run_event_loop run_event_loop_pumped run_event_loop_stop",
    "run/detail/main_module.hpp": "run_scope run_scope_reset run_interpreter",
    "run/detail/modules": "run_scope host_module",
    "run/detail/reset": "run_scope_reset",
    "run/detail/restart.hpp": "run_interpreter host_module_restart",
    "run/detail/script": "run_scope",
    "run/detail/start/": "run_config run_interpreter run_streams_start",
    "run/detail/stop.hpp": "run_interpreter run_interpreter_attach core_gil whole_ended_threads",
    "run/detail/streams/": "run_streams run_streams_start",
    "run/detail/sub/": "run_subinterpreter",
    "run/detail/turn.hpp": "run_interpreter core_gil",
    "run/interpreter.hpp": "run_interpreter run_interpreter_attach",
    "run/detail/wake_posix.hpp": "run_event_loop run_promise",
    "run/future.hpp": "run_event_loop run_promise run_event_loop_stop",
    "run/sub_config.hpp": "run_subinterpreter",
    "run/task.hpp": "run_task run_event_loop",
    "stl/detail/container_fit.hpp": "stl_variant host_function",
    "stl/detail/datetime.hpp": "stl_chrono",
    "stl/detail/elements.hpp": "stl_vector stl_set stl_variant",
    "stl/detail/field_value.hpp": "stl_struct",
    "stl/detail/fixed.hpp": "stl_tuple stl_array stl_pair",
    "stl/detail/iterate.hpp": "stl_vector stl_list stl_set",
    "stl/detail/mapping.hpp": "stl_map stl_unordered_map stl_struct",
    "stl/detail/missing.hpp": "stl_optional stl_chrono",
    "stl/detail/name.hpp": "stl_vector stl_map stl_tuple",
    "stl/detail/protocol.hpp": "stl_map stl_vector stl_set",
}

# What is no code, and is replaced by blanks before places are looked for.
NO_CODE = re.compile(r'R"(?P<end>[^(]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\''
                     r"|//[^\n]*|/\*.*?\*/|^[ \t]*#(?:\\\n|[^\n])*", re.DOTALL | re.MULTILINE)
OPERATORS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&"}
OPERATOR = re.compile(r"(?<= )(<=?|>=?|==|!=|\|\||&&(?! (?:[{;=]|const|noexcept|->)))(?=\s)")
NUMBER = re.compile(r"(?<![\w.'])(?:0x[0-9a-fA-F]+|\d+)(?![\w.'])")
CONDITION = re.compile(r"\b(if|while)(?: constexpr)? \(")
DECLARED = re.compile(r"[\w:<>,*& ]+[*& ](\w+) = ")
CONTROL = re.compile(r"(?:if|for|while|switch|catch)(?: constexpr)? \($")
# Statements that can be left out: no declarations, and no return of a value.
STATEMENT = re.compile(r"(?!static_assert|return\b.|.*= (?:default|delete)$)"
                       r"(?:(?:break|continue|return)$|delete |throw |\+\+|--|[^\s=(]+(?:\+\+|--)$"
                       r"|[^\s=]+ (?:[-+*/|&^]|<<|>>)?= |[^\s(]*\w(?:<[^()=]*>)?\()")
FUNCTION = re.compile(r"\)(?: const| noexcept| override| final| -> [\w:<>*&]+)* \{")


def closing(code, begin):
    """Where the bracket at begin is closed."""
    depth = 0
    for at in range(begin, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0:
            return at
    return len(code) - 1


def opening(code, end):
    """Where the bracket at end is opened."""
    depth = 0
    for at in range(end, -1, -1):
        depth += (code[at] in ")]}") - (code[at] in "([{")
        if depth == 0:
            return at
    return 0


def begin_of_statement(code, end):
    """Where the statement begins that ends at end, behind any `if (...)`, `else` and the like, or None."""
    at = end
    while at > 0 and code[at - 1] not in ";{}([":
        at -= 1
        if code[at] in ")]":
            at = opening(code, at)
    outer = at
    while outer > 0 and code[outer - 1] not in "{([":
        outer -= 1
        if code[outer] in ")]}":
            outer = opening(code, outer)
    if outer == 0 or code[outer - 1] != "{":
        return None  # between the brackets of for (;;), or in no function
    while True:
        before = re.compile(r"\s*(?:else\b|do\b|case [^;?]*?:(?!:)|default:|(?:if|for|while|switch)(?: constexpr)? \()"
                            r"\s*").match(code, at)
        if not before:
            return at + len(code[at:end]) - len(code[at:end].lstrip())
        at = before.end()
        if before[0].rstrip().endswith("("):
            at = closing(code, before.start() + before[0].rindex("(")) + 1


def changes(text):
    """All changes of a header: (begin, end, text instead, what it is).

    >>> def show(text):
    ...     for begin, end, instead, what in sorted(changes(text)):
    ...         print(f"{what}: {text[:begin]}[{instead}]{text[end:]}".strip())
    >>> show("a = b < 10;  // if (a < b) c();")
    < for <=: a = b [<=] 10;  // if (a < b) c();
    a number: a = b < [11];  // if (a < b) c();
    a number: a = b < [9];  // if (a < b) c();
    >>> show('template <class T> T a = f<8>("1 < 2", x_1, T{});')
    a number: template <class T> T a = f<[7]>("1 < 2", x_1, T{});
    a number: template <class T> T a = f<[9]>("1 < 2", x_1, T{});
    >>> show("{ if (a) b(c, d); else return; }")
    negated: { if ([!(a)]) b(c, d); else return; }
    dropped: { if (a) []; else return; }
    dropped: { if (a) b(c, d); else []; }
    >>> show("{ if (T* a = b(); c(a)) return a; }")
    negated: { if (T* a = b(); [!(c(a))]) return a; }
    >>> show("{ if (T* a = b()) *a = {c}; }")
    negated: { if ([T* a = b(); !a]) *a = {c}; }
    >>> show("{ int a = b(); a->c.d = b([&] { e(); }); }")
    dropped: { int a = b(); []; }
    dropped: { int a = b(); a->c.d = b([&] { []; }); }
    >>> show("{ for (int a = b(); c(a); d(a)) e(a); }")
    dropped: { for (int a = b(); c(a); d(a)) []; }
    >>> show("void T::a(int b) const { }")
    returns at once: void T::a(int b) const {[ return; ] }
    >>> show("T* a(int b) noexcept { }")
    returns at once: T* a(int b) noexcept {[ return {}; ] }
    """
    code = NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for found in OPERATOR.finditer(code):
        yield *found.span(), OPERATORS[found[0]], f"{found[0]} for {OPERATORS[found[0]]}"
    for found in NUMBER.finditer(code):
        number = int(found[0], 0)
        for other in (number + 1, number - 1)[:1 + (number > 0)]:
            yield *found.span(), str(other), "a number"
    for found in CONDITION.finditer(code):
        begin, end = found.end(), closing(code, found.end() - 1)
        declared = DECLARED.match(code, begin, end)
        if found[1] == "if" and declared and ";" not in code[begin:end]:
            yield begin, end, f"{text[begin:end]}; !{declared[1]}", "negated"
            continue
        if found[1] == "if" and code.rfind(";", begin, end) > 0:
            begin = code.rfind(";", begin, end) + 2
        yield begin, end, f"!({text[begin:end]})", "negated"
    for found in re.finditer(";", code):
        begin = begin_of_statement(code, found.start())
        if begin is not None and STATEMENT.match(code, begin, found.start()):
            yield begin, found.start(), "\n" * code.count("\n", begin, found.start()), "dropped"
    for found in FUNCTION.finditer(code):
        bracket = opening(code, found.start())
        if CONTROL.search(code[max(bracket - 20, 0):bracket + 1]) or code[bracket - 1] == "]":
            continue
        begin = max(code.rfind(each, 0, bracket) for each in ";{}") + 1
        is_void = re.search(r"\bvoid\s+[\w:~]+$", code[begin:bracket])
        yield found.end(), found.end(), " return; " if is_void else " return {}; ", "returns at once"


# Before all else in a test: whether a mutant is switched on, and comparisons that ask it.
SWITCHES = r"""
#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
inline const int mutant_on = std::getenv("MUTANT") ? std::atoi(std::getenv("MUTANT")) : 0;
inline const char* const mutant_reached = std::getenv("MUTANT_REACHED");
inline bool mutant_is_on(int number) {
  if (number != mutant_on) return false;
  static bool told = false;
  const int error = errno;
  if (!told && mutant_reached) close(open(mutant_reached, O_CREAT | O_WRONLY, 0600));
  told = true;
  errno = error;
  return true;
}
constexpr bool mutant(int number) { return __builtin_is_constant_evaluated() ? false : mutant_is_on(number); }
struct MutantSwitch { int number; };
template <class T> struct MutantSide { const T& value; int number; };
#define MUTANT_OPERATOR(ONE, OTHER) \
  template <class T> constexpr MutantSide<T> operator ONE(const T& value, MutantSwitch by) { \
    return {value, by.number}; \
  } \
  template <class A, class B> constexpr bool operator ONE(MutantSide<A> a, const B& b) { \
    return mutant(a.number) ? a.value OTHER b : a.value ONE b; \
  }
MUTANT_OPERATOR(<, <=) MUTANT_OPERATOR(<=, <) MUTANT_OPERATOR(>, >=) MUTANT_OPERATOR(>=, >)
MUTANT_OPERATOR(==, !=) MUTANT_OPERATOR(!=, ==)
"""


class Mutant:
    def __init__(self, number, header, text, change):
        begin, end, instead, what = change
        self.number, self.header, self.text = number, header, text[:begin] + instead + text[end:]
        # What is written before and behind the place so that the change can be switched on.
        on = f"mutant({number})"
        old, self.begin, self.end = text[begin:end], begin, end
        self.switch = None
        if what == "negated":
            self.switch = (f"{on} != static_cast<bool>(", ")")
            if not instead.startswith("!("):
                self.switch = ("", f"; {on} != static_cast<bool>({instead[instead.rindex('!') + 1:]})")
        elif what == "dropped":
            self.switch, self.end = (f"{{ if (!{on}) ", " }"), end + 1
        elif what == "returns at once":
            self.switch = (f" if ({on}){instead}", "")
        elif what == "a number":
            self.switch = (f"({on} ? {instead} : ", ")")
        elif old not in ("&&", "||"):
            self.switch = (f"{old} MutantSwitch{{{number}}} ", "")
        self.reached, self.killed_by = False, ""
        line = text.count("\n", 0, begin)
        self.lines = range(line + 1, line + 2 + text.count("\n", begin, end))
        old = text.split("\n")[line].strip()
        new = self.text.split("\n")[line].strip()
        self.place = f"{header}:{line + 1}: {what}: {old}" + (f"  ->  {new}" if what != "dropped" else "")
        if what == "dropped":
            self.place = f"{header}:{line + 1}: dropped: {' '.join(text[begin:end].split())}"


def mutants(include, headers, seed):
    """Mutants of the headers in an order that the seed decides, one for a line; lines of long headers come as often."""
    dice = random.Random(seed)
    lines = []
    for header in headers:
        text = (include / "latepy" / header).read_text(encoding="utf-8")
        begins = [0] + [each.end() for each in re.finditer("\n", text)]
        at = {}
        for change in changes(text):
            at.setdefault(bisect.bisect(begins, change[0]), {}).setdefault(change[3], []).append(change)
        lines += [(header, text, list(kinds.values())) for kinds in at.values()]
    dice.shuffle(lines)
    for number, (header, text, kinds) in enumerate(lines, 1):
        yield Mutant(number, header, text, dice.choice(dice.choice(kinds)))


def switched(text, chosen):
    """The text of a header with switches for these mutants of it."""
    added = [(each.begin, 1, each.begin, each.switch[0]) for each in chosen]
    added += [(each.end, 0, -each.begin, each.switch[1]) for each in chosen]
    for at, _, _, more in sorted(added, reverse=True):
        text = text[:at] + more + text[at:]
    return text


def tests_of(header, tests):
    """The names of the tests in the folder that look at a header, the likeliest first."""
    known = max((each for each in TESTS if header.startswith(each)), key=len, default=None)
    if known:
        return [f"{each}_test" for each in TESTS[known].split()]
    own = header.removesuffix(".hpp").replace("/", "_")
    return [path.stem for path in sorted(tests.glob(f"{own}*_test.cpp"), key=lambda path: len(path.name))][:3]


class Bench:
    """Builds and runs tests, with the tree as it was at the start, or with another text for one header."""

    def __init__(self, root, scratch, options):
        self.include, self.tests, self.scratch, self.options = scratch / "include", scratch / "tests", scratch, options
        shutil.copytree(root / "include", self.include)
        shutil.copytree(root / "tests", self.tests)
        cmake = (self.tests / "CMakeLists.txt").read_text(encoding="utf-8")
        self.without_python = re.search(r"set\(LATEPY_TESTS_WITHOUT_PYTHON ([^)]*)\)", cmake)[1].split()
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("PYTHON", "LATEPY_"))}
        self.lock, self.known = threading.Lock(), {}
        # What no mutant changes is read once: the standard headers of C++17 and Catch2.
        texts = [path.read_text(encoding="utf-8") for folder in (self.include, self.tests)
                 for path in folder.rglob("*.hpp") if "_windows" not in path.name]
        standard = re.findall(r"^ *# *include <((?!latepy|catch2|windows|coroutine)[\w./]+)>", "\n".join(texts), re.MULTILINE)
        (scratch / "switches.hpp").write_text(SWITCHES)
        prefix = scratch / "prefix.hpp"
        prefix.write_text(SWITCHES + "".join(f"#if __has_include(<{each}>)\n#include <{each}>\n#endif\n"
                                             for each in sorted(set(standard))) + '#include "catch.hpp"\n')
        self.flags = ["-std=c++17", "-O0", "-w", "-pthread", f"-I{self.tests}", "-isystem/usr/include/eigen3"]
        self.compiler = shlex.split(options.compiler)
        self.command([*self.compiler, *self.flags, "-x", "c++-header", prefix, "-o", f"{prefix}.gch"])
        self.command([*self.compiler, *self.flags, "-c", self.tests / "main.cpp", "-o", scratch / "main.o"])
        self.command([*self.compiler, *self.flags, f"-I{self.include}", self.tests / "pythons.cpp", "-ldl", "-o",
                      scratch / "pythons"])
        found = subprocess.run([scratch / "pythons"], stdout=subprocess.PIPE, text=True, check=True).stdout
        pythons = [line.split(";")[:2] for line in found.splitlines()]
        if options.python:
            pythons = [each for each in pythons if each[0].startswith(tuple(options.python))]
        self.configurations = [(version + " functions" * off, library, off) for off in (0, 1)
                               for version, library in pythons]

    def command(self, command, folder=None):
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode and not folder:
            sys.exit(f"{shlex.join(map(str, command))}\n{done.stdout.decode(errors='replace')}")
        if folder:
            (folder / "errors").write_bytes(done.stdout)
        return done.returncode == 0

    def build(self, test, folder):
        """Builds a test with the headers below the folder before all others. \returns its object code, or None."""
        text = (self.tests / f"{test}.cpp").read_text(encoding="utf-8")
        standard = ["-std=c++20"] if "co_await" in text else []
        command = [*self.compiler, *self.flags, *standard, "-Iinclude", f"-I{self.include}"]
        binaries = []
        for module in self.tests.glob("*_module.cpp"):
            if module.stem in text:
                binaries.append(folder / f"{module.stem}.so")
                if not self.command([*command, "-fPIC", "-shared", module, "-ldl", "-o", binaries[-1]], folder):
                    return None
        objects = []
        command += ["-include", self.scratch / ("switches.hpp" if standard else "prefix.hpp"), f'-DLATEPY_TEST_SOURCES="{self.tests}"',
                    f'-DLATEPY_TEST_BINARIES="{folder}"']
        for source in [self.tests / f"{test}.cpp", *self.tests.glob(f"{test}_*.cpp")]:
            objects.append(folder / f"{source.stem}.o")
            if not self.command([*command, "-c", source, "-o", objects[-1]], folder):
                return None
        if not self.command([*self.compiler, *objects, self.scratch / "main.o", "-ldl", "-pthread", "-o",
                             folder / test], folder):
            return None
        # All folders' names are of one length, and objects that differ in nothing else are the same.
        return [each.read_bytes().replace(bytes(folder), b"") for each in binaries + objects]

    def run(self, test, folder, library, off, number=0):
        """What goes wrong when a built test is run, or ''."""
        environment = dict(self.environment, MUTANT=str(number), MUTANT_REACHED=str(folder / f"reached-{number}"))
        if library:
            environment["LATEPY_LIBRARY"] = library
        if off:
            environment["LATEPY_NO_FAST_PATH"] = "1"
        with tempfile.TemporaryDirectory(dir=folder) as place, \
                open(folder / "output", "w+", errors="replace") as output:
            process = subprocess.Popen([folder / test, "--abort", "--reporter", "compact"], cwd=place, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
            try:
                result = process.wait(self.options.timeout)
            except subprocess.TimeoutExpired:
                result = "no end"
            try:
                os.killpg(process.pid, signal.SIGKILL)  # and what it left behind
            except ProcessLookupError:
                pass
            process.wait()
            if result in (0, 4):
                return ""
            output.seek(0)
            failed = re.search(r"^\S*?(\w+\.[ch]pp:\d+): failed: *(.*)", output.read(), re.MULTILINE)
            return f"{failed[1]}: {failed[2][:100]}" if failed else f"exit {result}"

    def configurations_of(self, test):
        return [("", "", 0)] if test in self.without_python else self.configurations

    def write(self, folder, header, text):
        path = folder / "include" / "latepy" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def passes(self, test, folder, configuration):
        failure = self.run(test, folder, *configuration[1:])
        if failure:
            print(f"{test} {configuration[0]} fails without any change: {failure}", flush=True)
        return not failure

    def unchanged(self, test):
        """The object code of a test without change, and whether it passes so on a Python."""
        with self.lock:
            known = self.known.setdefault(test, [threading.Lock()])
        with known[0]:
            if len(known) == 1:
                folder = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
                code = self.build(test, folder)
                if code is None:
                    print(f"{test} does not compile without any change", flush=True)
                known += [code, functools.cache(lambda configuration: self.passes(test, folder, configuration))]
            return known[1:]

    def judge(self, mutant):
        """What becomes of a mutant that is built alone, and why. Prints it, as the others are not known for long."""
        fate = self.judge_alone(mutant)
        print(f"{mutant.number:4} {fate[0]:11} {mutant.place}" + (f"  [{fate[1]}]" if fate[1] else ""), flush=True)
        return fate

    def judge_alone(self, mutant):
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            folder = pathlib.Path(folder)
            self.write(folder, mutant.header, mutant.text)
            passed = []
            for test in tests_of(mutant.header, self.tests):
                code = self.build(test, folder)
                same, passes = self.unchanged(test)
                if code == same:
                    continue
                if code is None:
                    return "no program", ""
                for configuration in self.configurations_of(test):
                    failure = self.run(test, folder, *configuration[1:])
                    if failure and passes(configuration):
                        return "killed", f"{test} {configuration[0]}: {failure}"
                passed.append(test)
        return ("SURVIVED", " ".join(passed)) if passed else ("same code", "")

    def judge_together(self, test, chosen):
        """Runs a test with the mutants that nothing has killed. \returns those that cannot be switched."""
        chosen = [each for each in chosen if not each.killed_by]
        refused = []
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            folder = pathlib.Path(folder)
            while chosen:
                for header in {each.header for each in chosen + refused}:
                    text = (self.include / "latepy" / header).read_text(encoding="utf-8")
                    self.write(folder, header, switched(text, [each for each in chosen if each.header == header]))
                if self.build(test, folder) is not None:
                    break
                errors = re.findall(r"latepy/([\w./]+\.hpp):(\d+)", (folder / "errors").read_text(errors="replace"))
                wrong = [each for each in chosen if any((each.header, str(line)) in errors for line in each.lines)]
                if not wrong and len(chosen) > 1:  # the error is where something of them is used
                    half = len(chosen) // 2
                    return refused + [each for part in (chosen[:half], chosen[half:])
                                      for each in self.judge_together(test, part)]
                refused += wrong or chosen
                chosen = [each for each in chosen if each not in refused]
            passes = functools.cache(lambda configuration: self.passes(test, folder, configuration))
            for mutant in (each for each in chosen if not each.killed_by):
                unreached = set()  # with or without fast paths: one Python is enough to see it
                for configuration in self.configurations_of(test):
                    if configuration[2] in unreached:
                        continue
                    failure = self.run(test, folder, *configuration[1:], mutant.number)
                    reached = (folder / f"reached-{mutant.number}").exists()
                    mutant.reached |= reached
                    if failure and reached and passes(configuration):
                        mutant.killed_by = f"{test} {configuration[0]}: {failure}"
                        print(f"{mutant.number:4} killed      {mutant.place}  [{mutant.killed_by}]", flush=True)
                        break
                    if not reached and not failure:
                        unreached.add(configuration[2])
        return refused


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200, help="how many mutants are drawn")
    parser.add_argument("--header", nargs="+", help="only these, as core/gil.hpp")
    parser.add_argument("--room", nargs="+", help="only headers whose path begins so: find, core/detail")
    parser.add_argument("--number", nargs="+", type=int, help="only these mutants of the seed")
    parser.add_argument("--python", nargs="+", help="only these versions: 3.9 3.13; else all that are found")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=120, help="seconds after which a test counts as failed")
    parser.add_argument("--compiler", default=os.environ.get("CXX") or shutil.which("clang++") and "clang++" or "c++",
                        help="with its own options; clang++ is the fastest")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args()

    folder = options.root / "include" / "latepy"
    headers = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*.hpp")
                     if not each.name.endswith("_windows.hpp"))
    headers = [each for each in headers if (not options.header or each in options.header)
               and (not options.room or each.startswith(tuple(options.room)))]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latepy-mutate-") as scratch, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        bench = Bench(options.root, pathlib.Path(scratch), options)
        drawn = mutants(bench.include, headers, options.seed)
        if options.number:
            drawn = [each for each in drawn if each.number in options.number]
        drawn = list(itertools.islice(drawn, options.count))
        for header in sorted({each.header for each in drawn if not tests_of(each.header, bench.tests)}):
            print(f"no test is known for {header}: add it to TESTS", flush=True)
        alone = {each for each in drawn if not each.switch}
        of_test = {}  # the tests that are the likeliest for most come first
        tests = {mutant: tests_of(mutant.header, bench.tests) for mutant in drawn}
        for rank in range(max(map(len, tests.values()))):
            for mutant in drawn:
                for test in tests[mutant][rank:rank + 1]:
                    of_test.setdefault(test, []).append(mutant)
        together = [pool.submit(bench.judge_together, test, [each for each in of_test[test] if each.switch])
                    for test in sorted(of_test, key=lambda test: test.startswith("whole_"))]  # these take long
        for each in together:
            alone.update(each.result())
        alone.update(each for each in drawn if not each.reached)  # what the compiler computes is not switched
        alone = sorted((each for each in alone if not each.killed_by), key=lambda each: each.number)
        fates = dict(zip(alone, pool.map(bench.judge, alone)))

    counts = collections.Counter()
    for mutant in drawn:
        fate, why = fates.get(mutant, ("SURVIVED" if mutant.reached else "NOT REACHED", ""))
        if mutant.killed_by:
            fate, why = "killed", mutant.killed_by
        counts[fate] += 1
        if fate != "killed" and mutant not in fates:
            print(f"{mutant.number:4} {fate:11} {mutant.place}" + (f"  [{why}]" if why else ""))
    judged = counts["killed"] + counts["SURVIVED"] + counts["NOT REACHED"]
    print(*(f"{fate}: {counts[fate]}," for fate in sorted(counts)),
          f"{100 * counts['killed'] / max(judged, 1):.1f} % killed in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
