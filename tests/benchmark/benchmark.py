#!/usr/bin/env python3
# tests/benchmark/benchmark.py: builds the contenders, runs them side by side on one CPython, and prints tables.
# SPDX-License-Identifier: MIT
"""Compares latepy with hand-written C API and with pybind11 on one CPython of this machine."""

import argparse
import glob
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# The bars: latepy's share of raw (time, instructions) but for these operations, and how often pybind11's time latepy's
# goes into it at least.
NO_RAW_BAR = {'exc_catch', 'cb_loop_empty', 'cb_python_fn'}  # in the last two a contender does nothing
RAW_BARS = {'eval_1p2': 0.03, 'run_line': 0.03, 'exc_what': 1.1, 'exc_nothrow': 1.1, 'hello': 1.15}
PYBIND11_BARS = {
    'call_3_kw': 3, 'vd1000_from': 8, 'iter1000': 2.5, 'method': 1.8, 'cb_ii': 1.8, 'cb_method': 1.8, 'cb_str': 1.5,
    'str_from_py_short': 2.5, 'buf_view': 6, 'eval_1p2': 50, 'run_line': 50, 'exc_what': 1.5}


OPTIMIZE = ('-O2', '-DNDEBUG')
# A jump across a line of 64 bytes costs loops of a few instructions up to 1.6 of their time, and what lies where changes
# with every edit of something else. For times the assembler keeps jumps within lines, the contenders' all alike.
PLACED = '-Wa,-mbranches-within-32B-boundaries'


def fail(message):
    sys.exit('benchmark: ' + message)


def for_times():
    """The flags for what is timed: PLACED where the assembler knows it, which is one for x86."""
    done = subprocess.run([options.compiler, PLACED, '-x', 'c++', '-c', os.devnull, '-o', os.devnull], stderr=subprocess.DEVNULL)
    return OPTIMIZE + ((PLACED,) if done.returncode == 0 else ())


class Python:
    """A CPython with its library and, where they are installed, its headers."""

    def __init__(self, library):
        self.library = os.path.abspath(library)
        match = re.search(r'libpython(3\.\d+)(t?)', os.path.basename(library))
        if not match:
            fail(library + ' is no libpython')
        self.name = match[1] + match[2]
        self.prefix = re.sub(r'/lib(64)?(/[^/]*linux[^/]*)?$', '', os.path.dirname(self.library))
        self.headers = os.path.join(self.prefix, 'include', 'python' + self.name)
        self.version = self.name
        try:
            with open(os.path.join(self.headers, 'patchlevel.h')) as file:
                self.version = re.search(r'PY_VERSION\s+"(.*)"', file.read())[1]
        except OSError:
            self.headers = None

    @staticmethod
    def every():
        patterns = ['/usr/lib/*/libpython3.*.so.1.0', '/usr/lib/libpython3.*.so.1.0', '/usr/lib64/libpython3.*.so.1.0',
                    '/usr/local/lib/libpython3.*.so.1.0', '~/.pyenv/versions/*/lib/libpython3.*.so.1.0']
        found = [Python(path) for pattern in patterns for path in glob.glob(os.path.expanduser(pattern))
                 if re.search(r'libpython3\.(9|\d\d)\.so', path)]
        return sorted(found, key=lambda python: [int(part) for part in re.findall(r'\d+', python.version)])

    @staticmethod
    def choose(wanted):
        wanted = wanted or os.environ.get('LATEPY_LIBRARY', '')
        if os.path.sep in wanted:
            return Python(wanted)
        fitting = [python for python in Python.every() if (python.version + '.').startswith(wanted + '.' if wanted else '')]
        if not fitting:
            fail('no CPython %s here; found: %s' % (wanted, ', '.join(python.version for python in Python.every()) or 'none'))
        return max(fitting, key=lambda python: python.headers is not None and 1 + fitting.index(python))


