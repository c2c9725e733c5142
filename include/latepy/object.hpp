// latepy/object.hpp: Python objects and code, for files that only use them. The file with main() includes latepy.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>
#include <latepy/core/code.hpp>
#include <latepy/core/raise.hpp>
#include <latepy/core/script_traceback.hpp>
#include <latepy/version.hpp>
