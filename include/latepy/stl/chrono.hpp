// latepy/stl/chrono.hpp: converts std::chrono durations to timedelta, times and zoned_time to datetime, and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/reads_value.hpp>
#include <latepy/memory/detail/item_type.hpp>
#include <latepy/stl/detail/datetime.hpp>

#include <chrono>
#include <cmath>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Converts ticks of Rep and Period from and to a Delta. Computes in integers, without overflow, or in double if Rep is
/// a floating-point type.
template <class Rep, class Period>
struct Ticks {
  static constexpr std::int64_t num = Period::num, den = Period::den;
  static_assert(num <= 9000000000000 / den,
                "durations with a period this long cannot be converted: cast to a shorter one");
  static constexpr std::int64_t second = 1000000;  // microseconds

  /// Sets `ticks`; false if they are out of range. An integer is rounded: down if `floors`, else towards zero.
  static bool load(Delta delta, bool floors, Rep& ticks) noexcept {
    if constexpr (std::is_floating_point_v<Rep>) {
      const double micros = static_cast<double>(delta.micros) + static_cast<double>(delta.nanos) / 1000;
      constexpr double tick = static_cast<double>(num) * second / den;  // in microseconds
      const auto seconds = static_cast<double>(delta.seconds);
      const bool is_exact = std::fabs(seconds) < 9e9;  // 2^53 microseconds
      ticks = static_cast<Rep>(is_exact ? (seconds * second + micros) * den / (static_cast<double>(num) * second)
                                        : seconds * den / num + micros / tick);
      return true;
    } else {
      const bool is_negative = delta.seconds < 0 || delta.micros < 0;
      if (is_negative && !floors && delta.nanos > 0) delta = {delta.seconds, delta.micros + 1, delta.nanos - 1000};
      if (delta.seconds < 0 && delta.micros > 0) delta = {delta.seconds + 1, delta.micros - second, delta.nanos};
      const std::int64_t whole = delta.seconds / num;
      const std::int64_t rest = (delta.seconds % num * second + delta.micros) * den;
      std::int64_t part = rest / (num * second);
      if (floors && rest % (num * second) < 0) --part;
      if constexpr (den / num > second)
        part += delta.nanos * (den / num / second) / 1000;  // shorter than a microsecond
      using Limits = std::numeric_limits<std::int64_t>;
      if (whole > (Limits::max)() / den || whole < (Limits::min)() / den) return false;
      const std::int64_t most = whole * den;
      if (part >= 0 ? most > (Limits::max)() - part : most < (Limits::min)() - part) return false;
      const std::int64_t count = most + part;
      ticks = static_cast<Rep>(count);
      return static_cast<std::int64_t>(ticks) == count && (ticks < Rep(0)) == (count < 0);
    }
  }

  /// Rounds to microseconds: integers down if `floors`, else towards zero; floating-point numbers to the nearest.
  static Delta store(Rep count, [[maybe_unused]] bool floors) {
    constexpr double most = 1e14;  // seconds; more than a timedelta can hold
    if constexpr (std::is_floating_point_v<Rep>) {
      const double seconds = static_cast<double>(count) * num / den;
      if (!(std::fabs(seconds) < most)) refuse(std::to_string(seconds));
      const double whole = std::floor(seconds);
      return {static_cast<std::int64_t>(whole), static_cast<std::int64_t>(std::nearbyint((seconds - whole) * second))};
    } else {
      if (!(std::fabs(static_cast<double>(count) * num / den) < most))
        refuse(std::to_string(count) + "*" + std::to_string(num) + "/" + std::to_string(den));
      using Wide = std::conditional_t<std::is_unsigned_v<Rep>, std::uint64_t, std::int64_t>;
      const auto ticks = static_cast<Wide>(count);
      const std::int64_t rest = static_cast<std::int64_t>(ticks % static_cast<Wide>(den)) * num * second;
      const std::int64_t micros = rest / den - (floors && rest % den < 0);
      return {static_cast<std::int64_t>(ticks / static_cast<Wide>(den)) * num + micros / second, micros % second};
    }
  }

 private:
  [[noreturn]] LATEPY_COLD static void refuse(const std::string& seconds) {
    throw ConversionError("cannot convert a duration of " + seconds + " seconds to datetime.timedelta: out of range");
  }
};

/// The name of a duration type in errors.
template <class D>
inline constexpr const char* duration_name =
    std::is_floating_point_v<typename D::rep>           ? "std::chrono::duration of a floating-point type"
    : std::is_same_v<typename D::period, std::nano>     ? "std::chrono::nanoseconds"
    : std::is_same_v<typename D::period, std::micro>    ? "std::chrono::microseconds"
    : std::is_same_v<typename D::period, std::milli>    ? "std::chrono::milliseconds"
    : std::is_same_v<typename D::period, std::ratio<1>> ? "std::chrono::seconds"
    : std::is_same_v<typename D::period, std::chrono::minutes::period> ? "std::chrono::minutes"
    : std::is_same_v<typename D::period, std::chrono::hours::period>   ? "std::chrono::hours"
                                                                       : "std::chrono::duration";

