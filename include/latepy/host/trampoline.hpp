// latepy/host/trampoline.hpp: Trampoline, which lets Python classes override C++ virtual functions.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/super_call.hpp>
#include <latepy/host/detail/function/lent_argument.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether a virtual function that returns R gets a reference to a value that its object keeps.
template <class R>
inline constexpr bool is_kept_result = false;
template <class T>
inline constexpr bool is_kept_result<const T&> = !is_bound<T> && !borrows<T> && !holds_objects<T>();
/// Its address is that of the thread. A later thread may have it too, so what threads keep does not grow without end.
inline thread_local char keeping_thread = 0;
/// What an override returned on a thread, for a virtual function that returns a reference.
struct KeptResult {
  KeptResult(const void* its_type, std::string_view its_method) : type(its_type), method(its_method) {}
  KeptResult(const KeptResult&) = delete;
  KeptResult& operator=(const KeptResult&) = delete;
  virtual ~KeptResult() = default;
  bool is_instead_of(const KeptResult& other) const noexcept {
    return type == other.type && thread == other.thread && method == other.method;
  }
  const void* type;
  const void* thread = &keeping_thread;
  std::string method;
  std::unique_ptr<KeptResult> next{};
};
template <class T>
struct KeptResultOf final : KeptResult {
  static inline char type_mark = 0;  // not const: linkers may give equal constants one address
  KeptResultOf(std::string_view its_method, T&& result)
      : KeptResult(&type_mark, its_method), value(std::move(result)) {}
  T value;
};

/// Connects a C++ object with the Python object that overrides its virtual functions. A copy is not connected.
class TrampolineLink {
 public:
  TrampolineLink() = default;
  TrampolineLink(const TrampolineLink&) noexcept {}
  TrampolineLink& operator=(const TrampolineLink&) noexcept { return *this; }
  /// Connects them. `self` is borrowed; it calls detach() before it is freed.
  void attach(PyObject* self) noexcept {
    generation_ = current_generation();
    self_.store(self, std::memory_order_release);
  }
  /// Forgets the Python object. From now on the C++ functions are called.
  void detach() noexcept { self_.store(nullptr, std::memory_order_relaxed); }
  /// Of the interpreter of the Python object.
  std::uint32_t generation() const noexcept { return generation_; }
  /// Any thread. Without the GIL the answer may be out of date at once.
  bool is_attached() const noexcept { return self_.load(std::memory_order_acquire) && is_alive(generation_); }
  /// The Python object, if its class overrides the method and the call does not come from super().method(). Else empty.
  /// Needs the GIL. \throws PythonError, such as MemoryError, of the look-up.
  Object overriding(const char* method) const;
  /// Keeps what an override returned until the method returns again on this thread, or the object ends. Needs the GIL.
  template <class T>
  const T& keep(const char* method, T&& result) const {
    auto made = std::make_unique<KeptResultOf<T>>(method, std::move(result));
    const T& value = made->value;
    std::unique_ptr<KeptResult> old;  // ends without the lock, because its end may run other code
    const SpinLock lock(kept_lock_);
    std::unique_ptr<KeptResult>* place = &kept_;
    while (*place && !made->is_instead_of(**place)) place = &(*place)->next;
    if (*place) made->next = std::move((*place)->next);
    old = std::exchange(*place, std::move(made));
    return value;
  }

 private:
  std::atomic<PyObject*> self_{nullptr};  // borrowed
  std::uint32_t generation_ = no_generation;
  mutable std::atomic_flag kept_lock_ = {};
  mutable std::unique_ptr<KeptResult> kept_{};
};

}  // namespace detail

