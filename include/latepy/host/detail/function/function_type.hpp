// latepy/host/detail/function/function_type.hpp: latepy.function, the Python type of host functions, and its calls.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/free_threading.hpp>
#include <latepy/host/detail/function/bind_arguments.hpp>
#include <latepy/host/detail/function/function_attributes.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Called if no overload accepts the arguments. Sets a TypeError with the reason of each overload and returns null. For
/// an operator it returns NotImplemented.
PyObject* refuse_call(FunctionData& function, PyObject* const* arguments, std::size_t count, PyObject* names) noexcept;

/// Calls the first overload that accepts the arguments: of those whose parameters are the arguments' own types; then of
/// those of the same kind; then of all. The arguments are converted for one overload after the other.
PyObject* call_bound(FunctionData& function, PyObject* const* arguments, std::size_t count, PyObject* names) noexcept;

/// tp_new: a TypeError. The functions below are slots of the type too.
inline PyObject* function_new(PyTypeObject*, PyObject*, PyObject*) noexcept {
  set_error(*api().TypeError, "cannot create 'latepy.function' instances: only C++ creates them, by def()");
  return nullptr;
}
void function_dealloc(PyObject* self) noexcept;
/// Frees a function and everything that it owns.
void end_function(PyObject* self) noexcept;
int function_traverse(PyObject* self, Visit visit, void* argument) noexcept;
int function_clear(PyObject* self) noexcept;
inline PyObject* function_get(PyObject* self, PyObject* instance, PyObject*) noexcept {
  if (!instance || instance == api().NoneStruct) return Object::borrow(self).release();
  return api().Method_New(self, instance);
}
inline PyObject* function_repr(PyObject* self) noexcept try {
  const std::string module = text_of(attribute_or_empty(self, "__module__").ptr());
  const std::string name = text_of(attribute_or_empty(self, "__qualname__").ptr());
  return to_py(concat({"<host function ", module, module.empty() ? "" : ".", name, ">"})).release();
} catch (...) {
  translate_exception();
  return nullptr;
}
/// Pickles a function by its qualified name, as Python's functions are pickled.
inline PyObject* function_reduce(PyObject* self, PyObject*) noexcept {
  return api().Object_GetAttrString(self, "__qualname__");
}

/// The type of host functions; made at the first call. A function in a class is a method of it. Needs the GIL.
PyTypeObject* function_type();
/// Whether the object is a host function.
inline bool is_function(PyObject* object) noexcept {
  const HostTypes* const types = current_interpreter().host_types.load(std::memory_order_relaxed);
  return types && types->generation == current_generation() && types->function && is_exactly(object, types->function);
}

/// Makes a Python function, which owns the overloads. Needs the GIL.
Object new_function(std::unique_ptr<Overload> first, const std::string& qualified_name, const Object& module);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD PyObject* refuse_call(FunctionData& function, PyObject* const* arguments, std::size_t count,
                                              PyObject* names) noexcept try {
  Overload& first = *function.first;
  try {
    if (first.is_operator) {
      if (count > 0) first.parameters[0].type->explain(arguments[0]);  // throws if `self` has no C++ object
      return Object::borrow(api().NotImplementedStruct).release();
    }
    const std::string call = show_call(first, arguments, count, names);
    std::string text;
    if (!first.next) {
      const std::string why = why_not(first, arguments, count, names);  // may throw what the code of an argument raises
      text = concat({shown_signature(first), ": ", why, ". It was called as ", call});
    } else {
      text = concat({"no signature of ", first.shown_name, " takes ", call});
      for (Overload* each = &first; each; each = each->next.get())
        text += concat({"\n  ", shown_signature(*each), ": ", why_not(*each, arguments, count, names)});
    }
    set_error(*api().TypeError, text);
  } catch (const ConversionError& error) {
    set_error(*api().TypeError, concat({first.shown_name, "(): ", error.what()}));
  }
  return nullptr;
} catch (...) {
  translate_exception();
  return nullptr;
}

/// How near an overload is to its arguments: as its farthest parameter. `self`, defaults and Kwargs do not count, and
/// parameters that take objects as they are only if there are no others.
LATEPY_COLD inline Fit overload_fit(const Overload& overload, PyObject* const* values) noexcept {
  Fit fit = Fit::own;
  bool counts = false, takes_all = false;
  for (std::size_t i = overload.is_method ? 1 : 0; i < overload.parameters.size() && fit != Fit::other; ++i) {
    const Parameter& parameter = overload.parameters[i];
    if (parameter.kind == ParameterKind::kwargs || values[i] == parameter.default_value.ptr()) continue;
    if (!parameter.type->fit) {
      takes_all = true;
      continue;
    }
    const Fit of_argument = parameter.type->fit(values[i]);
    if (of_argument < fit) fit = of_argument;
    counts = true;
  }
  return takes_all && !counts ? Fit::other : fit;
}

