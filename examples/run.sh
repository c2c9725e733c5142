#!/bin/sh
# Sets up what is missing, builds the examples, and runs the main job: a C++ host reads a CSV file through a Python script.
. "$(dirname "$0")/../cmake/setup.sh"

need compiler cmake make libpython
configure "$build/release" -DCMAKE_BUILD_TYPE=Release -DLATEPY_BUILD_TESTS=OFF
cmake --build "$build/release" --target csv_host
for data in "$root"/examples/data/*.csv; do
  "$build/release/examples/csv_host" "$data"
done
