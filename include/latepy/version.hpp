// latepy/version.hpp: the version of latepy. CMake and the packages read it from here.
// SPDX-License-Identifier: MIT
#pragma once

/// The version of latepy as MAJOR.MINOR.PATCH; see semver.org. Each macro is an integer literal.
///@{
#define LATEPY_VERSION_MAJOR 0
#define LATEPY_VERSION_MINOR 1
#define LATEPY_VERSION_PATCH 0
///@}