LATEPY_FUNC LATEPY_COLD PyObject* call_bound(FunctionData& function, PyObject* const* arguments, std::size_t count,
                                             PyObject* names) noexcept {
  try {
    const bool is_only = !function.first->next;
    std::uint64_t kin = 0, other = 0;  // the overloads that are as near, as bits
    for (const Fit fit : {Fit::own, Fit::kin, Fit::other}) {
      std::uint64_t bit = 1;  // 0 from the 65th overload on, which are asked in each round
      for (Overload* each = function.first; each; each = each->next.get(), bit <<= 1) {
        const bool is_asked = fit != Fit::own && bit != 0;
        if (is_asked && !((fit == Fit::kin ? kin : other) & bit)) continue;
        BoundArguments bound(each->parameters.size());
        if (!bind_arguments(*each, arguments, count, names, bound, nullptr)) continue;
        if (!is_only && !is_asked) {
          const Fit of_it = overload_fit(*each, bound.values());
          if (of_it != Fit::own) (of_it == Fit::kin ? kin : other) |= bit;
          if (of_it != fit) continue;
        }
        std::size_t failed = 0;
        PyObject* const result = each->invoke(*each, bound.values(), failed);
        if (result || failed == 0) return result;
      }
      if (is_only) break;
    }
  } catch (...) {
    translate_exception();
    return nullptr;
  }
  return refuse_call(function, arguments, count, names);
}

/// Whether the function belongs to another interpreter than the one that calls it; RuntimeError is set then.
LATEPY_COLD inline bool is_foreign(PyObject* self) noexcept {
  const HostTypes* const types = current_interpreter().host_types.load();
  const bool is_known = types && types->generation == current_generation();
  if (is_known && (!types->function || head_type(self) == types->function)) return false;  // null: it is ending
  api().Err_SetString(*api().RuntimeError,
                      "a host function of another Python interpreter was called: define it in this one");
  return true;
}

/// function_entry() after the look at the stack.
template <class Hold>
LATEPY_FORCE_INLINE PyObject* function_call(PyObject* self, PyObject* const* arguments, std::size_t flagged,
                                            PyObject* names) noexcept {
  FunctionData& function = data_of<FunctionData>(self);
  const std::size_t count = flagged & ~vectorcall_offset;
  const Hold hold(self);
  PyObject* result = nullptr;
  if (LATEPY_LIKELY(count == function.exact && !names)) {
    std::size_t failed = 0;
    result = function.first->invoke(*function.first, arguments, failed);
    if (LATEPY_UNLIKELY(failed != 0)) result = refuse_call(function, arguments, count, names);
  } else {
    result = call_bound(function, arguments, count, names);
  }
  return result;
}

/// function_entry() deep in the stack.
template <class Hold>
LATEPY_COLD inline PyObject* function_deep(PyObject* self, PyObject* const* arguments, std::size_t flagged,
                                           PyObject* names) noexcept {
  const StackScope stack;
  return stack.is_refused() ? nullptr : function_call<Hold>(self, arguments, flagged, names);
}

template <class Hold>
PyObject* function_entry(PyObject* self, PyObject* const* arguments, std::size_t flagged, PyObject* names) noexcept {
  if (LATEPY_UNLIKELY(!process_state().only.load(std::memory_order_relaxed)) && is_foreign(self)) return nullptr;
  return is_stack_low() ? function_deep<Hold>(self, arguments, flagged, names)
                        : function_call<Hold>(self, arguments, flagged, names);
}

/// Ends a function that has no reference and no weak reference.
LATEPY_COLD inline void end_uncounted(PyObject* self) {
  const ErrorAside aside;  // destructors of captured objects run
  end_in_turn<FunctionData>(self, [](PyObject* each) { end_function(each); });
}

LATEPY_FUNC void function_dealloc(PyObject* self) noexcept {
  api().Object_GC_UnTrack(self);
  const ErrorAside aside;
  const FunctionData& function = data_of<FunctionData>(self);
  if (function.weakrefs) api().Object_ClearWeakRefs(self);
  if (!function.delays_end || !function.delays_end(self, &end_uncounted)) end_uncounted(self);
}

LATEPY_FUNC void end_function(PyObject* self) noexcept {
  FunctionData& function = data_of<FunctionData>(self);
  if (function.dict) decref(function.dict);
  while (Overload* const each = function.first) {
    function.first = each->next.release();
    try {
      delete each;
    } catch (...) {
      translate_exception();
      api().Err_WriteUnraisable(as_object(head_type(self)));
    }
  }
  free_object(self);
}

