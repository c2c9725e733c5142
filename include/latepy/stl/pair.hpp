// latepy/stl/pair.hpp: converts std::pair to tuple and back; includes tuple.hpp, which does it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/tuple.hpp>
