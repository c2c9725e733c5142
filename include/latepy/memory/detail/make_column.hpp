// latepy/memory/detail/make_column.hpp: makes Arrow's columns of C++ vectors and of latepy.View.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/parse.hpp>
#include <latepy/memory/detail/arrow_column.hpp>

#include <limits>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An array of latepy, and what keeps its buffers.
struct OwnArray {
  ArrowArray array{};
  const void* buffers[3] = {};
  std::vector<std::uint8_t> validity{};
};
template <class Values>
struct HeldArray : OwnArray {
  Values values;
  template <class... A>
  explicit HeldArray(A&&... made) : values(std::forward<A>(made)...) {}
};

/// Bits, all of which are false.
class Bits {
 public:
  explicit Bits(std::size_t size) : bytes_((size + 7) / 8) {}
  void set(std::size_t at) noexcept { bytes_[at / 8] = static_cast<std::uint8_t>(bytes_[at / 8] | 1 << at % 8); }
  const std::uint8_t* data() const noexcept { return bytes_.data(); }
  std::vector<std::uint8_t> bytes() && noexcept { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};
/// Texts one after the other.
template <class Offset>
struct TextColumn {
  std::vector<Offset> offsets{};  ///< where each begins, and where the last ends
  std::string all{};
};

/// The column of an array whose values stand at `values`. \param valid the bits of the values that are no nulls.
ArrowColumn finish_column(std::shared_ptr<OwnArray> own, std::string_view format, std::string_view name,
                          std::size_t length, const void* values, const void* more = nullptr, Bits* valid = nullptr,
                          std::size_t nulls = 0);
/// \throws ValueError if the text is no UTF-8.
void check_utf8(std::string_view text, std::string_view column, std::size_t row);
/// Why the memory of a view cannot be a column; null if it can. Arrow has bools, but as bits.
const char* why_no_column(const ViewData& view, bool may_copy_bools) noexcept;
/// The column of a view, whose memory it shares; bools are copied. Needs the GIL. \throws ValueError.
ArrowColumn make_view_column(std::string_view name, PyObject* view);
/// Throws an OverflowError: a time does not fit into the unit.
[[noreturn]] void throw_time_range(std::string_view column, std::size_t row);

/// A time in ticks of a unit that Arrow has, and that unit.
template <class D>
struct TimeUnit {
  static_assert(std::is_integral_v<typename D::rep>, "a column of times has integers: cast to another duration");
  static constexpr auto den = D::period::den;
  using Period = std::conditional_t<
      den == 1, std::ratio<1>,
      std::conditional_t<den <= 1000, std::milli, std::conditional_t<den <= 1000000, std::micro, std::nano>>>;
  using type = std::chrono::duration<std::int64_t, Period>;
  using Ratio = std::ratio_divide<typename D::period, Period>;

