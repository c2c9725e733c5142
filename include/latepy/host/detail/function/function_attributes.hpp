// latepy/host/detail/function/function_attributes.hpp: the data of function objects; __doc__, __signature__ and more.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/translate.hpp>
#include <latepy/host/detail/class/host_types.hpp>
#include <latepy/host/detail/function/signature_text.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The data of a function object, behind PyObject.
struct FunctionData {
  PyObject* (*vectorcall)(PyObject*, PyObject* const*, std::size_t, PyObject*);
  Overload* first;    ///< the first overload; owned
  std::size_t exact;  ///< a call with this many positional arguments and no named ones goes to `first` directly
  PyObject* dict;
  PyObject* weakrefs;
  bool (*delays_end)(PyObject*, void (*end)(PyObject*)) noexcept;  ///< see RunningCall; null on other builds
};
/// `exact` of a function whose arguments must always be bound.
inline constexpr std::size_t never_exact = static_cast<std::size_t>(-1);

/// A getter for GetSetDef whose C++ exceptions become Python's.
template <PyObject* (*Get)(PyObject*)>
PyObject* guarded(PyObject* self, void*) noexcept {
  try {
    return Get(self);
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}
/// __doc__: the doc string, or None. For several overloads: the signature and doc string of each.
PyObject* function_doc(PyObject* self);
/// __signatures__: a list of texts such as "(x: int) -> str", one for each overload.
PyObject* function_signatures(PyObject* self);
/// The attribute that keeps the result of python_signature().
inline constexpr char python_signature_name[] = "_latepy_signature";
/// A Python function with the same signature, compiled from its text. CPython computes __signature__ and
/// __annotations__ from it. It is kept as soon as all names in its annotations exist.
Object python_signature(PyObject* self);
/// __signature__: an inspect.Signature.
LATEPY_COLD inline PyObject* function_signature(PyObject* self) {
  return call_attribute(known_module("inspect"), "signature", {python_signature(self)}).release();
}
/// __annotations__: a dict.
LATEPY_COLD inline PyObject* function_annotations(PyObject* self) {
  return get_attribute(python_signature(self), "__annotations__").release();
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD PyObject* function_doc(PyObject* self) {
  const Overload* const first = data_of<FunctionData>(self).first;
  if (!first->next) return first->doc.empty() ? none().release() : to_py(first->doc).release();
  std::string text;
  for (const Overload* each = first; each; each = each->next.get())
    text += concat(
        {each == first ? "" : "\n\n", each->name, signature_text(*each), each->doc.empty() ? "" : "\n", each->doc});
  return to_py(text).release();
}

LATEPY_FUNC LATEPY_COLD PyObject* function_signatures(PyObject* self) {
  Object texts = steal_or_throw(api().List_New(0));
  for (const Overload* each = data_of<FunctionData>(self).first; each; each = each->next.get())
    check_result(api().List_Append(texts.ptr(), to_py(signature_text(*each)).ptr()));
  return texts.release();
}

LATEPY_FUNC LATEPY_COLD Object python_signature(PyObject* self) {
  const Overload* const first = data_of<FunctionData>(self).first;
  const Api& a = api();
  const Object kept = call_attribute(Ref(data_of<FunctionData>(self).dict), "get", {to_py(python_signature_name)});
  if (!kept.is_none()) return kept;
  const Object defaults = defaults_of(*first);
  // `f.__annotations__` in the text: CPython 3.14 looks up the names in annotations only when they are read.
  const std::string source =
      concat({"def f", first->next ? "(*args, **kwargs)" : signature_text(*first, &listed_default),
              ": ...\nf.__annotations__\n"});
  for (const bool by_text : {false, true}) {  // by_text: annotations stay text, if a name in them does not exist
    const Object names = steal_or_throw(a.Dict_New());
    set_item(names, "_defaults", defaults);
    set_item(names, "__builtins__", Ref(a.Eval_GetBuiltins()));
    const auto import = [&](const std::string& name) {
      const Object module = Object::steal(a.Import_ImportModule(name.c_str()));
      a.Err_Clear();
      if (!module.is_empty())
        set_item(names, std::string_view(name).substr(0, name.find('.')),
                 name.find('.') == std::string::npos ? module : known_module("collections"));
    };
    for (const char* usual : {"typing", "collections.abc", "datetime", "os", "pathlib", "types"}) import(usual);
    if (!by_text)
      for (const ClassRecord* each = current_interpreter().classes.load(std::memory_order_acquire); each;
           each = each->next)
        if (each->generation == current_generation()) {
          const std::string module = text_of(attribute_or_empty(each->type, "__module__").ptr());
          import(module.substr(0, module.find('.')));
        }
    CompilerFlags flags{source_is_utf8, 9};
    const std::string text = concat({by_text ? "from __future__ import annotations\n" : "", source});
    const Object code = steal_or_throw(a.CompileStringExFlags(text.c_str(), "<signature>", file_input, &flags, -1));
    const Object done = Object::steal(a.Eval_EvalCode(code.ptr(), names.ptr(), names.ptr()));
    if (done.is_empty() && !by_text) {
      a.Err_Clear();
      continue;
    }
    if (done.is_empty()) throw_python_error();
    Object made = get_item(names, "f");
    if (!by_text) set_item(Ref(data_of<FunctionData>(self).dict), python_signature_name, made);
    return made;
  }
  return Object();  // not reached
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
