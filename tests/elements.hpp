// tests/elements.hpp: types of elements that only move, or have no default, for tests of containers.
// SPDX-License-Identifier: MIT
#pragma once

#include "conversions.hpp"

struct MoveOnly {
  MoveOnly() : MoveOnly(0) {}
  explicit MoveOnly(int v) : value(std::make_unique<int>(v)) {}
  std::unique_ptr<int> value;
};
struct NoDefault {
  explicit NoDefault(int v) : value(v) {}
  int value;
};

template <>
struct latepy::Converter<MoveOnly> {
  static Object to_py(MoveOnly&& value) { return latepy::to_py(*std::exchange(value.value, nullptr)); }
  static MoveOnly from_py(Ref object) { return MoveOnly(latepy::from_py<int>(object)); }
};
template <>
struct latepy::Converter<NoDefault> {
  static Object to_py(const NoDefault& value) { return latepy::to_py(value.value); }
  static NoDefault from_py(Ref object) { return NoDefault(latepy::from_py<int>(object)); }
};
