// latepy/host/detail/function/define.hpp: def(): makes the overloads of a callable and sets the function in its Target.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/function_type.hpp>
#include <latepy/host/detail/function/invoke.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Applies the extra arguments of def() to an Overload: names, defaults, kw_only, pos_only, the doc string.
class Describe {
 public:
  explicit Describe(Overload& overload) : overload_(overload), at_(overload.is_method ? 1 : 0) {}
  void operator()(const Arg& argument);
  void operator()(KwOnly) { named_only_ = true; }
  LATEPY_COLD void operator()(PosOnly) {
    for (std::size_t i = 0; i < at_; ++i) overload_.parameters[i].kind = ParameterKind::positional_only;
  }
  LATEPY_COLD void operator()(std::string_view doc) { overload_.doc = doc; }
  /// Applies one extra argument. Ignores tags that change the call; see CallTags.
  template <class T>
  void other(T&& extra) {
    if constexpr (std::is_invocable_v<Describe&, T&&>) (*this)(std::forward<T>(extra));
  }

 private:
  Overload& overload_;
  std::size_t at_;
  bool named_only_ = false;
};

/// Whether the text is a Python identifier and not a keyword.
bool is_identifier(std::string_view name);
/// \throws SyntaxError if Python's `def` would refuse the parameters: bad or double names, a missing default.
void check_parameters(const Overload& overload);

/// Whether there is at most one Args, parameters after Args have names, and Kwargs is the last parameter.
template <class... A>
constexpr bool are_in_order(bool are_named) {
  bool after_args = false, after_kwargs = false, in_order = true;
  [[maybe_unused]] const auto see = [&](bool is_args, bool is_kwargs) {
    in_order = in_order && !after_kwargs && (!after_args || is_kwargs || (are_named && !is_args));
    after_args = after_args || is_args;
    after_kwargs = is_kwargs;
  };
  (see(std::is_same_v<plain<A>, Args>, std::is_same_v<plain<A>, Kwargs>), ...);
  return in_order;
}

/// How many parameters can have a name.
template <class... A>
inline constexpr std::size_t nameable = ((is_one_of<plain<A>, Args, Kwargs> ? 0 : 1) + ... + 0);

/// The result of overload().
template <class... F>
struct OverloadSet {
  std::tuple<F...> callables;
};
/// The result of with().
template <class F, class... X>
struct WithExtras {
  F callable;
  std::tuple<X...> extras;
};

/// make_unique, compiled once.
std::unique_ptr<Overload> new_overload(const std::string& name, const OverloadType& type);

/// One overload for a callable with the signature R(A...). Self is the class whose method it is, or void.
template <class Self, class F, class R, class... A, class... X>
std::unique_ptr<Overload> make_signature(const std::string& name, F f, Signature<R, A...>, X&&... extras) {
  static_assert(std::is_void_v<Self> || sizeof...(A) > 0, "a method needs a first parameter: the object");
  static_assert((is_extra<X> && ...),
                "def() takes names (\"x\"_a), a doc string or tags of host/extras.hpp after the callable");
  constexpr std::size_t named = ((std::is_same_v<plain<X>, Arg> ? 1 : 0) + ... + 0);
  constexpr std::size_t wanted = nameable<A...> - (std::is_void_v<Self> || sizeof...(A) == 0 ? 0 : 1);
  static_assert(named == 0 || named == wanted,
                "name all parameters or none: one \"name\"_a for each, without self, Args and Kwargs");
  static_assert(are_in_order<A...>(named != 0),
                "at most one Args, only named parameters after it, and Kwargs as the last parameter");
  using Tags = typename CallTags<std::tuple<>, std::decay_t<X>...>::type;
  std::unique_ptr<Overload> made = new_overload(name, OverloadOf<Self, F, Tags, Signature<R, A...>>::type);
  made->callable.emplace(std::move(f));
  [[maybe_unused]] Describe describe(*made);
  (describe.other(std::forward<X>(extras)), ...);
  if constexpr (named != 0) check_parameters(*made);
  return made;
}

/// The same for a pointer to a member function.
template <class Self, class Class, class F, class R, class... A, class... X>
std::unique_ptr<Overload> make_member(const std::string& name, F f, Signature<R, A...>, X&&... extras) {
  auto call = [f](Class& self, A... arguments) -> R { return (self.*f)(std::forward<A>(arguments)...); };
  return make_signature<Self>(name, std::move(call), Signature<R, Class&, A...>(), std::forward<X>(extras)...);
}

/// The list of overloads for one callable, a with(…) or an overload(…). Self is the class whose method it is, or void.
template <class Self, class F, class... X>
std::unique_ptr<Overload> make_overloads(const std::string& name, F&& f, X&&... extras) {
  static_assert(IsCppCallable<F>::value);
  using D = std::decay_t<F>;
  if constexpr (!std::is_function_v<std::remove_reference_t<F>> &&
                (std::is_pointer_v<D> || std::is_member_pointer_v<D>))
    if (D(f) == nullptr) throw_error<StateError>({name, ": def() was given a null pointer instead of a function"});
  if constexpr (std::is_member_function_pointer_v<D>) {
    using Class = std::conditional_t<std::is_void_v<Self>, typename SignatureOf<D>::Class, Self>;
    return make_member<Self, Class>(name, f, signature_of<D>(), std::forward<X>(extras)...);
  } else {
    return make_signature<Self>(name, D(std::forward<F>(f)), signature_of<D>(), std::forward<X>(extras)...);
  }
}
template <class Self, class F, class... W, class... X>
std::unique_ptr<Overload> make_overloads(const std::string& name, WithExtras<F, W...> with, X&&... extras) {
  return std::apply(
      [&](auto&&... own_extras) {
        return make_overloads<Self>(name, std::move(with.callable), std::move(own_extras)...,
                                    std::forward<X>(extras)...);
      },
      std::move(with.extras));
}
template <class Self, class... F, class... X>
std::unique_ptr<Overload> make_overloads(const std::string& name, OverloadSet<F...> set, const X&... extras) {
  std::unique_ptr<Overload> first;
  std::unique_ptr<Overload>* last = &first;
  const auto add = [&](auto&& callable) {
    *last = make_overloads<Self>(name, std::move(callable), extras...);
    last = &(*last)->next;
  };
  std::apply([&](auto&&... callables) { (add(std::move(callables)), ...); }, std::move(set.callables));
  return first;
}

