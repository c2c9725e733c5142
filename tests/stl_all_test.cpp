// Tests of latepy/stl/all.hpp: every converter by one include.
// SPDX-License-Identifier: MIT
#include <latepy/stl/all.hpp>

#include "python.hpp"

TEST_CASE("one include has the converters of all standard types") {
  python();
  using Everything = std::tuple<std::array<int, 1>, std::chrono::seconds, std::complex<double>, std::deque<int>,
                                std::filesystem::path, std::list<int>, std::map<int, int>, std::optional<int>,
                                std::pair<int, int>, std::set<int>, std::unordered_map<int, int>,
                                std::unordered_set<int>, std::variant<int, std::string>, std::vector<int>>;
  const Everything all({1}, std::chrono::seconds(2), {3, 4}, {5}, "six", {7}, {{8, 8}}, 9, {10, 10}, {11}, {{12, 12}},
                       {13}, "14", {15});
  CHECK(py::to_py(all).as<Everything>() == all);
  CHECK(py::to_py(std::valarray<int>{17}).as<std::valarray<int>>()[0] == 17);
  CHECK(eval("lambda x: x + 1").as<std::function<int(int)>>()(15) == 16);
}