/// The base of both converters.
template <class T, class Self>
struct ReadsTime : ReadsValue<T, Self> {
  /// Copies an array of numpy's times into a std::vector. \returns false if the object is none, or an item is refused.
  template <class C>
  static bool copy_array(PyObject* object, C& result) {
    TimeArray array;
    if (!array.acquire(object, Self::is_span)) return false;
    result.reserve(array.size());
    Delta delta;
    T value{};
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (array.load(i, delta) || !Self::load(delta, value)) return result.clear(), false;
      result.push_back(value);
    }
    return true;
  }
};

/// The unit of numpy whose ticks have the length of a std::ratio: "ns", "10s".
template <class Period>
std::string time_unit() {
  constexpr bool is_decimal =
      Period::num == 1 &&
      (Period::den == 1000 || Period::den == 1000000 || Period::den == 1000000000 || Period::den == 1000000000000 ||
       Period::den == 1000000000000000 || Period::den == 1000000000000000000);
  static_assert(Period::den == 1 || is_decimal,
                "array(): numpy has no such unit of time: cast the times to std::chrono::nanoseconds");
  const char* const decimals[] = {"ms", "us", "ns", "ps", "fs", "as"};
  if constexpr (is_decimal) {
    std::size_t i = 0;
    for (auto den = Period::den; den > 1000; den /= 1000) ++i;
    return decimals[i];
  }
  for (const auto& [seconds, name] : {std::pair(604800, "W"), {86400, "D"}, {3600, "h"}, {60, "m"}, {1, "s"}})
    if (Period::num % seconds == 0) return (Period::num == seconds ? "" : decimal(Period::num / seconds)) + name;
  return "";
}

/// array() makes timedelta64 of durations, datetime64 of times, and NaT of an empty std::optional.
template <class Rep, class Period>
struct StoredItem<std::chrono::duration<Rep, Period>> {
  static constexpr bool is_stored = true;
  static_assert(std::is_integral_v<Rep>, "array(): times with fractions: cast them to std::chrono::nanoseconds");
  static std::string dtype() { return "m8[" + time_unit<Period>() + "]"; }
  /// \throws ConversionError if the ticks are more than numpy counts.
  static std::int64_t store(const std::chrono::duration<Rep, Period>& time) {
    const auto ticks = static_cast<std::int64_t>(time.count());
    if (ticks == nat_ticks || (ticks < 0) != (time.count() < Rep(0)))
      throw ConversionError("cannot convert a time of " + std::to_string(time.count()) +
                            " ticks to an item of numpy, which has ticks of 63 bits: out of range");
    return ticks;
  }
};
template <class Duration>
struct StoredItem<std::chrono::time_point<std::chrono::system_clock, Duration>> : StoredItem<Duration> {
  static std::string dtype() { return "M8[" + time_unit<typename Duration::period>() + "]"; }
  static std::int64_t store(const std::chrono::time_point<std::chrono::system_clock, Duration>& time) {
    return StoredItem<Duration>::store(time.time_since_epoch());
  }
};
template <class T>
struct StoredItem<std::optional<T>, std::enable_if_t<StoredItem<T>::is_stored>> : StoredItem<T> {
  static std::int64_t store(const std::optional<T>& time) { return time ? StoredItem<T>::store(*time) : nat_ticks; }
};

}  // namespace detail

/// A duration is a datetime.timedelta. From Python also one of pandas, and a numpy.timedelta64 with a unit. A number is
/// refused, because it has no unit. A std::vector of durations is also made of an array of timedelta64, in one loop,
/// and array() of memory/array.hpp makes such an array.
/// To Python: rounds to microseconds, integers towards zero, floating-point durations to the nearest.
/// From Python: rounds towards zero to the ticks of the C++ type, as std::chrono::duration_cast does.
template <class Rep, class Period>
struct Converter<std::chrono::duration<Rep, Period>, std::enable_if_t<std::is_arithmetic_v<Rep>>>
    : detail::ReadsTime<std::chrono::duration<Rep, Period>, Converter<std::chrono::duration<Rep, Period>>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr const char* name = detail::duration_name<Duration>;
  static std::string python_type() { return "datetime.timedelta"; }

  static Object to_py(const Duration& duration) {
    return detail::make_delta(detail::Ticks<Rep, Period>::store(duration.count(), false));
  }
  static const char* read(const Ref& object, Duration& duration) {
    detail::Delta delta;
    if (const char* const why = detail::read_delta(object, delta)) return why;
    return load(delta, duration) ? nullptr : "out of range";
  }
  static constexpr bool is_span = true;
  static bool load(detail::Delta delta, Duration& duration) noexcept {
    Rep ticks{};
    const bool in_range = detail::Ticks<Rep, Period>::load(delta, false, ticks);
    duration = Duration(ticks);
    return in_range;
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::is_delta(object) || detail::foreign_kind(object) == detail::Foreign::timedelta64
               ? detail::Fit::own
               : detail::Fit::other;
  }
};

