// latepy/stl/pair.hpp: std::pair as tuple; see tuple.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/tuple.hpp>
