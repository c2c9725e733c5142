// latepy/core/detail/error_data.hpp: ErrorData, the data of a PythonError; part of core/python_error.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/interned_names.hpp>

#include <exception>
#include <typeinfo>
#ifdef __GXX_ABI_VERSION
/// 1 with the Itanium C++ ABI: there one function can create an exception, and another function can throw it (section
/// 2.4.3 of that ABI).
#define LATEPY_THROWS_IN_PLACE 1
#include <cxxabi.h>
#ifdef __GLIBCXX__  // its <cxxabi.h> does not declare __cxa_throw; on 32-bit Windows a destructor is __thiscall
#define LATEPY_DESTRUCTOR_CALL _GLIBCXX_CDTOR_CALLABI
#if defined __i386__ && defined _WIN32
#pragma GCC diagnostic ignored "-Wattributes"  // -Wpedantic reports __thiscall of what is no member
#endif
namespace __cxxabiv1 {
extern "C" void __cxa_throw(void*, std::type_info*, void(LATEPY_DESTRUCTOR_CALL*)(void*)) __attribute__((noreturn));
}
#endif
#else
#define LATEPY_THROWS_IN_PLACE 0
#endif
#ifndef LATEPY_DESTRUCTOR_CALL
#define LATEPY_DESTRUCTOR_CALL
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// A C++ exception that is created and not yet thrown.
struct Prepared {
  void* exception;             ///< a PythonError, in memory of the C++ runtime
  const std::type_info* type;  ///< the type information of its class
};

/// A row of exception_classes: a built-in exception of Python that has a C++ class. It holds only one pointer, because
/// the dynamic linker has to relocate each.
struct ExceptionClass {
  char chars[20];           ///< the name of the class
  unsigned char size;       ///< the length of the name
  signed char base_at;      ///< the distance to the row of its base; 0 for BaseException, which has none
  PyObject** Api::*symbol;  ///< the member of Api for its PyExc_* symbol; null if it is a class of a module
  /// Creates the C++ exception and takes over one reference to the data. Without RTTI, or with another C++ ABI, it
  /// throws the exception at once.
  Prepared (*make)(ErrorData*);

  constexpr std::string_view name() const noexcept { return {chars, size}; }
  const ExceptionClass* base() const noexcept { return base_at != 0 ? this + base_at : nullptr; }
};

/// The texts of an exception; see the members of PythonError with the same names.
struct ErrorText {
  std::string type_name{}, message{}, what{};
  std::size_t place = 0;  ///< the index of "file:line)" in `what`; 0 if it has none

  ErrorText() = default;
  /// The texts of an exception of that class with the message. Needs no GIL.
  explicit ErrorText(const ExceptionClass& known, std::string of_it = {});
  /// Reads the texts from the exception object, and calls its str(). Needs the GIL.
  explicit ErrorText(const ErrorData& data);
  /// Writes `what` from the other texts: "TypeName: message (file:line)". \param file "" if there is none.
  void make_what(std::string_view file, int line);
};

class ErrorHandle;
/// A C++ exception class that has a Python class; see Module::add_exception().
struct HostExceptionClass {
  /// Throws the C++ exception for a Python exception with this message. Returns if it cannot be made.
  void (*raise)(const ErrorHandle& error, const std::string& message);
};

/// The data of a PythonError, shared by its copies and counted. Data with a Python object is in
/// InterpreterState::errors, so that the stop can read the texts and release the object.
struct ErrorData {
  std::atomic<int> references{1};
  // These two are functions of the library that created the data: another library may know no Python.
  void (*const end)(ErrorData*) = [](ErrorData* self) { delete self; };
  const ErrorText& (*read)(ErrorData&) noexcept = nullptr;  ///< fills `text` if it is null
  Object value{};                         ///< the exception object; empty if C++ created the exception
  const ExceptionClass* known = nullptr;  ///< the nearest class in exception_classes
  std::exception_ptr original{};          ///< the C++ exception that became this Python exception, if any
  std::optional<ErrorText> said{};        ///< the object of `text`, if it was read before other threads saw this
  std::atomic<const ErrorText*> text{nullptr};
  std::atomic<const std::string*> traceback{nullptr};
  InterpreterState* listed = nullptr;  ///< the interpreter whose list of errors has this; null if none has
  ErrorData *previous = nullptr, *next = nullptr;
  const HostExceptionClass* host_class = nullptr;  ///< if not null, the class of the C++ exception that is thrown

