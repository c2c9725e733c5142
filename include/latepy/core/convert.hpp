// latepy/core/convert.hpp: the converters of None, bool, numbers, enums, text, bytes and handles.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/bytes.hpp>
#include <latepy/core/detail/convert_number.hpp>
#include <latepy/core/detail/convert_pointer.hpp>
#include <latepy/core/detail/convert_text.hpp>
