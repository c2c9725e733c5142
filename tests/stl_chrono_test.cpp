// Tests of latepy/stl/chrono.hpp: durations and time points.
// SPDX-License-Identifier: MIT
#include <latepy/memory/array.hpp>
#include <latepy/stl/chrono.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

using namespace std::chrono;

namespace {

template <class P>
using In = duration<std::int64_t, P>;
template <class D>
using Time = time_point<system_clock, D>;
using WholeDays = duration<int, std::ratio<86400>>;

void import_datetime() { python().exec("from datetime import *\nimport time, os"); }
template <class T>
std::string shown(const T& value) {
  return py::str(py::to_py(value));
}

template <class T>
std::string refusal_of(const T& value) {
  const std::string what = thrown<py::ConversionError>([&] { py::to_py(value); }).what();
  CHECK_FALSE(py::detail::api().Err_Occurred());
  return what;
}

}  // namespace

TEST_CASE("durations are timedeltas") {
  import_datetime();
  CHECK(py::repr(py::to_py(seconds(90))) == "datetime.timedelta(seconds=90)");
  CHECK(py::repr(py::to_py(hours(25))) == "datetime.timedelta(days=1, seconds=3600)");
  CHECK(py::repr(py::to_py(milliseconds(-1))) == "datetime.timedelta(days=-1, seconds=86399, microseconds=999000)");
  CHECK(shown(WholeDays(-3)) == "-3 days, 0:00:00");
  CHECK(shown(duration<double>(1.5)) == "0:00:01.500000");
  CHECK(shown(duration<float, std::milli>(-0.25f)) == "-1 day, 23:59:59.999750");
  CHECK(shown(duration<double>(0.9999999)) == "0:00:01");  // rounded

  CHECK(eval("timedelta(seconds=90)").as<seconds>() == seconds(90));
  CHECK(eval("timedelta(seconds=90)").try_as<minutes>() == std::optional<minutes>(1));
  CHECK(eval("timedelta(microseconds=-1)").as<microseconds>() == microseconds(-1));
  CHECK(eval("timedelta(microseconds=-1)").as<nanoseconds>() == nanoseconds(-1000));
  CHECK(eval("timedelta(days=-1, microseconds=5)").as<microseconds>() == microseconds(-86400LL * 1000000 + 5));
  CHECK(eval("timedelta(milliseconds=2500)").as<duration<double>>().count() == 2.5);
  CHECK(eval("timedelta(microseconds=-1)").as<duration<double>>().count() == -1e-6);
  for (const long long us :
       {0LL, 1LL, -1LL, 999999LL, -999999LL, 1000000LL, -1000001LL, 86399999999LL, -86400000001LL, 1234567890123456LL})
    CHECK(py::to_py(microseconds(us)).as<microseconds>().count() == us);
  CHECK(eval("timedelta.max").as<seconds>() == seconds(999999999LL * 86400 + 86399));
  CHECK(eval("timedelta.min").as<seconds>() == seconds(-999999999LL * 86400));
  CHECK(py::to_py(WholeDays(999999999)).as<WholeDays>() == WholeDays(999999999));
}

TEST_CASE("what the other side cannot hold is cut off") {
  import_datetime();
  CHECK(shown(nanoseconds(1999)) == "0:00:00.000001");
  CHECK(py::to_py(nanoseconds(-1999)).as<microseconds>() == microseconds(-1));
  CHECK(py::to_py(nanoseconds(-999)).as<microseconds>() == microseconds(0));
  CHECK(eval("timedelta(seconds=1.5)").as<seconds>() == seconds(1));
  CHECK(eval("timedelta(seconds=-1.5)").as<seconds>() == seconds(-1));
  CHECK(eval("timedelta(seconds=-1.5)").as<hours>() == hours(0));
  // frames of NTSC video: 30000/1001 a second
  CHECK(eval("timedelta(seconds=1.5)").as<In<std::ratio<1001, 30000>>>().count() == 44);
  CHECK(py::to_py(In<std::ratio<1001, 30000>>(30)).as<microseconds>().count() == 1001000);
}

