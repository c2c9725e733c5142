// latepy/host/container.hpp: bind_vector() and bind_map(), which make Python classes for containers of the program.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/container_changes.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
/// Makes a Python class for a `std::vector<T>`, which scripts use as a list:
///   py::bind_vector<std::vector<std::string>>(m, "Names");
/// From then on a field of that type (Class::def) gives scripts the C++ vector itself, which its owner keeps alive,
/// and not an immutable copy. So does a method or property that returns a `std::vector<T>&`. A parameter of that type
/// takes an object of the class. Fields, other parameters and the constructor of the class take lists and other
/// iterables as before, and what is returned by value or const& is a list as before.
/// - It has the methods of a list, by the same names, and its operators but for `*`. A slice is a new vector. sort(),
///   index(), count() and `in` compare as Python does.
/// - An index gives a copy of the element, because elements move when a vector grows. `v[0] = x` changes the vector;
///   `v[0].x = 1` does not. For elements that scripts shall change in place use a vector of shared_ptrs. The copy of a
///   container is immutable.
/// - A vector of numbers exports its memory as a buffer. While a view exists, a script that changes the size gets a
///   BufferError. C++ must not change the size then.
/// \param scope a module, a class or the Interpreter.
/// Returns the class. Takes the GIL. Needs <latepy/stl/vector.hpp>. \throws StateError if the type has a class already.
template <class V, class Scope>
Object bind_vector(Scope&& scope, const std::string& name) {
  static_assert(detail::is_vector<V>, "bind_vector<V>(): V must be a std::vector; for a map there is bind_map()");
  using T = typename V::value_type;
  static_assert(!std::is_same_v<T, std::byte>, "bind_vector<V>(): a vector of std::byte is bytes in Python");
  static_assert(std::is_copy_constructible_v<T> && std::is_copy_assignable_v<T>,
                "bind_vector<V>(): scripts copy the elements, and these cannot be copied: use shared_ptrs");
  detail::need_from_py<V, detail::converts_from<V>>();
  const GilGuard gil(scope);
  using Self = detail::ContainerSelf<V>;
  using Change = detail::VectorChange<V>;
  constexpr bool has_buffer = std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && !detail::is_character<T>;
  const Object type = detail::add_container_class<V>(
      detail::place_of(scope), name, "A vector of C++. An index gives a copy of an element, a slice a new vector.",
      has_buffer);
  detail::ClassTraits& traits = *detail::need_class<V>().traits;
  if constexpr (has_buffer)
    traits.buffer = detail::make_buffer_hook<V>([](V& items) {
      BufferInfo info{items.data(), sizeof(T), detail::buffer_format_of<T>(), {}, {}, false};
      info.shape = {static_cast<std::ptrdiff_t>(items.size())};
      return info;
    });
  traits.before_assignment = [](PyObject* self, void*) {
    detail::check_resizable(detail::data_of<detail::Instance>(self));
  };
  detail::mix_in(type, "MutableSequence", {"__iter__", "__reversed__", "pop", "__iadd__"});
  const detail::Methods<V> methods{type};
  methods.common();
  for (const auto& [method, op] : detail::comparisons)
    methods.def(method, [op = op](Self self, const Object& other) -> Object {
      const bool is_tuple = detail::has_flag(other.ptr(), detail::type_is_tuple);
      const Object theirs = is_tuple ? list_of(other) : detail::comparable<V>(other);
      if (!detail::has_flag(theirs.ptr(), detail::type_is_list))
        return Object::borrow(detail::api().NotImplementedStruct);
      return compare(to_py(V(*self)), op, theirs);
    });
  for (const char* method : {"index", "count", "__contains__"})  // a list compares faster, and says what is not there
    methods.def(method, [method](Self self, const Args& arguments) {
      return Object(to_py(V(*self)).attr(method)(args(arguments)));
    });
  methods
      .def("remove",
           [](Self self, const Object& value) {
             const auto at = to_py(V(*self)).call_method("index", value).template as<std::size_t>();
             V& items = *self;
             detail::check_resizable(self.instance());
             Change::erase(items, detail::position(static_cast<std::ptrdiff_t>(at), items.size(), self.name()), 1);
           })
      .def("__getitem__",
           overload(
               [](Self self, std::ptrdiff_t index) {
                 V& items = *self;
                 return detail::element_to_python<T>(items[detail::position(index, items.size(), self.name())]);
               },
               [](Self self, const Object& slice) {
                 const detail::SliceNumbers numbers(slice, self.name());
                 V& items = *self;
                 return detail::new_container(Change::read(items, numbers.of(items.size())));
               }))
      .def("__setitem__", overload(
                              [](Self self, std::ptrdiff_t index, const Object& value) {
                                T made = detail::element_from_python<T>(value);
                                V& items = *self;
                                Change::exchange(items, detail::position(index, items.size(), self.name()), made);
                              },
                              &Change::set_slice))
      .def("__delitem__", overload(
                              [](Self self, std::ptrdiff_t index) {
                                V& items = *self;
                                const std::size_t at = detail::position(index, items.size(), self.name());
                                detail::check_resizable(self.instance());
                                Change::erase(items, at, 1);
                              },
                              &Change::delete_slice))
      .def("append",
           [](Self self, const Object& value) {
             T made = detail::element_from_python<T>(value);
             detail::check_resizable(self.instance());
             (*self).push_back(std::move(made));
           })
      .def("insert",
           [](Self self, std::ptrdiff_t index, const Object& value) {
             T made = detail::element_from_python<T>(value);
             V& items = *self;
             detail::check_resizable(self.instance());
             const auto size = static_cast<std::ptrdiff_t>(items.size());
             if (index < 0) index = (std::max)(index + size, std::ptrdiff_t(0));
             items.insert(items.begin() + (std::min)(index, size), std::move(made));
           })
      .def("extend",
           [](Self self, const Object& values) {
             V made = detail::element_from_python<V>(values);
             if (made.empty()) return;
             detail::check_resizable(self.instance());
             Change::insert(*self, (*self).size(), std::move(made));
           })
      .def("__add__",
           [](Self self, const Object& values) {
             V made = detail::element_from_python<V>(values), result(*self);
             Change::insert(result, result.size(), std::move(made));
             return detail::new_container(std::move(result));
           })
      .def("clear",
           [](Self self) {
             if ((*self).empty()) return;
             detail::check_resizable(self.instance());
             V gone;
             gone.swap(*self);
           })
      .def("reverse", [](Self self) { std::reverse((*self).begin(), (*self).end()); })
      .def("sort", &Change::sort);
  return type;
}

