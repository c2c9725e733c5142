// Misuse of objects and proxies that the compiler refuses.
#include <latepy/object.hpp>

namespace py = latepy;

struct Unknown {};

void use(const py::Object& o) {
  int x = o.attr("x").as<int>();  // a proxy is read in the expression that makes it
  py::Object kept = o.attr("x");  // or kept as an Object
  std::string_view text = kept.as<std::string_view>();
  o.attr("x") = x;
  (void)text;

#ifdef CASE_proxy_kept_by_auto  // error: write latepy::Object instead of auto
  auto p = o.attr("x");
  p.as<int>();
#endif
#ifdef CASE_proxy_assigned_later  // error: discards qualifiers|no viable|lvalue|deleted
  auto p = o.attr("x");
  p = 3;
#endif
#ifdef CASE_proxy_copied  // error: deleted|private
  auto p = o["x"];
  auto q = p;
#endif
#ifdef CASE_proxy_called_later  // error: write latepy::Object instead of auto
  auto f = o.attr("f");
  f(1);
#endif
#ifdef CASE_attribute_of_a_proxy_kept_by_auto  // error: write latepy::Object instead of auto
  auto p = o["x"];
  p.attr("y").as<int>();
#endif
#ifdef CASE_method_of_a_proxy_kept_by_auto  // error: write latepy::Object instead of auto
  auto p = o["x"];
  p.call_method("f", 1, "a");
#endif
#ifdef CASE_lambda_where_there_are_no_functions  // error: #include <latepy/host/function.hpp>
  o([](int x) { return x; });
#endif
#ifdef CASE_view_of_a_temporary_object  // error: keep the Object in a variable
  o.call_method("f").as<std::string_view>();
#endif
#ifdef CASE_perhaps_a_view_of_a_temporary_object  // error: keep the Object in a variable
  o.call_method("f").try_as<std::string_view>();
#endif
#ifdef CASE_view_as_a_result  // error: keep the Object in a variable
  o.call<std::string_view>();
#endif
#ifdef CASE_view_in_a_result  // error: take an Object
  o.try_call<std::string_view>();
#endif
#ifdef CASE_view_of_a_proxy  // error: keep the Object in a variable
  o.attr("x").as<const char*>();
#endif
#ifdef CASE_object_from_a_value  // error: conversion from|no viable conversion
  py::Object five = 5;
#endif
#ifdef CASE_object_from_a_pointer  // error: conversion from|no viable conversion
  PyObject* raw = o.ptr();
  py::Object object = raw;
#endif
#ifdef CASE_unknown_type_from_python  // error: no Converter<T>::from_py for this type
  o.as<Unknown>();
#endif
#ifdef CASE_unknown_type_to_python  // error: no Converter<T>::to_py for this type
  o.attr("x") = Unknown{};
#endif
#ifdef CASE_wide_view  // error: convert to a std::basic_string
  kept.as<std::u16string_view>();
#endif
#ifdef CASE_proxy_copied_from_a_reference  // error: deleted|private
  const py::Proxy& p = o.attr("x");
  py::Proxy q = p;
#endif
#ifdef CASE_in_place_later  // error: discards qualifiers|no viable|lvalue|not viable
  auto p = o["x"];
  p += 1;
#endif
#ifdef CASE_object_as_a_number  // error: cannot convert|no viable conversion
  int number = o;
#endif
#ifdef CASE_object_as_a_bool_by_accident  // error: cannot convert|no viable conversion
  bool truth = o;
#endif
}
