# latepy_add_compiled(<latepy.cpp>): the target latepy::compiled, latepy::latepy with latepy.cpp compiled once,
# by the project that uses it. Nothing is built where nothing links it.
function(latepy_add_compiled source)
  add_library(latepy_compiled STATIC EXCLUDE_FROM_ALL ${source})
  add_library(latepy::compiled ALIAS latepy_compiled)
  target_link_libraries(latepy_compiled PUBLIC latepy::latepy)
  target_compile_definitions(latepy_compiled PUBLIC LATEPY_COMPILED=1)
  set_target_properties(latepy_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")  # so that a linker with --gc-sections leaves out what is not used
    target_compile_options(latepy_compiled PRIVATE -ffunction-sections -fdata-sections)
  endif()
endfunction()