/// The base class for a class whose virtual functions Python classes override. Write one function for each virtual
/// function of `Base`, and pass the class to add_class():
///   struct ScriptedEntity : py::Trampoline<Entity> {
///     using Trampoline::Trampoline;
///     void update(double dt) override { override_or("update", [&] { Entity::update(dt); }, dt); }
///     std::string name() const override { return override_pure<std::string>("name"); }
///   };
///   module.add_class<Entity, ScriptedEntity>("Entity")…
template <class Base>
class Trampoline : public Base {
  static_assert(std::has_virtual_destructor_v<Base>,
                "Trampoline<Base>: Base needs a virtual destructor, because Python deletes the object as a Base");

 public:
  /// The class whose functions are overridden.
  using Bound = Base;
  using Base::Base;
  Trampoline() = default;
  /// Copies a Base.
  Trampoline(const Base& other) : Base(other) {}
  /// Moves from a Base.
  Trampoline(Base&& other) : Base(std::move(other)) {}

  /// For latepy itself.
  detail::TrampolineLink& latepy_link() noexcept { return link_; }

 protected:
  /// Calls the Python method if the object's Python class overrides it, else `otherwise()`, which should call the C++
  /// function. Any thread: takes the GIL. Arguments that are references or pointers to bound classes are lent for the
  /// call, as by Borrowed. If the virtual function returns a const reference to what is converted, such as const
  /// std::string&, the object keeps the converted value until the method is called again on the same thread, and after
  /// the end of that thread perhaps until another one calls it. \throws PythonError if the method raises;
  /// ConversionError if its result does not convert, or if it is or has a pointer to a C++ object that ended with the
  /// result.
  template <class F, class... A>
  auto override_or(const char* method, F&& otherwise, A&&... arguments) const -> decltype(otherwise()) {
    using R = decltype(otherwise());
    if (link_.is_attached()) {
      if (const std::optional<GilGuard> gil = detail::GuardAccess::try_enter(link_.generation())) {
        const Object self = link_.overriding(method);
        if (!self.is_empty()) return call_override<R>(self, method, detail::Passed<A>{std::forward<A>(arguments)}...);
      }
    }
    return otherwise();
  }
  /// As above, for a pure virtual function. \throws NotImplementedError if no Python class overrides it.
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
  R call_override(const Object& self, const char* method, P&&... passed) const {
    static_assert(
        !detail::borrows<R> && (!std::is_reference_v<R> || detail::is_bound_pointee<R> || detail::is_kept_result<R>),
        "what an override returns is converted to a new C++ value, so the virtual function cannot return a view of it, "
        "or a reference that can be written to: keep it in a mutable member, with a lambda that returns a value: "
        "`name_ "
        "= override_or(\"name\", [&] { return std::string(Base::name()); }); return name_;`");
    PyObject* const result = self.call_method(method, passed.get()...).release();
    if constexpr (std::is_void_v<R>) {
      detail::into_cpp<void>(result);
    } else {
      try {
        if constexpr (detail::is_kept_result<R>)
          return link_.keep(method, detail::into_cpp<std::decay_t<R>>(result));
        else
          return detail::into_cpp<R>(result);
      } catch (const ConversionError& error) {
        throw detail::wrong_result(error, self.ptr(), method);
      }
    }
  }
  detail::TrampolineLink link_{};
};

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC Object TrampolineLink::overriding(const char* method) const {
  if (!is_attached()) return Object();
  PyObject* const self = check_use(self_.load(std::memory_order_relaxed), generation_);
  const Instance& instance = data_of<Instance>(self);
  if (!api().Object_GC_IsTracked(self)) return Object();  // it is being deallocated
  if (super_call.value && super_call.value == instance.value && *super_call.method == method) {
    super_call = {};  // for this call only: the C++ function may call virtual functions, also this one again
    return Object();
  }
  const AttrName name{std::string_view(method)};
  const auto method_of = [&](PyObject* type) {
    PyObject* found = nullptr;
    check_result(api().Object_GetOptionalAttr(type, name.ptr(), &found));
    return Object::steal(found);
  };
  const Object found = method_of(as_object(head_type(self))), bound = method_of(instance.traits->record->type);
  return found.is_empty() || found.same(bound) ? Object() : HandleAccess::borrow(self, generation_);
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
