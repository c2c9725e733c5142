// latepy/memory/return_tags.hpp: return_array and return_view, which give scripts the items of a result or field.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/class.hpp>
#include <latepy/memory/array.hpp>

#include <array>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether C is a C array or std::array.
template <class C>
inline constexpr bool has_fixed_size = std::is_array_v<C>;
template <class T, std::size_t N>
inline constexpr bool has_fixed_size<std::array<T, N>> = true;

/// Whether C is a Span, or a std::vector that has its items in memory.
template <class C>
inline constexpr bool has_own_size = SpanItem<C>::is_span || is_vector<C>;
template <class A>
inline constexpr bool has_own_size<std::vector<bool, A>> = false;

/// Whether C has items to iterate over.
template <class C, class = void>
inline constexpr bool is_range = false;
template <class C>
inline constexpr bool is_range<C, std::void_t<decltype(std::begin(std::declval<C&>()))>> = true;

template <class C>
struct ItemsOf<C, std::enable_if_t<has_own_size<C>>> {
  static constexpr bool are_known = true, points = SpanItem<C>::is_span;
  using Item = std::remove_cv_t<std::remove_pointer_t<decltype(std::declval<C&>().data())>>;
  static Shape shape(const C& container) { return Shape(container.size()); }
  static View own(C&& container) { return view(std::move(container)); }
  template <class D, class O>
  static View share(D& container, O&& owner) {
    return view(container.data(), shape(container), std::forward<O>(owner));
  }
  template <class D>
  static Object copy(D&& container) {
    return array(std::forward<D>(container));
  }
  template <class F>
  static bool assign(C& container, const Array<const Item>& items, F&& before_resize) {
    if (items.ndim() != 1) return false;
    if (items.size() != container.size()) {
      before_resize();
      container.assign(items.begin(), items.end());
    } else if (items.size()) {
      std::memmove(container.data(), items.data(), items.size() * sizeof(Item));
    }
    return true;
  }
};
template <class C>
struct ItemsOf<C, std::enable_if_t<has_fixed_size<C>>> {
  static constexpr bool are_known = true, points = false;
  using Item = typename FieldItem<C>::Type;
  template <class D>
  static auto* data(D& container) noexcept {
    return reinterpret_cast<std::conditional_t<std::is_const_v<D>, const Item, Item>*>(std::addressof(container));
  }
  static Shape shape(const C&) {
    std::vector<ssize> sizes;
    FieldItem<C>::add_shape(sizes);
    return Shape(sizes);
  }
  template <class D, class O>
  static View share(D& container, O&& owner) {
    return view(data(container), shape(container), std::forward<O>(owner));
  }
  template <class D>
  static Object copy(D&& container) {
    const Shape sizes = shape(container);
    return array(Span(data(std::as_const(container)), sizes.count()), sizes);
  }
  template <class F>
  static bool assign(C& container, const Array<const Item>& items, F&&) {
    const Shape sizes = shape(container);
    if (!std::equal(sizes.data(), sizes.data() + sizes.ndim(), ArrayAccess::shape(items),
                    ArrayAccess::shape(items) + items.ndim()))
      return false;
    if (items.size()) std::memmove(data(container), items.data(), items.size() * sizeof(Item));
    return true;
  }
};
/// The container that a function returns: itself, by reference or by pointer.
template <class R>
using ContainerOf = std::remove_cv_t<std::remove_pointer_t<std::remove_cv_t<std::remove_reference_t<R>>>>;

template <class C>
inline constexpr bool is_array_class = false;
template <class T, int Rank>
inline constexpr bool is_array_class<Array<T, Rank>> = true;

/// The annotation of a result that may be a null pointer.
template <class R>
std::string array_type(std::string type) {
  return std::is_pointer_v<std::remove_reference_t<R>> || is_owning_pointer<ContainerOf<R>>
             ? concat({"typing.Optional[", type, "]"})
             : type;
}

/// Sets the items of a field of `object`. Views of them see that if the shape stays. \throws BufferError if it does
/// not, and a view of the object's memory exists; ValueError if the field cannot have the shape.
template <class T, class F, class Item>
void assign_items(T& object, F& field, const Array<const Item>& items) {
  const auto before_resize = [&] {
    check_unviewed(object, "the size of a field");
    before_assignment(field);
  };
  if (!ItemsOf<F>::assign(field, items, before_resize))
    throw ValueError(concat(
        {"a field of the shape ", ItemsOf<F>::shape(field).to_string(), " got items of the shape ",
         Shape(std::vector<ssize>(ArrayAccess::shape(items), ArrayAccess::shape(items) + items.ndim())).to_string()}));
}