TEST_CASE("a duration out of range is refused") {
  import_datetime();
  CHECK(
      refusal<nanoseconds>("timedelta(days=200000)") ==
      "cannot convert 'datetime.timedelta' datetime.timedelta(days=200000) to std::chrono::nanoseconds: out of range");
  CHECK_THAT(refusal<microseconds>("timedelta.max"), ContainsSubstring("to std::chrono::microseconds: out of range"));
  CHECK_THAT((refusal<duration<std::int8_t>>("timedelta(seconds=128)")), ContainsSubstring("out of range"));
  CHECK_THAT((refusal<duration<std::int8_t>>("timedelta(seconds=257)")), ContainsSubstring("out of range"));
  CHECK((eval("timedelta(seconds=-128)").as<duration<std::int8_t>>().count() == -128));
  CHECK_THAT((refusal<duration<unsigned>>("timedelta(seconds=-1)")), ContainsSubstring("out of range"));
  // the last nanosecond
  const py::Object most = eval("timedelta(microseconds=9223372036854775)");
  CHECK(most.as<nanoseconds>().count() == 9223372036854775000LL);
  CHECK_FALSE(eval("timedelta(microseconds=9223372036854776)").is<nanoseconds>());
  CHECK(eval("timedelta(microseconds=-9223372036854775)").as<nanoseconds>().count() == -9223372036854775000LL);
  CHECK_FALSE(eval("timedelta(microseconds=-9223372036854776)").is<nanoseconds>());

  CHECK(shown(nanoseconds::max()) == "106751 days, 23:47:16.854775");
  CHECK(shown(nanoseconds::min()) == "-106752 days, 0:12:43.145225");
  CHECK_THAT(refusal_of(seconds::max()), ContainsSubstring("to datetime.timedelta: out of range"));
  CHECK_THAT(refusal_of(hours::max()), ContainsSubstring("to datetime.timedelta: out of range"));
  CHECK_THAT(refusal_of(In<std::ratio<86400>>(1000000000)), ContainsSubstring("a duration of 1000000000 days"));
  CHECK_THAT(refusal_of(In<std::ratio<86400>>(-1000000000)), ContainsSubstring("a duration of -1000000000 days"));
  CHECK_THAT(refusal_of(duration<double>(std::nan(""))), ContainsSubstring("out of range"));
  CHECK_THAT(refusal_of(duration<double>(-HUGE_VAL)), ContainsSubstring("out of range"));
  CHECK_THAT((refusal_of(duration<std::uint64_t>(~0ull))), ContainsSubstring("out of range"));
}

TEST_CASE("the longest durations keep their value") {
  using Ticks = std::chrono::duration<unsigned long long, std::nano>;
  const auto count = (1ull << 63) + 5000;
  const py::Object delta = py::to_py(Ticks(count));
  CHECK(py::str(delta) == "106751 days, 23:47:16.854780");
  CHECK_FALSE(delta.is<std::chrono::nanoseconds>());
  python().exec("import datetime");
  for (const char* code : {"datetime.timedelta.min", "datetime.timedelta.max"}) {
    INFO(code);
    CHECK(eval(code).as<std::chrono::duration<double>>().count() ==
          eval(code).call_method("total_seconds").as<double>());
  }
}

TEST_CASE("a naive time that the local clock does not have is out of range") {
  python().exec("import datetime");
  for (const char* code : {"datetime.datetime.min", "datetime.datetime.max"}) {
    INFO(code);
    using Seconds = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;
    try {
      eval(code).as<Seconds>();  // depends on the time zone
    } catch (const py::ConversionError& error) {
      CHECK(std::string(error.what()).find("out of range") != std::string::npos);
    }
    static_cast<void>(eval(code).is<Seconds>());
  }
}

