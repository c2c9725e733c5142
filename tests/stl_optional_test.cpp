// Tests of latepy/stl/optional.hpp: std::optional as its value, or None.
// SPDX-License-Identifier: MIT
#include <latepy/stl/optional.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

TEST_CASE("an optional is its value or None") {
  python();
  using O = std::optional<int>;
  CHECK(py::to_py(O()).is_none());
  CHECK(py::to_py(std::nullopt).is_none());
  CHECK(py::to_py(O(3)).as<int>() == 3);
  CHECK(eval("None").as<O>() == O());
  CHECK(eval("3").as<O>() == O(3));
  CHECK(eval("None").try_as<O>() == std::optional<O>(O()));
  CHECK(eval("None").is<O>());
  CHECK(refusal<O>("'x'") == "cannot convert 'str' \"x\" to int");
  CHECK(eval("[1, None]").as<std::vector<O>>() == std::vector<O>{1, {}});
  CHECK(refusal<std::vector<O>>("[1, None, 'x']") == "[2]: cannot convert 'str' \"x\" to int");
  CHECK(refusal<std::optional<std::vector<int>>>("['x']") == "[0]: cannot convert 'str' \"x\" to int");
  CHECK(refusal<std::vector<O>>("5") ==
        "cannot convert 'int' 5 to std::vector<std::optional<int>>: it is not iterable");
  std::optional<std::vector<std::string>> words{{"a"}};
  CHECK(py::repr(py::to_py(std::move(words))) == "['a']");
  const py::Object text = eval("'lives'");
  CHECK(text.as<std::optional<std::string_view>>() == std::optional<std::string_view>("lives"));
}

TEST_CASE("a missing value of numpy or pandas is empty") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  for (const char* code : {"np.datetime64('NaT')", "np.timedelta64('NaT')", "np.ma.masked"}) {
    INFO(code);
    CHECK(eval(code).as<std::optional<double>>() == std::nullopt);
    CHECK(eval(code).as<std::optional<std::string>>() == std::nullopt);
    CHECK(eval(code).try_as<std::optional<int>>() == std::optional<std::optional<int>>(std::optional<int>()));
  }
  CHECK(eval("np.ma.masked").as<std::optional<py::Object>>().has_value());
  CHECK(eval("np.float64('nan')").as<std::optional<double>>().has_value());
  CHECK_FALSE(eval("np.datetime64('2020-01-01')").is<std::optional<double>>());
  python().exec("class NAType: pass");
  CHECK_FALSE(eval("NAType()").is<std::optional<int>>());  // not that of pandas
  CHECK((eval("np.ma.array([1, 2], mask=[0, 1])").as<std::vector<std::optional<int>>>() ==
         std::vector<std::optional<int>>{1, {}}));
  if (!python().try_call("importlib", "import_module", "pandas")) SKIP("this Python has no pandas");
  python().exec("import pandas as pd");
  for (const char* code : {"pd.NA", "pd.NaT"}) {
    INFO(code);
    CHECK(eval(code).as<std::optional<double>>() == std::nullopt);
    CHECK(eval(code).as<std::optional<bool>>() == std::nullopt);
    CHECK_FALSE(eval(code).is<double>());
    CHECK_FALSE(eval(code).is<bool>());
  }
  CHECK((eval("pd.Series([1, None], dtype='Int64')").as<std::vector<std::optional<int>>>() ==
         std::vector<std::optional<int>>{1, {}}));
  CHECK_THAT(refusal<std::vector<int>>("pd.Series([1, None], dtype='Int64')"),
             ContainsSubstring("[1]: cannot convert"));
}

TEST_CASE("thousands of conversions of optionals leak nothing") {
  using O = std::optional<std::string>;
  const py::Object words = eval("['a', None, 'b']"), bad = eval("['a', 1]");
  CHECK_STEADY(py::to_py(words.as<std::vector<O>>()));
  CHECK_STEADY(bad.is<std::vector<O>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<O>>(); }));
}
