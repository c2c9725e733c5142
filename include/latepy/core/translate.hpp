// latepy/core/translate.hpp: C++ exceptions as Python's, by a table that a program may extend.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/carrier_source.hpp>
#include <latepy/core/detail/kept_namespace.hpp>

#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One entry of the program's own: makes Python's exception of the one in flight, or tells that it is another's.
struct Translator {
  /// Called in a catch block. \returns an empty Object where the exception in flight is of another type.
  Object (*translate)(const Translator&) = nullptr;
  const void* id = nullptr;  ///< of its C++ type: a second entry for it replaces the first
  std::shared_ptr<Translator> next;
  virtual ~Translator() = default;
};
/// Newest first. Shared with the calls that are under way, which may replace the very entry that they are in.
inline std::shared_ptr<Translator> translators;
inline std::atomic_flag translators_lock = ATOMIC_FLAG_INIT;
inline std::shared_ptr<Translator> read_link(const std::shared_ptr<Translator>& link) noexcept {
  const SpinLock lock(translators_lock);
  return link;
}

void set_error(PyObject* type, const char* what) noexcept;
inline void set_error(PyObject* type, const std::string& what) noexcept { set_error(type, what.c_str()); }

/// Python's exception as what it is. To be called in a catch block.
bool translate_python_error();

/// Python's error from the program's own entries. To be called in a catch block.
bool translate_by_program();

/// The built-in table. To be called in a catch block.
void translate_by_table() noexcept;

/// Lets the Python exception that is set carry the C++ one in flight, so that it is that one again when it reaches C++.
/// To be called in a catch block.
void attach_original();

/// Sets Python's error from the exception that is being handled. To be called in a catch block, with the GIL.
void translate_exception() noexcept;

template <class E>
inline constexpr char exception_id = 0;

template <class E, class F>
struct TranslatorOf final : Translator {
  explicit TranslatorOf(F f) : make(std::move(f)) {
    id = &exception_id<E>;
    translate = [](const Translator& self) -> Object {
      try {
        throw;
      } catch (const E& error) {
        return static_cast<const TranslatorOf&>(self).make(error);
      } catch (...) {
        return Object();
      }
    };
  }
  F make;
};

void add_translator(std::shared_ptr<Translator> made);

}  // namespace detail

/// How the C++ exception E, when it leaves a host function, becomes Python's: `make(const E&)` gives the exception
/// object; what it throws is raised instead. It is asked before all that was there before it, and replaces an earlier
/// one for E. Keeps until the program ends; needs the GIL. When Python hands the exception back to C++, it is the same
/// C++ exception again.
template <class E, class F, class = std::enable_if_t<!std::is_base_of_v<Ref, F>>>
void translate(F make) {
  detail::add_translator(std::make_shared<detail::TranslatorOf<E, F>>(std::move(make)));
}
/// As above, to a Python class that is called with what(): `translate<DiskFull>(python.get("builtins.OSError"))`. For
/// as long as the class's interpreter lives.
template <class E>
void translate(const Object& type) {
  translate<E>([type](const E& error) { return type.is_alive() ? type(error.what()) : Object(); });
}

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD void set_error(PyObject* type, const char* what) noexcept {
  // Not Err_SetString: what() need not be UTF-8.
  const Object text = Object::steal(api().Unicode_DecodeUTF8(what, static_cast<ssize>(std::strlen(what)), "replace"));
  if (!text.is_empty()) api().Err_SetObject(type, text.ptr());
}

LATEPY_FUNC LATEPY_COLD bool translate_python_error() {
  try {
    throw;
  } catch (const PythonError& error) {
    set_python_error(error);
    return true;
  } catch (...) {
    return false;
  }
}

LATEPY_FUNC LATEPY_COLD bool translate_by_program() {
  for (std::shared_ptr<Translator> each = read_link(translators); each; each = read_link(each->next)) {
    const Object made = each->translate(*each);
    if (made.is_empty()) continue;
    api().Err_SetObject(as_object(type_of(made.ptr())), made.ptr());
    return true;
  }
  return false;
}

LATEPY_FUNC LATEPY_COLD void translate_by_table() noexcept {
  const Api& a = api();
  try {
    throw;
  } catch (const ConversionError& error) {
    set_error(*a.TypeError, error.what());
  } catch (const std::bad_alloc& error) {
    set_error(*a.MemoryError, error.what());
  } catch (const std::out_of_range& error) {
    set_error(*a.IndexError, error.what());
  } catch (const std::invalid_argument& error) {
    set_error(*a.ValueError, error.what());
  } catch (const std::domain_error& error) {
    set_error(*a.ValueError, error.what());
  } catch (const std::length_error& error) {
    set_error(*a.ValueError, error.what());
  } catch (const std::range_error& error) {
    set_error(*a.ValueError, error.what());
  } catch (const std::overflow_error& error) {
    set_error(*a.OverflowError, error.what());
  } catch (const std::exception& error) {
    set_error(*a.RuntimeError, error.what());
  } catch (...) {
    set_error(*a.RuntimeError, "a C++ exception that is no std::exception");
  }
}

LATEPY_FUNC LATEPY_COLD void attach_original() {
  const Object exception = fetch_exception();
  try {
    auto original = std::make_unique<std::exception_ptr>(std::current_exception());
    const Object capsule = steal_or_throw(api().Capsule_New(original.get(), original_attribute, [](PyObject* self) {
      const ErrorAside aside;  // the C++ exception's destructor runs
      delete static_cast<std::exception_ptr*>(api().Capsule_GetPointer(self, original_attribute));
    }));
    original.release();
    const Object carrier = get_item(kept_namespace("carrier", carrier_source), "CppException");
    set_attribute(exception, original_attribute, call_plain(carrier, {capsule}));
    process_state().carries_exceptions.store(true, std::memory_order_relaxed);
  } catch (...) {  // without it the exception is only less
  }
  api().Err_SetObject(as_object(type_of(exception.ptr())), exception.ptr());
}

LATEPY_FUNC LATEPY_COLD void translate_exception() noexcept {
  try {
    if (translate_python_error()) return;
    if (!translate_by_program()) translate_by_table();
    attach_original();
  } catch (...) {  // of a translator; or the exception object of a Python that ended
    try {
      if (translate_python_error()) return;
    } catch (...) {
    }
    translate_by_table();
  }
}

LATEPY_FUNC LATEPY_COLD void add_translator(std::shared_ptr<Translator> made) {
  std::shared_ptr<Translator> replaced;  // ends after the lock: its destructor may call Python
  const SpinLock lock(translators_lock);
  for (std::shared_ptr<Translator>* each = &translators; *each; each = &(*each)->next) {
    if ((*each)->id != made->id) continue;
    replaced = std::move(*each);
    *each = replaced->next;
    break;
  }
  made->next = std::move(translators);
  translators = std::move(made);
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