TEST_CASE("only a timedelta is a duration, only a datetime a time") {
  import_datetime();
  CHECK(refusal<seconds>("3") == "cannot convert 'int' 3 to std::chrono::seconds: it is not a datetime.timedelta");
  CHECK(refusal<duration<double>>("3.5") ==
        "cannot convert 'float' 3.5 to std::chrono::duration of a floating-point type: it is not a datetime.timedelta");
  CHECK(refusal<std::vector<milliseconds>>("[timedelta(1), None]") ==
        "[1]: cannot convert None to std::chrono::milliseconds: it is not a datetime.timedelta");
  CHECK(refusal<system_clock::time_point>("date(2020, 1, 2)") ==
        "cannot convert 'datetime.date' datetime.date(2020, 1, 2) to std::chrono::system_clock::time_point: it is not "
        "a datetime.datetime");
  CHECK_THAT(refusal<system_clock::time_point>("1.5e9"), ContainsSubstring("it is not a datetime.datetime"));
  CHECK(eval("timedelta(1)").as<std::variant<int, seconds>>().index() == 1);
  CHECK(eval("type('D', (timedelta,), {})(1)").as<hours>() == hours(24));
}

TEST_CASE("the overload for a time is nearer to a datetime than one for any object, and so is an alternative") {
  import_datetime();
  python().def("kind", py::overload([](py::Object) { return "object"; }, [](Time<seconds>) { return "time"; },
                                    [](seconds) { return "duration"; }));
  CHECK(py::str(eval("kind(datetime(2020, 1, 2))")) == "time");
  CHECK(py::str(eval("kind(timedelta(1))")) == "duration");
  CHECK(py::str(eval("kind(date(2020, 1, 2))")) == "object");
  using Any = std::variant<py::Object, Time<seconds>>;
  CHECK(eval("datetime(2020, 1, 2)").as<Any>().index() == 1);
  CHECK(eval("date(2020, 1, 2)").as<Any>().index() == 0);
  if (!python().try_exec("import numpy")) return;
  CHECK(eval("numpy.datetime64(1, 's')").as<Any>().index() == 1);
  CHECK(eval("numpy.timedelta64(1, 's')").as<Any>().index() == 0);
}

TEST_CASE("what the code of a datetime raises comes through, and a time of numpy without memory has no value") {
  import_datetime();
  python().exec(R"(
    class Broken(datetime):
        def timestamp(self): raise LookupError('no clock')
    class datetime64: __module__ = 'numpy'
  )");
  CHECK(thrown<py::LookupError>([] { eval("Broken(2020, 1, 2)").as<Time<seconds>>(); }).message() == "no clock");
  CHECK_FALSE(eval("Broken(2020, 1, 2)").is<Time<seconds>>());
  CHECK_THAT(refusal<Time<seconds>>("datetime64()"), ContainsSubstring("it stands for a missing value"));
  CHECK(eval("datetime64()").as<std::optional<Time<seconds>>>() == std::nullopt);
}

