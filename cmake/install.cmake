# Installs the headers, the CMake package (in share/latepy, where vcpkg wants it too), latepy.pc, and latepy-doctor where
# LATEPY_BUILD_DOCTOR asks for it. All relocatable.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(config_dir ${CMAKE_INSTALL_DATADIR}/latepy)

if(CMAKE_VERSION VERSION_GREATER_EQUAL 3.23)
  install(TARGETS latepy EXPORT latepyTargets FILE_SET HEADERS)
else()
  install(TARGETS latepy EXPORT latepyTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY include/latepy DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
if(LATEPY_BUILD_DOCTOR)
  install(TARGETS latepy_doctor)
endif()
install(EXPORT latepyTargets NAMESPACE latepy:: DESTINATION ${config_dir})

set(latepy_source ${CMAKE_INSTALL_INCLUDEDIR}/latepy/latepy.cpp)
configure_package_config_file(cmake/latepyConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/latepyConfig.cmake
  INSTALL_DESTINATION ${config_dir} PATH_VARS latepy_source NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break what the one before it had.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/latepyConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/latepyConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/latepyConfigVersion.cmake
  cmake/latepyCompiled.cmake DESTINATION ${config_dir})

# The way from latepy.pc to the prefix, so that the installed tree may be moved.
set(pc_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_PREFIX}/${pc_dir} ${CMAKE_INSTALL_PREFIX})
list(TRANSFORM CMAKE_DL_LIBS PREPEND -l OUTPUT_VARIABLE pc_libs)
if(NOT WIN32)
  list(APPEND pc_libs -pthread)
endif()
list(JOIN pc_libs " " pc_libs)
configure_file(cmake/latepy.pc.in ${CMAKE_CURRENT_BINARY_DIR}/latepy.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/latepy.pc DESTINATION ${pc_dir})
