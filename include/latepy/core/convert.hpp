// latepy/core/convert.hpp: what is converted without a header of stl/: None, bool, numbers, enums, text, bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/bytes.hpp>
#include <latepy/core/detail/convert_number.hpp>
#include <latepy/core/detail/convert_text.hpp>