TEST_CASE("time points are datetimes in UTC") {
  import_datetime();
  using Micros = Time<microseconds>;
  CHECK(py::repr(py::to_py(Micros())) == "datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)");
  CHECK(shown(Micros(microseconds(1600000000123456))) == "2020-09-13 12:26:40.123456+00:00");
  CHECK(shown(Micros(microseconds(-1))) == "1969-12-31 23:59:59.999999+00:00");
  CHECK(shown(Time<nanoseconds>(nanoseconds(-1))) == "1969-12-31 23:59:59.999999+00:00");  // towards the past
  CHECK(shown(Time<nanoseconds>(nanoseconds(1999))) == "1970-01-01 00:00:00.000001+00:00");
  using Frames = duration<std::int64_t, std::ratio<1, 60>>;  // no whole microseconds
  CHECK(shown(Time<Frames>(Frames(-1))) == "1969-12-31 23:59:59.983333+00:00");
  CHECK(shown(Frames(-1)) == shown(microseconds(-16666)));
  CHECK(shown(Time<In<std::ratio<86400>>>(In<std::ratio<86400>>(-719162))) == "0001-01-01 00:00:00+00:00");
  CHECK(refusal_of(Time<In<std::ratio<86400>>>(In<std::ratio<86400>>(-719163))) ==
        "cannot convert the time 1970-01-01 + (-719163 days, 0:00:00) to datetime.datetime: out of range");

  CHECK(eval("datetime(2020, 9, 13, 12, 26, 40, 123456, timezone.utc)").as<Micros>().time_since_epoch() ==
        microseconds(1600000000123456));
  CHECK(eval("datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))").as<Micros>().time_since_epoch() ==
        hours(-1));
  CHECK(eval("datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc)").as<Micros>().time_since_epoch() ==
        microseconds(-1));
  CHECK(eval("datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc)").as<Time<seconds>>().time_since_epoch() ==
        seconds(-1));
  CHECK(eval("datetime.max.replace(tzinfo=timezone.utc)").as<Time<seconds>>().time_since_epoch() ==
        seconds(253402300799));
  CHECK_THAT(refusal<Time<nanoseconds>>("datetime(1, 1, 1, tzinfo=timezone.utc)"), ContainsSubstring("out of range"));
  CHECK_THAT(refusal<Time<nanoseconds>>("datetime(9999, 1, 1, tzinfo=timezone.utc)"),
             ContainsSubstring("out of range"));
  const auto now = floor<microseconds>(system_clock::now());
  CHECK(py::to_py(now).as<Micros>() == now);
  CHECK(
      std::abs(duration<double>(eval("datetime.now(timezone.utc)").as<system_clock::time_point>() - system_clock::now())
                   .count()) < 60);
}

#if !LATEPY_WINDOWS
TEST_CASE("signatures name the types of datetime") {
  python().def("ends", [](system_clock::time_point begin, seconds) { return begin; });
  CHECK(eval("ends.__signatures__[0]").as<std::string>() ==
        "(arg1: datetime.datetime, arg2: datetime.timedelta, /) -> datetime.datetime");
}

TEST_CASE("a naive datetime is local time, also where clocks are put forward and back") {
  import_datetime();
  using Seconds = Time<seconds>;
  const auto at = [](const char* zone, const char* code) {
    python().exec("os.environ['TZ'] = '" + std::string(zone) + "'\ntime.tzset()");
    return eval(code).as<Seconds>().time_since_epoch().count();
  };
  const char* amsterdam = "CET-1CEST,M3.5.0,M10.5.0/3";
  CHECK(at(amsterdam, "datetime(2012, 3, 25, 1, 59, 59)") == 1332637199);
  CHECK(at(amsterdam, "datetime(2012, 3, 25, 3)") == 1332637200);
  CHECK(at(amsterdam, "datetime(2012, 10, 28, 2, 30)") == 1351384200);
  CHECK(at(amsterdam, "datetime(2012, 10, 28, 2, 30, fold=1)") == 1351387800);
  CHECK(at("NZST-12", "datetime(1970, 1, 1)") == -12 * 3600);
  CHECK(at("NZST-12", "datetime(1969, 12, 31, 23, 59, 59, 999999)") == -12 * 3600 - 1);
  for (const char* naive : {"datetime(2012, 3, 25, 2, 59)", "datetime(2500, 1, 1, 0, 0, 1)", "datetime(1890, 6, 1)"}) {
    INFO(naive);
    const auto seconds = at(amsterdam, naive);
    CHECK(static_cast<double>(seconds) == eval(naive).call_method("timestamp").as<double>());
  }
  // a double holds no microseconds of that year
  CHECK(eval("datetime(2500, 1, 1, 0, 0, 1, 999999)").as<Time<microseconds>>().time_since_epoch().count() % 1000000 ==
        999999);
  CHECK_FALSE(eval("datetime.min").is<Time<nanoseconds>>());
  python().exec("del os.environ['TZ']\ntime.tzset()");
}
#endif

