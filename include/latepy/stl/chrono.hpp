// latepy/stl/chrono.hpp: converts std::chrono durations to timedelta, system_clock times to datetime, and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>
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

/// from_py() and try_from_py() for a converter with read(), which returns null or the reason why there is no T, and may
/// throw.
template <class T, class Self>
struct ReadsTime {
  static T from_py(Ref object) {
    object.checked();
    T result{};
    if (const char* const why = Self::read(object, result)) throw_mismatch(object.ptr(), Self::name, why);
    return result;
  }
  static bool try_from_py(Ref object, std::optional<T>& result) {
    return try_load(result, [&] { return !Self::read(object, result.emplace()); });
  }
};

}  // namespace detail

/// A duration is a datetime.timedelta. From Python also one of pandas, and a numpy.timedelta64 with a unit. A number is
/// refused, because it has no unit.
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
    Rep ticks{};
    if (const char* const why = detail::read_delta(object, delta)) return why;
    const bool in_range = detail::Ticks<Rep, Period>::load(delta, false, ticks);
    duration = Duration(ticks);
    return in_range ? nullptr : "out of range";
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::is_delta(object) || detail::foreign_kind(object) == detail::Foreign::timedelta64
               ? detail::Fit::own
               : detail::Fit::other;
  }
};

/// A system_clock time is a datetime.datetime. From Python also one of pandas, and a numpy.datetime64, which is UTC.
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
    typename Duration::rep ticks{};
    if (const char* const why = detail::read_datetime(object, since)) return why;
    const bool in_range = Ticks::load(since, true, ticks);
    time = Time(Duration(ticks));
    return in_range ? nullptr : "out of range";
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::is_datetime(object) || detail::foreign_kind(object) == detail::Foreign::datetime64
               ? detail::Fit::own
               : detail::Fit::other;
  }
};

}  // namespace v1
}  // namespace latepy
