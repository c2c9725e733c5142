// latepy/stl/detail/datetime.hpp: reads and makes datetime.timedelta and datetime.datetime, for stl/chrono.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/copy_items.hpp>
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

/// The unit of numpy's times.
struct NumpyUnit {
  std::int64_t each = 1;                ///< how many units a tick has
  std::int64_t seconds = 1, parts = 1;  ///< the seconds of a unit, or how many units a second has
  bool is_months = false;

  /// Reads it from the `str` of a dtype. \returns null, or the reason why it is refused.
  const char* read(const std::string& type, bool is_span);
  /// The value of ticks. \returns null, or the reason why there is none.
  const char* load(std::int64_t ticks, Delta& delta) const noexcept;
};
/// The items of a numpy array of datetime64 or timedelta64 with one dimension.
class TimeArray {
 public:
  /// Takes it of an ndarray, or of what has `__array__`, such as a Series. \returns false if the object is none.
  bool acquire(PyObject* object, bool is_span);
  std::size_t size() const noexcept { return memory_.size(); }
  /// \returns as NumpyUnit::load().
  const char* load(std::size_t index, Delta& delta) const noexcept;

 private:
  NumpyUnit unit_{};
  BufferHandle memory_{};
};

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

LATEPY_FUNC LATEPY_COLD const char* NumpyUnit::read(const std::string& type, bool is_span) {
  struct Known {
    std::string_view name;
    std::int64_t seconds, parts;
  };
  constexpr Known all[] = {{"W", 604800, 1},
                           {"D", 86400, 1},
                           {"h", 3600, 1},
                           {"m", 60, 1},
                           {"s", 1, 1},
                           {"ms", 1, 1000},
                           {"us", 1, 1000000},
                           {"ns", 1, 1000000000},
                           {"ps", 1, 1000000000000},
                           {"fs", 1, 1000000000000000},
                           {"as", 1, 1000000000000000000},
                           {"M", 86400, 1},
                           {"Y", 86400, 1}};
  const std::size_t open = type.find('[');
  if (open == type.npos) return "it has no unit";
  each = 0;
  std::size_t at = open + 1;
  while (type[at] >= '0' && type[at] <= '9') each = each * 10 + (type[at++] - '0');
  if (each == 0) each = 1;
  const std::string_view name(type.data() + at, type.size() - at - 1);
  const Known* found = std::find_if(std::begin(all), std::end(all), [&](const Known& u) { return u.name == name; });
  if (found == std::end(all)) return "its unit is not known";
  is_months = name == "M" || name == "Y";
  if (is_months && is_span) return "a month and a year have no fixed length";
  if (name == "Y") each *= 12;
  seconds = found->seconds;
  parts = found->parts;
  return nullptr;
}

LATEPY_FUNC const char* NumpyUnit::load(std::int64_t ticks, Delta& delta) const noexcept {
  constexpr std::int64_t most = (std::numeric_limits<std::int64_t>::max)();
  if (ticks == nat_ticks) return is_no_time;
  if (ticks > most / each || ticks < -most / each) return "out of range";
  ticks *= each;
  if (is_months) {
    if (ticks > most / 32 || ticks < -most / 32) return "out of range";
    ticks = days_to_month(ticks);
  }
  if (ticks > most / seconds || ticks < -most / seconds) return "out of range";
  ticks *= seconds;
  delta.seconds = ticks / parts;
  std::int64_t rest = ticks % parts;
  if (rest < 0) {
    --delta.seconds;
    rest += parts;
  }
  const std::int64_t nanos = parts > 1000000000 ? rest / (parts / 1000000000) : rest * (1000000000 / parts);
  delta.micros = nanos / 1000;
  delta.nanos = nanos % 1000;
  return nullptr;
}

/// The value of a datetime64 or timedelta64. \returns null, or the reason why there is none.
LATEPY_FUNC LATEPY_COLD const char* read_time64(const Ref& object, bool is_span, Delta& delta) {
  NumpyUnit unit;
  const std::int64_t ticks = read_ticks(object.ptr());
  if (ticks == nat_ticks) return is_no_time;
  const char* const why = unit.read(object.attr("dtype").attr("str").as<std::string>(), is_span);
  return why ? why : unit.load(ticks, delta);
}

LATEPY_FUNC LATEPY_COLD bool TimeArray::acquire(PyObject* object, bool is_span) {
  if (api().Object_CheckBuffer(object) && !iterates_memory(object)) return false;  // masked arrays
  const Object array = array_of(object);
  if (array.is_empty()) {
    if (api().Err_Occurred()) throw_python_error();
    return false;
  }
  const Object dtype = attribute_or_empty(array.ptr(), "dtype");
  const std::string type =
      dtype.is_empty() ? "" : text_of(attribute_or_empty(dtype.ptr(), "str").ptr());  // "<m8[25us]"
  if (type.size() < 3 || type[1] != (is_span ? 'm' : 'M') || unit_.read(type, is_span)) return false;
  const Object ticks = array.call_method("view", type.substr(0, 1) + "i8");  // numpy exports no buffer of times
  if (!memory_.acquire(ticks.ptr(), buffer_format | buffer_strides)) return api().Err_Clear(), false;
  return memory_.view().ndim == 1 && memory_.holds<std::int64_t>();
}

LATEPY_FUNC const char* TimeArray::load(std::size_t index, Delta& delta) const noexcept {
  std::int64_t ticks;
  std::memcpy(&ticks, static_cast<const char*>(memory_.view().buf) + static_cast<ssize>(index) * memory_.stride(0),
              sizeof ticks);
  return unit_.load(ticks, delta);
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
