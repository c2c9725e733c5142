// tests/fuzz/times.cpp: durations and times of std::chrono, against Python's fractions; and those of numpy.
// SPDX-License-Identifier: MIT
#include <latepy/stl/chrono.hpp>

#include <chrono>
#include <limits>
#include <string>

#include "python.hpp"

namespace {

namespace py = latepy;

py::Object function(const char* name) {
  static const py::Object functions = [] {
    py::Object made = py::dict();
    fuzz::python().exec(R"(
        from datetime import datetime, timedelta, timezone
        from fractions import Fraction
        from math import floor, trunc
        epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
        try:
            import numpy
        except ImportError:
            numpy = None

        def delta(days, micros):
            return timedelta(days=days, microseconds=micros)

        def micros(span):
            return (span.days * 86400 + span.seconds) * 1000000 + span.microseconds

        def stored(count, num, den):  # the timedelta of so many ticks; None where it is out of range
            try:
                return timedelta(microseconds=trunc(Fraction(count * num * 1000000, den)))
            except OverflowError:
                return None

        def stored_time(count, num, den):
            try:
                return epoch + timedelta(microseconds=floor(Fraction(count * num * 1000000, den)))
            except OverflowError:
                return None

        def loaded(seconds, num, den, floors):  # ticks of so many seconds
            return str((floor if floors else trunc)(seconds * den / num))

        def time(span):
            try:
                return epoch + span
            except OverflowError:
                return None

        parts = {'W': Fraction(604800), 'D': Fraction(86400), 'h': Fraction(3600), 'm': Fraction(60), 's': Fraction(1),
                 'ms': Fraction(1, 10**3), 'us': Fraction(1, 10**6), 'ns': Fraction(1, 10**9), 'ps': Fraction(1, 10**12),
                 'fs': Fraction(1, 10**15), 'as': Fraction(1, 10**18)}
        units = list(parts)

        def span64(count, unit, each):
            if not numpy or abs(count * each) >= 2**63:  # such ones are refused
                return None
            unit = units[unit % len(units)]
            try:
                made = numpy.timedelta64(count, (unit, each))
            except (ValueError, OverflowError):
                return None
            return made, made.astype('m8[%d%s]' % (each, unit)).view('i8').item() * each * parts[unit]

        def nanos(seconds):  # what is shorter than a nanosecond is not kept
            return Fraction(floor(seconds * 10**9), 10**9)

        def exact(span):
            return Fraction(micros(span), 1000000))",
                        made);
    return made;
  }();
  return functions[name];
}

/// The ticks are as Python computes them, and are refused where Rep has no such number.
template <class Time, class Rep>
void check_loaded(const py::Object& object, const std::string& wanted, Rep (*ticks)(Time)) {
  const std::optional<Time> made = object.try_as<Time>();
  PROMISE(!fuzz::has_error());
  const bool is_negative = wanted[0] == '-';
  const std::string most = std::to_string((std::numeric_limits<Rep>::max)());
  const std::string least = std::to_string((std::numeric_limits<Rep>::min)());
  const std::string& limit = is_negative ? least : most;
  const bool fits = wanted.size() != limit.size() ? wanted.size() < limit.size() : wanted <= limit;
  PROMISE(made.has_value() == fits);
  if (made) PROMISE(std::to_string(ticks(*made)) == wanted);
}

template <class Rep, class Period>
void check(fuzz::Input input) {
  using Span = std::chrono::duration<Rep, Period>;
  using Time = std::chrono::time_point<std::chrono::system_clock, Span>;
  const auto count = input.take<Rep>();
  const auto days = input.take<std::int32_t>();
  const auto micros = static_cast<long long>(input.take<std::int64_t>() % 100000000000);
  const auto unit = input.take<std::uint8_t>(), each = input.take<std::uint8_t>();
  const long long num = Period::num, den = Period::den;
  Rep (*const of_span)(Span) = [](Span span) { return span.count(); };
  Rep (*const of_time)(Time) = [](Time time) { return time.time_since_epoch().count(); };

  const py::Object span = function("stored")(count, num, den), time = function("stored_time")(count, num, den);
  try {
    PROMISE(py::to_py(Span(count)) == span);
  } catch (const py::ConversionError&) {
    PROMISE(span.is_none());
  }
  try {
    PROMISE(py::to_py(Time(Span(count))) == time);
  } catch (const py::ConversionError&) {
    PROMISE(time.is_none());
  }
  const auto wanted = [&](const py::Object& seconds, bool floors) {
    return function("loaded")(seconds, num, den, floors).template as<std::string>();
  };
  const py::Object delta = function("delta")(days % 1000000 * 990, micros), seconds = function("exact")(delta);
  check_loaded<Span, Rep>(delta, wanted(seconds, false), of_span);
  const py::Object moment = function("time")(delta);
  if (!moment.is_none()) check_loaded<Time, Rep>(moment, wanted(seconds, true), of_time);
  const py::Object made = function("span64")(static_cast<long long>(count), unit, each % 100 + 1);
  if (!made.is_none())
    check_loaded<Span, Rep>(py::Object(made[0]), wanted(function("nanos")(py::Object(made[1])), false), of_span);
  PROMISE(!fuzz::has_error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::python();
  fuzz::Input input(data, size);
  switch (input.below(6)) {
    case 0:
      check<std::int64_t, std::nano>(input);
      break;
    case 1:
      check<std::int64_t, std::micro>(input);
      break;
    case 2:
      check<std::int64_t, std::ratio<1>>(input);
      break;
    case 3:
      check<std::int32_t, std::ratio<3600>>(input);
      break;
    case 4:
      check<std::int16_t, std::milli>(input);
      break;
    default:
      check<std::int64_t, std::ratio<1, 60>>(input);
  }
  return 0;
}