/// What both tags do with a field.
template <class Tag>
struct ArrayFieldTag : ResultTag {
  template <class Scope, class F, class C, class... X>
  static Scope& def_field(Scope& scope, const std::string& name, F C::*member, const X&... extras) {
    return add(scope, scope, name, member, extras...);
  }

 private:
  template <class Scope, class T, class... O, class F, class C, class... X>
  static Scope& add(Scope& scope, Class<T, O...>&, const std::string& name, F C::*member, const X&... extras) {
    static_assert(std::is_base_of_v<C, T>, "def(): T does not have this field: it belongs to another class");
    using Plain = std::remove_const_t<F>;
    constexpr bool is_read_only = (std::is_same_v<X, ReadOnly> || ...);
    constexpr bool is_settable =
        ItemsOf<Plain>::are_known && !ItemsOf<Plain>::points && !std::is_const_v<F> && !is_read_only;
    // A Span in a field is no reference to the field, but to the memory that the object has.
    using Shown = std::conditional_t<ItemsOf<Plain>::points || std::is_pointer_v<F>, Plain,
                                     std::conditional_t<is_read_only, const F&, F&>>;
    std::string_view doc;
    [[maybe_unused]] const auto see = [&](const auto& extra) {
      if constexpr (std::is_convertible_v<decltype(extra), std::string_view>) doc = extra;
    };
    (see(extras), ...);
    auto getter = [member](T& self) -> Shown { return self.*member; };
    if constexpr (is_settable) {
      using Item = typename ItemsOf<F>::Item;
      auto setter = [member](T& self, const Array<const Item>& items) { assign_items(self, self.*member, items); };
      scope.property(name, std::move(getter), with(std::move(setter), LocksSelf()), typename Tag::OfField(),
                     LocksSelf(), doc);
    } else {
      scope.property(name, std::move(getter), typename Tag::OfField(), LocksSelf(), doc);
    }
    return scope;
  }
};

}  // namespace detail

/// The type of return_array.
struct ReturnArray : detail::ArrayFieldTag<ReturnArray> {
  // \cond
  struct OfField;
  template <class R, bool IsKept>
  static Object to_py(R&& result, PyObject* owner) {
    using C = detail::ContainerOf<R>;
    static_assert(!detail::is_array_class<C>, "return_array: an Array becomes its ndarray by itself: remove the tag");
    if constexpr (std::is_pointer_v<std::remove_reference_t<R>> || detail::is_owning_pointer<C>) {
      return result ? to_py<decltype(*result), IsKept>(*result, owner) : detail::none();
    } else if constexpr (detail::ItemsOf<C>::are_known) {
      return detail::ItemsOf<C>::copy(std::forward<R>(result));
    } else {
      static_assert(
          detail::is_range<C>,
          "return_array: return a container of numbers, such as a std::vector, std::array or C array, a Span, "
          "or a pointer to one");
      return array(std::forward<R>(result));
    }
  }
  template <class R>
  static std::string python_type(detail::Direction) {
    return detail::array_type<R>("numpy.ndarray");
  }
  // \endcond
};
// \cond
struct ReturnArray::OfField : detail::ResultTag {
  template <class R, bool IsKept>
  static Object to_py(R&& result, PyObject* owner) {
    Object made = ReturnArray::to_py<R, IsKept>(std::forward<R>(result), owner);
    return made.is_none() ? made : detail::make_read_only(std::move(made));
  }
  template <class R>
  static std::string python_type(detail::Direction direction) {
    return ReturnArray::python_type<R>(direction);
  }
};
// \endcond
/// A tag for def() and property(): the result becomes a new numpy array. The items of a std::vector or Eigen matrix
/// that is returned by value are adopted without a copy. Those of other ranges, std::arrays and C arrays (in their
/// dimensions), Spans, and of references and pointers to them are copied. A null pointer is None. After a field,
/// `def("x", &T::x, return_array)`: scripts read a copy, which is read-only, so that no change of it is lost, and may
/// assign what an Array<const T> takes. Needs numpy at the call, else ImportError.
inline constexpr ReturnArray return_array{};

