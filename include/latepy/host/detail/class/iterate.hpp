// latepy/host/detail/class/iterate.hpp: latepy.iterator, the Python type of iterators over C++ ranges; see iterate().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/bound.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A C++ range and the position in it. It keeps `owner` alive until the end is reached.
struct Range {
  Object owner{};
  /// Converts an element and steps. \returns an empty Object at the end.
  virtual Object next() = 0;
  virtual ~Range() noexcept(false) {}
};
/// The data of an iterator, behind PyObject.
struct IteratorData {
  Range* range;               ///< owned; null after the end
  std::atomic<bool> is_busy;  ///< a thread is inside of next()
};
/// One call of next(). The code that it runs may call next() again, which is an error, as for generators.
class Step {
 public:
  explicit Step(IteratorData& data) noexcept : data_(data), is_first_(!data.is_busy.exchange(true)) {}
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() {
    if (is_first_) data_.is_busy = false;
  }
  /// Whether no other call is running.
  bool is_first() const noexcept { return is_first_; }

 private:
  IteratorData& data_;
  const bool is_first_;
};

/// Deletes the range. An exception of a destructor goes to sys.unraisablehook.
void end_range(PyObject* self) noexcept;
/// tp_iternext; the functions below are slots too.
PyObject* iterator_next(PyObject* self) noexcept;
inline PyObject* iterator_iter(PyObject* self) noexcept { return Object::borrow(self).release(); }
void iterator_dealloc(PyObject* self) noexcept;
int iterator_traverse(PyObject* self, Visit visit, void* argument) noexcept;
inline int iterator_clear(PyObject* self) noexcept {
  end_range(self);
  return 0;
}

/// Makes the type.
PyTypeObject* make_iterator_type();
/// A Python iterator that owns the range. Needs the GIL.
Object new_iterator(std::unique_ptr<Range> range);

/// A Range of any iterator and sentinel type.
template <class Iterator, class Sentinel>
struct RangeOf final : Range {
  RangeOf(Iterator first, Sentinel last) : at(std::move(first)), end(std::move(last)) {}
  Object next() override {
    if (at == end) return Object();
    Object item = to_py(*at);
    ++at;
    return item;
  }
  Iterator at;
  Sentinel end;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC void end_range(PyObject* self) noexcept {
  Range* const range = std::exchange(data_of<IteratorData>(self).range, nullptr);
  const ErrorAside aside;  // destructors of iterators run
  try {
    delete range;
  } catch (...) {
    translate_exception();
    api().Err_WriteUnraisable(as_object(head_type(self)));
  }
}

LATEPY_FUNC PyObject* iterator_next(PyObject* self) noexcept {
  const StackScope stack;
  if (stack.is_refused()) return nullptr;
  const Step step(data_of<IteratorData>(self));
  if (!step.is_first()) {
    set_error(*api().ValueError, "the iterator is already executing");
    return nullptr;
  }
  Range* const range = data_of<IteratorData>(self).range;
  if (!range) return nullptr;
  try {
    PyObject* const owner = range->owner.ptr();
    if (owner && api().Type_IsSubtype(head_type(owner), instance_type()) && !has_value(data_of<Instance>(owner)))
      throw_reference_error("the " + data_of<Instance>(owner).traits->name +
                            " that is iterated over is gone: C++ took or destroyed it, or only lent it");
    Object item = range->next();
    if (item.is_empty()) end_range(self);
    return item.is_empty() ? nullptr : item.release();
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

LATEPY_FUNC void iterator_dealloc(PyObject* self) noexcept {
  api().Object_GC_UnTrack(self);
  end_range(self);
  free_object(self);
}

LATEPY_FUNC int iterator_traverse(PyObject* self, Visit visit, void* argument) noexcept {
  if (const int result = visit(as_object(head_type(self)), argument)) return result;
  const Range* const range = data_of<IteratorData>(self).range;
  return range && range->owner.ptr() ? visit(range->owner.ptr(), argument) : 0;
}

LATEPY_FUNC LATEPY_COLD PyTypeObject* make_iterator_type() {
  TypeSlot type_slots[] = {{tp_dealloc, slot_value(&iterator_dealloc)},
                           {tp_traverse, slot_value(&iterator_traverse)},
                           {tp_clear, slot_value(&iterator_clear)},
                           {tp_iter, slot_value(&iterator_iter)},
                           {tp_iternext, slot_value(&iterator_next)},
                           {tp_new, slot_value(&instance_new)},  // always a TypeError
                           {0, nullptr}};
  return reinterpret_cast<PyTypeObject*>(make_type("latepy.iterator", sizeof(IteratorData), 0, type_slots).release());
}

LATEPY_FUNC Object new_iterator(std::unique_ptr<Range> range) {
  HostTypes& types = host_types();
  if (!types.iterator) types.iterator = make_iterator_type();  // lives as long as its interpreter
  Object made = steal_or_throw(api().Type_GenericAlloc(types.iterator, 0));
  data_of<IteratorData>(made.ptr()).range = range.release();
  return made;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
