// latepy/host/detail/function/invoke.hpp: OverloadOf, which converts the arguments, calls C++, and converts the result.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/super_call.hpp>
#include <latepy/host/detail/function/argument_loader.hpp>
#include <latepy/host/detail/function/signature_of.hpp>
#include <latepy/host/detail/function/signature_text.hpp>

#include <tuple>

namespace latepy {
inline namespace v1 {

namespace detail {

/// A tag for methods: `self` is locked by an ObjectLock during the call and the conversion of its result.
struct LocksSelf {};

/// Whether T is a keep_alive.
template <class T>
inline constexpr bool is_keep_alive = false;
template <std::size_t N, std::size_t P>
inline constexpr bool is_keep_alive<keep_alive<N, P>> = true;
/// The argument that keep_alive<0, N> keeps, or -1.
template <class T>
inline constexpr int patient_of_result = -1;
template <std::size_t P>
inline constexpr int patient_of_result<keep_alive<0, P>> = static_cast<int>(P);
/// Whether T is one of the types Of.
template <class T, class... Of>
inline constexpr bool is_one_of = (std::is_same_v<T, Of> || ...);
/// The extra arguments of def() that change the call, as a tuple: all but names, kw_only, pos_only and doc strings.
template <class Kept, class... X>
struct CallTags {
  using type = Kept;
};
template <class... Kept, class First, class... X>
struct CallTags<std::tuple<Kept...>, First, X...>
    : CallTags<
          std::conditional_t<std::is_convertible_v<First, std::string_view> || is_one_of<First, Arg, KwOnly, PosOnly>,
                             std::tuple<Kept...>, std::tuple<Kept..., First>>,
          X...> {};
/// The one of the tags that is derived from ResultTag; void if there is none.
template <class... X>
struct ResultTagAmong {
  using type = void;
};
template <class First, class... X>
struct ResultTagAmong<First, X...> {
  using Further = typename ResultTagAmong<X...>::type;
  using type = std::conditional_t<std::is_base_of_v<ResultTag, First>, First, Further>;
  static_assert(!std::is_base_of_v<ResultTag, First> || std::is_void_v<Further>,
                "def(): give one of latepy::return_array and latepy::return_view, not both");
};
/// Whether T is an extra argument of def().
template <class T>
inline constexpr bool is_extra =
    std::is_convertible_v<T, std::string_view> || is_keep_alive<plain<T>> || std::is_base_of_v<ResultTag, plain<T>> ||
    is_one_of<plain<T>, Arg, KwOnly, PosOnly, ReleasesGil, LocksSelf, ReturnCopy, ReturnReference, ReturnInternal>;

/// Keeps `patient` alive as long as `nurse`. For `is_part` see keep_alive_in().
void keep_patient(PyObject* nurse, PyObject* patient, bool is_part);

/// The number of the argument that keeps what a result refers to: 1 is the first one. 0: C++ keeps it. -1: the CallTags
/// X do not say.
template <bool IsMethod, class... X>
constexpr int keeper_number() {
  int number = IsMethod || is_one_of<ReturnInternal, X...> ? 1 : -1;
  if (is_one_of<ReturnReference, X...>) number = 0;
  [[maybe_unused]] const auto see = [&](int patient) {
    if (patient >= 0) number = patient;
  };
  (see(patient_of_result<X>), ...);
  return number;
}
/// The Python object for a reference or pointer to a bound class that a callable returned; X are its CallTags.
template <class R, bool IsMethod, class... X>
Object pointer_to_python(R value, [[maybe_unused]] PyObject* self) {
  const auto* pointer = [&] {
    if constexpr (std::is_pointer_v<R>)
      return value;
    else
      return &value;
  }();
  if (!pointer) return none();
  if constexpr (is_one_of<ReturnCopy, X...>)
    return to_py(*pointer);
  else if constexpr (is_one_of<ReturnReference, X...> || (is_keep_alive<X> || ...))
    return reference_to_python(pointer);
  else if constexpr (IsMethod || is_one_of<ReturnInternal, X...>)
    return reference_to_python(pointer, self);
  else if constexpr (std::is_lvalue_reference_v<R> && std::is_const_v<std::remove_reference_t<R>>)
    return to_py(*pointer);
  else
    static_assert(is_one_of<ReturnCopy, X...>,
                  "who owns the object that this function returns? add latepy::return_copy, return_reference or "
                  "keep_alive<0, N>()");
}

/// The ParameterType of a result of type R that Tag converts.
template <class Tag, class R>
inline constexpr ParameterType tagged_result_type{&Tag::template python_type<R>, nullptr};
template <class Tag, class R>
constexpr const ParameterType* type_of_result() noexcept {
  if constexpr (std::is_void_v<Tag>)
    return &result_type<R>;
  else
    return &tagged_result_type<Tag, R>;
}

/// Calls the callable F of an overload with the CallTags X and the Signature S. Self is the class of a method, or void.
template <class Self, class F, class X, class S>
class OverloadOf;
template <class Self, class F, class... X, class R, class... A>
class OverloadOf<Self, F, std::tuple<X...>, Signature<R, A...>> {
  static constexpr bool is_of_class = !std::is_void_v<Self>;
  using Tag = typename ResultTagAmong<X...>::type;
  /// Whether the first argument is an instance of a class with virtual functions, which Python may override.
  static constexpr bool calls_self = [] {
    if constexpr (is_of_class && sizeof...(A) > 0)
      return std::is_polymorphic_v<Self> && is_bound_pointee<std::tuple_element_t<0, std::tuple<A...>>>;
    else
      return false;
  }();

  /// See Overload::Invoke.
  static PyObject* call(Overload& overload, PyObject* const* arguments, std::size_t& failed) {
    try {
      return convert(overload, arguments, failed, std::index_sequence_for<A...>());
    } catch (...) {
      translate_exception();
      return nullptr;
    }
  }
  /// Converts the arguments, in the steps of ArgumentLoaderBase.
  template <std::size_t... I>
  static PyObject* convert(Overload& overload, [[maybe_unused]] PyObject* const* arguments,
                           [[maybe_unused]] std::size_t& failed, std::index_sequence<I...>) {
    [[maybe_unused]] std::tuple<ArgumentLoader<A>...> loaders;
    if (LATEPY_UNLIKELY(!((std::get<I>(loaders).load(arguments[I]) || (failed = I + 1, false)) && ...))) {
      if (api().Err_Occurred()) failed = 0;
      return nullptr;
    }
    if constexpr (sizeof...(A) > 1) {
      if (LATEPY_UNLIKELY(!((std::get<I>(loaders).still_fits(arguments[I]) || (failed = I + 1, false)) && ...)))
        return nullptr;
      if constexpr ((std::size_t(ArgumentLoader<A>::takes) + ...) > 1)
        if (is_taken_twice(arguments))
          throw_error<TypeError>(
              {shown_signature(overload),
               ": two arguments are the same object, which C++ takes from Python; pass two objects"});
    }
    (std::get<I>(loaders).settle(arguments[I]), ...);
    if constexpr (calls_self) {
      const SuperScope super(arguments[0], overload.name);
      return finish(overload, arguments, std::get<I>(loaders)...);
    } else {
      return finish(overload, arguments, std::get<I>(loaders)...);
    }
  }
  template <class... L>
  static PyObject* finish(Overload& overload, [[maybe_unused]] PyObject* const* arguments, L&... loaders) {
    if constexpr (is_one_of<LocksSelf, X...>) {
      const ObjectLock lock(arguments[0]);
      return call_and_keep(overload, arguments, loaders...);
    } else {
      return call_and_keep(overload, arguments, loaders...);
    }
  }
  template <class... L>
  static PyObject* call_and_keep(Overload& overload, [[maybe_unused]] PyObject* const* arguments, L&... loaders) {
    OwnedRef made(result(overload, arguments, loaders...));
    (keep<X>(arguments, made.get()), ...);
    return made.release();
  }
  template <class... L>
  static PyObject* result(Overload& overload, [[maybe_unused]] PyObject* const* arguments, L&... loaders) {
    if constexpr (std::is_void_v<R>) {
      static_assert(std::is_void_v<Tag>, "def(): a tag for the result of a function that returns nothing");
      run(overload, loaders...);
      return new_ref(nullptr);
    } else if constexpr (!std::is_void_v<Tag>) {
      constexpr int keeper = keeper_number<is_of_class, X...>();
      static_assert(keeper <= static_cast<int>(sizeof...(A)),
                    "keep_alive<Nurse, Patient>: 0 is the result, 1 the first argument, up to the last argument");
      return Tag::template to_py<R, keeper >= 0>(run(overload, loaders...),
                                                 keeper > 0 ? arguments[keeper - 1] : nullptr)
          .release();
    } else if constexpr ((std::is_lvalue_reference_v<R> || std::is_pointer_v<R>)&&is_bound_pointee<R>) {
      PyObject* const self = sizeof...(A) > 0 ? arguments[0] : nullptr;
      return pointer_to_python<R, is_of_class, X...>(run(overload, loaders...), self).release();
    } else {
      if constexpr (is_of_class && is_container_reference<R>)
        if (class_of<plain<R>>())
          return pointer_to_python<R, true, X...>(run(overload, loaders...), arguments[0]).release();
      return new_ref(run(overload, loaders...));
    }
  }
  /// Whether two unique_ptr parameters get the same object.
  static bool is_taken_twice(PyObject* const* arguments) noexcept {
    constexpr bool takes[] = {ArgumentLoader<A>::takes...};
    for (std::size_t i = 0; i < sizeof...(A); ++i)
      for (std::size_t earlier = 0; earlier < i; ++earlier)
        if (takes[i] && takes[earlier] && arguments[i] == arguments[earlier] && arguments[i] != api().NoneStruct)
          return true;
    return false;
  }
  template <class... L>
  static R run(Overload& overload, L&... loaders) {
    F& callable = overload.callable.as<F>();
    if constexpr (is_one_of<ReleasesGil, X...>) {
      static_assert(!needs_gil<F>,
                    "def(): this callable makes Python objects. For the result of vectorize(), say "
                    "vectorize(f, latepy::release_gil)");
      std::tuple<decltype(loaders.get())...> values(loaders.get()...);  // with the GIL, because this may copy
      const GilRelease released;
      return std::apply(callable, std::move(values));
    } else {
      return callable(loaders.get()...);
    }
  }
  template <class Extra>
  static void keep([[maybe_unused]] PyObject* const* arguments, [[maybe_unused]] PyObject* result) {
    if constexpr (is_keep_alive<Extra>) keep_numbered(Extra(), arguments, result);
  }
  template <std::size_t N, std::size_t P>
  static void keep_numbered(keep_alive<N, P>, PyObject* const* arguments, PyObject* result) {
    static_assert(N <= sizeof...(A) && P <= sizeof...(A) && N != P,
                  "keep_alive<Nurse, Patient>: 0 is the result, 1 the first argument, up to the last argument");
    const auto numbered = [&](std::size_t number) { return number == 0 ? result : arguments[number - 1]; };
    keep_patient(numbered(N), numbered(P), N == 0);
  }

  static constexpr const ParameterType* parameters[] = {&parameter_type<A>..., nullptr};

 public:
  static constexpr OverloadType type{&call, is_of_class, type_of_result<Tag, R>(), parameters, sizeof...(A)};
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void keep_patient(PyObject* nurse, PyObject* patient, bool is_part) {
  if (nurse == api().NoneStruct || patient == api().NoneStruct) return;
  if (api().Type_IsSubtype(head_type(nurse), instance_type()))
    return keep_alive_in(data_of<Instance>(nurse), patient, is_part);
  // For other objects: a weak reference to the nurse has a callback that owns the patient. When the nurse is freed,
  // CPython calls the callback, which drops the weak reference and by it the patient.
  static MethodDef release{"release",
                           [](PyObject* held, PyObject* reference) noexcept {
                             static_cast<void>(held);
                             decref(reference);
                             return Object::borrow(api().NoneStruct).release();
                           },
                           meth_o, nullptr};
  const Object callback = steal_or_throw(api().CFunction_NewEx(&release, patient, nullptr));
  throw_if_null(api().Weakref_NewRef(nurse, callback.ptr()));
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
