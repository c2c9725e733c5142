// latepy/memory/detail/exporter.hpp: latepy.View, the Python type of memory that the program shares with Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/translate.hpp>
#include <latepy/host/detail/class/host_types.hpp>
#include <latepy/memory/detail/item_type.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The hand-overs of a view that live: buffers, capsules, bases of arrays. One atomic word: their number, or
/// `withdrawn`. Any thread, no GIL.
class ExportCount {
 public:
  /// Counts one more. \returns false if the memory was withdrawn.
  bool add() noexcept {
    std::size_t count = count_.load(std::memory_order_relaxed);
    do {
      if (LATEPY_UNLIKELY(count == withdrawn)) return false;
    } while (!count_.compare_exchange_weak(count, count + 1, std::memory_order_acquire, std::memory_order_relaxed));
    return true;
  }
  void remove() noexcept { count_.fetch_sub(1, std::memory_order_release); }
  /// Withdraws the memory if no hand-over lives. \returns true at the call that did.
  bool withdraw() noexcept {
    std::size_t none = 0;
    return count_.compare_exchange_strong(none, withdrawn, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  bool is_withdrawn() const noexcept { return count_.load(std::memory_order_acquire) == withdrawn; }
  std::size_t live() const noexcept {
    const std::size_t count = count_.load(std::memory_order_acquire);
    return count == withdrawn ? 0 : count;
  }

 private:
  static constexpr std::size_t withdrawn = ~std::size_t(0);
  std::atomic<std::size_t> count_;  // Python allocates it, with zeros
};

/// What keeps the memory of a view alive, of any type: a Python object, or a C++ value that was moved in.
struct Owner {
  void* place[3];             ///< the value if it is small, else a pointer to it
  void (*end)(void** place);  ///< destroys the value; null if there is none
  PyObject* object;           ///< owned, or null
};

/// What stands behind PyObject in a latepy.View. Python allocates it, with zeros. The memory and its form do not
/// change.
struct ViewData {
  PyObject* weakrefs;
  ExportCount exports;
  void* data;
  const ItemType* type;
  ssize *shape, *strides;  ///< `ndim` numbers each, in one array: inside[], or of their own
  ssize bytes;
  int ndim;
  bool is_readonly, in_rows, in_columns;
  int device_type, device_id;  ///< as DLPack calls them; 1, 0: memory of the CPU
  Owner owner;
  ssize inside[8];
};
/// What stands behind PyObject in a latepy.view_token, which counts as one hand-over as long as it lives. It becomes
/// the base of an ndarray, and is not seen by Python's garbage collector, as an ndarray is not.
struct TokenData {
  PyObject* view;  ///< owned
};

inline constexpr char read_only_text[] =
    "this latepy.View is read-only: its C++ type is const, or it is a copy of a field, which is assigned as a whole";
inline bool is_on_cpu(const ViewData& view) noexcept { return view.device_type == 1; }

/// A new token for a view. \throws ValueError if the memory was withdrawn.
Object make_token(PyObject* view);
/// Counts one hand-over of the view. \throws ValueError if the memory was withdrawn.
void add_export(ViewData& view);
/// Destroys the owner, after the memory was withdrawn or when the view ends. Needs the GIL. Python's error stays.
void end_owner(PyObject* view) noexcept;
/// Withdraws the memory. If this thread holds the GIL, the owner ends now, else with the view. \returns false if a
/// hand-over lives.
bool withdraw_view(PyObject* view, std::uint32_t generation) noexcept;

/// One use of the items: counts as a hand-over meanwhile, so that the memory stays.
class ItemUse {
 public:
  explicit ItemUse(PyObject* view) : view_(data_of<ViewData>(view)) { add_export(view_); }
  ItemUse(const ItemUse&) = delete;
  ItemUse& operator=(const ItemUse&) = delete;
  ~ItemUse() { view_.exports.remove(); }
  ViewData* operator->() const noexcept { return &view_; }
  ViewData& operator*() const noexcept { return view_; }

 private:
  ViewData& view_;
};

/// bf_getbuffer and bf_releasebuffer of the two types.
int view_getbuffer(PyObject* self, BufferView* view, int flags) noexcept;
inline void view_releasebuffer(PyObject* self, BufferView*) { data_of<ViewData>(self).exports.remove(); }
int token_getbuffer(PyObject* self, BufferView* view, int flags) noexcept;
/// tp_dealloc, tp_traverse and tp_clear.
void view_dealloc(PyObject* self);
int view_traverse(PyObject* self, Visit visit, void* argument);
int view_clear(PyObject* self);
void token_dealloc(PyObject* self);
/// tp_new of both: always a TypeError.
PyObject* refuse_new(PyTypeObject* type, PyObject*, PyObject*) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC void add_export(ViewData& view) {
  if (LATEPY_UNLIKELY(!view.exports.add()))
    throw ValueError(
        "the memory of this latepy.View was withdrawn or released, so its items are gone: ask the program for a new "
        "view");
}

LATEPY_FUNC void end_owner(PyObject* self) noexcept {
  Owner& owner = data_of<ViewData>(self).owner;
  const auto end = std::exchange(owner.end, nullptr);
  PyObject* const object = std::exchange(owner.object, nullptr);
  if (!end && !object) return;
  const ErrorAside aside;
  try {
    if (end) end(owner.place);
  } catch (...) {
    translate_exception();
    api().Err_WriteUnraisable(as_object(head_type(self)));
  }
  if (object) decref(object);
}

LATEPY_FUNC bool withdraw_view(PyObject* self, std::uint32_t generation) noexcept {
  ViewData& data = data_of<ViewData>(self);
  if (!data.exports.withdraw()) return data.exports.is_withdrawn();
  if (may_drop(generation)) end_owner(self);
  return true;
}

LATEPY_FUNC int view_getbuffer(PyObject* self, BufferView* view, int flags) noexcept {
  ViewData& data = data_of<ViewData>(self);
  view->obj = nullptr;
  const bool wants_rows = (flags & buffer_rows) || (flags & buffer_strides) != buffer_strides;
  const char* why = nullptr;
  if (LATEPY_UNLIKELY(data.is_readonly && (flags & buffer_writable)))
    why = read_only_text;
  else if (LATEPY_UNLIKELY((wants_rows && !data.in_rows) || ((flags & buffer_columns) && !data.in_columns) ||
                           ((flags & buffer_either) && !data.in_rows && !data.in_columns)))
    why =
        "the items of this latepy.View do not lie one after the other in the requested order: pass tobytes(), or a "
        "consumer that takes strides";
  else if (LATEPY_UNLIKELY(!is_on_cpu(data)))
    why = "the memory of this latepy.View is on another device: use __dlpack__()";
  else if (LATEPY_UNLIKELY(!data.exports.add()))
    why = "the memory of this latepy.View was withdrawn or released: ask the program for a new view";
  if (LATEPY_UNLIKELY(why != nullptr)) return set_error(*api().BufferError, why), -1;
  view->buf = data.data;
  view->len = data.bytes;
  view->itemsize = data.type->size;
  view->readonly = data.is_readonly;
  view->ndim = data.ndim;
  view->format = flags & buffer_format ? const_cast<char*>(data.type->format()) : nullptr;
  // One item without dimensions has neither, the protocol says.
  view->shape = data.ndim && (flags & buffer_nd) ? data.shape : nullptr;
  view->strides = data.ndim && (flags & buffer_strides) == buffer_strides ? data.strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  incref(self);
  view->obj = self;
  return 0;
}

LATEPY_FUNC int token_getbuffer(PyObject* self, BufferView* view, int flags) noexcept {
  // One row of bytes that begins with the first item; numpy asks for no more than where it begins.
  const ViewData& data = data_of<ViewData>(data_of<TokenData>(self).view);
  view->obj = nullptr;
  if (data.is_readonly && (flags & buffer_writable)) return set_error(*api().BufferError, read_only_text), -1;
  *view = BufferView{};
  view->buf = data.data;
  view->len = data.bytes;
  view->itemsize = 1;
  view->readonly = data.is_readonly;
  view->ndim = 1;
  view->format = flags & buffer_format ? const_cast<char*>("B") : nullptr;
  view->shape = flags & buffer_nd ? &view->len : nullptr;
  view->strides = (flags & buffer_strides) == buffer_strides ? &view->itemsize : nullptr;
  incref(self);
  view->obj = self;
  return 0;
}

LATEPY_FUNC void view_dealloc(PyObject* self) {
  api().Object_GC_UnTrack(self);
  if (data_of<ViewData>(self).weakrefs) api().Object_ClearWeakRefs(self);
  end_in_turn<ViewData>(self, [](PyObject* each) {
    ViewData& data = data_of<ViewData>(each);
    end_owner(each);
    if (data.shape && data.shape != data.inside) delete[] data.shape;
    free_object(each);
  });
}

LATEPY_FUNC int view_traverse(PyObject* self, Visit visit, void* argument) {
  if (const int result = visit(as_object(head_type(self)), argument)) return result;
  PyObject* const owner = data_of<ViewData>(self).owner.object;
  return owner ? visit(owner, argument) : 0;
}

LATEPY_FUNC int view_clear(PyObject* self) {
  // A hand-over that lives is part of the same cycle, or keeps it alive: then its end does the rest.
  if (data_of<ViewData>(self).owner.object && data_of<ViewData>(self).exports.withdraw()) end_owner(self);
  return 0;
}

LATEPY_FUNC void token_dealloc(PyObject* self) {
  PyObject* const view = data_of<TokenData>(self).view;
  PyTypeObject* const type = head_type(self);
  api().Object_Free(self);  // it has no header of the garbage collector
  decref(as_object(type));
  if (!view) return;
  data_of<ViewData>(view).exports.remove();
  decref(view);
}

LATEPY_FUNC PyObject* refuse_new(PyTypeObject*, PyObject*, PyObject*) noexcept {
  set_error(*api().TypeError, "scripts cannot make a latepy.View: the program makes it, by latepy::view()");
  return nullptr;
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
