# What house_rules.cmake and test_names.cmake let pass, one a line: `<file> ...: <reason>`. An entry that is not needed
# is an error there.

# Headers of more than 300 lines, five at most.
set(long_headers)

# `<file> <included file>`: includes that close a circle.
set(circles)

# `<file> <standard header>`: includes of which the file names nothing.
set(unused_includes
  "core/exceptions.hpp new: placement new")

# `<header> <test>`: public headers that are tested by another header's test.
set(tested_elsewhere
  "load/interpreter_state.hpp load_process_state_test.cpp: its functions are those of the process"
  "run/future.hpp run_event_loop_test.cpp: an EventLoop gives Futures"
  "run/sub_config.hpp run_subinterpreter_test.cpp: options do nothing by themselves"
  "load/abi.hpp core_refcount_test.cpp: the layouts of objects, which are read there"
  "load/object_layout.hpp core_refcount_test.cpp: what was proved of those layouts, and that else functions are used")

# `<header>`: public headers that do nothing by themselves.
set(not_tested
  "config_macros.hpp: macros that tell compilers and platforms apart"
  "fwd.hpp: declarations"
  "latepy.hpp: includes what a program needs"
  "object.hpp: includes what a file needs that handles objects")
