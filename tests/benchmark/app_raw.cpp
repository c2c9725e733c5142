// tests/benchmark/app_raw.cpp: the 200-line program, by hand.
// SPDX-License-Identifier: MIT
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "app.hpp"

namespace {

struct Owned {
  PyObject* ptr = nullptr;
  Owned() = default;
  explicit Owned(PyObject* object) : ptr(object) {
    if (!ptr) throw std::runtime_error("Python failed");
  }
  Owned(const Owned&) = delete;
  ~Owned() { Py_XDECREF(ptr); }
  operator PyObject*() const { return ptr; }
};

std::string text(PyObject* object) {
  Py_ssize_t size;
  const char* data = PyUnicode_AsUTF8AndSize(object, &size);
  if (!data) throw std::runtime_error("no str");
  return {data, static_cast<std::size_t>(size)};
}
PyObject* to_py(const std::string& value) { return PyUnicode_FromStringAndSize(value.data(), static_cast<Py_ssize_t>(value.size())); }
PyObject* to_py(double value) { return PyFloat_FromDouble(value); }
template <class T>
PyObject* to_py(const std::vector<T>& values) {
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(values.size()));
  for (std::size_t i = 0; list && i < values.size(); ++i) PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), to_py(values[i]));
  return list;
}
bool doubles(PyObject* list, std::vector<double>& values) {
  if (!PyList_Check(list)) {
    PyErr_SetString(PyExc_TypeError, "a list is wanted");
    return false;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    values.push_back(PyFloat_AsDouble(PyList_GET_ITEM(list, i)));
    if (values.back() == -1.0 && PyErr_Occurred()) return false;
  }
  return true;
}

