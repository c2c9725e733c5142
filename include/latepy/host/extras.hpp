// latepy/host/extras.hpp: Args, Kwargs, and the tags that def() and add_class() take, such as release_gil.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {

/// A parameter of this type is Python's `*args`: a tuple of the remaining positional arguments. Parameters after it can
/// only be given by name.
class Args : public Object {
 public:
  /// Takes a Python tuple, which is not checked.
  explicit Args(Object tuple) : Object(std::move(tuple)) {}
  /// How many arguments there are. Needs the GIL.
  std::size_t size() const {
    return static_cast<std::size_t>(detail::check_result(detail::api().Tuple_Size(checked())));
  }
};
/// A parameter of this type is Python's `**kwargs`: a dict of the named arguments that no other parameter takes. It
/// must be the last parameter.
class Kwargs : public Object {
 public:
  /// Takes a Python dict, which is not checked.
  explicit Kwargs(Object dict) : Object(std::move(dict)) {}
};

// Tags for def(), after the callable. def() also takes "name"_a, "name"_a = default and a doc string there.

/// The type of kw_only.
struct KwOnly {};
/// Parameters that are named after this tag can only be given by name, as after `*` in Python.
inline constexpr KwOnly kw_only{};
/// The type of pos_only.
struct PosOnly {};
/// Parameters that are named before this tag can only be given by position, as before `/` in Python.
inline constexpr PosOnly pos_only{};
/// The type of release_gil.
struct ReleasesGil {};
namespace detail {
/// Whether a callable of this type makes Python objects itself, so that release_gil is not for it.
template <class F>
inline constexpr bool needs_gil = false;
}  // namespace detail
/// The callable runs without the GIL, so that other threads can run Python. It must not use Python objects.
inline constexpr ReleasesGil release_gil{};
/// The type of return_copy.
struct ReturnCopy {};
/// A returned T* or T& of a bound class is copied, and Python owns the copy.
inline constexpr ReturnCopy return_copy{};
/// The type of return_reference.
struct ReturnReference {};
/// A returned T* or T& of a bound class stays owned by C++, which must keep it alive as long as scripts can use it.
inline constexpr ReturnReference return_reference{};
/// The type of return_internal.
struct ReturnInternal {};
/// A returned T* or T& of a bound class is a part of the first argument, which the result keeps alive. This is the
/// default for methods.
inline constexpr ReturnInternal return_internal{};
/// The argument with the number `Patient` is kept alive at least as long as the one with the number `Nurse`. 0 is the
/// result, 1 is the first argument, which is `self` in methods. If `Nurse` is not of a bound class, it must be weakly
/// referenceable.
template <std::size_t Nurse, std::size_t Patient>
struct keep_alive {};
namespace detail {
/// The base class of tags that convert the result of a function, and the field of a class, in their own way; see
/// memory/return_tags.hpp. Such a tag has these static members:
/// - `to_py<R, IsKept>(R&& result, PyObject* owner)`. `owner` (borrowed) keeps what the result refers to; null: C++
///   does, or, if IsKept is false, nobody was named.
/// - `python_type<R>(Direction)`: the annotation of a result R.
/// - `def_field(Class& scope, name, F C::*member, extras...)`: adds a field, and returns the scope.
struct ResultTag {};
}  // namespace detail

// Tags for add_class(), after the name. add_class() also takes a doc string there.

/// The type of dynamic_attributes.
struct DynamicAttributes {};
/// Scripts can set new attributes on instances: they have a __dict__.
inline constexpr DynamicAttributes dynamic_attributes{};
/// The type of is_final.
struct IsFinal {};
/// Scripts cannot derive classes from the class.
inline constexpr IsFinal is_final{};
/// The type of buffer_protocol.
struct BufferProtocol {};
/// Instances export a buffer, which Class::buffer() describes.
inline constexpr BufferProtocol buffer_protocol{};
/// The type of read_only.
struct ReadOnly {};
/// A tag for Class::def(), after a field: scripts can read the field, and cannot assign it.
inline constexpr ReadOnly read_only{};

}  // namespace v1
}  // namespace latepy
