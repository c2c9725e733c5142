// latepy/core/detail/missing_converter.hpp: says what to include for a type that has no Converter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/class_registry.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The name of a type without the word `class`, `struct` or `enum`, which MSVC puts first.
constexpr std::string_view bare_name(std::string_view type) {
  for (const std::string_view prefix : {"class ", "struct ", "enum "})
    if (type.substr(0, prefix.size()) == prefix) type.remove_prefix(prefix.size());
  return type;
}
/// Whether the name of a type is std::`name`…, in whatever inline namespace.
constexpr bool is_std_name(std::string_view type, std::string_view name) {
  type = bare_name(type);
  if (type.substr(0, 5) != "std::") return false;
  type.remove_prefix(5);
  for (const std::string_view versioned : {"__cxx11::", "__debug::", "__1::", "__ndk1::"})
    if (type.substr(0, versioned.size()) == versioned) type.remove_prefix(versioned.size());
  return type.substr(0, name.size()) == name;
}
/// Whether the name of a type is that of a lambda, as g++, clang and MSVC spell it.
constexpr bool is_lambda_name(std::string_view type) {
  for (const std::string_view lambda : {"<lambda(", "(lambda at ", "<lambda_"})
    if (type.back() == (lambda[0] == '<' ? '>' : ')') && type.find(lambda) != std::string_view::npos) return true;
  return false;
}

/// X(header, beginning of the type's name behind std::) for each header of stl/ that converts a class of that name.
#define LATEPY_STL_HEADERS(X)        \
  X(array, "array<")                 \
  X(chrono, "chrono::")              \
  X(complex, "complex<")             \
  X(deque, "deque<")                 \
  X(filesystem, "filesystem::")      \
  X(function, "function<")           \
  X(list, "list<")                   \
  X(map, "map<")                     \
  X(optional, "optional<")           \
  X(pair, "pair<")                   \
  X(set, "set<")                     \
  X(tuple, "tuple<")                 \
  X(unordered_map, "unordered_map<") \
  X(unordered_set, "unordered_set<") \
  X(valarray, "valarray<")           \
  X(variant, "variant<")             \
  X(vector, "vector<")

/// Whether a header of latepy converts T, and the program need only include it.
template <class T>
constexpr bool has_header() {
  constexpr std::string_view name = spelled_name<T>();
#define LATEPY_HAS_HEADER(HEADER, NAME) || is_std_name(name, NAME)
  return std::is_function_v<std::remove_pointer_t<T>> || is_lambda_name(name) LATEPY_STL_HEADERS(LATEPY_HAS_HEADER);
#undef LATEPY_HAS_HEADER
}
/// Does not compile if `IsThere` is false and a header has the Converter of T. The compiler's error names the header.
template <class T, bool IsThere>
constexpr void name_header() {
  constexpr std::string_view name = spelled_name<T>();
#define LATEPY_NAME_HEADER(HEADER, NAME)             \
  static_assert(IsThere || !is_std_name(name, NAME), \
                "a file that converts this type has to #include <latepy/stl/" #HEADER ".hpp>");
  LATEPY_STL_HEADERS(LATEPY_NAME_HEADER)
#undef LATEPY_NAME_HEADER
  static_assert(IsThere || !(std::is_function_v<std::remove_pointer_t<T>> || is_lambda_name(name)),
                "C++ functions and lambdas are converted to Python only: #include <latepy/host/function.hpp>. From "
                "Python convert to latepy::Function, or to std::function by <latepy/stl/function.hpp>");
}
#undef LATEPY_STL_HEADERS
/// Do not compile if `IsThere` is false, and say what to do.
///@{
template <class T, bool IsThere>
constexpr void need_to_py() {
  name_header<T, IsThere>();
  static_assert(IsThere || has_header<T>(),
                "no Converter<T>::to_py for this type: specialize latepy::Converter, or include <latepy/latepy.hpp>");
}
template <class T, bool IsThere>
constexpr void need_from_py() {
  name_header<T, IsThere>();
  static_assert(IsThere || has_header<T>(),
                "no Converter<T>::from_py for this type: specialize latepy::Converter, or include <latepy/latepy.hpp>");
}
///@}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
