include(CMakeFindDependencyMacro)
find_dependency(latepy)
include(${CMAKE_CURRENT_LIST_DIR}/scriptingTargets.cmake)
