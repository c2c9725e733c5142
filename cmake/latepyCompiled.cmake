# latepy_add_compiled(<latepy.cpp>): the target latepy::compiled, latepy::latepy with latepy.cpp compiled once,
# by the project that uses it. Nothing is built where nothing links it.
function(latepy_add_compiled source)
  if(NOT CMAKE_CXX_COMPILER_LOADED)
    return()
  endif()
  cmake_policy(PUSH)
  cmake_policy(VERSION 3.22)
  add_library(latepy_compiled STATIC EXCLUDE_FROM_ALL ${source})
  add_library(latepy::compiled ALIAS latepy_compiled)
  target_link_libraries(latepy_compiled PUBLIC latepy::latepy)
  target_compile_definitions(latepy_compiled PUBLIC LATEPY_COMPILED=1)
  set_target_properties(latepy_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")  # so that a linker with --gc-sections leaves out what is not used
    target_compile_options(latepy_compiled PRIVATE -ffunction-sections -fdata-sections)
    # It is hidden in what links it, and so must be the templates and inline functions that go with it.
    set(type $<TARGET_PROPERTY:TYPE>)
    set(exports $<OR:$<STREQUAL:${type},SHARED_LIBRARY>,$<STREQUAL:${type},MODULE_LIBRARY>,$<AND:$<STREQUAL:${type},EXECUTABLE>,$<BOOL:$<TARGET_PROPERTY:ENABLE_EXPORTS>>>>)
    set(is_hidden $<STREQUAL:$<TARGET_PROPERTY:CXX_VISIBILITY_PRESET>,hidden>)
    target_compile_definitions(latepy_compiled INTERFACE
      $<$<AND:${exports},$<NOT:${is_hidden}>>:LATEPY_REFUSE_VISIBILITY>)
  endif()
  cmake_policy(POP)
endfunction()
