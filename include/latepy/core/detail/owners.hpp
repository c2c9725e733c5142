// latepy/core/detail/owners.hpp: Owners, which finds out whether a pointer that a conversion gave outlives the object.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

#include <memory>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether a T is or holds a pointer or reference: `Thing&`, `std::vector<Thing*>`, `std::pair<int, Thing*>`.
template <class T, class = void>
inline constexpr bool has_pointers = std::is_reference_v<T> || std::is_pointer_v<T>;
template <template <class...> class Container, class... T>
inline constexpr bool has_pointers<Container<T...>, void> = (has_pointers<T> || ...);
template <template <class, std::size_t> class Container, class T, std::size_t N>
inline constexpr bool has_pointers<Container<T, N>, void> = has_pointers<T>;

/// While one exists on a thread, the converters of pointers and references to bound classes note there what owns each
/// C++ object. After the converted object was dropped, check() tells whether all of them live on.
class Owners {
 public:
  Owners() noexcept : outer_(std::exchange(current, this)) {}
  Owners(const Owners&) = delete;
  Owners& operator=(const Owners&) = delete;
  ~Owners() { current = outer_; }

  /// The innermost one of this thread, or null.
  static Owners* innermost() noexcept { return current; }
  /// Notes a Python object that owns a C++ object. `name` is the class of the pointer, and must live on.
  void add(PyObject* owner, const std::string& name);
  /// Notes a C++ object that shared_ptrs own.
  void add(std::weak_ptr<void> owner, const std::string& name);
  /// Whether all that was noted lives. Then the Owners around this one get it too. Needs the GIL.
  bool are_alive();
  /// \throws ConversionError if are_alive() is false.
  void check_alive() {
    if (LATEPY_UNLIKELY(!noted_.empty()) && !are_alive()) refuse();
  }

 private:
  struct Noted {
    Object weak;  // empty if shared_ptrs own it
    std::weak_ptr<void> shared;
    const std::string* name;
  };
  [[noreturn]] void refuse() const;

  static inline thread_local Owners* current = nullptr;
  std::vector<Noted> noted_{};
  Owners* outer_;
  const std::string* gone_ = nullptr;  // the name of the first that is gone
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void Owners::add(PyObject* owner, const std::string& name) {
  noted_.push_back({steal_or_throw(api().Weakref_NewRef(owner, nullptr)), {}, &name});
}

LATEPY_FUNC LATEPY_COLD void Owners::add(std::weak_ptr<void> owner, const std::string& name) {
  noted_.push_back({Object(), std::move(owner), &name});
}

LATEPY_FUNC LATEPY_COLD bool Owners::are_alive() {
  for (const Noted& each : noted_) {
    const bool is_gone = each.weak.is_empty() ? each.shared.expired()
                                              : Object::steal(api().Object_CallNoArgs(each.weak.ptr())).is_none();
    if (!is_gone) continue;
    gone_ = each.name;
    return false;
  }
  if (outer_) outer_->noted_.insert(outer_->noted_.end(), noted_.begin(), noted_.end());
  return true;
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void Owners::refuse() const {
  throw_error<ConversionError>(
      {"cannot give a pointer or reference to a temporary ", *gone_,
       ": it ended with its Python object, which nothing else refers to; take a latepy::Object, a ", *gone_,
       " by value or a std::shared_ptr, or let Python keep the object"});
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
