// latepy/stl/detail/missing.hpp: objects of numpy and pandas that stand for a missing value or a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/object.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// These functions leave no Python error set.

/// What an object of numpy or pandas is.
enum class Foreign : unsigned char { other, missing, datetime64, timedelta64 };
/// Tells it by the name of the class. `missing`: pandas.NA, pandas.NaT and numpy.ma.masked.
Foreign foreign_kind(PyObject* object) noexcept;

/// The ticks of NaT, a time of numpy that is missing.
inline constexpr std::int64_t nat_ticks = (std::numeric_limits<std::int64_t>::min)();
/// The ticks of a datetime64 or timedelta64, in the unit that its dtype tells.
std::int64_t read_ticks(PyObject* object) noexcept;

/// Whether the object stands for a missing value: what foreign_kind() calls missing, and NaT of numpy.
bool is_missing(PyObject* object) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Foreign foreign_kind(PyObject* object) noexcept {
  constexpr unsigned long usual = type_is_int | type_is_list | type_is_tuple | type_is_bytes | type_is_str |
                                  type_is_dict | type_is_exception | type_is_type;
  if (is_exactly(object, api().Float_Type) || has_flag(object, usual)) return Foreign::other;
  struct Known {
    std::string_view package, name;
    Foreign kind;
  };
  constexpr Known all[] = {{"pandas", "NAType", Foreign::missing},
                           {"pandas", "NaTType", Foreign::missing},
                           {"numpy", "MaskedConstant", Foreign::missing},
                           {"numpy", "datetime64", Foreign::datetime64},
                           {"numpy", "timedelta64", Foreign::timedelta64}};
  PyObject* const type = as_object(type_of(object));
  try {
    std::string other;
    const ColdRef called(find_attribute(type, "__name__"));
    const std::string_view name = view_of(called.get(), other);
    for (const Known& each : all) {
      if (each.name != name) continue;
      const ColdRef module(find_attribute(type, "__module__"));
      const std::string_view in = view_of(module.get(), other);  // "numpy.ma.core"
      const bool is_there = in.substr(0, in.find('.')) == each.package;
      return is_there ? each.kind : Foreign::other;
    }
  } catch (const std::exception&) {  // no memory
  }
  return Foreign::other;
}

LATEPY_FUNC LATEPY_COLD std::int64_t read_ticks(PyObject* object) noexcept {
  const Api& a = api();
  std::int64_t ticks = nat_ticks;
  BufferView view{};
  if (a.Object_GetBuffer(object, &view, buffer_format | buffer_strides) != 0) {
    a.Err_Clear();
    return ticks;
  }
  if (view.len == sizeof ticks) std::memcpy(&ticks, view.buf, sizeof ticks);  // as eight bytes
  a.Buffer_Release(&view);
  return ticks;
}

LATEPY_FUNC LATEPY_COLD bool is_missing(PyObject* object) noexcept {
  const Foreign kind = foreign_kind(object);
  return kind == Foreign::missing || (kind != Foreign::other && read_ticks(object) == nat_ticks);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
