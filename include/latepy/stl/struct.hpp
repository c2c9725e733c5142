// latepy/stl/struct.hpp: LATEPY_STRUCT(Point, x, y), which makes a struct convertible by the names of its fields.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/visitor.hpp>
#include <latepy/stl/detail/field_value.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Where the fields of an object are. `named`: in items or attributes of the same object, items first.
enum class FieldsIn : unsigned char { attributes, items, named };
/// Tells it: the items of a mapping; those of a structured item of numpy, or of an object of a class with keys() and
/// [], such as sqlite3.Row, and then its attributes; the attributes of all other objects.
FieldsIn where_fields(PyObject* object) noexcept;

/// The field with this name. Empty if there is none, or with Python's error set.
/// \param may_miss the field need not be there, so a mapping such as defaultdict is asked before it makes an item.
Object find_field(PyObject* object, FieldsIn in, const char* name, bool may_miss) noexcept;

/// Throws a ConversionError: there is no such field.
[[noreturn]] LATEPY_COLD inline void throw_no_field(PyObject* object, FieldsIn in, const char* type,
                                                    const char* field) {
  const char* const what = in == FieldsIn::items   ? "it has no key \""
                           : in == FieldsIn::named ? "it has no key and no attribute \""
                                                   : "it has no attribute \"";
  throw_mismatch(object, type, (what + std::string(field) + "\"").c_str());
}

/// Whether T is a std::optional.
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// What a field converts to and from: its type, or a value in place of a C array.
template <class T, class M>
using ValueOfField = typename FieldValue<plain<decltype(std::declval<T&>().*std::declval<M>())>>::Type;

/// has_pointers<T> for the field of a Struct, which may contain Structs: `struct Tree { std::vector<Tree> trees; }`.
template <class Struct, class T>
inline constexpr bool field_has_pointers = has_pointers<T>;
template <class Struct>
inline constexpr bool field_has_pointers<Struct, Struct> = false;
template <class Struct, template <class...> class Container, class... T>
inline constexpr bool field_has_pointers<Struct, Container<T...>> = (field_has_pointers<Struct, T> || ...);

