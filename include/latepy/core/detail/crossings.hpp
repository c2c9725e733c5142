// latepy/core/detail/crossings.hpp: keeps which frames of scripts a C++ exception has passed, while it lives.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/exceptions.hpp>

#if LATEPY_THROWS_IN_PLACE && !defined __SEH__
#include <unwind.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// Frames of Python code, the outermost first: of each the line, the function and the file, with part_end behind each.
/// All three are empty where frames are left out.
using ScriptFrames = std::string;
inline constexpr char part_end = '\xFF';  ///< is in no UTF-8; a name may have a NUL

/// A C++ exception that has passed scripts. A node of a list.
struct Crossing {
  Crossing* next;
  const void* exception;                         ///< the address of the thrown object
  void(LATEPY_DESTRUCTOR_CALL* destroy)(void*);  ///< its destructor
  std::string said;                              ///< "TypeName: message"
  ScriptFrames outer = {};                       ///< of the Python exception that it became last
  ScriptFrames inner = {};                       ///< of those that it became before
};
/// The living C++ exceptions that have passed scripts. The C++ runtime removes one by its destructor.
inline Crossing* crossings = nullptr;
inline std::atomic_flag crossings_lock = {};

// These do nothing if the C++ runtime is not known. They need the GIL.

/// The C++ exception that became a Python exception is about to be thrown: keeps the frames of that.
void note_crossing(const ErrorData& data);
/// The C++ exception becomes another Python exception. The frames of the next one come before the present ones.
void begin_crossing(const std::exception_ptr& exception);

#if LATEPY_DEFINITIONS
LATEPY_FUNC LATEPY_COLD void set_python_error(const PythonError& error) {
  Object value;
  try {
    value = error.value();
  } catch (const StateError& refused) {
    if (error.data_->known->symbol)
      throw_error<StateError>(
          {"an exception of another Python interpreter, or of one that has ended, cannot be raised here: ",
           error.what(), " (", refused.what(), ")"});
    // A Deadline, an interruption or a cancellation ends what the thread runs, in whichever interpreter that is.
    ErrorHandle anew(new ErrorData);
    anew->known = error.data_->known;
    anew->say(*anew->known, error.message());
    value = PythonError(std::move(anew)).value();
    const PythonError cause(
        new_error(ExceptionId::RuntimeError, concat({"an exception of another Python interpreter: ", error.what()})));
    const Object name = steal_or_throw(api().Unicode_DecodeUTF8("__cause__", 9, nullptr));
    static_cast<void>(api().Object_SetAttr(value.ptr(), name.ptr(), cause.value().ptr()));
  }
  if (api().Err_SetRaisedException) return api().Err_SetRaisedException(value.release());
  PyObject* const trace = api().Exception_GetTraceback(value.ptr());
  PyObject* const type = api().Object_Type(value.ptr());
  api().Err_Restore(type, value.release(), trace);
}

/// The Crossing of an exception; null if there is none. The caller holds crossings_lock.
LATEPY_COLD inline Crossing* find_crossing(const void* exception) noexcept {
  Crossing* each = crossings;
  while (each && each->exception != exception) each = each->next;
  return each;
}
#if LATEPY_THROWS_IN_PLACE

#ifdef __SEH__  // <unwind.h> of MinGW-w64 includes <windows.h>
struct alignas(16) UnwindException {
  unsigned long long language;
  void (*cleanup)();
  void* of_unwinder[6];
};
#else
using UnwindException = _Unwind_Exception;
#endif
/// What lies before an exception in memory: __cxa_exception of the Itanium C++ ABI, section 2.2.1.
struct ExceptionHead {
  const std::type_info* type;
  void(LATEPY_DESTRUCTOR_CALL* destroy)(void*);
  void (*on_unexpected)();
  void (*on_terminate)();
  void* next;
  int handlers, handler;
  const unsigned char *action, *language_data;
  void *landing_pad, *adjusted;
  UnwindException unwinding;
};
inline ExceptionHead& head_of(const void* exception) noexcept {
  return static_cast<ExceptionHead*>(const_cast<void*>(exception))[-1];
}
/// Whether this C++ runtime has that layout, proved on two exceptions.
LATEPY_COLD inline bool is_exception_head_known() noexcept {
  struct WithDestructor {
    char text[sizeof(void*)];
    WithDestructor() = default;
    WithDestructor(const WithDestructor&) {}
    ~WithDestructor() {}
  };
  static const bool is_known = [] {
    const auto agrees = [](const void* thrown, bool has_destructor) {
      const ExceptionHead& head = head_of(thrown);
      return head.type == __cxxabiv1::__cxa_current_exception_type() && (head.destroy != nullptr) == has_destructor;
    };
    bool agree = true;
    try {
      throw 0;
    } catch (const int& thrown) {
      agree = agrees(&thrown, false);
    }
    try {
      throw WithDestructor();
    } catch (const WithDestructor& thrown) {
      return agree && agrees(&thrown, true);
    }
    return false;
  }();
  return is_known;
}