class Contender:
    """A program, how it is compiled, and what it is measured with."""

    def __init__(self, name, source, includes=(), with_headers=True, system_includes=()):
        self.name = name
        self.source = source
        self.with_headers = with_headers
        self.includes = list(includes)
        self.system_includes = list(system_includes)
        self.variables = {}  # of the environment, beside environment()
        self.about = ''
        self.operations = []

    def flags(self, python, optimize):
        includes = self.includes + ([python.headers] if self.with_headers else [])
        return ['-std=c++17', *optimize, '-fvisibility=hidden', *['-I' + folder for folder in includes],
                *[word for folder in self.system_includes for word in ('-isystem', folder)]]

    def libraries(self, python):
        own = [python.library, '-Wl,-rpath,' + os.path.dirname(python.library)] if self.with_headers else []
        return own + ['-lpthread', '-ldl']

    def build(self, python, stem=None, optimize=OPTIMIZE):
        """Compiles what is older than its sources, and gives the executable."""
        source = os.path.join(HERE, (stem + '_' if stem else '') + self.source + '.cpp')
        folder = os.path.join(options.build, python.version if self.with_headers else 'any', re.sub('[-,]', '_', ''.join(optimize)))
        output = os.path.join(folder, (stem + '_' if stem else '') + self.name.replace(' ', '_'))
        sources = [source, os.path.join(HERE, 'harness.hpp')]
        if not self.with_headers:
            sources += glob.glob(os.path.join(ROOT, 'include', '**', '*.*'), recursive=True)
        if not os.path.exists(output) or os.path.getmtime(output) < max(map(os.path.getmtime, sources)):
            os.makedirs(folder, exist_ok=True)
            cache = ['ccache'] if shutil.which('ccache') else []
            run([*cache, options.compiler, *self.flags(python, optimize), '-c', source, '-o', output + '.o'])
            run([options.compiler, output + '.o', '-o', output, *self.libraries(python)])
        return output


class CompiledOnce(Contender):
    """latepy with its larger functions in latepy.cpp: of each program, that is compiled before."""

    def __init__(self, folder):
        super().__init__('latepy, compiled once', 'latepy', [os.path.join(ROOT, 'include')], with_headers=False)
        self.folder = folder

    def flags(self, python, optimize):
        self.library = os.path.join(self.folder, 'latepy%s.o' % optimize[0])
        return ['-DLATEPY_COMPILED=1', *super().flags(python, optimize)]

    def libraries(self, python):
        return [self.library, '-Wl,--gc-sections', *super().libraries(python)]


class BesideAnother(Contender):
    """latepy with a SubInterpreter alive, and how much dearer a use may be: ns."""
    BAR = 5

    def __init__(self):
        super().__init__('beside another', 'latepy', [os.path.join(ROOT, 'include')], with_headers=False)
        self.variables = {'LATEPY_BENCHMARK_BESIDE': '1'}


def run(command):
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError('this failed: %s\n%s' % (' '.join(command), done.stderr))


