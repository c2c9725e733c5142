# What our own tests and examples are built with; nothing of it reaches a program that uses latepy.
option(LATEPY_WERROR "Treat warnings as errors" OFF)
set(LATEPY_SANITIZE "" CACHE STRING "Sanitizers for tests and examples: address,undefined or thread")
option(LATEPY_COVERAGE "Count which lines of latepy the tests run, with g++; tests/coverage.py tells them" OFF)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(LATEPY_CCACHE ccache)
  mark_as_advanced(LATEPY_CCACHE)
  if(LATEPY_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${LATEPY_CCACHE})
  endif()
endif()

# No file of ours may need Python's headers: this one stands before any real Python.h.
set(no_python_h ${PROJECT_BINARY_DIR}/no_python_h)
file(CONFIGURE OUTPUT ${no_python_h}/Python.h CONTENT "#error latepy is built without Python.h\n")

add_library(latepy_development INTERFACE)
target_link_libraries(latepy_development INTERFACE latepy::latepy)
if(MSVC)
  target_compile_options(latepy_development INTERFACE /W4 /utf-8 /permissive- /bigobj $<$<BOOL:${LATEPY_WERROR}>:/WX>)
else()
  target_compile_options(latepy_development INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${LATEPY_WERROR}>:-Werror>)
  if(LATEPY_SANITIZE)
    set(flags -fsanitize=${LATEPY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(latepy_development INTERFACE ${flags})
    target_link_options(latepy_development INTERFACE ${flags})
  endif()
  if(LATEPY_COVERAGE)
    target_compile_options(latepy_development INTERFACE --coverage -fprofile-abs-path -fprofile-update=atomic -O0 -g0)
    target_link_options(latepy_development INTERFACE --coverage)
  endif()
endif()

# latepy_program(<name> <source>...): a program of ours. It is told in LATEPY_PROGRAMS, for the tests that look at all.
function(latepy_program name)
  add_executable(${name} ${ARGN} $<$<BOOL:${LATEPY_COVERAGE}>:${PROJECT_SOURCE_DIR}/tests/coverage.cpp>)
  target_include_directories(${name} BEFORE PRIVATE ${no_python_h})
  target_link_libraries(${name} PRIVATE latepy_development)
  set_property(GLOBAL APPEND PROPERTY LATEPY_PROGRAMS ${name})
endfunction()

# latepy_ctest(<name> ONCE|EVERY_PYTHON [EXPECTED <file> [INPUT <file>] [NEEDS <modules>]]
# [COMMAND <program> <argument>...]): a test that is run once, or on every Python of the machine;
# tests/each_python.cmake reads these lines when ctest starts. For the files and modules see tests/match_output.cmake.
function(latepy_ctest name runs)
  cmake_parse_arguments(PARSE_ARGV 2 test "" "EXPECTED;INPUT;NEEDS" "COMMAND")
  if(NOT test_COMMAND)
    set(test_COMMAND $<TARGET_FILE:${name}>)
  endif()
  if(test_COMMAND MATCHES "^.<TARGET_FILE:")
    set(test_COMMAND ${CMAKE_CROSSCOMPILING_EMULATOR} ${test_COMMAND})
  endif()
  if(test_EXPECTED)
    set(options -DEXPECTED=${test_EXPECTED})
    foreach(option IN ITEMS INPUT NEEDS)
      if(test_${option})
        list(APPEND options -D${option}=${test_${option}})
      endif()
    endforeach()
    set(test_COMMAND ${CMAKE_COMMAND} ${options} -P ${PROJECT_SOURCE_DIR}/tests/match_output.cmake
      -- ${test_COMMAND})
  endif()
  list(TRANSFORM test_COMMAND REPLACE "(.+)" "[==[\\1]==]")
  list(JOIN test_COMMAND " " test_COMMAND)
  set_property(GLOBAL APPEND_STRING PROPERTY LATEPY_CTESTS "latepy_run(${name} ${runs} ${test_COMMAND})\n")
endfunction()

# latepy_skipped(<name> <reason>): a test that cannot be run here. CTest tells it as skipped.
function(latepy_skipped name reason)
  set_property(GLOBAL APPEND_STRING PROPERTY LATEPY_CTESTS "latepy_skip(${name} [==[${reason}]==])\n")
endfunction()
