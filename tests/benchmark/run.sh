#!/bin/sh
# Sets up what is missing, builds the contenders and compares them; README.md tells the arguments: run.sh times --python 3.13
. "$(dirname "$0")/../../cmake/setup.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${LATEPY_BUILD_DIR:-$root/build}

need compiler libpython python
exec python3 "$root/tests/benchmark/benchmark.py" --build "$build/benchmark" "$@"
