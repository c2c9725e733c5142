# latepy_add_compiled(<latepy.cpp> [GLOBAL]): the target latepy::compiled, latepy::latepy with latepy.cpp compiled once
# by the project that uses it. The object becomes part of each program and library that links the target, so a static
# library that does so can be installed. Nothing is built where nothing links it.
function(latepy_add_compiled source)
  if(NOT CMAKE_CXX_COMPILER_LOADED)
    return()
  endif()
  cmake_policy(PUSH)
  cmake_policy(VERSION 3.22)
  if(NOT TARGET latepy_compiled)  # another folder of the project may have asked already
    add_library(latepy_compiled OBJECT EXCLUDE_FROM_ALL ${source})
    target_link_libraries(latepy_compiled PRIVATE latepy::latepy)
    target_compile_definitions(latepy_compiled PRIVATE LATEPY_COMPILED=1)
    set_target_properties(latepy_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON
      CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")  # so that a linker with --gc-sections leaves out what is not used
      target_compile_options(latepy_compiled PRIVATE -ffunction-sections -fdata-sections)
    endif()
  endif()
  add_library(latepy::compiled INTERFACE IMPORTED ${ARGN})
  target_sources(latepy::compiled INTERFACE $<TARGET_OBJECTS:latepy_compiled>)
  target_link_libraries(latepy::compiled INTERFACE latepy::latepy)
  target_compile_definitions(latepy::compiled INTERFACE LATEPY_COMPILED=1)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # It is hidden in what links it, and so must be the templates and inline functions that go with it.
    set(type $<TARGET_PROPERTY:TYPE>)
    set(exports $<OR:$<STREQUAL:${type},SHARED_LIBRARY>,$<STREQUAL:${type},MODULE_LIBRARY>,$<AND:$<STREQUAL:${type},EXECUTABLE>,$<BOOL:$<TARGET_PROPERTY:ENABLE_EXPORTS>>>>)
    set(is_hidden $<STREQUAL:$<TARGET_PROPERTY:CXX_VISIBILITY_PRESET>,hidden>)
    target_compile_definitions(latepy::compiled INTERFACE
      $<$<AND:${exports},$<NOT:${is_hidden}>>:LATEPY_REFUSE_VISIBILITY>)
  endif()
  cmake_policy(POP)
endfunction()
