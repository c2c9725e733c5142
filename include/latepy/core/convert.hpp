// latepy/core/convert.hpp: the converters of None, bool, numbers, enums, text and bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/bytes.hpp>
#include <latepy/core/detail/convert_number.hpp>
#include <latepy/core/detail/convert_text.hpp>
