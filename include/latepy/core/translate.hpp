// latepy/core/translate.hpp: translates C++ exceptions to Python exceptions; translate<E>() adds a translation.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/carrier_source.hpp>
#include <latepy/core/detail/kept_namespace.hpp>
#include <latepy/core/detail/os_error.hpp>
#include <latepy/core/detail/own_errors_source.hpp>

#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A translation that the program added, for one C++ exception class. A node of a list.
struct Translator {
  /// Called in a catch block, with the GIL. Returns the Python exception for the exception in flight; an empty Object
  /// if the exception in flight has another class.
  Object (*translate)(const Translator&) = nullptr;
  const void* id = nullptr;  ///< identifies the C++ class: a second translation for a class replaces the first
  std::shared_ptr<Translator> next{};
  virtual ~Translator() = default;
};
/// The list, the newest first. Nodes are shared_ptrs, because a running translation may replace its own node.
inline std::shared_ptr<Translator> translators;
inline std::atomic_flag translators_lock = {};
/// Copies a pointer of the list under the lock.
inline std::shared_ptr<Translator> read_link(const std::shared_ptr<Translator>& link) noexcept {
  const SpinLock lock(translators_lock);
  return link;
}

/// Sets Python's error to the exception object, with the exception that Python code handles as its context.
LATEPY_COLD inline void set_raised(const Object& exception) noexcept {
  api().Err_SetObject(as_object(type_of(exception.ptr())), exception.ptr());
}
/// Sets Python's error to `type(what)`. Bytes of `what` that are not valid UTF-8 become U+FFFD. Needs the GIL.
void set_error(PyObject* type, const char* what) noexcept;
inline void set_error(PyObject* type, const std::string& what) noexcept { set_error(type, what.c_str()); }

// The next six functions are called in a catch block, with the GIL.

/// If the exception in flight is a PythonError, or was made of one, sets that as Python's error. \returns whether it
/// did. \param nested gets the exception that std::throw_with_nested() put into the one in flight, if any.
bool translate_python_error(std::exception_ptr& nested);

/// Sets Python's error by the translations that the program added. \returns false if none is for the exception in
/// flight.
bool translate_by_program();

/// Sets Python's error by the built-in table: std::out_of_range is IndexError, std::exception is RuntimeError, and so
/// on.
void translate_by_table() noexcept;

/// Attaches the C++ exception in flight to Python's error that is set. If that error reaches C++ again, the C++
/// exception is thrown.
void attach_original();

/// Sets Python's error from the exception in flight, by the functions above. \returns `nested`.
std::exception_ptr translate_one() noexcept;

/// Sets Python's error from the exception in flight. Nested exceptions become the chain of its `__cause__`.
void translate_exception() noexcept;

/// Its address identifies the class E.
template <class E>
inline constexpr char exception_id = 0;

/// The Translator for the class E and the function F.
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

/// Puts a translation first in the list, and removes an earlier one for the same class.
void add_translator(std::shared_ptr<Translator> made);

}  // namespace detail

/// Adds a translation: if a C++ exception of the class E leaves a host function, Python raises `make(const E&)`.
/// - `make` returns an exception object. If it throws, Python raises that exception instead. It is called with the GIL.
/// - An exception of a derived class is translated too. Later translations are tried first.
/// - A second call for E replaces the first. The translation lasts until the program ends, for all interpreters.
/// - If the Python exception reaches C++ again, the original C++ exception is thrown.
/// Needs the GIL.
template <class E, class F, class = std::enable_if_t<!detail::is_handle<detail::kept_type<F>>>>
void translate(F make) {
  detail::add_translator(std::make_shared<detail::TranslatorOf<E, F>>(std::move(make)));
}
/// As above. Python raises `type(what())`: `translate<DiskFull>(python.get("builtins.OSError"))`. The translation does
/// nothing after the interpreter of `type` has ended.
template <class E>
void translate(const Ref& type) {
  translate<E>([type = Object(type)](const E& error) { return type.is_alive() ? type(error.what()) : Object(); });
}

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD Object own_error(const char* name) {
  return get_item(kept_namespace("errors", own_errors_source), name);
}

LATEPY_FUNC LATEPY_COLD void set_error(PyObject* type, const char* what) noexcept {
  // PyErr_SetString() would need valid UTF-8.
  const Object text = Object::steal(api().Unicode_DecodeUTF8(what, static_cast<ssize>(std::strlen(what)), "replace"));
  if (!text.is_empty()) api().Err_SetObject(type, text.ptr());
}

