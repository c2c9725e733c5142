// latepy/host/detail/class/super_call.hpp: what tells a virtual function that a script called super().method().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/instance.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// While a script calls a method of an object whose class was made in Python, the C++ object does not hand that method
/// back to Python: this is what super().method() means.
struct SuperCall {
  const void* value = nullptr;
  const std::string* method = nullptr;
};
inline thread_local SuperCall super_call{};
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
  ~SuperScope() {
    if (is_set_) super_call = before_;
  }

 private:
  SuperCall before_;
  bool is_set_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
