// latepy/core/detail/host_exception.hpp: throws Python exceptions of a host's class as its C++ class.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An E that was made of a Python exception. If it reaches Python, it is that Python exception again.
template <class E>
struct Raised final : E, RaisedInPython {
  Raised(E&& latepy_made, const ErrorHandle& latepy_error) : E(std::move(latepy_made)), RaisedInPython{latepy_error} {}
};
/// Throws an E with the message of a Python exception. Returns if the constructor of E throws.
template <class E>
LATEPY_COLD void throw_host_exception(const ErrorHandle& error, const std::string& message) {
  std::optional<E> made;
  try {
    made.emplace(message);
  } catch (...) {
    return;
  }
  if constexpr (std::is_final_v<E>)
    throw *std::move(made);
  else
    throw Raised<E>(*std::move(made), error);
}
template <class E>
inline constexpr HostExceptionClass host_exception_class{&throw_host_exception<E>};
/// From now on, exceptions of the Python class and of derived classes are thrown as the C++ class. Needs the GIL.
void throw_as(const Object& type, const HostExceptionClass& host_class);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void throw_as(const Object& type, const HostExceptionClass& host_class) {
  void* const pointer = const_cast<HostExceptionClass*>(&host_class);
  set_attribute(type, original_attribute, take_result(api().Capsule_New(pointer, host_class_capsule, nullptr)));
  process_state().carries_exceptions.store(true, std::memory_order_relaxed);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
