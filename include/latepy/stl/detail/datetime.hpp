// latepy/stl/detail/datetime.hpp: reads and makes datetime.timedelta and datetime.datetime, for stl/chrono.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/missing.hpp>

#include <algorithm>
#include <limits>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The C API of the datetime module, imported once in each interpreter. Null with Python's error set if that fails.
const DateTimeApi* find_datetime() noexcept;
/// find_datetime(), or PythonError.
const DateTimeApi& datetime_api();

/// A time span: seconds + microseconds + nanoseconds. Seconds and microseconds have one sign, or `micros` is in
/// 0 … 999999, as in a timedelta. `nanos` is in 0 … 999; pandas and numpy have it, a timedelta does not.
struct Delta {
  std::int64_t seconds = 0;
  std::int64_t micros = 0;
  std::int64_t nanos = 0;
};

/// A new timedelta. \throws ConversionError if it is out of range.
Object make_delta(Delta delta);

/// Whether the object is a timedelta.
inline bool is_delta(PyObject* object) noexcept {
  const DateTimeApi* datetime = find_datetime();
  return datetime && api().Type_IsSubtype(type_of(object), datetime->delta_type);
}
/// Whether the object is a datetime.
inline bool is_datetime(PyObject* object) noexcept {
  const DateTimeApi* datetime = find_datetime();
  return datetime && api().Type_IsSubtype(type_of(object), datetime->datetime_type);
}

/// The value of a timedelta, also of pandas, or of a timedelta64. \returns null, or the reason why it is none.
const char* read_delta(const Ref& object, Delta& delta);

/// A new datetime: 1970-01-01 in UTC.
inline Object epoch() {
  const DateTimeApi& datetime = datetime_api();
  return steal_or_throw(
      datetime.datetime_from_date_and_time(1970, 1, 1, 0, 0, 0, 0, datetime.utc, datetime.datetime_type));
}

/// The time span from 1970-01-01 UTC to a datetime, also of pandas, or to a datetime64. A naive datetime is local time,
/// and a naive one of pandas is UTC, as for their timestamp(); a datetime64 is UTC. \returns as read_delta().
const char* read_datetime(const Ref& object, Delta& since);

#if LATEPY_DEFINITIONS

LATEPY_FUNC const DateTimeApi* find_datetime() noexcept {
  std::atomic<const DateTimeApi*>& known = current_interpreter().datetime;
  if (const DateTimeApi* const found = known.load(std::memory_order_acquire); LATEPY_LIKELY(found != nullptr))
    return found;
  const auto* found = static_cast<const DateTimeApi*>(api().Capsule_Import("datetime.datetime_CAPI", 0));
  if (found && current_generation() != no_generation) known.store(found, std::memory_order_release);
  return found;
}

LATEPY_FUNC const DateTimeApi& datetime_api() {
  const DateTimeApi* found = find_datetime();
  if (!found) throw_python_error();
  return *found;
}

LATEPY_FUNC Object make_delta(Delta delta) {
  const DateTimeApi& datetime = datetime_api();
  const std::int64_t days = delta.seconds / 86400;
  PyObject* made = datetime.delta_from_delta(static_cast<int>(days), static_cast<int>(delta.seconds % 86400),
                                             static_cast<int>(delta.micros), 1, datetime.delta_type);
  if (!made && api().Err_ExceptionMatches(*api().OverflowError)) {
    api().Err_Clear();
    throw ConversionError("cannot convert a duration of " + decimal(days) +
                          " days to datetime.timedelta: out of range");
  }
  return steal_or_throw(made);
}

inline constexpr char is_no_time[] = "it stands for a missing value: convert to a std::optional";

/// The days from 1970-01-01 to the first day of the month that is so many months after January 1970.
inline std::int64_t days_to_month(std::int64_t months) noexcept {
  // A year that begins in March ends with the leap day. 400 such years have 146097 days.
  const std::int64_t from_march = months + 1970 * 12 - 2;
  const std::int64_t year = (from_march >= 0 ? from_march : from_march - 11) / 12;
  const std::int64_t month = from_march - year * 12;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 - 719468;
}