  ErrorData() = default;
  /// Takes over the reference to the exception.
  ErrorData(PyObject* exception, const ExceptionClass* nearest, decltype(read) reads) noexcept
      : read(reads), value(Object::steal(exception)), known(nearest) {}
  ErrorData(const ErrorData&) = delete;
  ErrorData& operator=(const ErrorData&) = delete;
  ~ErrorData();
  /// Reuses the memory of the last ErrorData that was freed: most errors live briefly, one at a time.
  static void* operator new(std::size_t size) {
    void* const kept = spare.exchange(nullptr, std::memory_order_acquire);
    return kept ? kept : ::operator new(size);
  }
  static void operator delete(void* memory) noexcept {
    void* none = nullptr;
    if (!spare.compare_exchange_strong(none, memory, std::memory_order_release, std::memory_order_relaxed))
      ::operator delete(memory);
  }
  static inline std::atomic<void*> spare{nullptr};
  /// Adds a reference. \returns false if the last reference is gone already. The caller holds errors_lock.
  bool join() noexcept;
  /// Puts this into the list of the current interpreter. Needs the GIL.
  void enlist() noexcept;
  /// Sets `text` to ErrorText(text_of_it...). No other thread may have this yet.
  template <class... A>
  void say(A&&... text_of_it) {
    text.store(&said.emplace(std::forward<A>(text_of_it)...), std::memory_order_release);
  }
  /// Stores `made` if `place` is null. Else keeps what is there, because other threads may read it. \returns what is
  /// there.
  template <class T>
  static const T& settle(std::atomic<const T*>& place, std::unique_ptr<const T> made) noexcept {
    const T* present = nullptr;
    return place.compare_exchange_strong(present, made.get(), std::memory_order_acq_rel) ? *made.release() : *present;
  }
};

/// A shared owner of ErrorData. The functions that throw pass a bare pointer instead, so that unwinding runs no
/// destructor.
class ErrorHandle {
 public:
  explicit ErrorHandle(ErrorData* owned = nullptr) noexcept : data_(owned) {}
  ErrorHandle(const ErrorHandle& other) noexcept : data_(other.data_) {
    if (data_) data_->references.fetch_add(1, std::memory_order_relaxed);
  }
  ErrorHandle(ErrorHandle&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  ErrorHandle& operator=(ErrorHandle other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~ErrorHandle() {
    if (data_ && data_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) data_->end(data_);
  }
  ErrorData* operator->() const noexcept { return data_; }
  ErrorData* get() const noexcept { return data_; }
  ErrorData* release() noexcept { return std::exchange(data_, nullptr); }

 private:
  ErrorData* data_;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC ErrorData::~ErrorData() {
  if (!said) delete text.load(std::memory_order_relaxed);
  delete traceback.load(std::memory_order_relaxed);
  if (!listed) return;
  SpinLock lock(listed->errors_lock);
  (previous ? previous->next : listed->errors) = next;
  if (next) next->previous = previous;
}

LATEPY_FUNC bool ErrorData::join() noexcept {
  int count = references.load(std::memory_order_relaxed);
  while (count != 0 && !references.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) {
  }
  return count != 0;
}

LATEPY_FUNC void ErrorData::enlist() noexcept {
  InterpreterState& s = current_interpreter();
  listed = &s;
  SpinLock lock(s.errors_lock);
  next = s.errors;
  if (next) next->previous = this;
  s.errors = this;
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
