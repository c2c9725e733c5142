// latepy/core/detail/kept_proxy.hpp: refuses uses of a Proxy that `auto` keeps in a variable; part of core/proxy.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Does not compile: a member of a Proxy was called that `auto` keeps in a variable.
template <class... T>
constexpr void refuse_kept_proxy() {
  static_assert(sizeof...(T) == std::size_t(-1),
                "o.attr(\"x\") and o[\"x\"] give a Proxy, which is used in the same expression: to keep the value in a "
                "variable, write latepy::Object instead of auto");
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy

/// Defines a member for such a Proxy.
#define LATEPY_KEPT_PROXY(NAME)           \
  template <class T = Object, class... A> \
  void NAME(A&&...)& {                    \
    detail::refuse_kept_proxy<T, A...>(); \
  }
/// Defines those that name, read or call something.
#define LATEPY_KEPT_PROXY_MEMBERS() \
  LATEPY_KEPT_PROXY(as)             \
  LATEPY_KEPT_PROXY(try_as)         \
  LATEPY_KEPT_PROXY(is)             \
  LATEPY_KEPT_PROXY(attr)           \
  LATEPY_KEPT_PROXY(call)           \
  LATEPY_KEPT_PROXY(call_method)    \
  LATEPY_KEPT_PROXY(operator())
