// latepy/stl/all.hpp: includes all headers of stl/, for programs that do not mind the compile time.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/array.hpp>
#include <latepy/stl/chrono.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/deque.hpp>
#include <latepy/stl/filesystem.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/list.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/pair.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/unordered_map.hpp>
#include <latepy/stl/unordered_set.hpp>
#include <latepy/stl/valarray.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>
