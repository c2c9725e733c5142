// latepy/host/function.hpp: C++ callables as Python functions, and C++ exceptions as Python's.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/object.hpp>

#include <new>
#include <tuple>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The types of a callable's parameters and result.
template <class R, class... A>
struct Signature {};

template <class F, class = void>
struct SignatureOf;
template <class F>
using signature_of = typename SignatureOf<F>::type;
template <class F>
struct SignatureOf<F, std::void_t<decltype(&F::operator())>> : SignatureOf<decltype(&F::operator())> {};
#define LATEPY_SIGNATURE(POINTER, QUALIFIERS)             \
  template <class R, class C, class... A>                 \
  struct SignatureOf<R(POINTER)(A...) QUALIFIERS, void> { \
    using type = Signature<R, A...>;                      \
  };
LATEPY_SIGNATURE(C::*, )
LATEPY_SIGNATURE(C::*, const)
LATEPY_SIGNATURE(C::*, noexcept)
LATEPY_SIGNATURE(C::*, const noexcept)
#undef LATEPY_SIGNATURE
template <class R, class... A>
struct SignatureOf<R (*)(A...), void> {
  using type = Signature<R, A...>;
};
template <class R, class... A>
struct SignatureOf<R (*)(A...) noexcept, void> {
  using type = Signature<R, A...>;
};

LATEPY_COLD inline void set_error(PyObject* type, const char* what) noexcept {
  // Not Err_SetString: what() need not be UTF-8.
  const Object text = Object::steal(api().Unicode_DecodeUTF8(what, static_cast<ssize>(std::strlen(what)), "replace"));
  if (!text.is_empty()) api().Err_SetObject(type, text.ptr());
}

/// Sets Python's error from the exception that is being handled. To be called in a catch block.
LATEPY_COLD inline void translate_exception() noexcept {
  const Api& a = api();
  try {
    try {
      throw;
    } catch (const PythonError& error) {
      set_python_error(error);
    } catch (const ConversionError& error) {
      set_error(*a.TypeError, error.what());
    } catch (const std::bad_alloc& error) {
      set_error(*a.MemoryError, error.what());
    } catch (const std::out_of_range& error) {
      set_error(*a.IndexError, error.what());
    } catch (const std::invalid_argument& error) {
      set_error(*a.ValueError, error.what());
    } catch (const std::domain_error& error) {
      set_error(*a.ValueError, error.what());
    } catch (const std::length_error& error) {
      set_error(*a.ValueError, error.what());
    } catch (const std::range_error& error) {
      set_error(*a.ValueError, error.what());
    } catch (const std::overflow_error& error) {
      set_error(*a.OverflowError, error.what());
    } catch (const std::exception& error) {
      set_error(*a.RuntimeError, error.what());
    }
  } catch (const std::exception& error) {  // the exception object of a Python that ended, or no memory
    set_error(*a.RuntimeError, error.what());
  } catch (...) {
    set_error(*a.RuntimeError, "a C++ exception that is no std::exception");
  }
}

/// A parameter as it is kept while the function runs.
template <class T>
plain<T> from_argument(PyObject* object) {
  if constexpr (std::is_same_v<plain<T>, Ref>)
    return Ref(object);
  else
    return from_py<plain<T>>(Ref(object));
}

/// What a function object of ours owns: the callable, and the C struct that CPython reads as long as the function
/// lives.
struct HostFunction {
  explicit HostFunction(std::string its_name) : name(std::move(its_name)) {}
  HostFunction(const HostFunction&) = delete;
  virtual ~HostFunction() = default;

  static constexpr const char* capsule_name = "latepy.function";
  static HostFunction* of(PyObject* capsule) noexcept {
    return static_cast<HostFunction*>(api().Capsule_GetPointer(capsule, capsule_name));
  }
  static void destroy(PyObject* capsule) noexcept { delete of(capsule); }

  [[noreturn]] LATEPY_COLD void throw_count(std::size_t expected, ssize given) const {
    throw TypeError(name + "() takes " +
                    (expected == 0   ? "no arguments"
                     : expected == 1 ? "1 argument"
                                     : std::to_string(expected) + " arguments") +
                    " (" + std::to_string(given) + " given)");
  }

  std::string name;
  MethodDef def{};
};

template <class F, class R, class... A>
struct HostFunctionOf final : HostFunction {
  static_assert(((!std::is_lvalue_reference_v<A> || std::is_const_v<std::remove_reference_t<A>>)&&...),
                "a host function cannot change its caller's arguments: take them by value or const&");
  HostFunctionOf(std::string its_name, F&& f) : HostFunction(std::move(its_name)), callable(std::move(f)) {
    // CPython keeps all kinds of functions under one type, and casts back by the flags.
    def = {name.c_str(), reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(reinterpret_cast<void (*)()>(&entry)),
           meth_fastcall, nullptr};
  }

  /// What CPython calls. Nothing is thrown through its frames.
  static PyObject* entry(PyObject* self, PyObject* const* arguments, ssize count) noexcept {
    incref(self);  // the callable may drop the last reference to its own function
    PyObject* result = static_cast<HostFunctionOf*>(of(self))->call(arguments, count);
    decref(self);
    return result;
  }

 private:
  PyObject* call(PyObject* const* arguments, ssize count) noexcept {
    std::size_t at = 0;  // the argument that is being converted, from 1; 0 is none
    try {
      if (LATEPY_UNLIKELY(count != static_cast<ssize>(sizeof...(A)))) throw_count(sizeof...(A), count);
      [[maybe_unused]] const auto next = [&]() noexcept { return arguments[at++]; };
      std::tuple<plain<A>...> values{from_argument<A>(next())...};  // braces: from left to right
      at = 0;
      return invoke(values, std::index_sequence_for<A...>()).release();
    } catch (ConversionError& error) {
      if (at != 0) error.inside("argument " + std::to_string(at));
      translate_exception();
    } catch (...) {
      translate_exception();
    }
    return nullptr;
  }

  template <std::size_t... I>
  Object invoke([[maybe_unused]] std::tuple<plain<A>...>& values, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>) {
      callable(static_cast<A&&>(std::get<I>(values))...);
      return none();
    } else {
      return to_py(callable(static_cast<A&&>(std::get<I>(values))...));
    }
  }

  F callable;
};

/// A Python function that calls `f` with its positional arguments, with the GIL held. The callable lives as long as the
/// function; it is destroyed with the GIL, on whatever thread. Needs the GIL.
template <class F, class R, class... A>
Object make_callable(std::string name, F f, Signature<R, A...>) {
  auto function = std::make_unique<HostFunctionOf<F, R, A...>>(std::move(name), std::move(f));
  HostFunction* base = function.get();
  const Object capsule = own(api().Capsule_New(base, HostFunction::capsule_name, &HostFunction::destroy));
  function.release();
  return own(api().CFunction_NewEx(&base->def, capsule.ptr(), nullptr));
}
template <class F>
Object make_callable(std::string name, F f) {
  return make_callable(std::move(name), std::move(f), signature_of<F>());
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
