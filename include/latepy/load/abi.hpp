// latepy/load/abi.hpp: the C structs and constants of CPython that no version from 3.9 to 3.15 changed.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/fwd.hpp>

#include <cstddef>
#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

using ssize = std::ptrdiff_t;  // Py_ssize_t (Include/pyport.h)

/// PyStatus (Include/cpython/initconfig.h 3.8), returned by value.
struct Status {
  enum Type : int { ok = 0, error = 1, exit = 2 } type;
  const char* func;
  const char* message;
  int exitcode;
};

/// PyPreConfig (Include/cpython/initconfig.h 3.8).
struct PreConfig {
  int config_init, parse_argv, isolated, use_environment, configure_locale, coerce_c_locale, coerce_c_locale_warn;
#if LATEPY_WINDOWS
  int legacy_windows_fs_encoding;
#endif
  int utf8_mode, dev_mode, allocator;
};

/// PyWideStringList (Include/cpython/initconfig.h 3.8).
struct WideStringList {
  ssize length;
  wchar_t** items;
};

/// PyInitConfig of 3.14 is opaque.
struct InitConfig;

/// PyCompilerFlags (Include/cpython/compile.h 3.8).
struct CompilerFlags {
  int flags;
  int feature_version;
};
inline constexpr int only_ast = 0x0400;       // PyCF_ONLY_AST
inline constexpr int source_is_utf8 = 0x0100; // PyCF_SOURCE_IS_UTF8
inline constexpr int ignore_cookie = 0x0800;  // PyCF_IGNORE_COOKIE
inline constexpr int file_input = 257;        // Py_file_input (Include/compile.h)
inline constexpr int eval_input = 258;        // Py_eval_input

/// PyMethodDef (Include/methodobject.h). Must outlive every function made from it.
struct MethodDef {
  const char* name;
  PyObject* (*function)(PyObject* self, PyObject* args);
  int flags;
  const char* doc;
};
inline constexpr int meth_noargs = 0x0004;    // METH_NOARGS
inline constexpr int meth_fastcall = 0x0080;  // METH_FASTCALL

/// PY_VECTORCALL_ARGUMENTS_OFFSET (PEP 590): the callee may use the slot before the first argument.
inline constexpr std::size_t vectorcall_offset = std::size_t(1) << (8 * sizeof(std::size_t) - 1);

/// Bits of tp_flags (Include/object.h), read by PyType_GetFlags.
inline constexpr unsigned long type_is_int = 1ul << 24;
inline constexpr unsigned long type_is_list = 1ul << 25;
inline constexpr unsigned long type_is_tuple = 1ul << 26;
inline constexpr unsigned long type_is_bytes = 1ul << 27;
inline constexpr unsigned long type_is_str = 1ul << 28;
inline constexpr unsigned long type_is_dict = 1ul << 29;
inline constexpr unsigned long type_is_exception = 1ul << 30;
inline constexpr unsigned long type_is_type = 1ul << 31;

/// PyDateTime_CAPI (Include/datetime.h), from the capsule datetime.datetime_CAPI of each interpreter.
struct DateTimeApi {
  PyTypeObject *date_type, *datetime_type, *time_type, *delta_type, *tzinfo_type;
  PyObject* utc;
  PyObject* (*date_from_date)(int, int, int, PyTypeObject*);
  PyObject* (*datetime_from_date_and_time)(int, int, int, int, int, int, int, PyObject*, PyTypeObject*);
  PyObject* (*time_from_time)(int, int, int, int, PyObject*, PyTypeObject*);
  PyObject* (*delta_from_delta)(int days, int seconds, int microseconds, int normalize, PyTypeObject*);
  PyObject* (*timezone_from_timezone)(PyObject* offset, PyObject* name);
  // five more, unused
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
