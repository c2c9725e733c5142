# The target `reference`, where doxygen is: HTML of the public API in <build>/reference. tests/reference.cmake runs the
# same configuration as a test.
find_program(LATEPY_DOXYGEN doxygen)
find_program(LATEPY_SED sed)
mark_as_advanced(LATEPY_DOXYGEN LATEPY_SED)

# A page for each program of examples/, whose title is the first line of the program.
set(pages "/** \\namespace latepy\n    \\brief All of the public API. */\n")
file(GLOB examples CONFIGURE_DEPENDS examples/*.cpp)
foreach(example IN LISTS examples)
  cmake_path(GET example FILENAME name)
  file(STRINGS ${example} title REGEX "^// " LIMIT_COUNT 1)
  string(REGEX REPLACE "^// " "" title "${title}")
  string(APPEND pages "/** \\example ${name}\n    ${title} */\n")
endforeach()

set(reference_dir ${PROJECT_BINARY_DIR}/reference)
set(reference_pages ${PROJECT_BINARY_DIR}/reference_pages.hpp)
set(reference_doxyfile ${PROJECT_BINARY_DIR}/Doxyfile)
set(reference_sed ${LATEPY_SED})
file(CONFIGURE OUTPUT ${reference_pages} CONTENT "${pages}" @ONLY)
configure_file(cmake/Doxyfile.in ${reference_doxyfile} @ONLY)
if(LATEPY_DOXYGEN AND LATEPY_SED)
  add_custom_target(reference COMMAND ${CMAKE_COMMAND} -E make_directory ${reference_dir}
    COMMAND ${LATEPY_DOXYGEN} ${reference_doxyfile} VERBATIM
    COMMENT "The reference: ${reference_dir}/index.html")
endif()