/// The destructor of exceptions that have a Crossing.
LATEPY_COLD inline void LATEPY_DESTRUCTOR_CALL end_crossing(void* exception) {
  std::unique_ptr<Crossing> ended;
  {
    const SpinLock lock(crossings_lock);
    Crossing** each = &crossings;
    while (*each && (*each)->exception != exception) each = &(*each)->next;
    if (!*each) return;  // the child of a fork() that came while the list changed
    ended.reset(*each);
    *each = ended->next;
  }
  ended->destroy(exception);
}
/// The address of the exception; null if there is none, or if the C++ runtime is not known.
LATEPY_COLD inline const void* address_of(const std::exception_ptr& exception) noexcept {
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  const void* thrown = nullptr;
  if (is_exception_head_known()) std::memcpy(&thrown, &exception, sizeof thrown);
  return thrown;
}

/// The frames of a traceback. Of a long one those in the middle are left out.
LATEPY_COLD inline ScriptFrames frames_of(PyObject* exception) {
  constexpr std::size_t most = 50;  // at each end
  constexpr std::string_view end(&part_end, 1);
  ScriptFrames frames;
  std::size_t count = 0, middle = 0;
  const auto drop = [&] {  // the first frame behind `middle`
    for (int parts = 3; parts > 0; --parts) frames.erase(middle, frames.find(part_end, middle) + 1 - middle);
  };
  for (ColdRef entry(api().Exception_GetTraceback(exception)); entry.get() && entry.get() != api().NoneStruct;
       entry.reset(find_attribute(entry.get(), "tb_next"))) {
    const ColdRef frame(find_attribute(entry.get(), "tb_frame"));
    const ColdRef code(frame.get() ? api().Frame_GetCode(frame.get()) : nullptr);
    frames += concat({decimal(int_at(entry.get(), "tb_lineno")), end, text_at(code.get(), "co_name"), end,
                      text_at(code.get(), "co_filename"), end});
    if (++count == most) middle = frames.size();
    if (count > 2 * most) drop();
  }
  if (count > 2 * most) {
    drop();
    frames.insert(middle, 3, part_end);
  }
  return frames;
}

LATEPY_FUNC LATEPY_COLD void note_crossing(const ErrorData& data) {
  const void* const thrown = address_of(data.original);
  if (!thrown) return;
  ScriptFrames frames = frames_of(data.value.ptr());
  const ErrorText& text = *data.text.load(std::memory_order_acquire);
  std::string said = text.message.empty() ? text.type_name : concat({text.type_name, ": ", text.message});
  auto made = std::make_unique<Crossing>(Crossing{nullptr, thrown, nullptr, std::move(said)});
  const SpinLock lock(crossings_lock);
  Crossing* crossing = find_crossing(thrown);
  if (!crossing) {
    if (!head_of(thrown).destroy) return;  // an int or the like
    crossing = made.release();
    crossing->destroy = std::exchange(head_of(thrown).destroy, &end_crossing);
    crossing->next = crossings;
    crossings = crossing;
  }
  crossing->outer = std::move(frames);
}

LATEPY_FUNC LATEPY_COLD void begin_crossing(const std::exception_ptr& exception) {
  const void* const thrown = address_of(exception);
  const SpinLock lock(crossings_lock);
  if (!thrown || head_of(thrown).destroy != &end_crossing) return;
  if (Crossing* const crossing = find_crossing(thrown)) {
    crossing->outer += crossing->inner;
    crossing->inner = std::exchange(crossing->outer, {});
  }
}

#else
LATEPY_FUNC void note_crossing(const ErrorData&) {}
LATEPY_FUNC void begin_crossing(const std::exception_ptr&) {}
#endif
#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
