// latepy/core/detail/given_globals.hpp: what the program has put into `__main__`, which reset() puts there again.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/interned_names.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether `python["x"] = 1`, def() and add_class() note what they put into `__main__`.
inline bool notes_globals = false;
/// A program whose code names this variable has it initialized before main(): so only programs that call reset() note
/// anything. What is set before that, by a static initializer, or before the library with that code is loaded, is not
/// noted.
template <class Program = void>
inline const bool program_resets = notes_globals = true;

/// Notes a global in InterpreterState::given_globals if `place` is the namespace of the first `__main__`. Needs the
/// GIL. \param value null if the global was deleted.
void note_global(PyObject* place, PyObject* name, PyObject* value);
/// The same for what a namespace holds under this name.
void note_global(const Ref& place, std::string_view name);
/// The dict of the globals that were noted. Needs the GIL.
PyObject* given_globals();

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD PyObject* given_globals() {
  std::atomic<PyObject*>& known = current_interpreter().given_globals;
  if (!known.load()) {
    PyObject *made = throw_if_null(api().Dict_New()), *none = nullptr;
    if (!known.compare_exchange_strong(none, made)) decref(made);
  }
  return known;
}

LATEPY_FUNC LATEPY_COLD void note_global(PyObject* place, PyObject* name, PyObject* value) {
  if (place != current_interpreter().main_globals.load()) return;
  if (value)
    check_result(api().Dict_SetItem(given_globals(), name, value));
  else if (api().Dict_DelItem(given_globals(), name) != 0)
    api().Err_Clear();  // a script has put it there
}

LATEPY_FUNC LATEPY_COLD void note_global(const Ref& place, std::string_view name) {
  const AttrName key(name);
  note_global(place.ptr(), key.ptr(), api().Dict_GetItemWithError(place.ptr(), key.ptr()));
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