def environment(python):
    """What every contender runs with, so that all of them start the same Python alike."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    return {**kept, 'PYTHONHOME': python.prefix, 'PYTHONNOUSERSITE': '1', 'PYTHONHASHSEED': '0',
            'LATEPY_LIBRARY': python.library, 'LATEPY_BENCHMARK_PYTHONS': twenty_pythons(python)}


def twenty_pythons(python):
    """A folder of twenty installations as far as locate() reads them."""
    root = os.path.join(options.build, 'twenty')
    with open(python.library, 'rb') as file:
        start = bytearray(file.read(4096))
    start[40:48] = bytes(8)  # no section table: the rest is cut off
    for i in range(20):
        home = os.path.join(root, 'pyenv', 'versions', '3.10.%d' % i)
        for path, content in (('bin/python3.10', b'\x7fELF'), ('lib/libpython3.10.so.1.0', start), ('lib/python3.10/os.py', b''),
                              ('lib/python3.10/encodings/__init__.py', b'')):
            path = os.path.join(home, path)
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, 'wb') as file:
                    file.write(content)
    return root


def contenders(python):
    """Those that can be built here; says why others are not."""
    chosen = [Contender('latepy', 'latepy', includes=[os.path.join(ROOT, 'include')], with_headers=False)]
    if options.beside:
        chosen.append(BesideAnother())
    folders = [None] + (options.pybind11 or [])
    if not python.headers:
        print('benchmark: CPython %s has no headers: raw, naive and pybind11 are left out' % python.version, file=sys.stderr)
        return chosen
    chosen += [Contender('raw', 'raw'), Contender('naive', 'naive')]
    for folder in folders:
        try:
            with open(os.path.join(folder or '/usr/include', 'pybind11', 'detail', 'common.h')) as file:
                version = '.'.join(re.findall(r'define PYBIND11_VERSION_(?:MAJOR|MINOR) +(\d+)', file.read()))
        except OSError:
            if folder:
                fail('no pybind11 in ' + folder)
            print('benchmark: pybind11 is not installed (apt-get install pybind11-dev) and left out', file=sys.stderr)
            continue
        chosen.insert(2, Contender('pybind11 ' + version, 'pybind11', system_includes=[folder] if folder else []))
    if options.only:
        chosen = [each for each in chosen if each.source in options.only or each.name in options.only]
    return chosen


def built(python, optimize=OPTIMIZE):
    """The contenders that can be built; a pybind11 may be too old for the CPython."""
    chosen = []
    for each in contenders(python):
        try:
            each.executable = each.build(python, optimize=optimize)
            chosen.append(each)
        except RuntimeError as error:
            if each.source != 'pybind11':
                raise
            print('benchmark: %s is left out, as it does not compile with CPython %s: %s' % (
                each.name, python.version, re.search('.*error.*|$', str(error))[0]), file=sys.stderr)
    return chosen


def prepare(python, optimize=OPTIMIZE):
    chosen = built(python, optimize)
    for each in chosen:
        each.about = subprocess.check_output([each.executable, '--about'], env=environment(python), text=True).split('\n')[0]
        each.operations = subprocess.check_output([each.executable, '--list'], env=environment(python), text=True).split()
    return chosen


def order(chosen):
    names = []
    for each in sorted(chosen, key=lambda contender: -len(contender.operations)):
        for at, name in enumerate(each.operations):
            if name not in names:
                previous = each.operations[at - 1] if at else None
                names.insert(names.index(previous) + 1 if previous in names else 0, name)
    wanted = [name for name in names if not options.operations or name in options.operations]
    return wanted


class Server:
    """A contender that waits for the names of operations."""

    def __init__(self, contender, python, before=(), *arguments):
        self.contender = contender
        self.process = subprocess.Popen([*before, contender.executable, '--serve', *arguments],
                                        env={**environment(python), **contender.variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def measure(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split('\t')
        if len(answer) != 3:
            fail('%s failed in %s' % (self.contender.name, line))
        return float(answer[1]), int(answer[2])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu_of(command, python):
    """CPU time of a whole process, in ns."""
    process = subprocess.Popen(command, env=environment(python), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        fail('this failed: ' + ' '.join(command))
    return (usage.ru_utime + usage.ru_stime) * 1e9


def hellos(chosen, python, optimize=OPTIMIZE):
    return {each.name: each.build(python, 'hello', optimize) for each in chosen if each.source != 'naive'}


def times(python):
    optimize = for_times()
    chosen = prepare(python, optimize)
    samples = {}
    for restart in range(options.restarts):
        servers = [Server(each, python, (), '--milliseconds', str(options.milliseconds)) for each in chosen]
        for name in order(chosen):
            for round_ in range(options.rounds):
                for server in servers[round_ % len(servers):] + servers[:round_ % len(servers)]:
                    if name in server.contender.operations:
                        samples.setdefault(name, {}).setdefault(server.contender.name, []).append(server.measure(name)[0])
        for server in servers:
            server.close()
        print('\rround %d of %d' % (restart + 1, options.restarts), end='', file=sys.stderr)
    if not options.operations or 'hello' in options.operations:
        programs = hellos(chosen, python, optimize)
        for _ in range(options.restarts * options.rounds):
            for name, program in programs.items():
                samples.setdefault('hello', {}).setdefault(name, []).append(cpu_of([program], python))
    print('', file=sys.stderr)
    report('ns of CPU time per operation, median of %d interleaved rounds in %d processes' % (
        options.rounds * options.restarts, options.restarts), python, chosen, samples, 1.05)


def iterations(name):
    """Enough for callgrind: what an operation costs does not vary."""
    if '1e6' in name:
        return 1
    if name == 'locate_20':
        return 5
    return 20 if '1000' in name or name.startswith('cb_') else 100 if name.startswith(('eval_1', 'run_l', 'exc_')) else 1000


def callgrind(each, python, names, folder):
    """For each operation the file that callgrind wrote about its loop, and the number of operations in it."""
    out = os.path.join(folder, each.name.replace(' ', '_') + '.out')
    server = Server(each, python, ('valgrind', '--tool=callgrind', '--log-file=/dev/null', '--callgrind-out-file=' + out))
    result, dumps = {}, 0
    for name in names:
        if name in each.operations:
            for _ in range(2):  # the first time caches are filled and bytecode specialized
                _, count = server.measure('%s %d' % (name, iterations(name)))
                dumps += 1
            result[name] = ('%s.%d' % (out, dumps), count)
    server.close()
    return result


def total(path):
    with open(path) as file:
        return int(re.search(r'^(?:totals|summary): (\d+)', file.read(), re.M)[1])


def instructions(python):
    if not shutil.which('valgrind') or not os.path.exists('/usr/include/valgrind/callgrind.h'):
        fail('this takes valgrind with its headers (apt-get install valgrind)')
    chosen = prepare(python)
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for each in chosen:
            for name, (path, count) in callgrind(each, python, order(chosen), folder).items():
                result.setdefault(name, {})[each.name] = [total(path) / count]
        if not options.operations or 'hello' in options.operations:
            for name, program in hellos(chosen, python).items():
                out = os.path.join(folder, 'hello.out')
                subprocess.run(['valgrind', '--tool=callgrind', '--log-file=/dev/null', '--callgrind-out-file=' + out, program],
                               env=environment(python), stdout=subprocess.DEVNULL, check=True)
                result.setdefault('hello', {})[name] = [total(out)]
    report('instructions per operation (callgrind)', python, chosen, result, 1.03)


def costs(path):
    """What callgrind counted in each function itself."""
    names, result, function, is_call = {}, {}, '', False
    with open(path) as file:
        for line in file:
            if line.startswith('calls='):
                is_call = True  # the next line is what the callee took
            elif re.match(r'c?fn=', line):
                number, name = re.match(r'c?fn=(\(\d+\))(?: (.*))?', line).groups()
                names.setdefault(number, name)
                function = names[number] if line.startswith('fn') else function
            elif re.match(r'[\d+*-]', line):
                if not is_call:
                    result[function] = result.get(function, 0) + int(line.split()[1])
                is_call = False
    return result


def profile(python):
    """Where a contender's instructions go in one operation."""
    for each in prepare(python):
        with tempfile.TemporaryDirectory() as folder:
            for name, (path, count) in callgrind(each, python, options.operations or each.operations, folder).items():
                print('\n%s: %s, %.0f instructions' % (each.name, name, total(path) / count))
                for function, cost in sorted(costs(path).items(), key=lambda item: -item[1])[:options.lines]:
                    print('%12.1f  %s' % (cost / count, function[:150]))


