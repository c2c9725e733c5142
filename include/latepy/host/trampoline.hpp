// latepy/host/trampoline.hpp: Trampoline, through which Python classes override C++ virtual functions.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/super_call.hpp>
#include <latepy/host/detail/function/lent_argument.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The Python object of a C++ object whose class is made in Python. A copy is another object, without one.
class TrampolineLink {
 public:
  TrampolineLink() = default;
  TrampolineLink(const TrampolineLink&) noexcept {}
  TrampolineLink& operator=(const TrampolineLink&) noexcept { return *this; }
  void attach(PyObject* self) noexcept {
    generation_ = current_generation();
    self_.store(self, std::memory_order_release);
  }
  void detach() noexcept { self_.store(nullptr, std::memory_order_relaxed); }
  /// Any thread. Only with the GIL the answer keeps.
  bool is_attached() const noexcept { return self_.load(std::memory_order_acquire) && is_alive(generation_); }
  /// The object, where its class overrides the method; else empty. Needs the GIL.
  Object overriding(const char* method) const;

 private:
  std::atomic<PyObject*> self_{nullptr};  // which owns this object, or is told when it goes
  std::uint32_t generation_ = no_generation;
};

}  // namespace detail

/// The base of the class through which Python overrides the virtual functions of `Base`:
///   struct ScriptedEntity : py::Trampoline<Entity> {
///     using Trampoline::Trampoline;
///     void update(double dt) override { override_or("update", [&] { Entity::update(dt); }, dt); }
///     std::string name() const override { return override_pure<std::string>("name"); }
///   };
///   module.add_class<Entity, ScriptedEntity>("Entity")…
template <class Base>
class Trampoline : public Base {
  static_assert(std::has_virtual_destructor_v<Base>,
                "Python deletes the object as its base: that needs a virtual destructor");

 public:
  using Bound = Base;
  using Base::Base;
  Trampoline() = default;
  Trampoline(const Base& other) : Base(other) {}
  Trampoline(Base&& other) : Base(std::move(other)) {}

  detail::TrampolineLink& latepy_link() noexcept { return link_; }

 protected:
  /// Calls the method of the Python class that overrides it, else `otherwise()`, which calls the C++ one. Any thread;
  /// takes the GIL. Objects of bound classes are lent to Python for the call. \throws what Python raises;
  /// ConversionError where the result does not fit.
  template <class F, class... A>
  auto override_or(const char* method, F&& otherwise, A&&... arguments) const -> decltype(otherwise()) {
    using R = decltype(otherwise());
    if (link_.is_attached()) {
      if (const std::optional<GilGuard> gil = GilGuard::try_acquire()) {
        const Object self = link_.overriding(method);
        if (!self.is_empty()) return call_override<R>(self, method, detail::Passed<A>{std::forward<A>(arguments)}...);
      }
    }
    return otherwise();
  }
  /// As above for a pure virtual function. \throws NotImplementedError where no Python class overrides it.
  template <class R, class... A>
  R override_pure(const char* method, A&&... arguments) const {
    return override_or(
        method,
        [&]() -> R {
          throw NotImplementedError(std::string(method) +
                                    "() is pure virtual: a class made in Python has to define it");
        },
        std::forward<A>(arguments)...);
  }

 private:
  template <class R, class... P>
  static R call_override(const Object& self, const char* method, P&&... passed) {
    return detail::into_cpp<R>(self.call_method(method, passed.get()...).release());
  }
  detail::TrampolineLink link_;
};

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC Object TrampolineLink::overriding(const char* method) const {
  if (!is_attached()) return Object();
  PyObject* const self = check_use(self_.load(std::memory_order_relaxed), generation_);
  const Instance& instance = data_of<Instance>(self);
  if (!api().Object_GC_IsTracked(self)) return Object();  // its end has begun
  if (super_call.value && super_call.value == instance.value && *super_call.method == method) {
    super_call = {};  // only this call: the C++ method may itself call others, and this one again
    return Object();
  }
  const Object found = attribute_or_empty(as_object(head_type(self)), method);
  const Object bound = attribute_or_empty(instance.traits->record->type, method);
  return found.is_empty() || found.same(bound) ? Object() : HandleAccess::borrow(self, generation_);
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
