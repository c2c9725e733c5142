// latepy/core/detail/import_hooks.hpp: what linecache and threading are told when somebody imports them.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/import_hooks_loader_source.hpp>
#include <latepy/core/detail/import_hooks_source.hpp>
#include <latepy/core/detail/kept_namespace.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// linecache takes the sources that wait in `lines`, threading the thread that is the main one. Importing them at the
/// start would make it half as long again, so a finder waits until somebody does. What that takes is compiled then.
LATEPY_COLD inline Object import_hooks() {
  return kept_namespace("import_hooks", import_hooks_source, "loader_source", import_hooks_loader_source);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
