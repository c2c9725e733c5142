#!/bin/sh
# Sets up what is missing, builds, and passes the tests on every Python of this machine. Arguments go to ctest: -L py3.11
. "$(dirname "$0")/../cmake/setup.sh"

need compiler cmake make catch2 pkg-config libpython python
want numpy pandas scipy matplotlib distributed tkinter xvfb mypy pyflakes doxygen eigen
# Without symbols for a debugger, which take a seventh of the time.
configure "$build/tests" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DLATEPY_WERROR=ON
cmake --build "$build/tests" --parallel "$jobs"
# Many tests wait for other threads and processes, so a few more run at once than there are processors.
exec ctest --test-dir "$build/tests" --output-on-failure --parallel "$((jobs + 2))" "$@"
