// latepy/core/detail/lookup_error.hpp: what becomes of the error that a failed look-up has set.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/fetch_error.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Called with Python's error set, after a failed look-up in `base`. \throws KeyError with a hint if `base` is the
/// namespace of the first `__main__`, and the name is that of a built-in object.
void hint_at_builtin(PyObject* base, PyObject* key);
/// Clears the KeyError or IndexError that is set. \throws any other error that is set.
void clear_lookup_error();

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void clear_lookup_error() {
  if (!api().Err_ExceptionMatches(*api().KeyError) && !api().Err_ExceptionMatches(*api().IndexError))
    throw_python_error();
  api().Err_Clear();
}

LATEPY_FUNC LATEPY_COLD void hint_at_builtin(PyObject* base, PyObject* key) {
  if (base != current_interpreter().main_globals.load() || !api().Err_ExceptionMatches(*api().KeyError)) return;
  const Object error = fetch_exception();
  const int is_there = api().Sequence_Contains(api().Eval_GetBuiltins(), key);
  if (is_there > 0)
    throw_error<KeyError>({str_or_excuse(error.ptr()),
                           ": __main__ has no global of that name; the built-in one is get(", "\"builtins.",
                           str_or_excuse(key), "\")"});
  api().Err_Clear();
  api().Err_SetObject(as_object(type_of(error.ptr())), error.ptr());
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