/// The type of return_view.
struct ReturnView : detail::ArrayFieldTag<ReturnView> {
  // \cond
  using OfField = ReturnView;
  template <class R, bool IsKept>
  static Object to_py(R&& result, [[maybe_unused]] PyObject* owner) {
    using C = detail::ContainerOf<R>;
    constexpr bool is_value = !std::is_reference_v<R> && !detail::ItemsOf<C>::points;
    if constexpr (std::is_pointer_v<std::remove_reference_t<R>>) {
      return result ? to_py<decltype(*result), IsKept>(*result, owner) : detail::none();
    } else if constexpr (detail::is_owning_pointer<C>) {
      using Known = detail::ItemsOf<detail::ContainerOf<decltype(*result)>>;
      static_assert(Known::are_known,
                    "return_view: the std::shared_ptr or std::unique_ptr is not to a std::vector (not of bool), "
                    "std::array, C array or matrix of Eigen (include memory/eigen.hpp): to give scripts another "
                    "container itself, remove the tag and give it a class (bind_map(), add_class())");
      if constexpr (Known::are_known) {
        if (!result) return detail::none();
        auto& items = *result;
        return Known::share(items, C(std::forward<R>(result)));
      } else {
        return Object();
      }
    } else if constexpr (is_value && detail::ItemsOf<C>::are_known && !detail::has_fixed_size<C>) {
      return detail::ItemsOf<C>::own(std::forward<R>(result));
    } else {
      static_assert(detail::ItemsOf<C>::are_known && !is_value,
                    "return_view: return a reference or pointer to a std::vector (not of bool), std::array, C array or "
                    "matrix of Eigen (include memory/eigen.hpp), a Span, or a std::vector, matrix or a std::shared_ptr "
                    "to one by value; else use latepy::return_array");
      static_assert(IsKept,
                    "return_view: who keeps the memory that this function returns? make it a method, or add "
                    "latepy::keep_alive<0, N>(), or latepy::return_reference if C++ keeps it");
      Object own;  // the vector's, if bind_vector() gave it a class: it does not change its size then
      if constexpr (detail::is_vector<C>)
        if (owner && detail::class_of<C>()) owner = (own = detail::reference_to_python(&result, owner)).ptr();
      return owner ? detail::ItemsOf<C>::share(result, Ref(owner)) : detail::ItemsOf<C>::share(result, unowned);
    }
  }
  /// A View has what a memoryview has. Python can tell the type of its items from 3.14 on.
  template <class R>
  static std::string python_type(detail::Direction direction) {
    using C = detail::ContainerOf<R>;
    if constexpr (detail::ItemsOf<C>::are_known) {
      using Item = typename detail::ItemsOf<C>::Item;
      if (detail::library_state.version.minor >= 14)
        return detail::array_type<R>(detail::concat({"memoryview[", detail::python_type<Item>(direction), "]"}));
    }
    return detail::array_type<R>("memoryview");
  }
  // \endcond
};
/// A tag for def() and property(): the result becomes a View of the items, without a copy. Scripts read and write them
/// in place; they only read if the C++ type is const. A result may be
/// - a reference or pointer to a std::vector, std::array or C array, or a Span: the View keeps the object whose method
///   returned it, so the object lives as long as the View and all that is made of it. A function that is no method
///   names the owner by keep_alive<0, N>(), or says return_reference: then C++ keeps the memory.
/// - a std::vector by value, or a std::shared_ptr to one: the View owns it.
/// - with memory/eigen.hpp a matrix, array or vector of Eigen in the same ways, and a Map, Ref or Block as a Span; with
///   memory/mdspan.hpp an mdspan as a Span: in their own order.
///
/// After a field: `def("samples", &T::samples, return_view)`. A script that assigns as many items as there are, in the
/// same shape, changes them in place. Another shape is a ValueError for a field that cannot have it, a BufferError
/// while a view of the object's memory exists, and so is to give the object away as unique_ptr. The program must not
/// change the size of a vector or matrix then: after push_back() a View would refer to freed memory. BufferError too
/// for an object that is only lent (Borrowed). With read_only scripts change neither the field nor, unless it is a
/// pointer or Span, the items.
inline constexpr ReturnView return_view{};

}  // namespace v1
}  // namespace latepy
