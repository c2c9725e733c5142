# Header-only: nothing to build in debug.
set(VCPKG_BUILD_TYPE release)

# An overlay port that lives in the repository it installs: the checkout is the source.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DLATEPY_BUILD_EXAMPLES=OFF
        -DLATEPY_BUILD_TESTS=OFF
        -DLATEPY_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()
vcpkg_fixup_pkgconfig()

vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