/// Makes a Python class for a `std::map<K, V>` or `std::unordered_map<K, V>`, which scripts use as a dict; see
/// bind_vector() for what follows.
///   py::bind_map<std::map<std::string, double>>(m, "Prices");
/// - It has the methods of a dict, and no `|` and reversed(). Keys are copies. So are values, except those of a bound
///   class: they are references, which scripts can change in place, and which keep a value that a script removes from
///   the map. A value that C++ removes must not be used any more.
/// - An iterator goes through the keys that there were when the iteration began.
/// Returns the class. Takes the GIL. Needs <latepy/stl/map.hpp> or <latepy/stl/unordered_map.hpp>.
/// \throws StateError if the type has a class already.
template <class M, class Scope>
Object bind_map(Scope&& scope, const std::string& name) {
  static_assert(detail::is_node_map<M>,
                "bind_map<M>(): M must be a std::map or std::unordered_map; for a vector there is bind_vector()");
  using K = typename M::key_type;
  using V = typename M::mapped_type;
  static_assert(std::is_copy_constructible_v<V> && std::is_copy_assignable_v<V>,
                "bind_map<M>(): scripts copy the values, and these cannot be copied: use shared_ptrs");
  detail::need_from_py<M, detail::converts_from<M>>();
  const GilGuard gil(scope);
  using Self = detail::ContainerSelf<M>;
  using Change = detail::MapChange<M>;
  const Object type = detail::add_container_class<M>(detail::place_of(scope), name, "A map of C++.", false);
  detail::need_class<M>().traits->before_assignment = [](PyObject*, void* value) {
    M& items = *static_cast<M*>(value);
    if constexpr (detail::is_bound<V>)
      while (!items.empty()) Change::erase(items, items.begin());
  };
  detail::mix_in(type, "MutableMapping",
                 {"__contains__", "keys", "items", "values", "get", "__eq__", "pop", "popitem", "clear", "update",
                  "setdefault", "_MutableMapping__marker", "__reversed__"});
  detail::Methods<M>{type}
      .common()
      .def("__getitem__",
           [](Self self, const Object& key) {
             V& value = Change::find(self, key)->second;
             if constexpr (detail::is_bound<V>)
               return detail::reference_to_python(&value, self.object);
             else
               return detail::element_to_python<V>(value);
           })
      .def("__setitem__",
           [](Self self, const Object& key, const Object& value) {
             K made_key = detail::element_from_python<K>(key);
             V made = detail::element_from_python<V>(value);
             const auto [at, is_new] = (*self).try_emplace(std::move(made_key), std::move(made));
             if (is_new) return;
             if constexpr (detail::is_bound<V> && !std::is_trivially_copyable_v<V>)
               detail::check_unviewed(at->second, "the value");
             [[maybe_unused]] const V gone = std::exchange(at->second, std::move(made));  // try_emplace() left it
           })
      .def("__delitem__",
           [](Self self, const Object& key) {
             const auto at = Change::find(self, key);
             Change::erase(*self, at);
           })
      .def("__iter__", [](Self self) {
        Object keys = list();
        for (const auto& each : M(*self)) keys.call_method("append", detail::element_to_python<K>(each.first));
        return iter(keys);
      });
  return type;
}

}  // namespace v1
}  // namespace latepy
