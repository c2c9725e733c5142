// latepy/load/abi.hpp: C structs and constants of CPython that are the same in all versions from 3.9 to 3.15.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>
#include <latepy/fwd.hpp>

#include <cstddef>
#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

using ssize = std::ptrdiff_t;  // Py_ssize_t (Include/pyport.h)

/// PyStatus (Include/cpython/initconfig.h 3.8), returned by value.
struct InitStatus {
  enum Type : int { ok = 0, error = 1, exit = 2 } type;
  const char* func;
  const char* message;
  int exitcode;
};

/// PyInterpreterConfig (Include/cpython/pylifecycle.h 3.12). \c gil: 1 shared with the main interpreter, 2 its own.
struct InterpreterConfig {
  int use_main_obmalloc, allow_fork, allow_exec, allow_threads, allow_daemon_threads, check_multi_interp_extensions,
      gil;
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

/// PyInitConfig of 3.14: an opaque type.
struct InitConfig;
/// PyInterpreterView and PyInterpreterGuard of 3.15 (PEP 788): opaque types.
struct InterpreterView;
struct InterpreterHold;

/// PyMemAllocatorEx (Include/cpython/pymem.h). The functions of the raw domain are called with and without the GIL.
struct BlockAllocator {
  void* context;
  void* (*allocate)(void* context, std::size_t size);
  void* (*allocate_zeros)(void* context, std::size_t count, std::size_t size);
  void* (*resize)(void* context, void* block, std::size_t size);
  void (*release)(void* context, void* block);
};
/// PyMemAllocatorDomain.
enum MemoryDomain : int { raw_memory = 0, plain_memory = 1, object_memory = 2 };
/// PyObjectArenaAllocator (Include/cpython/objimpl.h).
struct ArenaAllocator {
  void* context;
  void* (*allocate)(void* context, std::size_t size);
  void (*release)(void* context, void* arena, std::size_t size);
};

/// PyCompilerFlags (Include/cpython/compile.h 3.8).
struct CompilerFlags {
  int flags;
  int feature_version;
};
inline constexpr int only_ast = 0x0400;        // PyCF_ONLY_AST
inline constexpr int source_is_utf8 = 0x0100;  // PyCF_SOURCE_IS_UTF8
inline constexpr int ignore_cookie = 0x0800;   // PyCF_IGNORE_COOKIE
inline constexpr int file_input = 257;         // Py_file_input (Include/compile.h)
inline constexpr int eval_input = 258;         // Py_eval_input

/// PyCriticalSection (Include/cpython/critical_section.h). In 3.13 it has two words; here is room for two more.
using CriticalSection = std::uintptr_t[4];

/// vectorcallfunc (Include/cpython/object.h).
using Vectorcall = PyObject* (*)(PyObject* callable, PyObject* const* arguments, std::size_t flagged, PyObject* names);

/// PyMethodDef (Include/methodobject.h). It must outlive each Python function that is made from it.
struct MethodDef {
  const char* name;
  PyObject* (*function)(PyObject* self, PyObject* args);
  int flags;
  const char* doc;
};
inline constexpr int meth_varargs = 0x0001;   // METH_VARARGS
inline constexpr int meth_keywords = 0x0002;  // METH_KEYWORDS, with METH_VARARGS
inline constexpr int meth_noargs = 0x0004;    // METH_NOARGS
inline constexpr int meth_o = 0x0008;         // METH_O

/// PyType_Slot and PyType_Spec (Include/object.h). Before 3.11 the type keeps the pointer `name`, so the text must
/// outlive the type.
struct TypeSlot {
  int slot;
  void* value;
};
struct TypeSpec {
  const char* name;
  int basicsize, itemsize;
  unsigned flags;
  TypeSlot* type_slots;
};
/// PyMemberDef (Include/structmember.h) and PyGetSetDef (Include/descrobject.h).
struct MemberDef {
  const char* name;
  int type;
  ssize offset;
  int flags;
  const char* doc;
};
inline constexpr int member_ssize = 19, member_readonly = 1;  // T_PYSSIZET, READONLY
struct GetSetDef {
  const char* name;
  PyObject* (*get)(PyObject*, void*);
  int (*set)(PyObject*, PyObject*, void*);
  const char* doc;
  void* closure;
};
/// The values of TypeSlot::slot (Include/typeslots.h). 3.15 has new numbers for the first four, and still accepts
/// these.
enum SlotId : int {
  bf_getbuffer = 1,
  bf_releasebuffer = 2,
  mp_ass_subscript = 3,
  mp_length = 4,
  mp_subscript = 5,
  sq_item = 44,
  sq_length = 45,
  tp_call = 50,
  tp_clear = 51,
  tp_dealloc = 52,
  tp_descr_get = 54,
  tp_doc = 56,
  tp_hash = 59,
  tp_init = 60,
  tp_iter = 62,
  tp_iternext = 63,
  tp_methods = 64,
  tp_new = 65,
  tp_repr = 66,
  tp_richcompare = 67,
  tp_traverse = 71,
  tp_members = 72,
  tp_getset = 73,
};
using Visit = int (*)(PyObject*, void*);  // visitproc

/// Py_buffer (Include/pybuffer.h from 3.11 on, Include/cpython/object.h before).
struct BufferView {
  void* buf;
  PyObject* obj;
  ssize len, itemsize;
  int readonly, ndim;
  char* format;
  ssize *shape, *strides, *suboffsets;
  void* internal;
};
/// The flags by which a consumer asks for a buffer. The last three are PyBUF_C_CONTIGUOUS, PyBUF_F_CONTIGUOUS and
/// PyBUF_ANY_CONTIGUOUS without the bits of PyBUF_STRIDES.
inline constexpr int buffer_writable = 0x0001, buffer_format = 0x0004, buffer_nd = 0x0008,
                     buffer_strides = 0x0010 | buffer_nd, buffer_rows = 0x0020, buffer_columns = 0x0040,
                     buffer_either = 0x0080;

/// PY_VECTORCALL_ARGUMENTS_OFFSET (PEP 590). The callee may overwrite the array element before the first argument.
inline constexpr std::size_t vectorcall_offset = std::size_t(1) << (8 * sizeof(std::size_t) - 1);

/// Bits of tp_flags (Include/object.h), which PyType_GetFlags() returns.
inline constexpr unsigned type_is_immutable = 1u << 8;           // Py_TPFLAGS_IMMUTABLETYPE, from 3.10
inline constexpr unsigned type_is_heap = 1u << 9;                // Py_TPFLAGS_HEAPTYPE
inline constexpr unsigned type_is_base = 1u << 10;               // Py_TPFLAGS_BASETYPE
inline constexpr unsigned type_has_vectorcall = 1u << 11;        // Py_TPFLAGS_HAVE_VECTORCALL
inline constexpr unsigned type_has_gc = 1u << 14;                // Py_TPFLAGS_HAVE_GC
inline constexpr unsigned type_is_method_descriptor = 1u << 17;  // Py_TPFLAGS_METHOD_DESCRIPTOR
inline constexpr unsigned long type_is_abstract = 1ul << 20;     // Py_TPFLAGS_IS_ABSTRACT
inline constexpr unsigned long type_is_int = 1ul << 24;
inline constexpr unsigned long type_is_list = 1ul << 25;
inline constexpr unsigned long type_is_tuple = 1ul << 26;
inline constexpr unsigned long type_is_bytes = 1ul << 27;
inline constexpr unsigned long type_is_str = 1ul << 28;
inline constexpr unsigned long type_is_dict = 1ul << 29;
inline constexpr unsigned long type_is_exception = 1ul << 30;
inline constexpr unsigned long type_is_type = 1ul << 31;

/// PyDateTime_CAPI (Include/datetime.h). Each interpreter has one, in the capsule datetime.datetime_CAPI.
struct DateTimeApi {
  PyTypeObject *date_type, *datetime_type, *time_type, *delta_type, *tzinfo_type;
  PyObject* utc;
  PyObject* (*date_from_date)(int, int, int, PyTypeObject*);
  PyObject* (*datetime_from_date_and_time)(int, int, int, int, int, int, int, PyObject*, PyTypeObject*);
  PyObject* (*time_from_time)(int, int, int, int, PyObject*, PyTypeObject*);
  PyObject* (*delta_from_delta)(int days, int seconds, int microseconds, int normalize, PyTypeObject*);
  PyObject* (*timezone_from_timezone)(PyObject* offset, PyObject* name);
  // CPython has five more members, which latepy does not use
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
