// latepy/host/detail/parameters.hpp: what host functions take: sorting arguments, and saying why they do not fit.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/python_type.hpp>

#include <initializer_list>

namespace latepy {
inline namespace v1 {
namespace detail {

enum class ParameterKind : unsigned char { positional_only, usual, named_only, args, kwargs };
/// What is known of a parameter's or result's C++ type when the program runs.
struct ParameterType {
  std::string (*python)(Way);                           ///< its Python name
  void (*explain)(PyObject* value);                     ///< throws why the value does not convert
  ParameterKind kind = ParameterKind::positional_only;  ///< or a catch-all
};
struct Parameter {
  std::string name;
  Object key;            ///< the name as an interned str
  Object default_value;  ///< empty where there is none
  ParameterKind kind = ParameterKind::positional_only;
  const ParameterType* type = nullptr;
};

/// A callable of any type, in place where it is small. Its type is known to those who use it; no virtual function is
/// needed, whose table and type name would be as many and as long as there are host functions.
class Callable {
 public:
  Callable() = default;
  Callable(const Callable&) = delete;
  ~Callable() noexcept(false) {  // destructors of what lambdas capture may throw
    if (destroy_) destroy_(place_);
  }
  template <class F>
  void emplace(F&& callable) {
    if constexpr (is_small<F>)
      new (place_) F(std::move(callable));
    else
      place_[0] = new F(std::move(callable));
    if constexpr (!is_small<F> || !std::is_trivially_destructible_v<F>)
      destroy_ = [](void** place) {
        if constexpr (is_small<F>)
          std::launder(reinterpret_cast<F*>(place))->~F();
        else
          delete static_cast<F*>(*place);
      };
  }
  template <class F>
  F& as() noexcept {
    if constexpr (is_small<F>)
      return *std::launder(reinterpret_cast<F*>(place_));
    else
      return *static_cast<F*>(place_[0]);
  }

 private:
  void* place_[2];
  void (*destroy_)(void** place) = nullptr;
  template <class F>
  static constexpr bool is_small = sizeof(F) <= sizeof place_ && alignof(F) <= alignof(void*);
};

struct OverloadType;

/// One signature of a host function.
struct Overload {
  /// Converts the arguments, which lie in the order of the parameters, and calls. Null with `failed` 0: Python's error
  /// is set. Null with another `failed`: that argument, from 1, does not fit, and no error is set.
  using Invoke = PyObject* (*)(Overload&, PyObject* const* arguments, std::size_t& failed);

  Overload(const std::string& name, const OverloadType& type);
  Overload(const Overload&) = delete;
  ~Overload() noexcept(false);

  Invoke invoke;
  std::vector<Parameter> parameters;
  const ParameterType* result;
  std::string name, doc;
  std::string shown_name;    ///< in texts: "Vec.length", and "Vec" for its constructor
  bool is_method;            ///< the first parameter is `self`
  bool is_operator = false;  ///< what does not fit gives NotImplemented
  std::unique_ptr<Overload> next;
  Callable callable;
};
/// What is known of an overload when it is compiled.
struct OverloadType {
  Overload::Invoke invoke;
  bool is_method;
  const ParameterType* result;
  const ParameterType* const* parameters;
  std::size_t count;
};

/// The arguments of one call in the order of the parameters; borrowed but for what the catch-alls collect.
class Sorted {
 public:
  explicit Sorted(std::size_t count) {
    if (count <= room) return;
    large_.resize(count);
    slots_ = large_.data();
  }
  Sorted(const Sorted&) = delete;
  PyObject** slots() noexcept { return slots_; }
  LATEPY_OUTLINE void collect(std::size_t at, Object collected) {
    slots_[at] = collected.ptr();
    (slots_[at] && !first_.is_empty() ? second_ : first_) = std::move(collected);
  }

 private:
  static constexpr std::size_t room = 10;
  PyObject* small_[room] = {};
  std::vector<PyObject*> large_;
  PyObject** slots_ = small_;
  Object first_, second_;
};

inline bool same_name(PyObject* a, PyObject* b) noexcept { return a == b || api().Unicode_Compare(a, b) == 0; }

LATEPY_COLD inline std::string counted(std::size_t count, const char* what) {
  return concat({count == 0 ? "no" : decimal(count).c_str(), " ", what, count == 1 ? "" : "s"});
}

/// Sorts a call's arguments into the places of the parameters, as Python does for functions of its own.
/// \param why gets the reason where they do not fit; null: nobody asks.
/// \throws PythonError when CPython fails.
bool sort_arguments(const Overload& overload, PyObject* const* arguments, std::size_t count, PyObject* names,
                    Sorted& sorted, std::string* why);

/// How a signature shows the default value of the parameter with that index.
using DefaultText = std::string (*)(PyObject* value, std::size_t index);
LATEPY_COLD inline std::string shown_default(PyObject* value, std::size_t) { return show_value(value); }
LATEPY_COLD inline std::string listed_default(PyObject*, std::size_t index) {
  return concat({"_defaults[", decimal(index), "]"});
}
/// The list that listed_default() refers to.
Object defaults_of(const Overload& overload);

/// "(x: int, y: float = 2.0) -> str".
std::string signature_text(const Overload& overload, DefaultText default_text = &shown_default, bool with_self = true);
/// "Vec.scale(by: float) -> None", as texts show it.
LATEPY_COLD inline std::string shown_signature(const Overload& overload) {
  return concat({overload.shown_name, signature_text(overload, &shown_default, false)});
}

/// "(1, "x", k=2)": what a call was given.
std::string show_call(const Overload& overload, PyObject* const* arguments, std::size_t count, PyObject* names);

/// Why one signature does not take the arguments. Where the code of an argument raised, that is thrown.
std::string why_not(Overload& overload, PyObject* const* arguments, std::size_t count, PyObject* names);

#if LATEPY_BODIES

LATEPY_ONCE LATEPY_COLD Overload::Overload(const std::string& called, const OverloadType& type)
    : invoke(type.invoke), parameters(type.count), result(type.result), name(called), is_method(type.is_method) {
  for (std::size_t i = 0; i < type.count; ++i) {
    parameters[i].type = type.parameters[i];
    parameters[i].kind = type.parameters[i]->kind;
    if (parameters[i].kind == ParameterKind::args) parameters[i].name = "args";
    if (parameters[i].kind == ParameterKind::kwargs) parameters[i].name = "kwargs";
  }
}
LATEPY_ONCE LATEPY_COLD Overload::~Overload() noexcept(false) {}

/// A parameter that is not given, in texts.
LATEPY_COLD inline std::string described(const Overload& overload, std::size_t index) {
  const Parameter& parameter = overload.parameters[index];
  if (overload.is_method && index == 0) return "self";
  if (parameter.kind != ParameterKind::positional_only) return concat({"'", parameter.name, "'"});
  return concat({"argument ", decimal(index + !overload.is_method)});
}

/// Says why, where anybody asks.
LATEPY_COLD inline bool misfit(std::string* why, TextParts text) {
  if (why) *why = concat(text);
  return false;
}

LATEPY_COLD inline bool too_many(const Overload& overload, std::size_t count, std::size_t places, std::size_t needed,
                                 std::string* why) {
  const std::size_t hidden = overload.is_method ? 1 : 0;  // `self` is not counted in texts
  return misfit(
      why, {needed < places ? "it takes at most " : "it takes ", counted(places - hidden, "positional argument"),
            ", and ", decimal(count - std::min(count, hidden)), count - hidden == 1 ? " was given" : " were given"});
}

LATEPY_ONCE bool sort_arguments(const Overload& overload, PyObject* const* arguments, std::size_t count,
                                PyObject* names, Sorted& sorted, std::string* why) {
  const Api& a = api();
  const std::vector<Parameter>& parameters = overload.parameters;
  PyObject** const slots = sorted.slots();
  std::size_t used = 0, places = 0,
              needed = 0;  // positional arguments that found a place, places, those without default
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    switch (parameters[i].kind) {
      case ParameterKind::positional_only:
      case ParameterKind::usual:
        ++places;
        needed += parameters[i].default_value.is_empty();
        if (used < count) slots[i] = arguments[used++];
        break;
      case ParameterKind::args: {
        Object rest = own(a.Tuple_New(static_cast<ssize>(count - used)));
        for (ssize at = 0; used < count; ++at)
          check_result(a.Tuple_SetItem(rest.ptr(), at, Object::borrow(arguments[used++]).release()));
        sorted.collect(i, std::move(rest));
        break;
      }
      default:
        break;
    }
  }
  if (used < count) return too_many(overload, count, places, needed, why);
  Object others;
  const std::size_t named = names ? static_cast<std::size_t>(a.Tuple_Size(names)) : 0;
  for (std::size_t at = 0; at < named; ++at) {
    PyObject* const name = a.Tuple_GetItem(names, static_cast<ssize>(at));
    PyObject* const value = arguments[count + at];
    std::size_t i = 0;
    while (i < parameters.size() &&
           !((parameters[i].kind == ParameterKind::usual || parameters[i].kind == ParameterKind::named_only) &&
             same_name(parameters[i].key.ptr(), name)))
      ++i;
    if (i < parameters.size()) {
      if (slots[i]) return misfit(why, {"it got two values for the argument '", parameters[i].name, "'"});
      slots[i] = value;
    } else if (!parameters.empty() && parameters.back().kind == ParameterKind::kwargs) {
      if (others.is_empty()) others = own(a.Dict_New());
      check_result(a.Dict_SetItem(others.ptr(), name, value));
    } else {
      return why && misfit(why, {"it takes no argument named '", text_of(name), "'"});
    }
  }
  std::string missing;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (slots[i]) continue;
    const Parameter& parameter = parameters[i];
    if (parameter.kind == ParameterKind::kwargs)
      sorted.collect(i, others.is_empty() ? own(a.Dict_New()) : std::move(others));
    else if (!parameter.default_value.is_empty())
      slots[i] = parameter.default_value.ptr();
    else if (why)
      missing += concat({missing.empty() ? "" : ", ", described(overload, i)});
    else
      return false;
  }
  return missing.empty() || misfit(why, {"it is not given ", missing});
}

LATEPY_ONCE LATEPY_COLD Object defaults_of(const Overload& overload) {
  Object values = own(api().List_New(0));
  for (const Parameter& parameter : overload.parameters)
    check_result(api().List_Append(
        values.ptr(), parameter.default_value.is_empty() ? api().NoneStruct : parameter.default_value.ptr()));
  return values;
}

LATEPY_ONCE LATEPY_COLD std::string signature_text(const Overload& overload, DefaultText default_text, bool with_self) {
  std::string text = "(";
  bool named_only = false, positional_only = false;
  const auto add = [&](std::string_view part) { text.append(text.size() == 1 ? "" : ", ").append(part); };
  for (std::size_t i = 0; i < overload.parameters.size(); ++i) {
    const Parameter& parameter = overload.parameters[i];
    const bool is_self = overload.is_method && i == 0;
    if (is_self && !with_self) continue;
    if (positional_only && parameter.kind != ParameterKind::positional_only) add("/");
    positional_only = parameter.kind == ParameterKind::positional_only;
    if (parameter.kind == ParameterKind::named_only && !named_only) add("*");
    named_only = named_only || parameter.kind == ParameterKind::named_only || parameter.kind == ParameterKind::args;
    const char* const stars = parameter.kind == ParameterKind::args     ? "*"
                              : parameter.kind == ParameterKind::kwargs ? "**"
                                                                        : "";
    add(stars);
    if (!parameter.name.empty())
      text += parameter.name;
    else
      text += is_self ? "self" : concat({"arg", decimal(i + !overload.is_method)});
    if (!is_self && !*stars) text += concat({": ", parameter.type->python(Way::from_python)});
    if (!parameter.default_value.is_empty()) text += concat({" = ", default_text(parameter.default_value.ptr(), i)});
  }
  if (positional_only) add("/");
  return concat({text, ") -> ", overload.result->python(Way::to_python)});
}

LATEPY_ONCE LATEPY_COLD std::string show_call(const Overload& overload, PyObject* const* arguments, std::size_t count,
                                              PyObject* names) {
  std::string text = concat({overload.shown_name, "("});
  const std::size_t first = overload.is_method && count > 0 ? 1 : 0;
  const std::size_t named = names ? static_cast<std::size_t>(api().Tuple_Size(names)) : 0;
  for (std::size_t i = first; i < count + named; ++i) {
    if (i > first) text += ", ";
    if (i >= count) text += concat({text_of(api().Tuple_GetItem(names, static_cast<ssize>(i - count))), "="});
    text += show_value(arguments[i]);
  }
  return concat({text, ")"});
}

LATEPY_ONCE LATEPY_COLD std::string why_not(Overload& overload, PyObject* const* arguments, std::size_t count,
                                            PyObject* names) {
  Sorted sorted(overload.parameters.size());
  std::string why;
  if (!sort_arguments(overload, arguments, count, names, sorted, &why)) return why;
  for (std::size_t i = 0; i < overload.parameters.size(); ++i) {
    const Parameter& parameter = overload.parameters[i];
    try {
      parameter.type->explain(sorted.slots()[i]);
    } catch (const ConversionError& error) {
      if (overload.is_method && i == 0) return concat({"self: ", error.what()});
      const std::string name = parameter.name.empty() ? std::string() : concat({" ('", parameter.name, "')"});
      return concat({"argument ", decimal(i + !overload.is_method), name, *error.what() == '[' ? "" : ": ",
                     error.what()});  // of an element: "argument 1[0]: …"
    }
  }
  return "an argument changed while it was converted, or holds an iterator, which can be read only once";
}
#endif  // LATEPY_BODIES

}  // namespace detail
}  // namespace v1
}  // namespace latepy
