# The programs in README.md and examples/README.md. Each ```cpp block is one:
# * In README.md a block with main() is compiled alone, as a reader would.
# * In examples/README.md all blocks are compiled together, each in a namespace of its own. A block without main() is
#   its body, after `py::Interpreter python;`; all headers of latepy and the usual standard ones are included.
# Each is run on every Python and must exit with 0. A ```text block right after it is what it prints, where `...`
# stands for any text. An exit status of 4 tells that what it needs is not there (numpy); a block that includes Eigen is
# left out where there is none.

include(read_blocks.cmake)
set(readme ${PROJECT_SOURCE_DIR}/README.md)
set(recipes ${PROJECT_SOURCE_DIR}/examples/README.md)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${readme} ${recipes})

file(READ ${readme} text)
read_blocks("${text}" cpp)
set(count 0)
foreach(i RANGE 1 ${block_COUNT})
  if(block_${i} MATCHES "int main")
    math(EXPR count "${count} + 1")
    file(CONFIGURE OUTPUT readme_${count}.cpp CONTENT "${block_${i}}\n" @ONLY)
    latepy_program(readme_${count} ${CMAKE_CURRENT_BINARY_DIR}/readme_${count}.cpp)
    latepy_ctest(readme_${count} EVERY_PYTHON)
  endif()
endforeach()

file(READ ${recipes} text)
read_blocks("${text}" cpp)
if(block_COUNT)
  set(includes "#include <latepy/latepy.hpp>\n")
  file(GLOB stl RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/latepy/stl/*.hpp)
  foreach(header IN LISTS stl ITEMS atomic cstdio cstdlib fstream future iostream stdexcept thread)
    string(APPEND includes "#include <${header}>\n")
  endforeach()
  set(programs "")
  set(calls "")
  foreach(i RANGE 1 ${block_COUNT})
    set(block "${block_${i}}\n")
    if(block MATCHES "#include <Eigen/" AND NOT LATEPY_EIGEN)
      string(APPEND calls "    case ${i}: return 4;\n")
      continue()
    endif()
    string(REGEX MATCHALL "#include <[^>]+>" own "${block}")
    list(JOIN own "\n" own)
    string(REGEX REPLACE "#include (<sys/[^>]+>)" "#if __has_include(\\1)\n#include \\1\n#endif" own "${own}")
    string(APPEND includes "${own}\n")
    string(REGEX REPLACE "#include [^\n]*\n" "" block "${block}")
    if(NOT block MATCHES "int main")
      set(block "namespace py = latepy;\nusing namespace py::literals;
int main() {
  py::Interpreter python;
${block}return 0;
}\n")
    endif()
    # LATEPY_STRUCT stands outside of all namespaces.
    string(REGEX REPLACE "(LATEPY_STRUCT[A-Z_]*)\\(([^\n]*)\n" "}\n\\1(recipe_${i}::\\2\nnamespace recipe_${i} {\n"
      block "${block}")
    string(APPEND programs "namespace recipe_${i} {  // ${block_${i}_TITLE}\n${block}}\n\n")
    string(APPEND calls "    case ${i}: return recipe_${i}::main();\n")
    file(CONFIGURE OUTPUT recipe_blocks/${i}.expected CONTENT "${block_${i}_OUTPUT}" @ONLY)
    file(CONFIGURE OUTPUT recipe_blocks/${i}.title CONTENT "${block_${i}_TITLE}" @ONLY)
  endforeach()
  file(CONFIGURE OUTPUT recipe_blocks/recipes.cpp CONTENT "${includes}
${programs}int main(int, char** argv) try {
  switch (std::atoi(argv[1])) {
${calls}    default: return 1;
  }
} catch (const std::exception& error) {
  std::cerr << error.what();
  return 1;
}\n" @ONLY)
  latepy_program(recipes ${CMAKE_CURRENT_BINARY_DIR}/recipe_blocks/recipes.cpp)
  if(LATEPY_EIGEN)
    target_include_directories(recipes SYSTEM PRIVATE ${LATEPY_EIGEN})
  endif()
  latepy_ctest(recipes EVERY_PYTHON COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:recipes> -DCOUNT=${block_COUNT}
    -DFOLDER=${CMAKE_CURRENT_BINARY_DIR}/recipe_blocks -P ${CMAKE_CURRENT_SOURCE_DIR}/run_recipes.cmake)
endif()