LATEPY_FUNC int function_traverse(PyObject* self, Visit visit, void* argument) noexcept {
  const FunctionData& function = data_of<FunctionData>(self);
  if (const int result = visit(as_object(head_type(self)), argument)) return result;
  if (function.dict)
    if (const int result = visit(function.dict, argument)) return result;
  for (const Overload* each = function.first; each; each = each->next.get())
    for (const Parameter& parameter : each->parameters)
      if (PyObject* const value = parameter.default_value.ptr())
        if (const int result = visit(value, argument)) return result;
  return 0;
}

LATEPY_FUNC int function_clear(PyObject* self) noexcept {
  FunctionData& function = data_of<FunctionData>(self);
  if (PyObject* const dict = std::exchange(function.dict, nullptr)) decref(dict);
  for (Overload* each = function.first; each; each = each->next.get())
    for (Parameter& parameter : each->parameters) parameter.default_value = Object();
  return 0;
}

LATEPY_FUNC PyTypeObject* function_type() {
  HostTypes& types = host_types();
  if (LATEPY_LIKELY(types.function != nullptr)) return types.function;
  const auto at = [&](std::size_t offset) { return static_cast<ssize>(head() + offset); };
  MemberDef members[] = {
      {"__vectorcalloffset__", member_ssize, at(offsetof(FunctionData, vectorcall)), member_readonly, nullptr},
      {"__dictoffset__", member_ssize, at(offsetof(FunctionData, dict)), member_readonly, nullptr},
      {"__weaklistoffset__", member_ssize, at(offsetof(FunctionData, weakrefs)), member_readonly, nullptr},
      {}};
  static GetSetDef attributes[] = {
      {"__doc__", &guarded<&function_doc>, nullptr, nullptr, nullptr},
      {"__dict__", api().Object_GenericGetDict, api().Object_GenericSetDict, nullptr, nullptr},
      {"__signature__", &guarded<&function_signature>, nullptr, nullptr, nullptr},
      {"__signatures__", &guarded<&function_signatures>, nullptr, nullptr, nullptr},
      {"__annotations__", &guarded<&function_annotations>, nullptr, nullptr, nullptr},
      {}};
  static MethodDef methods[] = {{"__reduce__", &function_reduce, meth_noargs, nullptr}, {}};
  TypeSlot type_slots[] = {{tp_call, slot_value(api().Vectorcall_Call.pointer())},
                           {tp_new, slot_value(&function_new)},
                           {tp_dealloc, slot_value(&function_dealloc)},
                           {tp_traverse, slot_value(&function_traverse)},
                           {tp_clear, slot_value(&function_clear)},
                           {tp_descr_get, slot_value(&function_get)},
                           {tp_repr, slot_value(&function_repr)},
                           {tp_methods, methods},
                           {tp_members, members},
                           {tp_getset, attributes},
                           {0, nullptr}};
  // From 3.11 on, CPython caches the lookup of a method only if the type of the method is immutable
  // (analyze_descriptor, Python/specialize.c).
  const unsigned immutable = library_state.version.minor >= 10 ? type_is_immutable : 0;
  Object made = make_type("latepy.function", sizeof(FunctionData),
                          type_has_vectorcall | type_is_method_descriptor | immutable, type_slots);
  return types.function = reinterpret_cast<PyTypeObject*>(made.release());
}

LATEPY_FUNC LATEPY_COLD Object new_function(std::unique_ptr<Overload> first, const std::string& qualified_name,
                                            const Object& module) {
  pin_libraries();
  const std::size_t dot = qualified_name.rfind('.');
  for (Overload* each = first.get(); each; each = each->next.get())
    each->shown_name =
        each->name == "__init__" && dot != std::string::npos ? qualified_name.substr(0, dot) : qualified_name;
  Object made = steal_or_throw(api().Type_GenericAlloc(function_type(), 0));
  FunctionData& function = data_of<FunctionData>(made.ptr());
  // The vectorcall function of the type. Exceptions become Python's here, so none leaves through frames of CPython.
  function.vectorcall = library_state.free_threaded ? &function_entry<RunningCall> : &function_entry<CountedCall>;
  if (library_state.free_threaded) function.delays_end = &RunningCall::delays_end;
  function.exact = first->next ? never_exact : first->parameters.size();
  for (const Parameter& parameter : first->parameters)
    if (parameter.kind > ParameterKind::usual) function.exact = never_exact;
  Object dict = steal_or_throw(api().Dict_New());
  set_item(dict, "__name__", to_py(first->name));
  set_item(dict, "__qualname__", to_py(qualified_name));
  set_item(dict, "__module__", module.is_empty() ? none() : module);
  function.dict = dict.release();
  function.first = first.release();
  return made;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
