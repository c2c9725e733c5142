// latepy/host/detail/function/signature_text.hpp: texts of signatures and calls, for errors, __doc__ and stubs.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/overload.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Writes the default value of the parameter with the index.
using DefaultText = std::string (*)(PyObject* value, std::size_t index);
/// Writes the repr() of the value.
LATEPY_COLD inline std::string shown_default(PyObject* value, std::size_t) { return show_value(value); }
/// Writes an item of the list defaults_of(), for Python code.
LATEPY_COLD inline std::string listed_default(PyObject*, std::size_t index) {
  return concat({"_defaults[", decimal(index), "]"});
}
/// A list with the default value of each parameter, or None.
Object defaults_of(const Overload& overload);

/// The signature in Python's syntax: "(x: int, y: float = 2.0) -> str".
std::string signature_text(const Overload& overload, DefaultText default_text = &shown_default, bool with_self = true);
/// The signature for error texts, without self: "Vec.scale(by: float) -> None".
LATEPY_COLD inline std::string shown_signature(const Overload& overload) {
  return concat({overload.shown_name, signature_text(overload, &shown_default, false)});
}

/// A call as Python code: "Vec.scale(1, "x", k=2)".
std::string show_call(const Overload& overload, PyObject* const* arguments, std::size_t count, PyObject* names);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object defaults_of(const Overload& overload) {
  Object values = steal_or_throw(api().List_New(0));
  for (const Parameter& parameter : overload.parameters)
    check_result(api().List_Append(
        values.ptr(), parameter.default_value.is_empty() ? api().NoneStruct : parameter.default_value.ptr()));
  return values;
}

LATEPY_FUNC LATEPY_COLD std::string signature_text(const Overload& overload, DefaultText default_text, bool with_self) {
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
    if (!is_self && !*stars) text += concat({": ", parameter.type->python(Direction::from_python)});
    if (!parameter.default_value.is_empty()) text += concat({" = ", default_text(parameter.default_value.ptr(), i)});
  }
  if (positional_only) add("/");
  return concat({text, ") -> ", overload.result->python(Direction::to_python)});
}

LATEPY_FUNC LATEPY_COLD std::string show_call(const Overload& overload, PyObject* const* arguments, std::size_t count,
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

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
