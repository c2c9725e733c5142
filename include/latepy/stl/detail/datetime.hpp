// latepy/stl/detail/datetime.hpp: reads and makes datetime.timedelta and datetime.datetime, for stl/chrono.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The C API of the datetime module, imported once in each interpreter. Null with Python's error set if that fails.
const DateTimeApi* find_datetime() noexcept;
/// find_datetime(), or PythonError.
const DateTimeApi& datetime_api();

/// A time span: seconds + microseconds. Both have one sign, or `micros` is in 0 … 999999, as in a timedelta.
struct Delta {
  std::int64_t seconds;  // less than 2^31 days
  std::int64_t micros;
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

/// The value of a timedelta.
inline Delta read_delta(const Ref& delta) {
  const auto part = [&](const char* name) { return delta.attr(name).as<std::int64_t>(); };
  return {part("days") * 86400 + part("seconds"), part("microseconds")};
}

/// A new datetime: 1970-01-01 in UTC.
inline Object epoch() {
  const DateTimeApi& datetime = datetime_api();
  return steal_or_throw(
      datetime.datetime_from_date_and_time(1970, 1, 1, 0, 0, 0, 0, datetime.utc, datetime.datetime_type));
}

/// The time span from 1970-01-01 UTC to a datetime. A naive datetime is local time, as for its timestamp().
Delta read_datetime(const Ref& datetime);

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
    throw ConversionError("cannot convert a duration of " + std::to_string(days) +
                          " days to datetime.timedelta: out of range");
  }
  return steal_or_throw(made);
}

LATEPY_FUNC Delta read_datetime(const Ref& datetime) {
  if (!datetime.call_method("utcoffset").is_none()) return read_delta(datetime - epoch());
  // timestamp() returns a double, which is exact only for whole seconds.
  const Object whole = datetime.call_method("replace", arg("microsecond") = 0);
  return {static_cast<std::int64_t>(whole.call_method("timestamp").as<double>()),
          datetime.attr("microsecond").as<std::int64_t>()};
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