  static std::int64_t convert(D time, std::string_view column, std::size_t row) {
    constexpr auto most = (std::numeric_limits<std::int64_t>::max)() / Ratio::num;
    if (LATEPY_UNLIKELY(time.count() > 0 ? static_cast<std::uint64_t>(time.count()) > static_cast<std::uint64_t>(most)
                                         : static_cast<std::int64_t>(time.count()) < -most))
      throw_time_range(column, row);
    return std::chrono::floor<type>(time).count();
  }
};

/// A column with a copy of `size` values. get(i) gives a V, or an std::optional of it.
template <class V, class F>
ArrowColumn build_column(std::string_view name, std::size_t size, F&& get) {
  Bits valid(size);
  std::size_t nulls = 0;
  const auto each = [&](auto&& store) {
    nulls = 0;
    for (std::size_t i = 0; i < size; ++i) {
      decltype(auto) value = get(i);
      if constexpr (!may_be_null<std::decay_t<decltype(value)>>)
        store(i, static_cast<const V&>(value));
      else if (value)
        store(i, static_cast<const V&>(*value)), valid.set(i);
      else
        ++nulls;
    }
  };
  if constexpr (arrow_form<V>() == ArrowForm::text) {
    std::uint64_t total = 0;
    each([&](std::size_t i, std::string_view text) {
      check_utf8(text, name, i);
      total += text.size();
    });
    const auto join = [&](auto offset) {
      using Offset = decltype(offset);
      const auto own = std::make_shared<HeldArray<TextColumn<Offset>>>();
      TextColumn<Offset>& texts = own->values;
      texts.offsets.resize(size + 1);
      each([&](std::size_t i, std::string_view text) {
        texts.all += text;
        texts.offsets[i + 1] = static_cast<Offset>(text.size());
      });
      for (std::size_t i = 0; i < size; ++i) texts.offsets[i + 1] += texts.offsets[i];
      return finish_column(own, sizeof(Offset) == 4 ? "u" : "U", name, size, texts.offsets.data(), texts.all.data(),
                           &valid, nulls);
    };
    return total <= std::uint64_t((std::numeric_limits<std::int32_t>::max)()) ? join(std::int32_t())
                                                                              : join(std::int64_t());
  } else if constexpr (arrow_form<V>() == ArrowForm::boolean) {
    const auto own = std::make_shared<HeldArray<Bits>>(size);
    each([&](std::size_t i, bool value) {
      if (value) own->values.set(i);
    });
    return finish_column(own, "b", name, size, own->values.data(), nullptr, &valid, nulls);
  } else if constexpr (is_time<V>) {
    using Unit = TimeUnit<typename V::duration>;
    const auto own = std::make_shared<HeldArray<std::vector<std::int64_t>>>(size);
    each([&](std::size_t i, const V& value) { own->values[i] = Unit::convert(value.time_since_epoch(), name, i); });
    return finish_column(own, concat({time_format<typename Unit::type>(), "UTC"}), name, size, own->values.data(),
                         nullptr, &valid, nulls);
  } else {
    const auto own = std::make_shared<HeldArray<std::vector<V>>>(size);
    each([&](std::size_t i, const V& value) { own->values[i] = value; });
    return finish_column(own, arrow_format<V>(), name, size, own->values.data(), nullptr, &valid, nulls);
  }
}

/// The column of a vector. Numbers, and times in a unit that Arrow has, are not copied.
template <class T, class A>
ArrowColumn make_column(std::string_view name, std::vector<T, A>&& items) {
  using V = column_value<T>;
  static_assert(arrow_form<V>() != ArrowForm::none,
                "a column of latepy::Table has numbers, bool, std::string, times of std::chrono::system_clock, or "
                "std::optional of these");
  const std::size_t size = items.size();
  if constexpr (arrow_form<T>() == ArrowForm::number) {
    if (const std::string_view format = arrow_format<T>(); !format.empty()) {
      const auto own = std::make_shared<HeldArray<std::vector<T, A>>>(std::move(items));
      ArrowColumn made = finish_column(own, is_time<T> ? concat({format, "UTC"}) : std::string(format), name, size,
                                       own->values.data());
      made.is_writable = true;
      return made;
    }
  }
  return build_column<V>(name, size, [&items](std::size_t i) -> decltype(auto) { return std::as_const(items)[i]; });
}

/// Reads a column, whose pieces are joined by a copy if there is not one. \param wanted the format of its values.
/// \param width of a number. \returns "" or why it cannot be read so.
std::string read_column(const ArrowColumn& column, const char* wanted, std::size_t width, bool takes_nulls,
                        ColumnMemory& to);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD ArrowColumn finish_column(std::shared_ptr<OwnArray> own, std::string_view format,
                                                  std::string_view name, std::size_t length, const void* values,
                                                  const void* more, Bits* valid, std::size_t nulls) {
  alignas(8) static const char no_values[8] = {};  // some consumers refuse null
  ArrowArray& array = own->array;
  if (nulls) own->validity = std::move(*valid).bytes();
  own->buffers[0] = nulls ? own->validity.data() : nullptr;
  own->buffers[1] = values ? values : no_values;
  own->buffers[2] = more;
  array.buffers = own->buffers;
  array.n_buffers = more ? 3 : 2;
  array.length = static_cast<std::int64_t>(length);
  array.null_count = static_cast<std::int64_t>(nulls);
  ArrowColumn made;
  made.schema = make_schema(std::string(format), name);
  made.pieces.push_back({SharedArray(own, &array), 0, array.length});
  return made;
}

LATEPY_FUNC LATEPY_COLD void check_utf8(std::string_view text, std::string_view column, std::size_t row) {
  if (is_utf8(text)) return;
  throw ValueError(concat({"the text in row ", decimal(row), " of the column '", column,
                           "' is no UTF-8, which Arrow wants: convert it, or add the bytes as numbers"}));
}

LATEPY_FUNC LATEPY_COLD const char* why_no_column(const ViewData& view, bool may_copy_bools) noexcept {
  if (!is_on_cpu(view)) return "the memory of this latepy.View is on another device: copy it to the CPU";
  if (view.type->form) return "Arrow's columns have no structs as they lie in memory: add a column for each field";
  if (view.type->kind == ItemKind::complex) return "Arrow has no complex numbers: add a column for each part";
  if (!*arrow_format(view.type->kind, view.type->size)) return "Arrow has no long double: use double";
  if (view.type->kind == ItemKind::boolean && !may_copy_bools)
    return "Arrow packs bools into bits, so their memory cannot be shared: add the view to a latepy::Table, which "
           "copies bools, or use numpy.asarray(view)";
  if (view.ndim != 1)
    return "a column has one dimension, and this latepy.View has another number: share each row or column of it";
  if (!view.in_rows)
    return "the items of a column lie one after the other, and those of this latepy.View do not: copy them first";
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD ArrowColumn make_view_column(std::string_view name, PyObject* object) {
  const ViewData& view = data_of<ViewData>(object);
  if (const char* const why = why_no_column(view, true)) throw ValueError(why);
  const auto size = static_cast<std::size_t>(view.shape[0]);
  const auto own = std::make_shared<HeldArray<ViewUse>>(object);
  if (view.type->kind == ItemKind::boolean)
    return build_column<bool>(name, size, [&](std::size_t i) { return static_cast<const char*>(view.data)[i] != 0; });
  ArrowColumn made = finish_column(own, arrow_format(view.type->kind, view.type->size), name, size, view.data);
  made.is_writable = !view.is_readonly;
  return made;
}

LATEPY_FUNC LATEPY_COLD std::string read_column(const ArrowColumn& column, const char* wanted, std::size_t width,
                                                bool takes_nulls, ColumnMemory& to) {
  std::string why = why_other_type(*column.schema, wanted);
  if (!why.empty()) return why;
  if (column.pieces.size() == 1) return to.read(*column.schema, column.pieces[0], wanted, width, takes_nulls);
  std::vector<ColumnMemory> parts(column.pieces.size());
  std::size_t size = 0, nulls = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (why = parts[i].read(*column.schema, column.pieces[i], wanted, width, takes_nulls); !why.empty()) return why;
    size += static_cast<std::size_t>(parts[i].size);
    nulls += static_cast<std::size_t>(parts[i].null_count);
  }
  const auto each = [&](auto&& visit) {  // visit(row, part, row in the part)
    std::size_t row = 0;
    for (const ColumnMemory& part : parts)
      for (std::size_t i = 0; i < static_cast<std::size_t>(part.size); ++i) visit(row++, part, i);
  };
  ArrowColumn joined;
  if (*wanted == 'u') {
    std::vector<std::optional<std::string_view>> texts(size);
    each([&](std::size_t row, const ColumnMemory& part, std::size_t i) {
      if (!part.is_null(i)) texts[row] = part.text(i);
    });
    joined = make_column("", std::move(texts));
  } else {
    Bits valid(nulls ? size : 0), bits(*wanted == 'b' ? size : 0);
    if (nulls)
      each([&](std::size_t row, const ColumnMemory& part, std::size_t i) {
        if (!part.is_null(i)) valid.set(row);
      });
    if (*wanted == 'b') {
      each([&](std::size_t row, const ColumnMemory& part, std::size_t i) {
        if (part.at<bool>(i)) bits.set(row);
      });
      const auto own = std::make_shared<HeldArray<Bits>>(std::move(bits));
      joined = finish_column(own, wanted, "", size, own->values.data(), nullptr, &valid, nulls);
    } else {
      const auto own = std::make_shared<HeldArray<std::vector<char>>>();
      own->values.reserve(size * width);
      for (const ColumnMemory& part : parts) {
        const auto* const first = static_cast<const char*>(part.values);
        own->values.insert(own->values.end(), first, first + static_cast<std::size_t>(part.size) * width);
      }
      joined = finish_column(own, wanted, "", size, own->values.data(), nullptr, &valid, nulls);
    }
  }
  why = to.read(*joined.schema, joined.pieces[0], wanted, width, takes_nulls);
  to.is_copy = size != 0;
  return why;
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_time_range(std::string_view column, std::size_t row) {
  throw OverflowError(concat({"the time in row ", decimal(row), " of the column '", column,
                              "' is too far from 1970 for the unit of its column: use seconds"}));
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
