"""Tells which lines of latepy no test has run: coverage.py <build folder> [<word of a path> …].

The build is one of the preset `coverage`, and ctest has run in it. A line counts as run if one instantiation of its
template has run, in any program. A closing brace is no line: it has code for exceptions only.
"""

import json
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

INCLUDE = pathlib.Path(__file__).parent.parent / "include" / "latepy"


def lines_of(counts):
    """(file, line, how often) of each line of latepy in one object file."""
    told = subprocess.run(["gcov", "--json-format", "--stdout", counts], capture_output=True, check=True)
    found = {}
    for file in json.loads(told.stdout)["files"]:
        path = pathlib.Path(file["file"])
        if INCLUDE in path.parents:
            text = path.read_text().splitlines()
            for line in file["lines"]:
                if text[line["line_number"] - 1].strip() != "}":
                    key = str(path.relative_to(INCLUDE)), line["line_number"]
                    found[key] = found.get(key, 0) + line["count"]
    return found


def ranges(numbers):
    """Of 3, 4, 5, 8: 3-5, 8."""
    runs = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def main():
    build, words = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    counts = {}
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lines_of, sorted(build.rglob("*.gcda"))):
            for key, count in found.items():
                counts[key] = counts.get(key, 0) + count
    counts = {key: count for key, count in sorted(counts.items()) if not words or any(w in key[0] for w in words)}
    floors = {}
    for (file, _), count in counts.items():
        for name in (file.partition("/")[0] if "/" in file else ".", "all"):
            run, all_lines = floors.get(name, (0, 0))
            floors[name] = run + (count > 0), all_lines + 1
    for file in dict.fromkeys(file for file, _ in counts):
        missed = [line for (name, line), count in counts.items() if name == file and count == 0]
        if missed:
            print(f"{file}: {ranges(missed)}")
    for name, (run, all_lines) in sorted(floors.items()):
        print(f"{name:8} {100 * run / all_lines:6.2f} % of {all_lines} lines")


if __name__ == "__main__":
    main()