/// The object in which def() sets a function: a module, a class, another object with attributes, or a dict of globals.
class Target {
 public:
  explicit Target(const Ref& object);
  /// The name of the module; empty if there is none.
  const Object& module() const noexcept { return module_; }
  /// The __qualname__ of a member: "Class.name" in a class.
  std::string qualified(std::string_view name) const { return concat({prefix_, name}); }
  /// Sets an attribute, or an item of a dict.
  void set(std::string_view name, const Object& value) const;
  /// A new Python function with the qualified name and the module.
  Object function(const std::string& name, std::unique_ptr<Overload> overloads) const;

 private:
  GilGuard gil_;
  Object object_, module_{};
  std::string prefix_{};
  bool is_dict_;
};

/// A Python function without a module.
template <class F, class... X>
Object make_callable(const std::string& name, F&& f, X&&... extras) {
  return new_function(make_overloads<void>(name, std::forward<F>(f), std::forward<X>(extras)...), name, Object());
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void Describe::operator()(const Arg& argument) {
  while (overload_.parameters[at_].kind >= ParameterKind::args) ++at_;
  Parameter& parameter = overload_.parameters[at_++];
  parameter.name = argument.name();
  parameter.key = steal_or_throw(api().Unicode_InternFromString(argument.name()));
  parameter.kind = named_only_ || (at_ > 1 && overload_.parameters[at_ - 2].kind == ParameterKind::args)
                       ? ParameterKind::named_only
                       : ParameterKind::usual;
  if (parameter.kind == ParameterKind::named_only) named_only_ = true;
  parameter.default_value = argument.value();
}

LATEPY_FUNC LATEPY_COLD std::unique_ptr<Overload> new_overload(const std::string& name, const OverloadType& type) {
  return std::make_unique<Overload>(name, type);
}

LATEPY_FUNC LATEPY_COLD bool is_identifier(std::string_view name) {
  const Object text = Object::steal(api().Unicode_DecodeUTF8(name.data(), static_cast<ssize>(name.size()), nullptr));
  api().Err_Clear();
  return !text.is_empty() && call_attribute(text, "isidentifier") &&
         !call_attribute(known_module("keyword"), "iskeyword", {text});
}

LATEPY_FUNC LATEPY_COLD void check_parameters(const Overload& overload) {
  const auto refuse = [&](std::string_view what, std::string_view parameter, std::string_view why) {
    throw_error<SyntaxError>({overload.name, "(): ", what, "'", parameter, "'", why});
  };
  bool had_default = false;
  for (std::size_t i = 0; i < overload.parameters.size(); ++i) {
    const Parameter& parameter = overload.parameters[i];
    for (std::size_t earlier = 0; earlier < i; ++earlier)
      if (parameter.name == (overload.is_method && earlier == 0 ? "self" : overload.parameters[earlier].name))
        refuse("two parameters are named ", parameter.name, "");
    if (parameter.key.is_empty()) continue;
    if (!is_identifier(parameter.name)) refuse("a parameter cannot be named ", parameter.name, "");
    if (parameter.kind == ParameterKind::named_only) continue;
    if (had_default && parameter.default_value.is_empty())
      refuse("", parameter.name, " needs a default, because a parameter before it has one");
    had_default = !parameter.default_value.is_empty();
  }
}

LATEPY_FUNC LATEPY_COLD Target::Target(const Ref& object)
    : gil_(object), object_(object), is_dict_(has_flag(object.checked(), type_is_dict)) {
  const bool is_class = has_flag(object.ptr(), type_is_type);
  const Object name = is_dict_ ? call_attribute(object, "get", {to_py("__name__")})
                               : attribute_or_empty(object.ptr(), is_class ? "__module__" : "__name__");
  if (!name.is_empty() && has_flag(name.ptr(), type_is_str)) module_ = name;
  if (!is_class && !is_dict_) declare_no_gil(object.ptr());
  if (is_class) prefix_ = concat({text_of(attribute_or_empty(object.ptr(), "__qualname__").ptr()), "."});
}

LATEPY_FUNC LATEPY_COLD void Target::set(std::string_view name, const Object& value) const {
  (is_dict_ ? set_item : set_attribute)(object_, name, value);
}

LATEPY_FUNC LATEPY_COLD Object Target::function(const std::string& name, std::unique_ptr<Overload> overloads) const {
  // Not in a dict: the globals of a script are where functions come and go.
  const bool is_shared = library_state.free_threaded && !is_dict_;
  std::unique_ptr<ImmortalFunction> kept(is_shared ? new ImmortalFunction() : nullptr);
  Overload* const first = overloads.get();
  Object made = new_function(std::move(overloads), qualified(name), module_);
  if (!is_shared || !share_count(made.ptr())) return made;
  kept->first = first;
  push(immortal_functions, kept.release());
  return made;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