def show(value):
    if value is None:
        return '-'
    if value >= 1e5:
        return '%.2fM' % (value / 1e6)
    return '%.1f' % value if value < 100 else '%.0f' % value


def print_table(head, rows):
    print('| ' + ' | '.join(head) + ' |')
    print('|---|' + '---:|' * (len(head) - 1))
    for row in rows:
        print('| ' + ' | '.join(row) + ' |')
    print()


def ratio_of(above, below):
    """Of measurements that were made one after the other, so that what slows the machine slows both."""
    return statistics.median(a / b for a, b in zip(above, below))


def report(what, python, chosen, samples, bar):
    """The table, with the ratios to latepy; ! marks a missed bar."""
    result = {name: {contender: statistics.median(values) for contender, values in of.items()} for name, of in samples.items()}
    others = [each.name for each in chosen if each.name == 'raw' or each.source == 'pybind11']
    is_time = bar == 1.05
    rows, missed = [], []
    for name, of in result.items():
        row = [name] + [show(of.get(each.name)) for each in chosen]
        for other in others:
            if 'latepy' not in of or other not in of:
                row.append('-')
                continue
            if other == 'raw':
                ratio = ratio_of(samples[name]['latepy'], samples[name]['raw'])
                is_missed = name not in NO_RAW_BAR and ratio > RAW_BARS.get(name, bar)
            else:
                ratio = ratio_of(samples[name][other], samples[name]['latepy'])
                least = PYBIND11_BARS.get(name, 1 / 1.05) if not other.startswith('pybind11 2') else 1 / 1.05
                if name == 'call_by_name' and not other.startswith('pybind11 2'):
                    least = 12 if python.name in ('3.9', '3.10') else 7
                is_missed = is_time and name not in ('hello', 'cb_loop_empty', 'cb_python_fn') and ratio < least
            row.append('%.*f%s' % (3 if ratio < 0.1 else 2, ratio, '!' if is_missed else ''))
            if is_missed:
                missed.append(name)
        if options.beside:
            more = of['beside another'] - of['latepy'] if {'beside another', 'latepy'} <= set(of) else None
            is_missed = is_time and more is not None and more > BesideAnother.BAR
            row.append('-' if more is None else '%+.1f%s' % (more, '!' if is_missed else ''))
            missed += [name] if is_missed else []
        rows.append(row)
    print('CPython %s: %s\n' % (python.version, what))
    print_table(['operation'] + [each.name for each in chosen] + ['latepy / raw' if other == 'raw' else other + ' / latepy' for other in others]
                + (['beside another - latepy'] if options.beside else []), rows)
    for each in chosen:
        print('%s: %s' % (each.name, each.about))
    print('\n! misses its bar: %s' % (', '.join(dict.fromkeys(missed)) or 'none'))
    write_json({'what': what, 'python': python.version, 'library': python.library,
                'contenders': {each.name: each.about for each in chosen}, 'operations': result})