TEST_CASE("thousands of conversions leak nothing") {
  import_datetime();
  const py::Object when = eval("[datetime.now(timezone.utc)] * 3"), span = eval("[timedelta(1, 2, 3)]");
  CHECK_STEADY(py::to_py(when.as<std::vector<system_clock::time_point>>()));
  CHECK_STEADY(py::to_py(span.as<std::vector<microseconds>>()));
  CHECK_STEADY(when.is<std::vector<seconds>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { span.as<std::vector<system_clock::time_point>>(); }));
}

TEST_CASE("times of numpy are exact, and have their unit") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  import_datetime();
  python().exec("import numpy as np");
  CHECK(eval("np.timedelta64(3, 's')").as<seconds>() == seconds(3));
  CHECK(eval("np.timedelta64(1234567891, 'ns')").as<nanoseconds>() == nanoseconds(1234567891));
  CHECK(eval("np.timedelta64(1234567891, 'ns')").try_as<nanoseconds>() == nanoseconds(1234567891));
  CHECK(eval("np.timedelta64(-1, 'ns')").as<nanoseconds>() == nanoseconds(-1));
  CHECK(eval("np.timedelta64(-1, 'ns')").as<microseconds>() == microseconds(0));
  CHECK(eval("np.timedelta64(-1001, 'ns')").as<microseconds>() == microseconds(-1));
  CHECK(eval("np.timedelta64(-1000000001, 'ns')").as<seconds>() == seconds(-1));
  CHECK(eval("np.timedelta64(-500, 'ns')").as<duration<double>>().count() == -5e-7);
  CHECK(eval("np.timedelta64(5, '25us')").as<microseconds>() == microseconds(125));
  CHECK(eval("np.timedelta64(2, 'W')").as<hours>() == hours(336));
  CHECK(eval("np.timedelta64(1500, 'ps')").as<nanoseconds>() == nanoseconds(1));
  CHECK(eval("np.timedelta64(1500, 'as')").as<nanoseconds>() == nanoseconds(0));
  CHECK(eval("np.timedelta64(-2**63 + 1, 'ns')").as<nanoseconds>() == nanoseconds(-9223372036854775807LL));
  CHECK_FALSE(eval("np.timedelta64(2**62, 'us')").is<nanoseconds>());
  CHECK_FALSE(eval("np.timedelta64(2**62, 'W')").is<seconds>());
  CHECK_THAT(refusal<seconds>("np.timedelta64(5)"), ContainsSubstring("to std::chrono::seconds: it has no unit"));
  CHECK_THAT(refusal<seconds>("np.timedelta64(5, 'M')"), ContainsSubstring("a month and a year have no fixed length"));
  CHECK_THAT(refusal<seconds>("np.timedelta64('NaT', 's')"), ContainsSubstring("it stands for a missing value"));
  CHECK_FALSE(eval("np.timedelta64(5, 's')").is<system_clock::time_point>());
  CHECK(eval("np.timedelta64(5, 's')").as<std::variant<int, double, seconds>>().index() == 2);
  CHECK(eval("np.array([1, 2], 'm8[ms]')").as<std::vector<milliseconds>>() ==
        std::vector<milliseconds>{milliseconds(1), milliseconds(2)});

  const auto since = [](const char* code) { return eval(code).as<Time<nanoseconds>>().time_since_epoch().count(); };
  CHECK(since("np.datetime64('2020-09-13T12:26:40.123456789')") == 1600000000123456789);
  CHECK(since("np.datetime64('1969-12-31T23:59:59.999999999')") == -1);
  CHECK(since("np.datetime64('2020-09-13')") == 1599955200000000000);
  const auto days = [](const char* code) { return eval(code).as<Time<WholeDays>>().time_since_epoch().count(); };
  for (const char* date : {"1970-01", "1969-12", "2020-02", "2020-03", "1900-03", "2000-02", "1600-12", "0001-01",
                           "-0400-03", "9999-12"}) {
    INFO(date);
    const std::string code = std::string("np.datetime64('") + date + "')";
    CHECK(days(code.c_str()) == eval(code + ".astype('M8[D]').astype('i8')").as<int>());
  }
  CHECK(days("np.datetime64('2021')") == eval("(date(2021, 1, 1) - date(1970, 1, 1)).days").as<int>());
  CHECK_THAT(refusal<system_clock::time_point>("np.datetime64('NaT')"),
             ContainsSubstring("it stands for a missing value"));
  CHECK(eval("np.datetime64('NaT')").as<std::optional<system_clock::time_point>>() == std::nullopt);
  CHECK_FALSE(eval("np.datetime64(2**62, 'Y')").is<Time<seconds>>());
}