/// The converter of a struct. `Self::each(visit)` calls visit(name, pointer to member) for each field, until it returns
/// false. \tparam KeepsDefaults a field that the object does not have keeps its initial value.
template <class T, class Self, bool KeepsDefaults>
struct StructConverter {
  static constexpr bool has_fields = true;  // see is_field_struct
  /// From Python an object of any class may have the attributes.
  static std::string python_type(Direction direction) {
    return direction == Direction::to_python ? "dict[str, typing.Any]"
                                             : "typing.Union[collections.abc.Mapping[str, typing.Any], object]";
  }
  /// Whether a field has pointers.
  static constexpr bool has_pointer_fields() {
    return !Self::each(
        [](const char*, auto member) { return !field_has_pointers<T, ValueOfField<T, decltype(member)>>; });
  }
  /// Whether an object may lack a field of type M.
  template <class M>
  static constexpr bool may_miss = KeepsDefaults || is_optional<M>;
  /// Throws a ConversionError: the object has no field at all, and so is no T.
  [[noreturn]] LATEPY_COLD static void throw_no_fields(PyObject* object) {
    throw_mismatch(object, Self::name, "it is no mapping, and has none of the fields as an attribute");
  }
  /// Sets a field that the object does not have. Returns false if there must be one, or if Python's error is set.
  template <class M>
  static bool leave_out(M& field) {
    if constexpr (is_optional<M>)
      field.reset();
    else if constexpr (!may_miss<M>)
      return false;
    return api().Err_Occurred() == nullptr;
  }
  static void visit(T& value, Visitor& visitor) {
    Self::each([&](const char*, auto member) {
      if constexpr (holds_objects<plain<decltype(value.*member)>>()) visitor(value.*member);
      return true;
    });
  }
  template <class U>
  static Object to_py(U&& value) {
    Object dict = steal_or_throw(api().Dict_New());
    Self::each([&](const char* field, auto member) {
      try {
        check_result(api().Dict_SetItemString(
            dict.ptr(), field,
            latepy::to_py(FieldValue<plain<decltype(value.*member)>>::read(forward_element<U>(value.*member))).ptr()));
      } catch (ConversionError& error) {
        error.inside("." + std::string(field));
        throw;
      }
      return true;
    });
    return dict;
  }
  static T from_py(Ref object) {
    const FieldsIn in = where_fields(object.checked());
    bool has_any = in == FieldsIn::items;
    T result{};
    const char* at = nullptr;
    try {
      Self::each([&](const char* field, auto member) {
        using Field = ValueOfField<T, decltype(member)>;
        at = nullptr;
        Object value = find_field(object.ptr(), in, field, may_miss<Field>);
        if (value.is_empty()) {
          if (!leave_out(result.*member)) throw_no_field(object.ptr(), in, Self::name, field);
          return true;
        }
        has_any = true;
        at = field;
        FieldValue<plain<decltype(result.*member)>>::write(result.*member, into_cpp<Field>(value.release()));
        return true;
      });
    } catch (ConversionError& error) {
      if (at) error.inside("." + std::string(at));
      throw;
    }
    if (!has_any) throw_no_fields(object.ptr());
    return result;
  }
  static bool try_from_py(Ref object, std::optional<T>& result) {
    return try_load(result, [&] {
      const FieldsIn in = where_fields(object.ptr());
      bool has_any = in == FieldsIn::items;
      T& made = result.emplace();
      const bool fits = Self::each([&](const char* field, auto member) {
        using Field = ValueOfField<T, decltype(member)>;
        std::optional<Field> converted;
        Object value = find_field(object.ptr(), in, field, may_miss<Field>);
        if (value.is_empty()) return leave_out(made.*member);
        has_any = true;
        if (!try_into_cpp(std::move(value), converted)) return false;
        FieldValue<plain<decltype(made.*member)>>::write(made.*member, *std::move(converted));
        return true;
      });
      return fits && has_any;
    });
  }
  /// Of a dict that has all fields which must be there: as near as the farthest of them.
  static Fit fit(PyObject* object) noexcept {
    if (!is_exactly(object, api().Dict_Type)) return Fit::other;
    Fit fit = Fit::own;
    Self::each([&](const char* field, auto member) {
      using Field = ValueOfField<T, decltype(member)>;
      const Object value = find_field(object, FieldsIn::items, field, may_miss<Field>);
      if (value.is_empty() && may_miss<Field>) return api().Err_Occurred() == nullptr;
      const Fit of_field = value.is_empty() ? Fit::other : fit_of<Field>(value.ptr(), Fit::own);
      if (of_field < fit) fit = of_field;
      return fit != Fit::other;
    });
    api().Err_Clear();
    return fit;
  }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD FieldsIn where_fields(PyObject* object) noexcept {
  if (is_mapping(object)) return FieldsIn::items;
  if (is_keyed(object)) return FieldsIn::named;
  const Object names = attribute_or_empty(attribute_or_empty(object, "dtype").ptr(), "names");
  return names.is_empty() || names.is_none() ? FieldsIn::attributes : FieldsIn::named;
}

LATEPY_FUNC Object find_field(PyObject* object, FieldsIn in, const char* name, bool may_miss) noexcept {
  const Api& a = api();
  const Object key = Object::steal(a.Unicode_InternFromString(name));
  PyObject* value = nullptr;
  if (key.is_empty()) return Object();
  if (in != FieldsIn::attributes) {
    if (may_miss && in == FieldsIn::items && a.Sequence_Contains(object, key.ptr()) <= 0) return Object();
    if ((value = a.Object_GetItem(object, key.ptr()))) return Object::steal(value);
    const bool is_absent = a.Err_ExceptionMatches(*a.KeyError) ||
                           (in == FieldsIn::named &&  // also "no item with that key", and items that have no names
                            (a.Err_ExceptionMatches(*a.LookupError) || a.Err_ExceptionMatches(*a.TypeError) ||
                             a.Err_ExceptionMatches(*a.ValueError)));
    if (!is_absent) return Object();
    a.Err_Clear();
    if (in == FieldsIn::items) return Object();
  }
  a.Object_GetOptionalAttr(object, key.ptr(), &value);
  return Object::steal(value);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy

// LATEPY_FIELDS(T, a, b) is `&&visit("a", &T::a) &&visit("b", &T::b)`, for up to 32 fields. LATEPY_EXPAND is needed
// because MSVC passes __VA_ARGS__ to another macro as one argument.
#define LATEPY_EXPAND(x) x
// A field is `a`, or `(a, "key")`.
#define LATEPY_FIELD_PROBE(...) ~, 1, ~
#define LATEPY_FIELD_SECOND(a, b, ...) b
#define LATEPY_FIELD_SECOND_OF(...) LATEPY_EXPAND(LATEPY_FIELD_SECOND(__VA_ARGS__))
#define LATEPY_FIELD_HAS_KEY(a) LATEPY_FIELD_SECOND_OF(LATEPY_FIELD_PROBE a, 0, ~)
#define LATEPY_FIELD_CALL(macro, arguments) macro arguments
#define LATEPY_FIELD_UNPACK(...) __VA_ARGS__
#define LATEPY_FIELD_KEYED(T, a, key) visit(key, &T::a)
#define LATEPY_FIELD_0(T, a) visit(#a, &T::a)
#define LATEPY_FIELD_1(T, a) LATEPY_FIELD_CALL(LATEPY_FIELD_KEYED, (T, LATEPY_FIELD_UNPACK a))
#define LATEPY_FIELDS_1(T, a) &&LATEPY_EXPAND(LATEPY_JOIN(LATEPY_FIELD_, LATEPY_FIELD_HAS_KEY(a))(T, a))
#define LATEPY_FIELDS_2(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_1(T, __VA_ARGS__))
#define LATEPY_FIELDS_3(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_2(T, __VA_ARGS__))
#define LATEPY_FIELDS_4(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_3(T, __VA_ARGS__))
#define LATEPY_FIELDS_5(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_4(T, __VA_ARGS__))
#define LATEPY_FIELDS_6(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_5(T, __VA_ARGS__))
#define LATEPY_FIELDS_7(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_6(T, __VA_ARGS__))
#define LATEPY_FIELDS_8(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_7(T, __VA_ARGS__))
#define LATEPY_FIELDS_9(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_8(T, __VA_ARGS__))
#define LATEPY_FIELDS_10(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_9(T, __VA_ARGS__))
#define LATEPY_FIELDS_11(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_10(T, __VA_ARGS__))
#define LATEPY_FIELDS_12(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_11(T, __VA_ARGS__))
#define LATEPY_FIELDS_13(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_12(T, __VA_ARGS__))
#define LATEPY_FIELDS_14(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_13(T, __VA_ARGS__))
#define LATEPY_FIELDS_15(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_14(T, __VA_ARGS__))
#define LATEPY_FIELDS_16(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_15(T, __VA_ARGS__))
#define LATEPY_FIELDS_17(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_16(T, __VA_ARGS__))
#define LATEPY_FIELDS_18(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_17(T, __VA_ARGS__))
#define LATEPY_FIELDS_19(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_18(T, __VA_ARGS__))
#define LATEPY_FIELDS_20(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_19(T, __VA_ARGS__))
#define LATEPY_FIELDS_21(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_20(T, __VA_ARGS__))
#define LATEPY_FIELDS_22(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_21(T, __VA_ARGS__))
#define LATEPY_FIELDS_23(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_22(T, __VA_ARGS__))
#define LATEPY_FIELDS_24(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_23(T, __VA_ARGS__))
#define LATEPY_FIELDS_25(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_24(T, __VA_ARGS__))
#define LATEPY_FIELDS_26(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_25(T, __VA_ARGS__))
#define LATEPY_FIELDS_27(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_26(T, __VA_ARGS__))
#define LATEPY_FIELDS_28(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_27(T, __VA_ARGS__))
#define LATEPY_FIELDS_29(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_28(T, __VA_ARGS__))
#define LATEPY_FIELDS_30(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_29(T, __VA_ARGS__))
#define LATEPY_FIELDS_31(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_30(T, __VA_ARGS__))
#define LATEPY_FIELDS_32(T, a, ...) LATEPY_FIELDS_1(T, a) LATEPY_EXPAND(LATEPY_FIELDS_31(T, __VA_ARGS__))
#define LATEPY_33RD(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, \
                    a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, n, ...)                                  \
  n
#define LATEPY_COUNT(...)                                                                                            \
  LATEPY_EXPAND(LATEPY_33RD(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, \
                            13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0))
#define LATEPY_JOIN_EXPANDED(a, b) a##b
#define LATEPY_JOIN(a, b) LATEPY_JOIN_EXPANDED(a, b)
#define LATEPY_FIELDS(T, ...) LATEPY_EXPAND(LATEPY_JOIN(LATEPY_FIELDS_, LATEPY_COUNT(__VA_ARGS__))(T, __VA_ARGS__))

// In a specialization, names are looked up in namespace latepy first. The alias is none of latepy's, so that a struct
// may have the name of something there.
#define LATEPY_STRUCT_ALIAS LATEPY_JOIN(latepy_struct_, __LINE__)
#define LATEPY_STRUCT_CONVERTER(TYPE, KEEPS_DEFAULTS, ...)                                                             \
  using LATEPY_STRUCT_ALIAS = TYPE;                                                                                    \
  template <>                                                                                                          \
  struct latepy::Converter<LATEPY_STRUCT_ALIAS>                                                                        \
      : latepy::detail::StructConverter<LATEPY_STRUCT_ALIAS, latepy::Converter<LATEPY_STRUCT_ALIAS>, KEEPS_DEFAULTS> { \
    [[maybe_unused]] static constexpr const char* name = #TYPE;                                                        \
    template <class Visit>                                                                                             \
    static constexpr bool each(Visit&& visit) {                                                                        \
      return true LATEPY_FIELDS(LATEPY_STRUCT_ALIAS, __VA_ARGS__);                                                     \
    }                                                                                                                  \
  };                                                                                                                   \
  template <>                                                                                                          \
  [[maybe_unused]] inline constexpr bool latepy::detail::has_pointers<LATEPY_STRUCT_ALIAS> =                           \
      latepy::Converter<LATEPY_STRUCT_ALIAS>::has_pointer_fields();

/// Makes a struct convertible: `LATEPY_STRUCT(app::Point, x, y)`. Write it outside of all namespaces, after the struct.
/// The arguments are the full name of the type and up to 32 public fields of convertible types; `(limit, "max-size")`
/// is the field `limit` with another key than its name. The struct must be default-constructible. To Python: a dict.
/// From Python:
/// - a mapping (dict, collections.abc.Mapping) with these keys;
/// - a structured item of numpy, or an object of a class with keys() and [], such as sqlite3.Row, with these keys or
///   attributes;
/// - another object with these attributes.
/// A C array is a list of exactly its length, and an array of char is a str. More keys are ignored. A key that is
/// missing is std::nullopt for a std::optional, and else a ConversionError. So is an object that is no mapping and has
/// no field at all.
#define LATEPY_STRUCT(TYPE, ...) LATEPY_EXPAND(LATEPY_STRUCT_CONVERTER(TYPE, false, __VA_ARGS__))

/// As LATEPY_STRUCT, but a field whose key is missing keeps the value that it has in a new struct:
/// `struct Window { int width = 800; };`. A std::optional is std::nullopt.
#define LATEPY_STRUCT_DEFAULTS(TYPE, ...) LATEPY_EXPAND(LATEPY_STRUCT_CONVERTER(TYPE, true, __VA_ARGS__))
