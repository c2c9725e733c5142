// latepy/object.hpp: Python's objects for files that handle them; the program includes latepy.hpp once, where main is.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>
#include <latepy/core/code.hpp>
#include <latepy/version.hpp>