#if defined(__cpp_lib_chrono) && __cpp_lib_chrono >= 201907L
TEST_CASE("a zoned_time is a datetime with the zoneinfo.ZoneInfo of its zone") {
  python().exec("from datetime import datetime, timedelta, timezone\nfrom zoneinfo import ZoneInfo");
  using Zoned = std::chrono::zoned_time<seconds>;
  if (!python().try_eval("ZoneInfo('Europe/Berlin')")) SKIP("this machine has no time zones");
  const char* const second_time = "datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo('Europe/Berlin'))";
  const Zoned zoned("Europe/Berlin", Time<seconds>(seconds(1729992600)));
  CHECK(eval(second_time).as<Zoned>() == zoned);
  CHECK(py::repr(py::to_py(zoned)) == py::repr(eval(second_time)));
  CHECK(eval("datetime(2024, 1, 1, tzinfo=timezone.utc)").as<Zoned>().get_time_zone()->name().find("UTC") !=
        std::string_view::npos);
  CHECK_THAT(refusal<Zoned>("datetime(2024, 1, 1)"), ContainsSubstring("it has no time zone"));
  CHECK_THAT(refusal<Zoned>("datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))"),
             ContainsSubstring("its time zone has no name: pass one with a zoneinfo.ZoneInfo"));
  CHECK_THAT(refusal<Zoned>("5"), ContainsSubstring("it is not a datetime.datetime"));
  python().exec(
      "class Zone(type(timezone.utc).__base__):\n  def utcoffset(self, time): return timedelta(0)\n"
      "  @property\n  def key(self): raise OSError('no key')\n"
      "class Property(datetime):\n  @property\n  def tzinfo(self): raise OSError('no zone')");
  CHECK_THROWS_AS(eval("datetime(2024, 1, 1, tzinfo=Zone())").as<Zoned>(), py::OSError);
  CHECK_THROWS_AS(eval("Property(2024, 1, 1, tzinfo=timezone.utc)").as<Zoned>(), py::OSError);
}
#endif

