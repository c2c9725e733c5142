# Read by ctest when it starts: adds each test of latepy_ctest(), once or on every Python that locate() finds here.
cmake_policy(VERSION 3.22)

# Nothing of the caller's Python settings reaches a test.
execute_process(COMMAND ${cmake_command} -E environment OUTPUT_VARIABLE environment)
string(REGEX MATCHALL "\n(PYTHON|LATEPY_)[A-Z_0-9]*=" clean "\n${environment}")
list(TRANSFORM clean REPLACE "\n(.*)=" "\\1=unset:")
list(APPEND clean LSAN_OPTIONS=set:suppressions=${suppressions}:print_suppressions=0)
# Some tests ask for more memory than there is, or end while threads of Python run. Up to g++ 13 and clang 16 the search for
# leaks takes some thread-local variables of a library for those of an old glibc, and reads where no memory is.
list(APPEND clean ASAN_OPTIONS=set:allocator_may_return_null=1:intercept_tls_get_addr=0
  TSAN_OPTIONS=set:report_thread_leaks=0:die_after_fork=0)

set(pythons)
if(EXISTS ${pythons_tool})
  execute_process(COMMAND ${emulator} ${pythons_tool}
    OUTPUT_VARIABLE pythons ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REPLACE "\r" "" pythons "${pythons}")
  string(REPLACE ";" "|" pythons "${pythons}")
  string(REPLACE "\n" ";" pythons "${pythons}")
endif()
# Fails, with the table of what was looked at, where no Python was found. A machine that is emulated may have none.
add_test(pythons ${emulator} ${pythons_tool})
set_tests_properties(pythons PROPERTIES TIMEOUT 120 LABELS once)
if(emulator)
  set_tests_properties(pythons PROPERTIES SKIP_RETURN_CODE 1)
endif()

# A test that is not run, and why. It is told as skipped.
function(latepy_skip name reason)
  add_test(${name} ${cmake_command} -E echo "skipped: ${reason}")
  set_tests_properties(${name} PROPERTIES LABELS skipped SKIP_REGULAR_EXPRESSION "^skipped: ")
endfunction()

function(latepy_add name labels environment)
  file(MAKE_DIRECTORY ${scratch}/${name})
  add_test(${name} ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1200 LABELS "${labels}" WORKING_DIRECTORY ${scratch}/${name}
    SKIP_RETURN_CODE 4 ENVIRONMENT_MODIFICATION "${clean};${environment}")
  if("${ARGN}" MATCHES "-DNEEDS=")  # tests/match_output.cmake says what is missing
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "(^|\n)skipped: ")
  endif()
endfunction()

function(latepy_run name runs)
  if(runs STREQUAL "ONCE")
    latepy_add(${name} once "" ${ARGN})
    return()
  endif()
  if(emulator AND NOT pythons)
    latepy_skip(${name} "no CPython for this program was found; name one in LATEPY_LIBRARY")
  endif()
  foreach(python IN LISTS pythons)
    string(REPLACE "|" ";" python "${python}")
    list(GET python 0 version)
    list(GET python 1 library)
    string(REGEX REPLACE "^([0-9]+\\.[0-9]+)[.0-9]*(t?d?).*" "py\\1\\2" label "${version}")
    latepy_add(${name}.py${version} ${label} LATEPY_LIBRARY=set:${library} ${ARGN})
    if(name MATCHES "_test$")  # and again with no layout proved
      latepy_add(${name}.py${version}.functions "${label};functions"
        "LATEPY_LIBRARY=set:${library};LATEPY_NO_FAST_PATH=set:1" ${ARGN})
    endif()
  endforeach()
endfunction()