/// The exception that std::throw_with_nested() put into the one in flight, which is `error`; null if there is none.
LATEPY_COLD inline std::exception_ptr nested_in(const std::exception& error) noexcept {
#ifdef __cpp_rtti
  const auto* const outer = dynamic_cast<const std::nested_exception*>(&error);
  return outer ? outer->nested_ptr() : nullptr;
#else
  static_cast<void>(error);
  try {
    throw;
  } catch (const std::nested_exception& outer) {
    return outer.nested_ptr();
  } catch (...) {
    return nullptr;
  }
#endif
}

LATEPY_FUNC LATEPY_COLD bool translate_python_error(std::exception_ptr& nested) {
  try {
    throw;
  } catch (const RaisedInPython& raised) {
    set_python_error(PythonError(raised.data));
    return true;
  } catch (const PythonError& error) {
    nested = nested_in(error);
    set_python_error(error);
    return true;
  } catch (const std::exception& error) {
    nested = nested_in(error);
  } catch (const std::nested_exception& outer) {
    nested = outer.nested_ptr();
  } catch (...) {
  }
  return false;
}

LATEPY_FUNC LATEPY_COLD bool translate_by_program() {
  for (std::shared_ptr<Translator> each = read_link(translators); each; each = read_link(each->next)) {
    const Object made = each->translate(*each);
    if (made.is_empty()) continue;
    set_raised(made);
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
  } catch (const std::system_error& error) {
    try {
      const Object made = os_error(error);
      if (made.is_empty())
        set_error(*a.RuntimeError, error.what());
      else
        set_raised(made);
    } catch (...) {
      set_error(*a.OSError, error.what());
    }
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
    set_error(*a.RuntimeError, "a C++ exception that is not a std::exception");
  }
}

/// Whether it is a MemoryError of CPython's own, without arguments: one of few that CPython keeps, and raises again, so
/// that it must carry nothing. \throws PythonError.
LATEPY_COLD inline bool is_kept_memory_error(const Object& exception) {
  return as_object(type_of(exception.ptr())) == *api().MemoryError && !get_attribute(exception, "args");
}

LATEPY_FUNC LATEPY_COLD void attach_original() {
  const Object exception = fetch_exception();
  try {
    if (is_kept_memory_error(exception)) return set_raised(exception);
    auto original = std::make_unique<std::exception_ptr>(std::current_exception());
    begin_crossing(*original);
    const Object capsule = steal_or_throw(api().Capsule_New(original.get(), original_attribute, [](PyObject* self) {
      const ErrorAside aside;  // the C++ exception's destructor runs
      delete static_cast<std::exception_ptr*>(api().Capsule_GetPointer(self, original_attribute));
    }));
    original.release();
    const Object carrier = get_item(kept_namespace("carrier", carrier_source), "CppException");
    set_attribute(exception, original_attribute, call_plain(carrier, {capsule}));
    process_state().carries_exceptions.store(true, std::memory_order_relaxed);
  } catch (...) {  // the Python exception is raised without the C++ exception
  }
  set_raised(exception);
}

LATEPY_FUNC LATEPY_COLD std::exception_ptr translate_one() noexcept {
  std::exception_ptr nested;
  try {
    if (translate_python_error(nested)) return nested;
    if (!translate_by_program()) translate_by_table();
    attach_original();
  } catch (...) {  // a translation threw, or the PythonError belongs to an interpreter that has ended
    try {
      if (translate_python_error(nested)) return nested;
    } catch (...) {
    }
    translate_by_table();
  }
  return nested;
}

/// Makes the nested exception the `__cause__` of Python's error that is set, and so on for what is nested in that.
LATEPY_COLD inline void attach_causes(std::exception_ptr nested) noexcept {
  ColdObject raised;
  try {
    raised = fetch_exception();
    for (Object outer = raised; nested;) {
      try {
        std::rethrow_exception(std::exchange(nested, nullptr));
      } catch (...) {
        nested = translate_one();
      }
      Object inner = fetch_exception();
      if (inner.same(outer) || is_kept_memory_error(outer)) break;
      if (!Object::steal(api().Exception_GetCause(outer.ptr())).is_empty()) break;
      set_attribute(outer, "__cause__", inner);
      outer = std::move(inner);
    }
  } catch (...) {  // the Python exception is raised without its causes
  }
  if (raised.is_empty())
    set_error(*api().MemoryError, "");
  else
    set_raised(raised);
}

LATEPY_FUNC LATEPY_COLD void translate_exception() noexcept {
  if (std::exception_ptr nested = translate_one()) attach_causes(std::move(nested));
}

LATEPY_FUNC LATEPY_COLD void add_translator(std::shared_ptr<Translator> made) {
  std::shared_ptr<Translator> replaced;  // destroyed after the lock is released: its destructor may call Python
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
