# Runs the recipes 1 to COUNT of PROGRAM, and compares what each prints with FOLDER/<number>.expected. One that needs a
# package that is missing is skipped, and so is the limit of memory on a free-threaded Python, which has none.
cmake_minimum_required(VERSION 3.22)
set(failed)
foreach(i RANGE 1 ${COUNT})
  file(READ ${FOLDER}/${i}.title title)
  execute_process(COMMAND ${CMAKE_COMMAND} -DEXPECTED=${FOLDER}/${i}.expected -DSKIPPED=4
    "-DNEEDS=numpy pandas scipy matplotlib" "-DREFUSED=memory_limit is set, and a free-threaded CPython"
    -P ${CMAKE_CURRENT_LIST_DIR}/match_output.cmake -- ${PROGRAM} ${i}
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  message("---- ${i}: ${title}\n${output}")
  if(NOT result EQUAL 0)
    list(APPEND failed "${i} (${title})")
  endif()
endforeach()
if(failed)
  list(JOIN failed ", " failed)
  message(FATAL_ERROR "failed: ${failed}")
endif()
