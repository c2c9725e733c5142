// Tests of latepy/types/uuid.hpp: Uuid.
// SPDX-License-Identifier: MIT
#include <latepy/stl/unordered_map.hpp>
#include <latepy/types/uuid.hpp>

#include "conversions.hpp"

TEST_CASE("a Uuid is a uuid.UUID, in both directions") {
  python().exec("import uuid");
  const auto uuid = eval("uuid.UUID('12345678-9abc-def0-1234-56789abcdef0')").as<py::Uuid>();
  CHECK(uuid.bytes[0] == 0x12);
  CHECK(uuid.bytes[15] == 0xf0);
  CHECK(uuid.to_string() == "12345678-9abc-def0-1234-56789abcdef0");
  round_trip(uuid, "uuid.UUID('12345678-9abc-def0-1234-56789abcdef0')");
  CHECK((py::Uuid() < uuid && py::Uuid() != uuid));
  CHECK(refusal<py::Uuid>("'12345678-9abc-def0-1234-56789abcdef0'") ==
        "cannot convert 'str' \"12345678-9abc-def0-1234-56789abcdef0\" to latepy::Uuid: it is not a uuid.UUID: pass "
        "uuid.UUID(...)");
  CHECK(refusal<py::Uuid>("None").find("it is not a uuid.UUID") != std::string::npos);
}

TEST_CASE("a Uuid is a key of maps") {
  python().exec("import uuid");
  using Names = std::unordered_map<py::Uuid, std::string>;
  const auto names = eval("{uuid.UUID(int=1): 'one', uuid.UUID(int=2): 'two'}").as<Names>();
  py::Uuid two;
  two.bytes[15] = 2;
  CHECK(names.at(two) == "two");
  CHECK(py::to_py(names) == eval("{uuid.UUID(int=1): 'one', uuid.UUID(int=2): 'two'}"));
}
