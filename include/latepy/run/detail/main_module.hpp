// latepy/run/detail/main_module.hpp: MainModule, the `__main__` of a Scope.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/reset.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Stands for a timeout in Scope::run_until_complete().
struct NoLimit {};

/// The `__main__` of a Scope. The members need the GIL.
class MainModule {
 protected:
  MainModule() = default;
  /// Takes over what belongs to the interpreter. No thread may use `other`.
  MainModule(MainModule&& other) noexcept = default;
  MainModule& operator=(MainModule&& other) noexcept = default;  ///< likewise
  ~MainModule() = default;

  /// Makes `module` the `__main__`. \param may_reset reset_main() may replace it: no other code of the process owns it.
  void adopt_main(Object module, bool may_reset);
  /// Releases the `__main__`.
  void forget_main() noexcept;
  /// Scope::reset().
  void reset_main();
  /// Notes a global that the program has set; see core/detail/given_globals.hpp.
  void note_main_global(const std::string& name) const {
    if (notes_globals) note_global(globals_, name);
  }
  /// `globals`, or those of `__main__`. A copy, because the code may call reset().
  Object globals_or_main(const Ref& globals) const { return globals.is_empty() ? globals_ : Object(globals); }

  Object main_{}, globals_{};
  std::uint32_t generation_ = no_generation;  ///< of the interpreter; set once, before threads use the Scope

 private:
  ssize modules_at_start_ = 0;  // 0: reset_main() is refused
  bool is_first_ = false;       // whether this has set InterpreterState::main_globals
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void MainModule::adopt_main(Object module, bool may_reset) {
  generation_ = current_generation();
  globals_ = Object::borrow(throw_if_null(api().Module_GetDict(module.checked())));
  main_ = std::move(module);
  add_builtins(globals_);
  if (may_reset) modules_at_start_ = api().Object_Size(api().Import_GetModuleDict());
  PyObject* first = nullptr;  // null unless another Interpreter uses this Python
  is_first_ = current_interpreter().main_globals.compare_exchange_strong(first, globals_.ptr());
}

LATEPY_FUNC LATEPY_COLD void MainModule::forget_main() noexcept {
  if (is_first_) {
    current_interpreter().main_globals = nullptr;
    if (PyObject* const given = current_interpreter().given_globals.exchange(nullptr)) decref(given);
  }
  main_ = globals_ = Object();
}

LATEPY_FUNC LATEPY_COLD void MainModule::reset_main() {
  const Entry entry(generation_, true);
  {
    auto [main, forgotten] = forget_packages(main_, modules_at_start_);
    Object globals = Object::borrow(api().Module_GetDict(main.ptr()));
    std::swap(main_, main);
    std::swap(globals_, globals);
    current_interpreter().main_globals = globals_.ptr();
  }  // drops the old ones, whose destructors may run any code
  collect_garbage();
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