def write_json(data):
    path = options.json or os.path.join(options.build, options.mode + '.json')
    with open(path, 'w') as file:
        json.dump(data, file, indent=1)
    print('as JSON: ' + path)


def compile_(python):
    """What it costs to compile a file with the contender, and how large the program is."""
    chosen = [each for each in contenders(python) if each.source != 'naive']
    rows, result = [], {}
    with tempfile.TemporaryDirectory() as folder:
        jobs = [(unit, each) for unit in ('include', 'hello', 'app') for each in chosen]
        compiled = CompiledOnce(folder)
        for unit in ('app', 'hello', 'include'):
            jobs.insert([name for name, each in jobs].index(unit) + 1, (unit, compiled))
        for unit, each in [('latepy.cpp of', compiled)] + jobs:
            source = os.path.join(HERE, '%s_%s.cpp' % (unit, each.source))
            if unit == 'latepy.cpp of':
                source = os.path.join(ROOT, 'include', 'latepy', 'latepy.cpp')
            elif not os.path.exists(source):
                continue
            row = {}
            for level in ('-O0', '-O2'):
                command = [options.compiler, *each.flags(python, [level] + (['-DNDEBUG'] if level == '-O2' else [])), source]
                output = os.path.join(folder, 'program')
                finish = ['-o', output, *each.libraries(python)]
                if unit == 'latepy.cpp of':
                    output = each.library
                    finish = ['-c', '-ffunction-sections', '-fdata-sections', '-o', output]
                wall, user = [], []
                for _ in range(options.rounds):
                    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                    run([*command, *finish])
                    wall.append(time.perf_counter() - start)
                    user.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before.ru_utime)
                row['wall ' + level], row['user ' + level] = statistics.median(wall), statistics.median(user)
            text = subprocess.check_output([*command, '-E', '-P'])
            row['lines'] = text.count(b'\n')
            run(['strip', '--strip-unneeded', output])
            row['stripped'] = os.path.getsize(output)
            result['%s %s' % (unit, each.name)] = row
            rows.append(['%s %s' % (unit, each.name)] + ['%.2f' % row[key] for key in ('wall -O0', 'user -O0', 'wall -O2', 'user -O2')]
                        + [str(row['lines']), str(row['stripped'])])
    compiler = subprocess.check_output([options.compiler, '--version'], text=True).split('\n')[0]
    print('Compile time in seconds, median of %d (%s); preprocessed lines; stripped size of the -O2 program in bytes\n' % (options.rounds, compiler))
    print_table(['program', 'wall -O0', 'user -O0', 'wall -O2', 'user -O2', 'lines', 'stripped'], rows)
    write_json({'what': 'compile', 'compiler': compiler, 'python': python.version, 'programs': result})