/// The value of a datetime64 or timedelta64. \returns null, or the reason why there is none.
LATEPY_FUNC LATEPY_COLD const char* read_time64(const Ref& object, bool is_span, Delta& delta) {
  struct Unit {
    std::string_view name;
    std::int64_t seconds, parts;  // the seconds of one, or how many are a second
  };
  constexpr Unit units[] = {{"W", 604800, 1},
                            {"D", 86400, 1},
                            {"h", 3600, 1},
                            {"m", 60, 1},
                            {"s", 1, 1},
                            {"ms", 1, 1000},
                            {"us", 1, 1000000},
                            {"ns", 1, 1000000000},
                            {"ps", 1, 1000000000000},
                            {"fs", 1, 1000000000000000},
                            {"as", 1, 1000000000000000000}};
  constexpr std::int64_t most = (std::numeric_limits<std::int64_t>::max)();
  std::int64_t ticks = read_ticks(object.ptr());
  if (ticks == nat_ticks) return is_no_time;
  const std::string type = object.attr("dtype").attr("str").as<std::string>();  // "<m8[25us]"
  const std::size_t open = type.find('[');
  if (open == type.npos) return "it has no unit";
  std::int64_t each = 0;
  std::size_t at = open + 1;
  while (type[at] >= '0' && type[at] <= '9') each = each * 10 + (type[at++] - '0');
  if (each == 0) each = 1;
  const std::string_view name(type.data() + at, type.size() - at - 1);
  const bool is_year = name == "Y";
  Unit unit = units[1];
  if (is_year || name == "M") {
    if (is_span) return "a month and a year have no fixed length";
    each *= is_year ? 12 : 1;
  } else {
    const Unit* found = std::find_if(std::begin(units), std::end(units), [&](const Unit& u) { return u.name == name; });
    if (found == std::end(units)) return "its unit is not known";
    unit = *found;
  }
  if (ticks > most / each || ticks < -most / each) return "out of range";
  ticks *= each;
  if (is_year || name == "M") {
    if (ticks > most / 32 || ticks < -most / 32) return "out of range";
    ticks = days_to_month(ticks);
  }
  if (ticks > most / unit.seconds || ticks < -most / unit.seconds) return "out of range";
  ticks *= unit.seconds;
  delta.seconds = ticks / unit.parts;
  std::int64_t rest = ticks % unit.parts;
  if (rest < 0) {
    --delta.seconds;
    rest += unit.parts;
  }
  const std::int64_t nanos =
      unit.parts > 1000000000 ? rest / (unit.parts / 1000000000) : rest * (1000000000 / unit.parts);
  delta.micros = nanos / 1000;
  delta.nanos = nanos % 1000;
  return nullptr;
}

LATEPY_FUNC const char* read_delta(const Ref& object, Delta& delta) {
  if (!is_exactly(object.ptr(), datetime_api().delta_type)) {
    const Foreign kind = foreign_kind(object.ptr());
    if (kind == Foreign::timedelta64) return read_time64(object, true, delta);
    if (kind == Foreign::missing) return is_no_time;
    if (!is_delta(object.ptr())) return "it is not a datetime.timedelta";
    delta.nanos = int_at(object.ptr(), "nanoseconds");
  }
  const auto part = [&](const char* name) { return object.attr(name).as<std::int64_t>(); };
  delta.seconds = part("days") * 86400 + part("seconds");
  delta.micros = part("microseconds");
  return nullptr;
}

LATEPY_FUNC const char* read_datetime(const Ref& object, Delta& since) {
  if (!is_exactly(object.ptr(), datetime_api().datetime_type)) {
    const Foreign kind = foreign_kind(object.ptr());
    if (kind == Foreign::datetime64) return read_time64(object, false, since);
    if (kind == Foreign::missing) return is_no_time;
    if (!is_datetime(object.ptr())) return "it is not a datetime.datetime";
  }
  if (!object.call_method("utcoffset").is_none()) return read_delta(object - epoch(), since);
  // timestamp() returns a double, which is exact only for whole seconds.
  since.nanos = int_at(object.ptr(), "nanosecond");
  const Object whole = since.nanos ? object.call_method("replace", arg("microsecond") = 0, arg("nanosecond") = 0)
                                   : object.call_method("replace", arg("microsecond") = 0);
  try {
    since.seconds = static_cast<std::int64_t>(whole.call_method("timestamp").as<double>());
  } catch (const PythonError& error) {  // local time is defined for fewer years than a datetime
    if (error.is("ValueError") || error.is("OverflowError") || error.is("OSError")) return "out of range";
    throw;
  }
  since.micros = object.attr("microsecond").as<std::int64_t>();
  return nullptr;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
