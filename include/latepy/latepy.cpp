// latepy/latepy.cpp: compiles the larger functions once, if LATEPY_COMPILED is 1; see config_macros.hpp.
// SPDX-License-Identifier: MIT
#define LATEPY_IMPLEMENTATION
#include <latepy/latepy.hpp>
#include <latepy/memory/table.hpp>
#include <latepy/run/event_loop.hpp>
#include <latepy/stl/chrono.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#if !LATEPY_DEFINITIONS
#error "another file included latepy's headers first: compile latepy.cpp without precompiled headers and unity builds"
#endif
#if !LATEPY_COMPILED
#error "latepy.cpp is for programs that define LATEPY_COMPILED as 1 in all of their files"
#endif