// host.Item
struct ItemObject {
  PyObject_HEAD
  app::Item* item;
  PyObject* owner;
};
PyTypeObject* item_type = nullptr;
app::Item& item(PyObject* self) { return *reinterpret_cast<ItemObject*>(self)->item; }
int item_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* names[] = {"name", "quantity", "price", nullptr};
  const char* name;
  int quantity = 0;
  double price = 0;
  if (!PyArg_ParseTupleAndKeywords(args, named, "s|id", const_cast<char**>(names), &name, &quantity, &price)) return -1;
  delete reinterpret_cast<ItemObject*>(self)->item;
  reinterpret_cast<ItemObject*>(self)->item = new app::Item{name, quantity, price};
  return 0;
}
void item_free(PyObject* self) {
  auto* object = reinterpret_cast<ItemObject*>(self);
  if (object->owner)
    Py_DECREF(object->owner);
  else
    delete object->item;
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}
PyObject* item_repr(PyObject* self) { return to_py("Item(" + item(self).name + ")"); }
PyObject* item_value(PyObject* self, PyObject*) { return to_py(item(self).value()); }
PyObject* get_name(PyObject* self, void*) { return to_py(item(self).name); }
int set_name(PyObject* self, PyObject* value, void*) {
  const char* name = value ? PyUnicode_AsUTF8(value) : nullptr;
  if (!name) return -1;
  item(self).name = name;
  return 0;
}
PyObject* get_quantity(PyObject* self, void*) { return PyLong_FromLong(item(self).quantity); }
int set_quantity(PyObject* self, PyObject* value, void*) {
  const long quantity = value ? PyLong_AsLong(value) : -1;
  if (quantity == -1 && PyErr_Occurred()) return -1;
  item(self).quantity = static_cast<int>(quantity);
  return 0;
}
PyObject* get_price(PyObject* self, void*) { return to_py(item(self).price); }
int set_price(PyObject* self, PyObject* value, void*) {
  const double price = value ? PyFloat_AsDouble(value) : -1;
  if (price == -1 && PyErr_Occurred()) return -1;
  item(self).price = price;
  return 0;
}
PyMethodDef item_methods[] = {{"value", item_value, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyGetSetDef item_fields[] = {{"name", get_name, set_name, nullptr, nullptr},
                             {"quantity", get_quantity, set_quantity, nullptr, nullptr},
                             {"price", get_price, set_price, nullptr, nullptr},
                             {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot item_slots[] = {{Py_tp_init, reinterpret_cast<void*>(item_init)}, {Py_tp_dealloc, reinterpret_cast<void*>(item_free)},
                            {Py_tp_repr, reinterpret_cast<void*>(item_repr)}, {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
                            {Py_tp_methods, item_methods}, {Py_tp_getset, item_fields}, {0, nullptr}};
PyType_Spec item_spec = {"host.Item", sizeof(ItemObject), 0, Py_TPFLAGS_DEFAULT, item_slots};

// host.Store
struct StoreObject {
  PyObject_HEAD
  app::Store* store;
};
app::Store& store(PyObject* self) { return *reinterpret_cast<StoreObject*>(self)->store; }
int store_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* names[] = {"title", nullptr};
  const char* title;
  if (!PyArg_ParseTupleAndKeywords(args, named, "s", const_cast<char**>(names), &title)) return -1;
  delete reinterpret_cast<StoreObject*>(self)->store;
  reinterpret_cast<StoreObject*>(self)->store = new app::Store(title);
  return 0;
}
void store_free(PyObject* self) {
  delete reinterpret_cast<StoreObject*>(self)->store;
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}
PyObject* store_add(PyObject* self, PyObject* argument) {
  if (!PyObject_TypeCheck(argument, item_type)) {
    PyErr_SetString(PyExc_TypeError, "an Item is wanted");
    return nullptr;
  }
  try {
    store(self).add(item(argument));
  } catch (const std::exception& error) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, error.what());
    return nullptr;
  }
  Py_RETURN_NONE;
}
PyObject* store_find(PyObject* self, PyObject* argument) {
  try {
    app::Item& found = store(self).find(text(argument));
    PyObject* object = PyType_GenericAlloc(item_type, 0);
    if (!object) return nullptr;
    reinterpret_cast<ItemObject*>(object)->item = &found;
    Py_INCREF(self);
    reinterpret_cast<ItemObject*>(object)->owner = self;
    return object;
  } catch (const std::out_of_range& error) {
    PyErr_SetString(PyExc_IndexError, error.what());
  } catch (const std::exception& error) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}
PyObject* store_value(PyObject* self, PyObject*) { return to_py(store(self).value()); }
PyObject* store_names(PyObject* self, PyObject*) { return to_py(store(self).names()); }
PyObject* store_quantities(PyObject* self, PyObject*) {
  PyObject* dict = PyDict_New();
  for (const auto& [name, quantity] : store(self).quantities()) {
    PyObject *key = to_py(name), *value = PyLong_FromLong(quantity);
    PyDict_SetItem(dict, key, value);
    Py_XDECREF(key);
    Py_XDECREF(value);
  }
  return dict;
}
Py_ssize_t store_size(PyObject* self) { return static_cast<Py_ssize_t>(store(self).size()); }
PyObject* store_on_change(PyObject* self, PyObject* callback) {
  Py_INCREF(callback);
  const std::shared_ptr<PyObject> kept(callback, [](PyObject* object) {
    const PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF(object);
    PyGILState_Release(state);
  });
  store(self).on_change = [kept](const std::string& name, int quantity) {
    const Owned result(PyObject_CallFunction(kept.get(), "si", name.c_str(), quantity));
  };
  Py_RETURN_NONE;
}
PyObject* get_title(PyObject* self, void*) { return to_py(store(self).title()); }
int set_title(PyObject* self, PyObject* value, void*) {
  const char* title = value ? PyUnicode_AsUTF8(value) : nullptr;
  if (!title) return -1;
  store(self).set_title(title);
  return 0;
}
PyMethodDef store_methods[] = {{"add", store_add, METH_O, "Puts an item into the store."},
                               {"find", store_find, METH_O, nullptr},
                               {"value", store_value, METH_NOARGS, nullptr},
                               {"names", store_names, METH_NOARGS, nullptr},
                               {"quantities", store_quantities, METH_NOARGS, nullptr},
                               {"on_change", store_on_change, METH_O, nullptr},
                               {nullptr, nullptr, 0, nullptr}};
PyGetSetDef store_fields[] = {{"title", get_title, set_title, nullptr, nullptr}, {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot store_slots[] = {{Py_tp_init, reinterpret_cast<void*>(store_init)}, {Py_tp_dealloc, reinterpret_cast<void*>(store_free)},
                             {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)}, {Py_mp_length, reinterpret_cast<void*>(store_size)},
                             {Py_tp_methods, store_methods}, {Py_tp_getset, store_fields}, {0, nullptr}};
PyType_Spec store_spec = {"host.Store", sizeof(StoreObject), 0, Py_TPFLAGS_DEFAULT, store_slots};

// The module.
app::Findings findings;
PyObject* host_smooth(PyObject*, PyObject* args, PyObject* named) {
  static const char* names[] = {"values", "width", nullptr};
  PyObject* list;
  int width = 3;
  if (!PyArg_ParseTupleAndKeywords(args, named, "O|i", const_cast<char**>(names), &list, &width)) return nullptr;
  std::vector<double> values;
  return doubles(list, values) ? to_py(app::smooth(values, width)) : nullptr;
}
PyObject* host_log(PyObject*, PyObject* args, PyObject* named) {
  static const char* names[] = {"line", "level", nullptr};
  const char* line;
  int level = 0;
  if (!PyArg_ParseTupleAndKeywords(args, named, "s|i", const_cast<char**>(names), &line, &level)) return nullptr;
  findings.line = line;
  findings.level = level;
  Py_RETURN_NONE;
}
PyCFunction with_names(PyObject* (*function)(PyObject*, PyObject*, PyObject*)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}
PyMethodDef host_functions[] = {{"smooth", with_names(host_smooth), METH_VARARGS | METH_KEYWORDS, "A running mean."},
                                {"log", with_names(host_log), METH_VARARGS | METH_KEYWORDS, nullptr},
                                {nullptr, nullptr, 0, nullptr}};
PyModuleDef host_def = {PyModuleDef_HEAD_INIT, "host", nullptr, -1, host_functions, nullptr, nullptr, nullptr, nullptr};
PyObject* make_host() {
  PyObject* host = PyModule_Create(&host_def);
  item_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&item_spec));
  if (!host || !item_type || PyModule_AddObject(host, "Item", reinterpret_cast<PyObject*>(item_type)) != 0 ||
      PyModule_AddObject(host, "Store", PyType_FromSpec(&store_spec)) != 0)
    return nullptr;
  return host;
}

double number(PyObject* object) {
  const Owned owned(object);
  const double value = PyFloat_AsDouble(owned);
  if (value == -1 && PyErr_Occurred()) throw std::runtime_error("no number");
  return value;
}

void call(PyObject* globals) {
  const auto get = [&](const char* name) { return PyDict_GetItemString(globals, name); };
  PyObject* const store_object = get("store");
  findings.total = number(PyObject_CallOneArg(get("total"), store_object));
  const Owned one(PyTuple_Pack(1, store_object)), discount(Py_BuildValue("{s:d}", "discount", 0.5));
  findings.discounted = number(PyObject_Call(get("total"), one, discount));
  const Owned module(PyImport_ImportModule("__main__")), values(to_py(std::vector<double>{1, 2, 3, 4}));
  findings.average = number(PyObject_CallMethod(module, "average", "O", values.ptr));
  findings.names = store(store_object).names();
  const Owned order_arguments(Py_BuildValue("(Ni)", to_py(findings.names), 10)), urgent(Py_BuildValue("{s:O}", "urgent", Py_True));
  const Owned ordered(PyObject_Call(get("order"), order_arguments, urgent));
  PyObject *key, *value;
  for (Py_ssize_t at = 0; PyDict_Next(ordered, &at, &key, &value);) findings.ordered[text(key)] = static_cast<int>(PyLong_AsLong(value));
  if (!doubles(get("smoothed"), findings.smoothed)) throw std::runtime_error("smoothed");
  findings.title = text(Owned(PyObject_GetAttrString(store_object, "title")));
  findings.missing = text(Owned(PyObject_CallOneArg(get("missing"), store_object)));
}

void plan(PyObject* globals) {
  const Owned steps(to_py(std::vector<std::string>{"hammer", "saw", "nail"}));
  const Owned plan(PyObject_CallOneArg(PyDict_GetItemString(globals, "Plan"), steps));
  while (PyObject* step = PyObject_CallMethod(plan, "advance", "i", 1)) findings.steps.push_back(text(Owned(step)));
  if (!PyErr_ExceptionMatches(PyExc_ValueError)) throw std::runtime_error("no ValueError");
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  findings.error = text(Owned(PyObject_Str(value)));
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  const Owned zero(PyLong_FromLong(0));
  if (PyObject_SetAttrString(plan, "done", zero) != 0) throw std::runtime_error("done");
}

void inspect(PyObject* globals) {
  const Owned changes(PyObject_GetIter(PyDict_GetItemString(globals, "changes")));
  while (PyObject* change = PyIter_Next(changes)) {
    ++findings.changes;
    findings.sum += static_cast<int>(number(PySequence_GetItem(change, 1)));
    Py_DECREF(change);
  }
  const Owned settings(PyRun_String("{'depth': 3, 'names': ['a', 'b'], 'ratio': 0.5}", Py_eval_input, globals, globals));
  PyObject* depth = PyDict_GetItemString(settings, "depth");
  if (depth && PyLong_AsLong(depth) != 3) throw std::runtime_error("depth");
  PyObject* names = PyDict_GetItemString(settings, "names");
  if (!names || text(Owned(PySequence_GetItem(names, 0))) != "a") throw std::runtime_error("names");
  if (PyObject_Size(names) != 2) throw std::runtime_error("length");
  const Owned ratio(to_py(0.75));
  if (PyDict_SetItemString(settings, "ratio", ratio) != 0) throw std::runtime_error("ratio");
  if (PyFloat_AsDouble(PyDict_GetItemString(settings, "ratio")) != 0.75) throw std::runtime_error("ratio");
  if (number(PyRun_String("len(store)", Py_eval_input, globals, globals)) != 3) throw std::runtime_error("store");
  const Owned saw(PyObject_CallMethod(PyDict_GetItemString(globals, "store"), "find", "s", "saw"));
  if (text(Owned(PyObject_Str(saw))) != "Item(saw)") throw std::runtime_error("str");
}

}  // namespace

int main() {
  PyImport_AppendInittab("host", make_host);
  Py_InitializeEx(0);
  try {
    PyObject* const globals = PyModule_GetDict(PyImport_AddModule("__main__"));
    const Owned done(PyRun_String(app::script, Py_file_input, globals, globals));
    call(globals);
    plan(globals);
    inspect(globals);
  } catch (const std::exception& error) {
    if (PyErr_Occurred()) PyErr_Print();
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return Py_FinalizeEx() == 0 ? app::finish(findings) : 1;
}
