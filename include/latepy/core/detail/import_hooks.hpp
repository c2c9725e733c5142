// latepy/core/detail/import_hooks.hpp: import_hooks(), which runs code when a script imports linecache or threading.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/import_hooks_loader_source.hpp>
#include <latepy/core/detail/import_hooks_source.hpp>
#include <latepy/core/detail/kept_namespace.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The namespace of import_hooks_source, whose finder waits for two imports:
/// - linecache: it gets the source texts of `lines`, so that tracebacks show the lines of code without a file.
/// - threading: it gets the main thread of Python.
/// The start does not import these modules itself, because it would take half as long again. The code for the import is
/// compiled at the import. Needs the GIL.
LATEPY_COLD inline Object import_hooks() {
  return kept_namespace("import_hooks", import_hooks_source, "loader_source", import_hooks_loader_source);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
