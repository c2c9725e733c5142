// latepy/run/detail/installed.hpp: Installed, an object of the program in Python that is removed at the end.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An object of the program that Python uses, such as a stream in sys. The destructor removes it.
class Installed {
 public:
  Installed() = default;
  Installed(const Installed&) = delete;
  Installed& operator=(const Installed&) = delete;
  ~Installed() { end(); }
  /// Removes the object. Any thread, at any time. Takes the GIL.
  void end() noexcept {
    if (end_) (this->*end_)();
  }
  /// Makes end() do nothing, so that the object stays until Python has ended.
  void let_go() noexcept { object_ = remove_ = Object(); }

 protected:
  /// Keeps the object, and the Python function that takes and removes it: so end() needs no memory of C++. The function
  /// may be called again.
  LATEPY_COLD void keep(Object object, Object remove) noexcept {
    object_ = std::move(object);
    remove_ = std::move(remove);
    end_ = &Installed::end_kept;  // a pointer, so that programs which install nothing do not compile end_kept()
  }

 private:
  LATEPY_COLD void end_kept() noexcept {
    if (!object_.is_alive()) return;
    attempt([this] {  // without the memory to enter Python on this thread the object stays
      if (const std::optional<GilGuard> gil = GuardAccess::try_enter(HandleAccess::generation(object_))) {
        const ErrorAside aside;
        PyObject* arguments[] = {object_.ptr()};
        // An exception of interrupt() or a Deadline may stop it: then it goes on. It may also have called a C++
        // function, as a stream does with its last text, which may have thrown.
        for (int tries = 0; tries < 3; ++tries) {
          const OwnedRef done(api().Object_VectorcallDict(remove_.ptr(), arguments, 1, nullptr));
          if (done.get()) break;
          api().Err_WriteUnraisable(object_.ptr());
        }
      }
      let_go();
    });
  }

  Object object_{}, remove_{};
  void (Installed::*end_)() noexcept = nullptr;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
