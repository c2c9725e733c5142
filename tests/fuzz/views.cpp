// tests/fuzz/views.cpp: shapes and strides of view(), against plain arithmetic and memoryview.
// SPDX-License-Identifier: MIT
#include <latepy/memory/view.hpp>
#include <latepy/stl/vector.hpp>

#include <limits>
#include <string>
#include <vector>

#include "python.hpp"

namespace {

namespace py = latepy;
using std::ptrdiff_t;

struct Functions {
  py::Object compare, item;
};
const Functions& functions() {
  static const Functions all = [] {
    py::Object made = py::dict();
    fuzz::python().exec(R"(
        try:
            import numpy
        except ImportError:
            numpy = None

        def compare(view):
            memory = memoryview(view)
            for name in ('shape strides format itemsize nbytes ndim readonly c_contiguous f_contiguous contiguous '
                         'suboffsets').split():
                mine, theirs = getattr(view, name), getattr(memory, name)
                if memory.nbytes == 0 and name.endswith('contiguous'):
                    continue  # of no items a memoryview with one dimension says no, one with two yes
                assert mine == theirs, (name, mine, theirs)
            if memory.ndim == 0:
                assert view[()] == memory[()]
            else:
                assert len(view) == len(memory)
            if memory.nbytes < 10000 and sum(memory.shape) < 1000:
                assert view.tolist() == memory.tolist()
                assert view.tobytes() == memory.tobytes()
            if numpy and memory.ndim <= 32 and memory.nbytes < 10000:
                assert numpy.asarray(view).tolist() == memory.tolist()
            return True

        def item(source, index):
            try:
                return source[index]
            except (IndexError, TypeError, NotImplementedError) as error:
                return IndexError)",
                        made);
    return Functions{made["compare"], made["item"]};
  }();
  return all;
}

/// The product of the dimensions that are not 0, times the size of an item; -1 where it is larger than an address.
ptrdiff_t bytes_of_all(const std::vector<long long>& sizes, ptrdiff_t itemsize) {
  ptrdiff_t bytes = itemsize;
  for (const long long each : sizes) {
    if (each == 0) continue;
    if (each > (std::numeric_limits<ptrdiff_t>::max)() / bytes) return -1;
    bytes *= static_cast<ptrdiff_t>(each);
  }
  return bytes;
}

/// Any numbers.
void check_shape(fuzz::Input& input) {
  std::vector<long long> sizes;
  const std::size_t itemsize = input.below(9);
  bool is_negative = false, is_empty = false;
  for (unsigned n = input.below(70); n > 0; --n) {
    const unsigned kind = input.below(4);
    sizes.push_back(kind == 0   ? input.take<long long>()
                    : kind == 1 ? 1LL << input.below(63)
                    : kind == 2 ? input.take<int>()
                                : input.below(4));
    is_negative |= sizes.back() < 0;
    is_empty |= sizes.back() == 0;
  }
  const bool is_right = !is_negative && sizes.size() <= 64;
  std::size_t count = 0;
  try {
    const py::Shape shape(sizes);
    PROMISE(is_right && shape.ndim() == static_cast<int>(sizes.size()));
    const ptrdiff_t bytes = bytes_of_all(sizes, itemsize ? static_cast<ptrdiff_t>(itemsize) : 1);
    try {
      count = shape.count(itemsize);
      PROMISE(bytes >= 0);
      PROMISE(count == (is_empty ? 0 : static_cast<std::size_t>(bytes) / (itemsize ? itemsize : 1)));
    } catch (const py::ValueError&) {
      PROMISE(bytes < 0);
    }
  } catch (const py::ValueError&) {
    PROMISE(!is_right);
  }
}

/// Strides that stay inside of the memory, or any.
void check_view(fuzz::Input& input) {
  static std::vector<short> memory = [] {
    std::vector<short> numbers(4096);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<short>(i * 7);
    return numbers;
  }();
  const auto end = static_cast<ptrdiff_t>(memory.size() * sizeof(short));
  std::vector<ptrdiff_t> sizes, strides;
  const bool has_strides = input.below(2), is_wild = input.below(8) == 0;
  ptrdiff_t first = 0, last = 0, items = 1;
  bool is_empty = false;
  for (unsigned n = input.below(input.below(4) ? 4 : 65); n > 0; --n) {
    const auto size = static_cast<ptrdiff_t>(input.below(input.below(4) ? 2 : 6));
    sizes.push_back(size);
    strides.push_back(is_wild ? input.take<ptrdiff_t>() : 2 * (static_cast<ptrdiff_t>(input.below(128)) - 64));
    is_empty |= size == 0;
    items *= size ? size : 1;
    if (items > end) return;
    if (!is_wild && size > 1) (strides.back() < 0 ? first : last) += strides.back() * (size - 1);
  }
  if (first <= -end / 2 || last >= end / 2 || items * 2 > end) return;
  short* const data = memory.data() + (has_strides ? memory.size() / 2 : 0);
  try {
    const py::View view =
        has_strides ? py::view(data, sizes, strides, py::unowned) : py::view(data, sizes, py::unowned);
    if (is_wild && has_strides && !is_empty) return;  // memory that is not there
    PROMISE(functions().compare(view).as<bool>());
    py::Object index = py::to_py(int(input.take<std::int8_t>()));
    if (sizes.size() != 1) {
      std::vector<int> each;
      for (std::size_t i = 0; i < sizes.size(); ++i) each.push_back(input.take<std::int8_t>() % 7);
      index = fuzz::python().call("builtins", "tuple", each);
    }
    const py::Object theirs = fuzz::python().call("builtins", "memoryview", view);
    PROMISE(functions().item(view, index) == functions().item(theirs, index));
  } catch (const py::ValueError&) {
    PROMISE(is_wild && has_strides);
  }
  PROMISE(!fuzz::has_error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::python();
  fuzz::Input input(data, size);
  if (input.below(2))
    check_shape(input);
  else
    check_view(input);
  return 0;
}
