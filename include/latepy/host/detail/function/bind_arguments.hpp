// latepy/host/detail/function/bind_arguments.hpp: assigns the arguments of a call to parameters, and says why it fails.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/overload.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The arguments of one call in the order of the parameters. The references are borrowed. It owns only the tuple of
/// Args and the dict of Kwargs.
class BoundArguments {
 public:
  explicit BoundArguments(std::size_t count) {
    if (count <= room) return;
    large_.resize(count);
    values_ = large_.data();
  }
  BoundArguments(const BoundArguments&) = delete;
  BoundArguments& operator=(const BoundArguments&) = delete;
  PyObject** values() noexcept { return values_; }
  /// Sets the tuple of Args or the dict of Kwargs and owns it.
  LATEPY_OUTLINE void collect(std::size_t at, Object collected) {
    values_[at] = collected.ptr();
    (values_[at] && !first_.is_empty() ? second_ : first_) = std::move(collected);
  }

 private:
  static constexpr std::size_t room = 10;
  PyObject* small_[room] = {};
  std::vector<PyObject*> large_{};
  PyObject** values_ = small_;
  Object first_{}, second_{};
};

/// Whether two str are equal.
inline bool same_name(PyObject* a, PyObject* b) noexcept { return a == b || api().Unicode_Compare(a, b) == 0; }

/// "no arguments", "1 argument", "2 arguments".
LATEPY_COLD inline std::string counted(std::size_t count, const char* what) {
  return concat({count == 0 ? "no" : decimal(count).c_str(), " ", what, count == 1 ? "" : "s"});
}

/// Assigns the arguments of a call to the parameters, by the rules of Python functions. `names` is the tuple of the
/// names of the last arguments, or null. \returns false if they do not fit. \param why gets the reason; may be null.
/// \throws PythonError if CPython fails.
bool bind_arguments(const Overload& overload, PyObject* const* arguments, std::size_t count, PyObject* names,
                    BoundArguments& bound, std::string* why);

/// The reason why an overload does not accept the arguments. \throws what the code of an argument raises.
std::string why_not(Overload& overload, PyObject* const* arguments, std::size_t count, PyObject* names);

#if LATEPY_DEFINITIONS

/// A parameter in error texts: "'name'", "argument 2" or "self".
LATEPY_COLD inline std::string described(const Overload& overload, std::size_t index) {
  const Parameter& parameter = overload.parameters[index];
  if (overload.is_method && index == 0) return "self";
  if (parameter.kind != ParameterKind::positional_only) return concat({"'", parameter.name, "'"});
  return concat({"argument ", decimal(index + !overload.is_method)});
}

/// Sets the reason if `why` is not null, and returns false.
LATEPY_COLD inline bool misfit(std::string* why, TextParts text) {
  if (why) *why = concat(text);
  return false;
}

/// misfit() for too many positional arguments.
LATEPY_COLD inline bool too_many(const Overload& overload, std::size_t count, std::size_t places, std::size_t needed,
                                 std::string* why) {
  const std::size_t hidden = overload.is_method ? 1 : 0;  // `self` is not counted in texts
  return misfit(
      why, {needed < places ? "it takes at most " : "it takes ", counted(places - hidden, "positional argument"),
            ", and ", decimal(count - (std::min)(count, hidden)), count - hidden == 1 ? " was given" : " were given"});
}

LATEPY_FUNC bool bind_arguments(const Overload& overload, PyObject* const* arguments, std::size_t count,
                                PyObject* names, BoundArguments& bound, std::string* why) {
  const Api& a = api();
  const std::vector<Parameter>& parameters = overload.parameters;
  PyObject** const values = bound.values();
  // Positional arguments that are assigned; positional parameters; those of them without a default.
  std::size_t used = 0, places = 0, needed = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    switch (parameters[i].kind) {
      case ParameterKind::positional_only:
      case ParameterKind::usual:
        ++places;
        needed += parameters[i].default_value.is_empty();
        if (used < count) values[i] = arguments[used++];
        break;
      case ParameterKind::args: {
        Object rest = steal_or_throw(a.Tuple_New(static_cast<ssize>(count - used)));
        for (ssize at = 0; used < count; ++at)
          check_result(a.Tuple_SetItem(rest.ptr(), at, Object::borrow(arguments[used++]).release()));
        bound.collect(i, std::move(rest));
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
      if (values[i]) return misfit(why, {"it got two values for the argument '", parameters[i].name, "'"});
      values[i] = value;
    } else if (!parameters.empty() && parameters.back().kind == ParameterKind::kwargs) {
      if (others.is_empty()) others = steal_or_throw(a.Dict_New());
      check_result(a.Dict_SetItem(others.ptr(), name, value));
    } else {
      return why && misfit(why, {"it takes no argument named '", text_of(name), "'"});
    }
  }
  std::string missing;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (values[i]) continue;
    const Parameter& parameter = parameters[i];
    if (parameter.kind == ParameterKind::kwargs)
      bound.collect(i, others.is_empty() ? steal_or_throw(a.Dict_New()) : std::move(others));
    else if (!parameter.default_value.is_empty())
      values[i] = parameter.default_value.ptr();
    else if (why)
      missing += concat({missing.empty() ? "" : ", ", described(overload, i)});
    else
      return false;
  }
  return missing.empty() || misfit(why, {"it is missing ", missing});
}

LATEPY_FUNC LATEPY_COLD std::string why_not(Overload& overload, PyObject* const* arguments, std::size_t count,
                                            PyObject* names) {
  BoundArguments bound(overload.parameters.size());
  std::string why;
  if (!bind_arguments(overload, arguments, count, names, bound, &why)) return why;
  for (std::size_t i = 0; i < overload.parameters.size(); ++i) {
    const Parameter& parameter = overload.parameters[i];
    try {
      parameter.type->explain(bound.values()[i]);
    } catch (const ConversionError& error) {
      if (overload.is_method && i == 0) return concat({"self: ", error.what()});
      const std::string name = parameter.name.empty() ? std::string() : concat({" ('", parameter.name, "')"});
      return concat({"argument ", decimal(i + !overload.is_method), name, *error.what() == '[' ? "" : ": ",
                     error.what()});  // an element has no ": " before it: "argument 1[0]: …"
    }
  }
  return "an argument changed during its conversion, or contains an iterator, which can be read only once";
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