# What a file that includes one header may cost, in preprocessed lines of libstdc++ 12 and of ours: a folder's, and of
# those that are dearer.
HEADER_BUDGET = {'': 1000, 'load': 29000, 'core': 36500, 'host': 40000, 'memory': 35000, 'stl': 49500, 'run': 46000}
HEADER_BUDGETS = {'object.hpp': 36500, 'latepy.hpp': 61000, 'find/locate.hpp': 38000, 'run/interpreter.hpp': 60000}


def headers(_):
    """What each public header costs a file that includes it."""
    root = os.path.join(ROOT, 'include')
    rows, result, dearer = [], {}, []
    for path in sorted(glob.glob(os.path.join(root, 'latepy', '**', '*.hpp'), recursive=True)):
        name = os.path.relpath(path, os.path.join(root, 'latepy'))
        if 'detail' in name:
            continue
        command = [options.compiler, '-std=c++17', '-I' + root, '-x', 'c++', '-include', path, os.devnull]
        lines = subprocess.check_output([*command, '-E', '-P']).count(b'\n')
        seconds = []
        for _ in range(options.rounds):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            run([*command, '-fsyntax-only'])
            seconds.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
        budget = HEADER_BUDGETS.get(name, HEADER_BUDGET[os.path.dirname(name)])
        result[name] = {'lines': lines, 'budget': budget, 'user': statistics.median(seconds)}
        rows.append([name, '%d%s' % (lines, '!' if lines > budget else ''), str(budget), '%.2f' % statistics.median(seconds)])
        dearer += [name] if lines > budget else []
    print('Each public header alone: preprocessed lines, its budget, seconds to read it\n')
    print_table(['header', 'lines', 'budget', 'user'], rows)
    print('\n! over its budget: %s' % (', '.join(dearer) or 'none'))
    write_json({'what': 'headers', 'headers': result})
    if dearer:
        sys.exit(1)


def check(python):
    """Runs each operation of each contender once, which checks its result."""
    for each in built(python, ('-O0',)):
        done = subprocess.run([each.executable, '--iterations', '1'], env={**environment(python), **each.variables}, stdout=subprocess.PIPE, text=True)
        print('%s: %d operations on CPython %s' % (each.name, done.stdout.count('\n'), python.version))
        if done.returncode != 0:
            fail(each.name + ' failed')


def threads(python):
    """Calls a second of one C++ thread and of two together."""
    program = Contender('threads', 'threads', [os.path.join(ROOT, 'include')], with_headers=False).build(python)
    sys.exit(subprocess.run([program, '2', str(options.restarts)], env=environment(python)).returncode)


MODES = {'times': times, 'instructions': instructions, 'profile': profile, 'compile': compile_, 'headers': headers, 'check': check,
         'threads': threads}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('mode', nargs='?', default='times', choices=MODES)
    parser.add_argument('operations', nargs='*', help='only these')
    parser.add_argument('--python', default='', help='3.13, 3.10.13 or the file of a libpython; otherwise LATEPY_LIBRARY, then the newest that has headers')
    parser.add_argument('--pybind11', action='append', metavar='FOLDER', help='another pybind11: its include folder')
    parser.add_argument('--only', action='append', metavar='CONTENDER', help='only this contender (may be repeated)')
    parser.add_argument('--beside', action='store_true', help='latepy also with a second interpreter alive')
    parser.add_argument('--rounds', type=int, default=3, help='rounds in one set of processes (3)')
    parser.add_argument('--restarts', type=int, default=7, help='sets of processes (7)')
    parser.add_argument('--milliseconds', type=float, default=10, help='CPU time of one measurement (10)')
    parser.add_argument('--lines', type=int, default=20, help='of a profile (20)')
    parser.add_argument('--compiler', default=os.environ.get('CXX', 'c++'))
    parser.add_argument('--build', default=os.path.join(ROOT, 'build', 'benchmark'), help='the folder for what is built')
    parser.add_argument('--json', help='the file for the figures; otherwise in the build folder')
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    options = arguments()
    os.makedirs(options.build, exist_ok=True)
    try:
        MODES[options.mode](Python.choose(options.python))
    except RuntimeError as error:
        fail(str(error))
