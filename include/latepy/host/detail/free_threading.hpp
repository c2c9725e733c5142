// latepy/host/detail/free_threading.hpp: lets threads use one function or class at once, where CPython has no GIL.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/host/detail/function/overload.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// On free-threaded builds a word that several threads write costs each of them more than a call. So no call writes the
// reference count of the function: CPython is told not to count it, and latepy notes its own calls by RunningCall.

/// Tells the import system that a module needs no GIL. Else the import of an extension module turns the GIL on. Does
/// nothing for other objects.
LATEPY_COLD inline void declare_no_gil(PyObject* module) {
  void* const not_used = reinterpret_cast<void*>(std::uintptr_t(1));  // Py_MOD_GIL_NOT_USED (Include/moduleobject.h)
  if (api().Module_SetGIL && api().Module_SetGIL(module, not_used) < 0) api().Err_Clear();  // not a module
}

/// Keeps threads that use an object from writing its reference count, on free-threaded builds. `made` was just made,
/// and is tracked by the garbage collector. From 3.14 on, the collector frees it some time after its last use. \returns
/// whether nothing frees it: 3.13 makes its own functions, methods and classes immortal, and this does the same.
bool share_count(PyObject* made) noexcept;

/// A function that nothing frees; see share_count(). What its overloads hold is destroyed after its Python has ended.
struct ImmortalFunction {
  ImmortalFunction* next = nullptr;
  Overload* first = nullptr;
};
inline std::atomic<ImmortalFunction*> immortal_functions{nullptr};
void end_immortal_functions() noexcept;

/// Holds a function while it is called: the callable may drop the last reference to its own function.
class CountedCall {
 public:
  LATEPY_FORCE_INLINE explicit CountedCall(PyObject* function) noexcept : function_(function) { incref(function); }
  CountedCall(const CountedCall&) = delete;
  CountedCall& operator=(const CountedCall&) = delete;
  LATEPY_FORCE_INLINE ~CountedCall() { decref(function_); }

 private:
  PyObject* function_;
};

/// A call of a host function that holds no reference to it; on free-threaded builds. The caller has one, but the
/// callable may drop it: then the end of the function waits for the end of the call.
class RunningCall {
 public:
  explicit RunningCall(PyObject* function) noexcept : function_(function), outer_(first) {
    if (outer_) outer_->inner_ = this;
    first = this;
  }
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;
  /// Calls `end` if the function has no reference any more.
  ~RunningCall();
  /// Whether this thread is calling the function. It ends when that call returns.
  static bool delays_end(PyObject* function, void (*end)(PyObject*)) noexcept;

 private:
  static inline thread_local RunningCall* first = nullptr;  // linked both ways: fibers return in any order
  PyObject* function_;
  RunningCall *outer_, *inner_ = nullptr;
  void (*end_)(PyObject*) = nullptr;
};

#if LATEPY_DEFINITIONS

/// PyObject in the free-threaded build of CPython 3.13 (Include/object.h).
struct SharedHead {
  std::uintptr_t thread;
  std::uint16_t padding;
  std::uint8_t mutex, gc_bits;
  std::uint32_t local_count;
  std::intptr_t shared_count;
  PyTypeObject* type;
};

LATEPY_FUNC LATEPY_COLD bool share_count(PyObject* made) noexcept {
  if (!library_state.free_threaded) return false;
  if (api().Object_EnableDeferredRefcount) {
    api().Object_EnableDeferredRefcount(made);
    return false;
  }
  if (library_state.version.minor != 13 || library_state.layout.head != sizeof(SharedHead)) return false;
  api().Object_GC_UnTrack(made);  // as _Py_SetImmortal does (Objects/object.c), which is not exported
  SharedHead& head = *reinterpret_cast<SharedHead*>(made);
  head.thread = 0;
  head.local_count = 0xFFFFFFFFu;
  head.shared_count = 0;
  return true;
}

LATEPY_FUNC LATEPY_COLD void end_immortal_functions() noexcept {
  ImmortalFunction* each = immortal_functions.exchange(nullptr);
  while (each) {
    while (Overload* const first = each->first) {
      each->first = first->next.release();
      attempt([&] { delete first; });
    }
    delete std::exchange(each, each->next);
  }
}

LATEPY_FUNC RunningCall::~RunningCall() {
  (inner_ ? inner_->outer_ : first) = outer_;
  if (outer_) outer_->inner_ = inner_;
  if (end_ && !delays_end(function_, end_)) end_(function_);
}

LATEPY_FUNC bool RunningCall::delays_end(PyObject* function, void (*end)(PyObject*)) noexcept {
  for (RunningCall* each = first; each; each = each->outer_) {
    if (each->function_ != function) continue;
    each->end_ = end;
    return true;
  }
  return false;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