TEST_CASE("arrays of numpy's times become vectors in one loop, and array() makes them") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  using Times = std::vector<Time<nanoseconds>>;
  using Spans = std::vector<milliseconds>;
  const auto at = [](std::int64_t count) { return Time<nanoseconds>(nanoseconds(count)); };
  CHECK(eval("np.array([1, -2], 'M8[ns]')").as<Times>() == Times{at(1), at(-2)});
  CHECK(eval("np.array(['1970-01-01', '1970-02-01'], 'M8[M]')[::-1]").as<std::vector<Time<WholeDays>>>()[0] ==
        Time<WholeDays>(WholeDays(31)));
  CHECK(eval("np.array([1, 2], '>M8[s]')").as<Times>()[1] == at(2000000000));
  CHECK(eval("np.array([-1, 1999], 'm8[us]')").as<Spans>() == Spans{milliseconds(0), milliseconds(1)});
  CHECK(eval("np.array([], 'm8[s]')").as<Spans>().empty());
  CHECK(eval("np.array([5, 'NaT'], 'm8[s]')").as<std::vector<std::optional<seconds>>>()[1] == std::nullopt);
  CHECK_THAT(refusal<Times>("np.array([0, 'NaT'], 'M8[s]')"),
             ContainsSubstring("[1]: cannot convert 'numpy.datetime64' "));
  CHECK_THAT(refusal<Times>("np.array([0, 'NaT'], 'M8[s]')"), ContainsSubstring("it stands for a missing value"));
  CHECK_THAT(refusal<Times>("np.array([0, 2**62], 'M8[s]')"), ContainsSubstring("out of range"));
  CHECK_THAT(refusal<Spans>("np.array([1], 'm8')"), ContainsSubstring("it has no unit"));
  CHECK_FALSE(eval("np.array([1], 'm8[s]')").is<Times>());
  CHECK_FALSE(eval("np.array([[1]], 'm8[s]')").is<Spans>());
  CHECK_FALSE(eval("np.ma.array(np.array([1, 2], 'm8[s]'), mask=[0, 1])").is<Spans>());

  CHECK(py::repr(py::array(Times{at(1), at(-2)})) ==
        py::repr(eval("np.array(['1970-01-01T00:00:00.000000001', '1969-12-31T23:59:59.999999998'], 'M8[ns]')")));
  CHECK(py::array(Spans{milliseconds(3)}).attr("dtype").attr("str").as<std::string>().substr(1) == "m8[ms]");
  CHECK(py::repr(py::array(std::vector<hours>{hours(3), hours(-4)}, {2, 1})) ==
        py::repr(eval("np.array([[3], [-4]], 'm8[h]')")));
  CHECK(py::repr(py::array(std::vector<std::optional<WholeDays>>{WholeDays(1), std::nullopt})) ==
        py::repr(eval("np.array([1, 'NaT'], 'm8[D]')")));
  CHECK(
      py::array(std::vector<duration<int, std::ratio<90>>>(1)).attr("dtype").attr("str").as<std::string>().substr(1) ==
      "m8[90s]");
  CHECK_THROWS_AS(py::array(Spans{milliseconds(std::numeric_limits<std::int64_t>::min())}), py::ConversionError);
  CHECK_THROWS_AS((py::array(std::vector<duration<std::uint64_t>>(1, duration<std::uint64_t>(1ull << 63)))),
                  py::ConversionError);
}

TEST_CASE("times of pandas are exact") {
  if (!python().try_call("importlib", "import_module", "pandas")) SKIP("this Python has no pandas");
  python().exec("import pandas as pd");
  const auto since = [](const char* code) { return eval(code).as<Time<nanoseconds>>().time_since_epoch().count(); };
  CHECK(since("pd.Timestamp('2020-09-13 12:26:40.123456789')") == 1600000000123456789);
  CHECK(since("pd.Timestamp('2020-09-13 12:26:40.123456789', tz='UTC')") == 1600000000123456789);
  CHECK(since("pd.Timestamp('1969-12-31 23:59:59.999999999')") == -1);
  CHECK(eval("pd.Timedelta(-1, 'ns')").as<nanoseconds>() == nanoseconds(-1));
  CHECK(eval("pd.Timedelta(1234567891, 'ns')").as<nanoseconds>() == nanoseconds(1234567891));
  CHECK_THAT(refusal<system_clock::time_point>("pd.NaT"), ContainsSubstring("it stands for a missing value"));
  CHECK_THAT(refusal<seconds>("pd.NaT"), ContainsSubstring("it stands for a missing value"));
  CHECK(eval("pd.NaT").as<std::optional<system_clock::time_point>>() == std::nullopt);
  const auto times =
      eval("pd.Series(pd.to_datetime(['1970-01-01 00:00:01', None]))").as<std::vector<std::optional<Time<seconds>>>>();
  CHECK((times.size() == 2 && times[0] == Time<seconds>(seconds(1)) && !times[1]));
}
