// latepy/version.hpp: the version of the library, the one place where it is written.
// SPDX-License-Identifier: MIT
#pragma once

#define LATEPY_VERSION_MAJOR 0
#define LATEPY_VERSION_MINOR 1
#define LATEPY_VERSION_PATCH 0
