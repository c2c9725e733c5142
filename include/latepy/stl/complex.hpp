// latepy/stl/complex.hpp: converts std::complex to complex and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/stl/detail/name.hpp>

#include <complex>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char complex_name[] = "std::complex";
template <class T>
inline constexpr ItemKind item_kind<std::complex<T>> = ItemKind::complex;
}  // namespace detail

/// To Python: a complex. From Python: a complex, an object with __complex__, or one that converts to float.
template <class T>
struct Converter<std::complex<T>> : detail::ConverterBase<std::complex<T>, Converter<std::complex<T>>> {
  static constexpr const char* name = detail::template_name<detail::complex_name, T>;
  static std::string python_type() { return "complex"; }

  static Object to_py(const std::complex<T>& value) {
    return detail::steal_or_throw(
        detail::api().Complex_FromDoubles(static_cast<double>(value.real()), static_cast<double>(value.imag())));
  }
  static bool load(PyObject* object, std::complex<T>& value) {
    const detail::Api& api = detail::api();
    T real{}, imaginary{};
    if (!api.Type_IsSubtype(detail::type_of(object), api.Complex_Type)) {
      if (detail::read_scalar(object).form == detail::Scalar::several_items) return false;
      const bool is_real = detail::is_exactly(object, api.Float_Type) || detail::is_exactly(object, api.Long_Type);
      const Object method = is_real ? Object() : Object(detail::telling_attribute(Ref(object), "__complex__"));
      if (method.is_empty()) {
        if (!Converter<T>::load(object, real)) return false;
        value = real;
        return true;
      }
      const Object made = Object::steal(api.Object_CallNoArgs(method.ptr()));
      if (made.is_empty()) {
        detail::only_a_mismatch();
        return false;
      }
      return api.Type_IsSubtype(detail::type_of(made.ptr()), api.Complex_Type) && load(made.ptr(), value);
    }
    const double parts[] = {api.Complex_RealAsDouble(object), api.Complex_ImagAsDouble(object)};
    real = static_cast<T>(parts[0]);
    imaginary = static_cast<T>(parts[1]);
    value = {real, imaginary};
    return !narrowed(parts[0], real) && !narrowed(parts[1], imaginary);
  }
  static const char* why(PyObject* object) noexcept {
    return detail::api().Type_IsSubtype(detail::type_of(object), detail::api().Complex_Type)
               ? "out of range"
               : detail::why_no_number(object, true);
  }
  static detail::Fit fit(PyObject* object) noexcept {
    std::size_t own = 2 * sizeof(double);  // the size of a complex
    if (!detail::api().Type_IsSubtype(detail::type_of(object), detail::api().Complex_Type)) {
      const detail::Scalar scalar = detail::read_scalar(object);
      if (scalar.form != detail::Scalar::one_item || !scalar.is_complex) return detail::Fit::other;
      own = scalar.size;
    }
    return sizeof(std::complex<T>) == own ? detail::Fit::own : detail::Fit::kin;
  }

 private:
  /// Whether a finite double became infinite.
  static bool narrowed(double wide, T number) noexcept { return wide - wide == 0.0 && !(number - number == T(0)); }
};

}  // namespace v1
}  // namespace latepy
