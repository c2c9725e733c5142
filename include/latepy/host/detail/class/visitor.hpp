// latepy/host/detail/class/visitor.hpp: Visitor, which shows the garbage collector the Objects inside of a C++ object.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/host_types.hpp>

#include <tuple>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {

class Visitor;

/// Whether Converter<T> has visit(T&, Visitor&): a T can hold Objects, and shows them.
template <class T, class = void>
inline constexpr bool has_visit = false;
template <class T>
inline constexpr bool
    has_visit<T, std::void_t<decltype(Converter<T>::visit(std::declval<T&>(), std::declval<Visitor&>()))>> = true;
/// Whether T is a container. A filesystem::path is a range of paths, and none.
template <class T, class = void>
inline constexpr bool is_container = false;
template <class T>
inline constexpr bool is_container<
    T, std::void_t<typename T::value_type, decltype(std::declval<T&>().begin()), decltype(std::declval<T&>().end())>> =
    !std::is_same_v<typename T::value_type, T>;
/// Whether T is a std::tuple, std::pair or std::array.
template <class T, class = void>
inline constexpr bool is_tuple = false;
template <class T>
inline constexpr bool is_tuple<T, std::void_t<decltype(std::tuple_size<T>::value)>> = true;
/// Whether T is a std::optional.
template <class T, class = void>
inline constexpr bool is_like_optional = false;
template <class T>
inline constexpr bool is_like_optional<
    T, std::void_t<typename T::value_type, decltype(std::declval<T&>().has_value()), decltype(*std::declval<T&>())>> =
    true;

/// Whether a T can hold Objects that a Visitor finds: an Object, what has a Converter with visit(), and containers,
/// optionals, tuples and pairs of these.
template <class T>
constexpr bool holds_objects();
template <class T, std::size_t... I>
constexpr bool any_holds_objects(std::index_sequence<I...>) {
  return (holds_objects<std::remove_const_t<std::tuple_element_t<I, T>>>() || ...);
}
template <class T>
constexpr bool holds_objects() {
  if constexpr (!std::is_class_v<T>)
    return false;
  else if constexpr (std::is_base_of_v<Object, T>)
    return true;
  else if constexpr (is_container<T>)
    return holds_objects<typename T::value_type>() || has_visit<T>;
  else if constexpr (is_tuple<T>)
    return any_holds_objects<T>(std::make_index_sequence<std::tuple_size_v<T>>());
  else if constexpr (is_like_optional<T>)
    return holds_objects<typename T::value_type>();
  else
    return has_visit<T>;
}

/// Whether T is a set or map whose keys can hold Objects. Such keys are const inside of it.
template <class T, class = void>
inline constexpr bool has_object_keys = false;
template <class T>
inline constexpr bool has_object_keys<T, std::void_t<typename T::key_type>> = holds_objects<typename T::key_type>();
/// Whether keys of T may have to be settled, and T has nodes, in which they can be. An Object never has to.
template <class T, class = void>
inline constexpr bool has_settled_keys = false;
template <class T>
inline constexpr bool has_settled_keys<T, std::void_t<typename T::node_type>> =
    has_object_keys<T> && !std::is_base_of_v<Object, typename T::key_type>;

/// Prepares the Python object of a container, if there is one, for the end of all elements.
template <class C>
void before_assignment(C& container);

/// Passes the Objects inside of a C++ object to the garbage collector (tp_traverse), or empties them (tp_clear).
class Visitor {
 public:
  /// \param visit null: empties the Objects.
  Visitor(Visit visit, void* argument) noexcept
      : visit_(visit), argument_(argument), purpose_(visit ? Purpose::show : Purpose::empty) {}
  /// Visits what a script has just assigned: Python is to own what a shared_ptr in it points to.
  Visitor() noexcept = default;

  /// Visits `value`: an Object, Function, std::function, or shared_ptr, unique_ptr or object of a bound class, and
  /// containers, optionals, variants, tuples and pairs of these. What is const is shown, and not emptied. A set, and a
  /// map whose keys hold Objects, is emptied as a whole.
  template <class T>
  void operator()(T& value) {
    using Plain = std::remove_const_t<T>;
    static_assert(holds_objects<Plain>(),
                  "visitor(x): x must be an Object, a Function, a std::function, an object, shared_ptr or unique_ptr "
                  "of a bound class, or a container of these; include the header of stl/ that converts it");
    if (std::is_const_v<T> && purpose_ != Purpose::show) return;
    auto& inner = const_cast<Plain&>(value);
    if constexpr (std::is_base_of_v<Object, Plain>) {
      held(static_cast<const Object&>(inner), static_cast<Object&>(inner));
    } else if constexpr (has_visit<Plain>) {
      Converter<Plain>::visit(inner, *this);
    } else if constexpr (is_container<Plain>) {
      using Element = std::remove_reference_t<decltype(*inner.begin())>;
      if constexpr (std::is_const_v<Element> || has_object_keys<Plain>) {  // no element may be emptied in its place
        if (purpose_ == Purpose::empty) {
          before_assignment(inner);
          const Plain taken = std::exchange(inner, Plain());
          return;
        }
      }
      if constexpr (has_settled_keys<Plain>)
        if (purpose_ == Purpose::settle) return settle_nodes(inner);
      for (auto&& each : inner) (*this)(each);
    } else if constexpr (is_tuple<Plain>) {
      std::apply([this](auto&... each) { (this->each_part(each), ...); }, inner);
    } else {
      if (inner.has_value()) (*this)(*inner);
    }
  }
  /// `holder` alone holds this Object: shows it, or empties the holder.
  template <class Holder>
  void held(const Object& object, Holder& holder) {
    if (purpose_ == Purpose::empty)
      const Holder taken = std::exchange(holder, Holder());
    else if (purpose_ == Purpose::show && object.ptr() && result_ == 0)
      result_ = visit_(object.ptr(), argument_);
  }
  /// Whether it visits what a script has just assigned.
  bool settles() const noexcept { return purpose_ == Purpose::settle; }
  /// The first result of `visit` that was not 0.
  int result() const noexcept { return result_; }
  /// The objects of bound classes around what is visited now. Those that lie too deep are not visited.
  int depth = 0;

 private:
  enum class Purpose : unsigned char { show, empty, settle };
  /// Settles the elements of a set or map outside of it. Their order in it may be another one afterwards, because it
  /// may be that of the owners.
  template <class C>
  void settle_nodes(C& items) {
    std::vector<typename C::node_type> nodes;
    nodes.reserve(items.size());
    while (!items.empty()) nodes.push_back(items.extract(items.begin()));
    for (auto& node : nodes) {
      if constexpr (std::is_same_v<typename C::key_type, typename C::value_type>) {
        (*this)(node.value());
      } else {
        (*this)(node.key());
        each_part(node.mapped());
      }
      items.insert(items.end(), std::move(node));
    }
  }
  template <class T>
  void each_part(T& value) {
    if constexpr (holds_objects<std::remove_const_t<T>>()) (*this)(value);
  }

  Visit visit_ = nullptr;
  void* argument_ = nullptr;
  int result_ = 0;
  Purpose purpose_ = Purpose::settle;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
