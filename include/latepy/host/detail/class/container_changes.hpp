// latepy/host/detail/class/container_changes.hpp: how scripts change the containers of bind_vector() and bind_map().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/container_methods.hpp>

#include <iterator>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The format of an item in a buffer.
template <class T>
constexpr const char* buffer_format_of() {
  if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == sizeof(float) ? "f" : sizeof(T) == sizeof(double) ? "d" : "g";
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1 ? "b" : sizeof(T) == 2 ? "h" : sizeof(T) == 4 ? "i" : "q";
  else
    return sizeof(T) == 1 ? "B" : sizeof(T) == 2 ? "H" : sizeof(T) == 4 ? "I" : "Q";
}

/// The changes of a vector. What Python code may run for is done before or after each: elements that go are moved out
/// first, because the end of an element may run Python code that uses the vector.
template <class V>
struct VectorChange {
  using T = typename V::value_type;
  using Difference = typename V::difference_type;

  static auto place(V& items, std::size_t at) { return items.begin() + static_cast<Difference>(at); }
  static V read(V& items, const SliceRange& range) {
    V result;
    result.reserve(range.count);
    for (std::size_t i = 0; i < range.count; ++i) result.push_back(items[range.at(i)]);
    return result;
  }
  /// Removes elements. \returns them: they end when the caller has done all.
  static V erase(V& items, std::size_t at, std::size_t count) {
    V gone(std::make_move_iterator(place(items, at)), std::make_move_iterator(place(items, at + count)));
    items.erase(place(items, at), place(items, at + count));
    return gone;
  }
  static void insert(V& items, std::size_t at, V&& made) {
    items.insert(place(items, at), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  }
  /// Exchanges an element with `made`, which the caller keeps until it has done all.
  template <class Made>
  static void exchange(V& items, std::size_t at, Made&& made) {
    T gone = std::move(items[at]);
    items[at] = std::move(made);
    made = std::move(gone);
  }
  static void exchange(V& items, const SliceRange& range, V& made) {
    for (std::size_t i = 0; i < range.count; ++i) exchange(items, range.at(i), made[i]);
  }
  static void set_slice(ContainerSelf<V> self, const Object& slice, const Object& values) {
    V made = element_from_python<V>(values), gone;
    const SliceNumbers numbers(slice, self.name());
    V& items = *self;
    const SliceRange range = numbers.of(items.size());
    if (range.count == made.size()) return exchange(items, range, made);
    if (range.step != 1)
      throw_error<ValueError>({"attempt to assign sequence of size ", decimal(made.size()),
                               " to extended slice of size ", decimal(range.count)});
    check_resizable(self.instance());
    const auto at = static_cast<std::size_t>(range.start);
    items.reserve(items.size() - range.count + made.size());
    gone = erase(items, at, range.count);
    insert(items, at, std::move(made));
  }
  static void delete_slice(ContainerSelf<V> self, const Object& slice) {
    const SliceNumbers numbers(slice, self.name());
    V& items = *self;
    const SliceRange range = numbers.of(items.size());
    if (range.count == 0) return;
    check_resizable(self.instance());
    V gone;
    gone.reserve(range.count);
    std::vector<bool> goes(items.size());
    for (std::size_t i = 0; i < range.count; ++i) goes[range.at(i)] = true;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (goes[i])
        gone.push_back(std::move(items[i]));
      else if (kept++ != i)
        items[kept - 1] = std::move(items[i]);
    items.erase(place(items, kept), items.end());
  }
  static void sort(ContainerSelf<V> self, const Kwargs& options) {
    const Object list = to_py(V(*self));
    list.attr("sort")(kwargs(options));
    V sorted = from_py<V>(list);
    V& items = *self;
    if (items.size() != sorted.size()) throw_error<ValueError>({self.name(), " modified during sort"});
    exchange(items, {0, 1, items.size()}, sorted);
  }
};

/// The changes of a map.
template <class M>
struct MapChange {
  using K = typename M::key_type;
  using V = typename M::mapped_type;

  /// The entry of a key. \throws KeyError.
  static auto find(ContainerSelf<M> self, const Object& key) {
    std::optional<K> wanted;
    if (!try_convert<K>(key, wanted)) forget_mismatch();
    M& items = *self;
    const auto found = wanted ? items.find(*wanted) : items.end();
    if (found == items.end()) {
      api().Err_SetObject(*api().KeyError, key.ptr());
      throw_python_error();
    }
    return found;
  }
  /// Removes an entry. If a script has a reference to the value, that keeps the entry.
  static void erase(M& items, typename M::iterator at) {
    auto entry = std::make_shared<typename M::node_type>(items.extract(at));
    if constexpr (is_bound<V>) {
      const Object part = find_instance(most_derived(&entry->mapped()));
      if (part.is_empty()) return;
      Instance& instance = data_of<Instance>(part.ptr());
      keep_alive_in(instance, make_callable("entry", [entry] {}).ptr(), false);
      leave_parent(instance);
    }
  }
};

}  // namespace detail

}  // namespace v1
}  // namespace latepy
