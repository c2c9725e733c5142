// latepy/host/detail/class/super_call.hpp: SuperScope, by which a Trampoline knows that a script called super().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/instance.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The C++ method that a script is calling on a Trampoline. A Trampoline must not call the Python override for this
/// call, because super().method() means the C++ method.
struct SuperCall {
  const void* value = nullptr;
  const std::string* method = nullptr;
};
inline thread_local SuperCall super_call{};
/// Sets super_call while a method runs, if `self` is a Trampoline.
class SuperScope {
 public:
  SuperScope(PyObject* self, const std::string& method) noexcept {
    if (self == api().NoneStruct) return;
    const Instance& instance = data_of<Instance>(self);
    if (LATEPY_LIKELY(!instance.is_trampoline)) return;
    before_ = super_call;
    is_set_ = true;
    super_call = {instance.value, &method};
  }
  SuperScope(const SuperScope&) = delete;
  SuperScope& operator=(const SuperScope&) = delete;
  ~SuperScope() {
    if (is_set_) super_call = before_;
  }

 private:
  SuperCall before_{};
  bool is_set_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
