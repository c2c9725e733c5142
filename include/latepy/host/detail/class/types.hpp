// latepy/host/detail/class/types.hpp: heap types made at run time, and where their data lies in an object.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The base types of what scripts see of the host. One a process, made again in each generation; plain C layout, only
/// ever appended to.
struct HostTypes {
  std::size_t size = sizeof(HostTypes);
  std::uint32_t generation = no_generation;
  PyTypeObject* function = nullptr;  ///< see host/detail/function/function_type.hpp
  PyTypeObject* instance = nullptr;  ///< see host/detail/class/instance_type.hpp
  struct Instance** buckets = nullptr;
  std::size_t bucket_count = 0, instance_count = 0;
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  PyTypeObject* iterator = nullptr;  ///< see host/detail/class/iterate.hpp
};

std::size_t head();

/// What follows PyObject in an object of a type of ours, or of another library's that uses latepy.
template <class Data>
Data& data_of(PyObject* object) noexcept {
  return *reinterpret_cast<Data*>(reinterpret_cast<char*>(object) + library_state.layout.head);
}
template <class Data>
PyObject* object_of(Data& data) noexcept {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(&data) - library_state.layout.head);
}
/// ob_type, without a call: also for tp_traverse, which must not change counts.
inline PyTypeObject* head_type(PyObject* object) noexcept {
  return *reinterpret_cast<PyTypeObject**>(reinterpret_cast<char*>(object) + library_state.layout.head - sizeof(void*));
}
template <class F>
void* slot_value(F* function) noexcept {
  return reinterpret_cast<void*>(function);
}

/// On free-threaded builds no other thread holds one of the same object meanwhile, as long as this one does not wait
/// for something else. Nothing on others: there the GIL orders what is done.
class ObjectLock {
 public:
  explicit ObjectLock(PyObject* object) noexcept {
    if (LATEPY_UNLIKELY(is_held_)) api().CriticalSection_Begin(&section_, object);
  }
  ObjectLock(const ObjectLock&) = delete;
  ~ObjectLock() {
    if (LATEPY_UNLIKELY(is_held_)) api().CriticalSection_End(&section_);
  }

 private:
  const bool is_held_ = library_state.free_threaded;
  CriticalSection section_;
};

/// The end of an object of a heap type (Objects/typeobject.c): its memory, then the type that the instance owned.
void free_object(PyObject* self) noexcept;

Object make_type(const char* name, std::size_t data_size, unsigned flags, TypeSlot* type_slots,
                 PyObject* bases = nullptr);

/// Those of the running interpreter. Needs the GIL.
HostTypes& host_types();

#if LATEPY_DEFINITIONS

LATEPY_FUNC std::size_t head() {
  if (LATEPY_UNLIKELY(library_state.layout.head == 0))
    throw StateError(
        "this build of CPython lays its objects out in a way that latepy does not know: no types can be made for it");
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
    types->function = types->instance = types->iterator = nullptr;
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
