# The rules that no compiler knows, for ROOT/include/latepy: a header includes only what stands before it here, includes
# nothing that is forbidden or heavy, begins with its two lines, and stays small.
cmake_minimum_required(VERSION 3.22)

# One line a step, in order; a name is a regular expression. Headers of one step do not include one another, but where
# the line begins with `+` they may. A detail header or an .inl file counts as a part of whatever includes it.
set(order
  "version load/config_macros"
  "fwd"
  "load/error load/abi"
  "load/dynlib" "load/discovery"
  "load/api" "load/state" "load/locate"
  "core/refcount" "core/gil"
  "+core/object core/python_error core/exceptions core/convert core/call core/result"
  "core/builtins" "core/code"
  "object"
  "host/function" "host/module" "host/trampoline" "host/class" "host/stub host/output"
  "memory/buffer" "memory/dlpack memory/arrow"
  "+stl/.*"
  "run/config" "run/startup" "run/limits" "run/scope" "run/interpreter" "run/subinterpreter run/debug"
  "latepy")
set(forbidden "windows\\.h|Windows\\.h|iostream|regex|Python\\.h")
set(heavy "filesystem|functional|thread|mutex")
set(may_be_heavy "^(run/|stl/|load/locate|load/detail/locate)")

set(is_part "/detail/|\\.inl$|\\.cpp$")

# step_of(<variable> <header>): the step where it stands, and whether its twins may be included.
function(step_of variable header)
  set(step 0)
  foreach(line IN LISTS order)
    string(REGEX REPLACE "^\\+" "" names "${line}")
    string(REPLACE " " "|" names "${names}")
    if(header MATCHES "^(${names})\\.hpp$")
      set(${variable} ${step} PARENT_SCOPE)
      string(REGEX MATCH "^\\+" together "${line}")
      set(${variable}_together "${together}" PARENT_SCOPE)
      return()
    endif()
    math(EXPR step "${step} + 1")
  endforeach()
  message(SEND_ERROR "${header} stands nowhere in the order of tests/house_rules.cmake")
  set(${variable} -1 PARENT_SCOPE)
endfunction()

# check_order(<file> <part>): what `part`, which is `file` or counts as a part of it, includes.
function(check_order file part)
  if(part IN_LIST parts OR NOT EXISTS ${ROOT}/include/latepy/${part})
    return()
  endif()
  list(APPEND parts ${part})
  file(STRINGS ${ROOT}/include/latepy/${part} includes REGEX "^ *# *include +<latepy/")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "^.*<latepy/(.*)>.*$" "\\1" other "${include}")
    if(other MATCHES "${is_part}")
      check_order(${file} ${other})
      continue()
    endif()
    step_of(before ${other})
    if(NOT before LESS own AND NOT (before EQUAL own AND own_together))
      message(SEND_ERROR "${file} includes ${other}, which stands after it or beside it (in ${part})")
    endif()
  endforeach()
  set(parts ${parts} PARENT_SCOPE)
endfunction()

# check_bodies(<part>): notes what latepy.cpp comes by, whose functions it compiles for LATEPY_COMPILED.
function(check_bodies part)
  if(part IN_LIST compiled OR NOT EXISTS ${ROOT}/include/latepy/${part})
    return()
  endif()
  list(APPEND compiled ${part})
  file(STRINGS ${ROOT}/include/latepy/${part} includes REGEX "^ *# *include +<latepy/")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "^.*<latepy/(.*)>.*$" "\\1" other "${include}")
    check_bodies(${other})
  endforeach()
  set(compiled ${compiled} PARENT_SCOPE)
endfunction()
set(compiled)
check_bodies(latepy.cpp)

file(GLOB_RECURSE files RELATIVE ${ROOT}/include/latepy ${ROOT}/include/latepy/*)
if(NOT files)
  message(FATAL_ERROR "no headers below ${ROOT}/include/latepy")
endif()
foreach(file IN LISTS files)
  set(path ${ROOT}/include/latepy/${file})
  if(NOT file MATCHES "${is_part}")
    step_of(own ${file})
    set(parts)
    check_order(${file} ${file})
  endif()

  file(STRINGS ${path} includes REGEX "^ *# *include ")
  foreach(include IN LISTS includes)
    if(include MATCHES "[<\"](${forbidden})[>\"]")
      message(SEND_ERROR "${file} includes ${CMAKE_MATCH_1}, which no header may")
    elseif(include MATCHES "<(${heavy})>" AND NOT file MATCHES "${may_be_heavy}")
      message(SEND_ERROR "${file} includes <${CMAKE_MATCH_1}>, which is too heavy there")
    elseif(include MATCHES "\"")
      message(SEND_ERROR "${file} includes with quotes: write <latepy/...>")
    endif()
  endforeach()

  file(READ ${path} text)
  string(FIND "${text}" "// latepy/${file}: " banner)
  string(FIND "${text}" "// SPDX-License-Identifier: MIT\n" license)
  if(NOT banner EQUAL 0 OR license EQUAL -1)
    message(SEND_ERROR "${file} does not begin with `// latepy/${file}: what it is for` and the SPDX line")
  endif()
  if(text MATCHES "LATEPY_DEFINITIONS" AND NOT file IN_LIST compiled)
    message(SEND_ERROR "${file} has functions to be compiled once (LATEPY_DEFINITIONS), and latepy.cpp does not include it")
  endif()
  string(REGEX REPLACE "[^\n]" "" lines "${text}")
  string(LENGTH "${lines}" lines)
  if(file MATCHES "hpp$" AND lines GREATER 400)
    message(SEND_ERROR "${file} has ${lines} lines: one header or two?")
  endif()
endforeach()
