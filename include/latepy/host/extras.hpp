// latepy/host/extras.hpp: what may stand beside a callable, a class or a field where it is defined.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {

/// A parameter of this type takes all positional arguments that are left, as a tuple; parameters after it are by name.
class Args : public Object {
 public:
  explicit Args(Object tuple) : Object(std::move(tuple)) {}
  std::size_t size() const {
    return static_cast<std::size_t>(detail::check_result(detail::api().Tuple_Size(checked())));
  }
};
/// A last parameter of this type takes all arguments with names that no other parameter has, as a dict.
class Kwargs : public Object {
 public:
  explicit Kwargs(Object dict) : Object(std::move(dict)) {}
};

// What may follow the callable in def(), beside "name"_a, "name"_a = default and a doc string.

/// The parameters named after it are given by name only, as after `*` in Python.
struct KwOnly {};
inline constexpr KwOnly kw_only{};
/// The parameters named before it are given by place only, as before `/` in Python.
struct PosOnly {};
inline constexpr PosOnly pos_only{};
/// Other threads run Python while the callable runs, which must not touch Python objects then.
struct ReleasesGil {};
inline constexpr ReleasesGil release_gil{};
/// What a returned T* or T& of a bound class is to Python: a copy; the host's object, which outlives its use by
/// scripts; a part of `self`, which Python keeps as long as the part (methods do so by default).
struct ReturnCopy {};
inline constexpr ReturnCopy return_copy{};
struct ReturnReference {};
inline constexpr ReturnReference return_reference{};
struct ReturnInternal {};
inline constexpr ReturnInternal return_internal{};
/// The argument with number `Patient` lives at least as long as the one with number `Nurse`; 0 is the result, 1 the
/// first argument, in methods `self`.
template <std::size_t Nurse, std::size_t Patient>
struct keep_alive {};

// What may follow the name in add_class(), beside a doc string.

/// Scripts may give instances attributes of their own.
struct DynamicAttributes {};
inline constexpr DynamicAttributes dynamic_attributes{};
/// Scripts cannot derive from the class.
struct IsFinal {};
inline constexpr IsFinal is_final{};
/// Instances show memory, by Class::buffer().
struct BufferProtocol {};
inline constexpr BufferProtocol buffer_protocol{};
/// What may follow a field in Class::def(): scripts cannot assign it.
struct ReadOnly {};
inline constexpr ReadOnly read_only{};

}  // namespace v1
}  // namespace latepy
