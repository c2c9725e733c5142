# Toolchain file: builds for Windows with MinGW-w64, and runs what was built under Wine where that is installed.
# CONTRIBUTING tells how. -DMINGW_ARCH=i686 builds for 32 bits.
set(MINGW_ARCH x86_64 CACHE STRING "x86_64 or i686")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MINGW_ARCH)
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR ${MINGW_ARCH})
find_program(CMAKE_CXX_COMPILER NAMES ${MINGW_ARCH}-w64-mingw32-g++-posix ${MINGW_ARCH}-w64-mingw32-g++ REQUIRED)

# Programs of this machine; nothing else of it.
set(CMAKE_FIND_ROOT_PATH /usr/${MINGW_ARCH}-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# No DLL of the compiler is needed. lld links a test in a second, GNU ld in minutes.
set(linker_flags -static)
find_program(LATEPY_MINGW_LLD ${MINGW_ARCH}-w64-mingw32-ld.lld)
mark_as_advanced(LATEPY_MINGW_LLD)
if(LATEPY_MINGW_LLD)
  string(APPEND linker_flags " -fuse-ld=lld")
endif()
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT ${linker_flags})
endforeach()

# Wine's registry and drives lie in the build folder.
find_program(LATEPY_WINE NAMES wine64 wine)
mark_as_advanced(LATEPY_WINE)
if(LATEPY_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR
    env WINEPREFIX=${CMAKE_BINARY_DIR}/wine WINEDEBUG=-all LC_ALL=C.UTF-8 ${LATEPY_WINE})
endif()
