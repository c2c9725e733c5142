# Configures, builds and runs the consumer project KIND as a user would, in the folder BUILD, which is made anew.
cmake_minimum_required(VERSION 3.22)
file(REMOVE_RECURSE ${BUILD})
set(prefix ${BUILD}/prefix)
set(toolchain -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(project ${KIND})
if(KIND STREQUAL "vcpkg_port")
  include(${CMAKE_CURRENT_LIST_DIR}/vcpkg.cmake)
  set(project find_package)
elseif(KIND MATCHES "find_package|pkg_config")
  run(${CMAKE_COMMAND} ${toolchain} -S ${ROOT} -B ${BUILD}/latepy -DCMAKE_INSTALL_PREFIX=${BUILD}/elsewhere
    -DLATEPY_BUILD_TESTS=OFF -DLATEPY_BUILD_EXAMPLES=OFF)
  run(${CMAKE_COMMAND} --install ${BUILD}/latepy)
  # What is installed may be moved.
  file(RENAME ${BUILD}/elsewhere ${prefix})
endif()

set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig)
run(${CMAKE_COMMAND} ${toolchain} -S ${CMAKE_CURRENT_LIST_DIR}/${project} -B ${BUILD}/consumer
  -DCMAKE_PREFIX_PATH=${prefix} -DLATEPY_ROOT=${ROOT} -DLATEPY_VERSION=${VERSION})
run(${CMAKE_COMMAND} --build ${BUILD}/consumer --config Debug)
find_program(consumer consumer PATHS ${BUILD}/consumer ${BUILD}/consumer/Debug NO_DEFAULT_PATH REQUIRED)
run(${consumer})
if(NOT output MATCHES "6 \\* 7 = 42")
  message(FATAL_ERROR "the consumer printed:\n${output}")
endif()
