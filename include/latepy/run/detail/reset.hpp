// latepy/run/detail/reset.hpp: the steps of Scope::reset().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/frames.hpp>
#include <latepy/run/detail/modules.hpp>
#include <latepy/run/detail/reset_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// All functions need the GIL.

/// Puts a new `__main__` into sys.modules and removes packages from it. If it throws, all is as before. \param at_start
/// the number of modules when Python had started; 0 if the Interpreter has attached to it. \returns the `__main__`, and
/// the modules that were removed, to be dropped when the `__main__` is in use. \throws what Scope::reset() throws.
std::pair<Object, Object> forget_packages(const Object& old_main, ssize at_start);
/// Frees what nothing refers to any more.
void collect_garbage();

#if LATEPY_DEFINITIONS

LATEPY_COLD inline ColdObject reset_function(const char* name) {
  return get_item(kept_namespace("reset", reset_source), name);
}

/// \throws StateError if another thread lives or an import runs.
LATEPY_COLD inline void check_idle(const Ref& modules) {
  const ColdObject frames = frames_if_alone(reset_function("current_frames"));
  const ColdObject reason = call_plain(reset_function("why_not"), {modules, frames});
  if (!reason.is_none()) throw_error<StateError>({"reset() was called while ", text_of(reason.ptr())});
}

LATEPY_COLD inline void check_reset(ssize at_start, const Ref& modules) {
  if (at_start == 0)
    throw_error<StateError>(
        {"reset() is for the program that has started Python: this Interpreter has attached to it, and its modules "
         "belong to others"});
  if (api().Eval_GetFrame())
    throw_error<StateError>({"reset() was called inside a call from Python: return to Python first"});
  check_idle(modules);
}

/// Drops the modules that find_function() keeps.
LATEPY_COLD inline void drop_found_modules() noexcept {
  const InterpreterState& interpreter = current_interpreter();
  for (std::size_t at = 0; at < interned_slots; ++at) {
    InternedName& name = interpreter.names[at];
    if (name.generation.load(std::memory_order_acquire) != interpreter.generation.load()) continue;
    if (PyObject* const module = std::exchange(name.module, nullptr)) decref(module);
  }
}

LATEPY_FUNC LATEPY_COLD std::pair<Object, Object> forget_packages(const Object& old_main, ssize at_start) {
  const Ref modules(throw_if_null(api().Import_GetModuleDict()));
  check_reset(at_start, modules);
  const ColdObject plan =
      call_plain(reset_function("plan"),
                 {modules, old_main, make_int(at_start), Ref(given_globals()), get_item(module_finder(), "loaders")});
  check_idle(modules);  // the code of the plan may have given up the GIL, and hooks may have begun a thread
  Object main = Object::borrow(api().Tuple_GetItem(plan.ptr(), 0));
  Object forgotten = Object::borrow(api().Tuple_GetItem(plan.ptr(), 2));
  expect_success(api().Dict_Merge(modules.ptr(), api().Tuple_GetItem(plan.ptr(), 1), 1));
  // No code of Python runs from here on, which a Deadline could end.
  PyObject *name = nullptr, *module = nullptr;
  for (ssize at = 0; api().Dict_Next(forgotten.ptr(), &at, &name, &module) != 0;)
    if (api().Dict_DelItem(modules.ptr(), name) != 0) api().Err_Clear();
  return {std::move(main), std::move(forgotten)};
}

LATEPY_FUNC LATEPY_COLD void collect_garbage() {
  drop_found_modules();
  call_plain(reset_function("collect"));
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
