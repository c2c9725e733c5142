// latepy/host/detail/class/host_types.hpp: makes Python types at run time, and finds the data in their objects.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The Python types that latepy makes, and the table of instances. One for each interpreter, emptied for each
/// generation. All libraries of the process share it: plain C layout, and new members go to the end.
struct HostTypes {
  std::size_t size = sizeof(HostTypes);
  std::uint32_t generation = no_generation;
  PyTypeObject* function = nullptr;     ///< see host/detail/function/function_type.hpp
  PyTypeObject* instance = nullptr;     ///< see host/detail/class/instance_type.hpp
  struct Instance** buckets = nullptr;  ///< the table of instances, see host/detail/class/instance.hpp
  std::size_t bucket_count = 0, instance_count = 0;
  std::atomic_flag lock = {};
  PyTypeObject* iterator = nullptr;                ///< see host/detail/class/iterate.hpp
  PyTypeObject *view = nullptr, *token = nullptr;  ///< see memory/detail/exporter.hpp
  PyTypeObject* table = nullptr;                   ///< see memory/detail/table_type.hpp
};

/// The size of PyObject. \throws StateError if it is not known.
std::size_t head();

/// The data behind PyObject in an object whose type this or another library made with latepy.
template <class Data>
Data& data_of(PyObject* object) noexcept {
  return *reinterpret_cast<Data*>(reinterpret_cast<char*>(object) + library_state.layout.head);
}
/// The object that the data belongs to.
template <class Data>
PyObject* object_of(Data& data) noexcept {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(&data) - library_state.layout.head);
}
/// ob_type, read without a call and without a reference, so that tp_traverse can use it.
inline PyTypeObject* head_type(PyObject* object) noexcept {
  return *reinterpret_cast<PyTypeObject**>(reinterpret_cast<char*>(object) + library_state.layout.head - sizeof(void*));
}
inline constexpr int most_nested_endings = 50;
/// The nested deallocations of objects with this data on a thread. The deeper ones wait in a list, so that a long chain
/// of objects does not overflow the stack. CPython's containers do the same.
template <class Data>
struct Endings {
  int depth = 0;
  PyObject* waiting = nullptr;  // linked by Data::weakrefs
};
template <class Data>
inline thread_local Endings<Data> endings{};
/// Calls `end`, which frees the object, now or in the outermost deallocation. Nothing else finds the object any more,
/// and its weak references are cleared.
template <class Data>
void end_in_turn(PyObject* self, void (*end)(PyObject*)) noexcept {
  Endings<Data>& all = endings<Data>;
  if (all.depth == most_nested_endings) {
    data_of<Data>(self).weakrefs = std::exchange(all.waiting, self);
    return;
  }
  ++all.depth;
  end(self);
  while (all.depth == 1 && all.waiting) {
    PyObject* const next = std::exchange(all.waiting, data_of<Data>(all.waiting).weakrefs);
    end(next);
  }
  --all.depth;
}

/// A function pointer for a TypeSlot.
template <class F>
void* slot_value(F* function) noexcept {
  return reinterpret_cast<void*>(function);
}

/// Locks an object on free-threaded builds, by CPython's critical section. A thread that waits for something else gives
/// the lock up meanwhile. Does nothing on other builds, where the GIL is the lock.
class ObjectLock {
 public:
  explicit ObjectLock(PyObject* object) noexcept {
    if (LATEPY_UNLIKELY(is_held_)) api().CriticalSection_Begin(&section_, object);
  }
  ObjectLock(const ObjectLock&) = delete;
  ObjectLock& operator=(const ObjectLock&) = delete;
  ~ObjectLock() {
    if (LATEPY_UNLIKELY(is_held_)) api().CriticalSection_End(&section_);
  }

 private:
  const bool is_held_ = library_state.free_threaded;
  CriticalSection section_;
};

/// The last step of tp_dealloc for a heap type (Objects/typeobject.c): frees the object, then drops its reference to
/// the type.
void free_object(PyObject* self) noexcept;

/// Makes a heap type whose objects hold `data_size` bytes behind PyObject. \returns a new reference.
Object make_type(const char* name, std::size_t data_size, unsigned flags, TypeSlot* type_slots,
                 PyObject* bases = nullptr);

/// The HostTypes of the running interpreter. Needs the GIL.
HostTypes& host_types();

#if LATEPY_DEFINITIONS

LATEPY_FUNC std::size_t head() {
  if (LATEPY_UNLIKELY(library_state.layout.head == 0))
    throw StateError(
        "cannot make Python types: latepy does not know the object layout of this build of CPython; use another build");
  return library_state.layout.head;
}

LATEPY_FUNC void free_object(PyObject* self) noexcept {
  PyTypeObject* const type = head_type(self);
  api().Object_GC_Del(self);
  decref(as_object(type));
}

LATEPY_FUNC LATEPY_COLD Object make_type(const char* name, std::size_t data_size, unsigned flags, TypeSlot* type_slots,
                                         PyObject* bases) {
  pin_libraries();
  TypeSpec spec{name, static_cast<int>(head() + data_size), 0, flags | type_has_gc, type_slots};
  return steal_or_throw(api().Type_FromSpecWithBases(&spec, bases));
}

LATEPY_FUNC HostTypes& host_types() {
  HostTypes* types = current_interpreter().host_types.load(std::memory_order_acquire);
  if (LATEPY_UNLIKELY(!types)) {
    types = new HostTypes();  // never freed
    HostTypes* other = nullptr;
    if (!current_interpreter().host_types.compare_exchange_strong(other, types)) {
      delete types;
      types = other;
    }
  }
  if (LATEPY_UNLIKELY(types->generation != current_generation())) {
    check_making();
    types->function = types->instance = types->iterator = types->view = types->token = types->table = nullptr;
    types->instance_count = 0;
    for (std::size_t i = 0; i < types->bucket_count; ++i) types->buckets[i] = nullptr;
    types->generation = current_generation();
  }
  return *types;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
