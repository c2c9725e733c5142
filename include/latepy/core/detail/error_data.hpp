// latepy/core/detail/error_data.hpp: what a PythonError keeps; part of core/python_error.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/interned_names.hpp>

#include <exception>
#include <typeinfo>
#ifdef __GXX_ABI_VERSION
/// 1 where the C++ ABI is Itanium's: one function can make an exception and another one throw it (its 2.4.3).
#define LATEPY_THROWS_IN_PLACE 1
#include <cxxabi.h>
#ifdef __GLIBCXX__  // its header does not have it
namespace __cxxabiv1 {
extern "C" void __cxa_throw(void*, std::type_info*, void (*)(void*)) __attribute__((noreturn));
}
#endif
#else
#define LATEPY_THROWS_IN_PLACE 0
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// An exception that is made and not yet thrown.
struct Prepared {
  void* exception;             ///< a PythonError, in memory of the C++ runtime
  const std::type_info* type;  ///< its class
};

/// One of the built-in exceptions that have a C++ class. There is one pointer in it, because the dynamic linker has to
/// relocate each.
struct ExceptionClass {
  char chars[20];
  unsigned char size;
  signed char base_at;      ///< where its base stands in the table, counted from this one; 0 for BaseException
  PyObject** Api::*symbol;  ///< its PyExc_* in Api
  /// Makes the C++ exception, which takes the reference over. Throws it at once where it was compiled without RTTI, or
  /// where the C++ ABI is another.
  Prepared (*make)(ErrorData*);

  constexpr std::string_view name() const noexcept { return {chars, size}; }
  const ExceptionClass* base() const noexcept { return base_at != 0 ? this + base_at : nullptr; }
};

/// What is said of an exception.
struct ErrorText {
  std::string type_name, message, what;
  std::size_t place = 0;  ///< where "file:line)" begins in `what`, if it has one

  ErrorText() = default;
  /// Of an exception of that class with the message. Needs no Python.
  explicit ErrorText(const ExceptionClass& known, std::string of_it = {});
  /// Reads the exception object. Needs the GIL; runs its str().
  explicit ErrorText(const ErrorData& data);
  void make_what(std::string_view file, int line);
};

/// What an exception keeps. Those with a live Python object are listed, so that the stop can read and format them.
struct ErrorData {
  std::atomic<int> references{1};
  // Of the library that made it, which alone may know its Python.
  void (*const end)(ErrorData*) = [](ErrorData* self) { delete self; };
  const ErrorText& (*read)(ErrorData&) noexcept = nullptr;  ///< fills `text`
  Object value;
  const ExceptionClass* known = nullptr;  ///< the nearest
  std::exception_ptr original;            ///< the C++ exception that Python's was made of
  std::optional<ErrorText> said;          ///< what `text` points to where it was read before others saw this
  std::atomic<const ErrorText*> text{nullptr};
  std::atomic<const std::string*> traceback{nullptr};
  InterpreterState* listed = nullptr;  ///< where it is
  ErrorData *previous = nullptr, *next = nullptr;

  ErrorData() = default;
  /// Takes the reference to the exception over.
  ErrorData(PyObject* exception, const ExceptionClass* nearest, decltype(read) reads) noexcept
      : read(reads), value(Object::steal(exception)), known(nearest) {}
  ErrorData(const ErrorData&) = delete;
  ~ErrorData();
  /// The memory of one that ended is kept for the next: most errors live alone, and shortly.
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
  /// One more reference, unless the last one is gone already. \pre none for a listed one under errors_lock.
  bool join() noexcept;
  void enlist() noexcept;
  /// Reads the text, or is given it. \pre nobody else has this yet.
  template <class... A>
  void say(A&&... text_of_it) {
    text.store(&said.emplace(std::forward<A>(text_of_it)...), std::memory_order_release);
  }
  /// The first one stays: other threads may read it.
  template <class T>
  static const T& settle(std::atomic<const T*>& place, std::unique_ptr<const T> made) noexcept {
    const T* present = nullptr;
    return place.compare_exchange_strong(present, made.get(), std::memory_order_acq_rel) ? *made.release() : *present;
  }
};

/// A shared owner of ErrorData. A bare pointer becomes one, so that a throw has nothing to clean up on its way.
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
