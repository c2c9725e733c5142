// latepy/host/detail/function/signature_of.hpp: signature_of<F>, the parameter types and the result type of a callable.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The types of a callable's parameters and result.
template <class R, class... A>
struct Signature {};

/// Does not compile for a Python object, whose parameters C++ does not know.
template <class F>
struct IsCppCallable {
  static constexpr bool value = true;
  static_assert(!is_handle<F> && !is_proxy<F>,
                "this takes a C++ callable, not a Python object: assign the object, place.attr(\"name\") = object, or "
                "pass a lambda that owns it as a latepy::Object and calls it");
};

/// Finds the Signature of functions, member functions, lambdas and functors.
template <class F, class = void>
struct SignatureOf {
  static_assert(IsCppCallable<F>::value && (is_handle<F> || is_proxy<F> || !std::is_same_v<F, F>),
                "def() takes a function, a member function, a lambda or a class with one operator(): "
                "no auto, no overloads");
};
/// The Signature of a callable.
template <class F>
using signature_of = typename SignatureOf<F>::type;
template <class F>
struct SignatureOf<F, std::void_t<decltype(&F::operator())>> : SignatureOf<decltype(&F::operator())> {};
#define LATEPY_SIGNATURE(QUALIFIERS)                    \
  template <class R, class C, class... A>               \
  struct SignatureOf<R (C::*)(A...) QUALIFIERS, void> { \
    using type = Signature<R, A...>;                    \
    using Class = C;                                    \
  };
LATEPY_SIGNATURE()
LATEPY_SIGNATURE(const)
LATEPY_SIGNATURE(noexcept)
LATEPY_SIGNATURE(const noexcept)
LATEPY_SIGNATURE(&)
LATEPY_SIGNATURE(const&)
LATEPY_SIGNATURE(&noexcept)
LATEPY_SIGNATURE(const& noexcept)
#undef LATEPY_SIGNATURE
template <class R, class... A>
struct SignatureOf<R (*)(A...), void> {
  using type = Signature<R, A...>;
};
template <class R, class... A>
struct SignatureOf<R (*)(A...) noexcept, void> {
  using type = Signature<R, A...>;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