/// A system_clock time is a datetime.datetime. From Python also one of pandas, and a numpy.datetime64, which is UTC. A
/// std::vector of times is also made of an array of datetime64, in one loop, and array() makes such an array.
/// To Python: an aware datetime in UTC. From Python: an aware datetime, or a naive one, which is local time, as for
/// datetime.timestamp(). Both ways round down, as std::chrono::floor does; a floating-point time becomes the nearest
/// microsecond.
template <class Duration>
struct Converter<std::chrono::time_point<std::chrono::system_clock, Duration>>
    : detail::ReadsTime<std::chrono::time_point<std::chrono::system_clock, Duration>,
                        Converter<std::chrono::time_point<std::chrono::system_clock, Duration>>> {
  using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;
  using Ticks = detail::Ticks<typename Duration::rep, typename Duration::period>;
  static constexpr const char* name = "std::chrono::system_clock::time_point";
  static std::string python_type() { return "datetime.datetime"; }

  static Object to_py(const Time& time) {
    const Object delta = detail::make_delta(Ticks::store(time.time_since_epoch().count(), true));
    PyObject* made = detail::api().Number_Add(detail::epoch().ptr(), delta.ptr());
    if (!made && detail::api().Err_ExceptionMatches(*detail::api().OverflowError)) {
      detail::api().Err_Clear();
      throw ConversionError("cannot convert the time 1970-01-01 + (" + str(delta) +
                            ") to datetime.datetime: out of range");
    }
    return detail::steal_or_throw(made);
  }
  static const char* read(const Ref& object, Time& time) {
    detail::Delta since;
    if (const char* const why = detail::read_datetime(object, since)) return why;
    return load(since, time) ? nullptr : "out of range";
  }
  static constexpr bool is_span = false;
  static bool load(detail::Delta since, Time& time) noexcept {
    typename Duration::rep ticks{};
    const bool in_range = Ticks::load(since, true, ticks);
    time = Time(Duration(ticks));
    return in_range;
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::is_datetime(object) || detail::foreign_kind(object) == detail::Foreign::datetime64
               ? detail::Fit::own
               : detail::Fit::other;
  }
};

#if defined(__cpp_lib_chrono) && __cpp_lib_chrono >= 201907L
/// A zoned_time is an aware datetime whose tzinfo is the zoneinfo.ZoneInfo of that name. From Python also one in
/// datetime.timezone.utc; a fixed offset is refused, because it is no zone, and converts to sys_time.
template <class Duration>
struct Converter<std::chrono::zoned_time<Duration, const std::chrono::time_zone*>>
    : detail::ReadsValue<std::chrono::zoned_time<Duration, const std::chrono::time_zone*>,
                         Converter<std::chrono::zoned_time<Duration, const std::chrono::time_zone*>>> {
  using Zoned = std::chrono::zoned_time<Duration, const std::chrono::time_zone*>;
  using Time = std::chrono::sys_time<typename Zoned::duration>;
  static constexpr const char* name = "std::chrono::zoned_time";
  static std::string python_type() { return "datetime.datetime"; }

  static Object to_py(const Zoned& time) {
    const Object zone =
        detail::get_attribute(detail::known_module("zoneinfo"), "ZoneInfo")(time.get_time_zone()->name());
    return latepy::to_py(time.get_sys_time()).call_method("astimezone", zone);
  }
  /// \returns null, or why the object is refused.
  static const char* read(const Ref& object, Zoned& zoned) {
    Time time;
    if (const char* const why = Converter<Time>::read(object, time)) return why;
    const Object zone = detail::telling_attribute(object, "tzinfo");
    if (zone.is_empty() || zone.is_none()) return "it has no time zone";
    const bool is_utc = zone.ptr() == detail::datetime_api().utc;
    const auto key = is_utc ? Object() : Object(detail::telling_attribute(zone, "key"));
    if (!is_utc && (key.is_empty() || key.is_none()))
      return "its time zone has no name: pass one with a zoneinfo.ZoneInfo";
    try {
      zoned = Zoned(std::chrono::locate_zone(is_utc ? "UTC" : key.as<std::string>()), time);
    } catch (const std::runtime_error&) {
      return "its time zone is not known to C++";
    }
    return nullptr;
  }
};
#endif

}  // namespace v1
}  // namespace latepy
