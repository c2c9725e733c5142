// tests/fuzz/numbers.cpp: integers and floats to Python and back, against Python's arithmetic.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "python.hpp"

namespace {

namespace py = latepy;

struct Functions {
  py::Object number, text, single, bits, indexable, to_float, array, wrapped;
};
const Functions& functions() {
  static const Functions all = [] {
    py::Object made = py::dict();
    fuzz::python().exec(R"(
        import array, struct

        def number(data, shift):  # any bytes, or what is near a power of two
            n = int.from_bytes(data, 'little', signed=True)
            return n if shift == 0 else (1 << shift) + n if shift < 140 else n - (1 << shift - 140)

        def text(n):  # '' where no integer of C++ is so large
            return str(int(n)) if n.bit_length() < 200 else ''

        def single(x):  # as a C float; None where a finite number is too large
            try:
                return struct.unpack('<f', struct.pack('<f', x))[0]
            except OverflowError:
                return None

        def bits(x):
            return struct.unpack('Q', struct.pack('d', x))[0]

        def to_float(n):
            try:
                return float(n)
            except OverflowError:
                return None

        class Indexable:
            def __init__(self, n):
                self.n = n

            def __index__(self):
                return self.n

        class Int(int):
            def __index__(self):  # what an int itself is, does not ask
                return 3

        def values(code, data):
            a = array.array(code)
            a.frombytes(data[:len(data) // a.itemsize * a.itemsize])
            return a)",
                        made);
    return Functions{made["number"],    made["text"],     made["single"], made["bits"],
                     made["Indexable"], made["to_float"], made["values"], made["Int"]};
  }();
  return all;
}

template <class T>
std::string digits(T value) {
  std::string text;
  const bool is_negative = value < 0;
  do {
    const int digit = static_cast<int>(value % 10);
    text.insert(text.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
    value = static_cast<T>(value / 10);
  } while (value != 0);
  return (is_negative ? "-" : "") + text;
}

/// Whether a <= b, of decimal numbers.
bool is_at_most(const std::string& a, const std::string& b) {
  const bool a_negative = a[0] == '-', b_negative = b[0] == '-';
  if (a_negative != b_negative) return a_negative;
  if (a == b) return true;
  const bool is_smaller = a.size() != b.size() ? a.size() < b.size() : a < b;
  return is_smaller != a_negative;
}

template <class T>
void check_integer(const py::Object& number, const std::string& text, py::detail::Fit fit) {
  constexpr bool is_signed = T(-1) < T(0);
  const T most = is_signed ? static_cast<T>(~(T(1) << (8 * sizeof(T) - 1))) : static_cast<T>(-1);
  const T least = is_signed ? static_cast<T>(T(-1) - most) : T(0);
  const bool fits = !text.empty() && is_at_most(digits(least), text) && is_at_most(text, digits(most));
  const std::optional<T> made = number.try_as<T>();
  PROMISE(made.has_value() == fits);
  PROMISE(!fuzz::has_error());
  PROMISE(py::detail::fit_of<T>(number.ptr()) == fit);
  try {
    const T value = number.as<T>();
    PROMISE(fits && value == *made && digits(value) == text);
    PROMISE(functions().text(py::to_py(value)).template as<std::string>() == text);
  } catch (const py::ConversionError&) {
    PROMISE(!fits);
  }
  PROMISE(!fuzz::has_error());
}

enum class Small : signed char {};
enum class Large : unsigned long long {};

void check_integers(const py::Object& number, const std::string& text, py::detail::Fit fit) {
  check_integer<signed char>(number, text, fit);
  check_integer<unsigned char>(number, text, fit);
  check_integer<short>(number, text, fit);
  check_integer<unsigned short>(number, text, fit);
  check_integer<int>(number, text, fit);
  check_integer<unsigned>(number, text, fit);
  check_integer<long>(number, text, fit);
  check_integer<unsigned long>(number, text, fit);
  check_integer<long long>(number, text, fit);
  check_integer<unsigned long long>(number, text, fit);
#if LATEPY_INT128
  check_integer<py::detail::int128>(number, text, fit);
  check_integer<py::detail::uint128>(number, text, fit);
#endif
  PROMISE(number.try_as<Small>().has_value() == number.try_as<signed char>().has_value());
  PROMISE(number.try_as<Large>().has_value() == number.try_as<unsigned long long>().has_value());
}

std::uint64_t bits_of(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
bool is_same(double a, double b) { return bits_of(a) == bits_of(b) || (a != a && b != b); }

/// A float or an int, `wanted` as Python's float(), None where it is too large.
void check_floating(const py::Object& object, const py::Object& wanted) {
  const std::optional<double> made = object.try_as<double>();
  PROMISE(made.has_value() == !wanted.is_none());
  PROMISE(object.try_as<long double>().has_value() == made.has_value());
  const std::optional<float> narrow = object.try_as<float>();
  PROMISE(!fuzz::has_error());
  if (!made) return PROMISE(!narrow);
  PROMISE(is_same(*made, wanted.as<double>()) && is_same(object.as<double>(), *made));
  PROMISE(is_same(static_cast<double>(object.as<long double>()), *made));
  PROMISE(*made != *made || functions().bits(py::to_py(*made)).as<std::uint64_t>() == bits_of(*made));
  const py::Object single = functions().single(wanted);
  PROMISE(narrow.has_value() == !single.is_none());
  if (narrow) PROMISE(is_same(*narrow, single.as<double>()) && is_same(object.as<float>(), *narrow));
}

/// Numbers in memory convert as each item by itself does.
template <class T>
void check_vector(const py::Object& array) {
  std::vector<T> wanted;
  bool fits = true;
  const py::Object items = array.attr("tolist")();
  for (const py::Object& item : items) {
    const std::optional<T> made = item.try_as<T>();
    fits &= made.has_value();
    wanted.push_back(made.value_or(T()));
  }
  const auto made = array.try_as<std::vector<T>>();
  PROMISE(made.has_value() == fits);
  PROMISE(!fuzz::has_error());
  if (!fits) return;
  PROMISE(made->size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    PROMISE((*made)[i] == wanted[i] || ((*made)[i] != (*made)[i] && wanted[i] != wanted[i]));
}

void check_memory(fuzz::Input& input) {
  const char codes[] = "bBhHiIlLqQfd", code[] = {codes[input.below(12)], '\0'};
  const unsigned type = input.below(12);
  py::Object array = functions().array(code, fuzz::bytes_of(input.text()));
  switch (type) {
    case 0:
      return check_vector<signed char>(array);
    case 1:
      return check_vector<unsigned char>(array);
    case 2:
      return check_vector<short>(array);
    case 3:
      return check_vector<unsigned short>(array);
    case 4:
      return check_vector<int>(array);
    case 5:
      return check_vector<unsigned>(array);
    case 6:
      return check_vector<long>(array);
    case 7:
      return check_vector<unsigned long>(array);
    case 8:
      return check_vector<long long>(array);
    case 9:
      return check_vector<unsigned long long>(array);
    case 10:
      return check_vector<float>(array);
    default:
      return check_vector<double>(array);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using py::detail::Fit;
  fuzz::python();
  fuzz::Input input(data, size);
  const unsigned kind = input.below(6);
  if (kind == 0) return check_memory(input), 0;
  if (kind == 1) {
    const auto value = input.take<double>();
    const py::Object object = py::to_py(value);
    check_floating(object, object);
    PROMISE(!object.is<int>() && !object.is<unsigned long long>() && !object.is<bool>());
    PROMISE(py::detail::fit_of<double>(object.ptr()) == Fit::own &&
            py::detail::fit_of<float>(object.ptr()) == Fit::kin);
    PROMISE(py::detail::fit_of<int>(object.ptr()) == Fit::other);
    return 0;
  }
  const unsigned shift = input.take<std::uint8_t>();
  const py::Object number = functions().number(fuzz::bytes_of(input.text()), shift);
  const std::string text = functions().text(number).as<std::string>();
  if (kind == 2) return check_integers(functions().indexable(number), text, Fit::kin), 0;
  if (kind == 3) return check_integers(functions().wrapped(number), text, Fit::kin), 0;
  check_integers(number, text, Fit::own);
  check_floating(number, functions().to_float(number));
  PROMISE(!number.is<bool>() && !number.is<std::string>());
  return 0;
}
