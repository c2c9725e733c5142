// Misuse of def() that the compiler refuses.
#include <latepy/host/class.hpp>
#include <latepy/memory/vectorize.hpp>

#include <memory>

namespace py = latepy;
using namespace py::literals;

struct Bound {
  void set(int) {}
  void set(double) {}
};

void use(const py::Object& place) {
  place.def(
      "f", [](int, double) {}, "x"_a, "y"_a = 2, "A text.");
  place.def(
      "f", [](py::Args, int, py::Kwargs) {}, "x"_a);
  place.def(
      "f", []() -> Bound* { return nullptr; }, py::return_reference);

  place.def("set", static_cast<void (Bound::*)(int)>(&Bound::set));

#ifdef CASE_one_of_several_functions  // error: OverloadedNeedsStaticCast
  place.def("set", &Bound::set);
#endif
#ifdef CASE_generic_lambda  // error: no auto, no overloads
  place.def("f", [](auto) {});
#endif
#ifdef CASE_changes_its_argument  // error: cannot change its caller's arguments
  place.def("f", [](int& x) { ++x; });
#endif
#ifdef CASE_method_without_object  // error: a method needs a first parameter: the object
  latepy::detail::make_overloads<Bound>("f", [] {});
#endif
#ifdef CASE_moves_from_its_argument  // error: cannot move from its caller's object
  place.def("f", [](Bound&&) {});
#endif
#ifdef CASE_gil_released_around_vectorize  // error: this callable makes Python objects
  place.def("f", py::vectorize([](double x) { return x; }), py::release_gil);
#endif
#ifdef CASE_owner_not_said  // error: who owns the object that this function returns
  place.def("f", []() -> Bound* { return nullptr; });
#endif
#ifdef CASE_names_missing  // error: name all parameters or none
  place.def(
      "f", [](int, int) {}, "x"_a);
#endif
#ifdef CASE_name_for_args  // error: name all parameters or none
  place.def(
      "f", [](py::Args) {}, "args"_a);
#endif
#ifdef CASE_nothing_named_behind_args  // error: at most one Args, only named parameters after it
  place.def("f", [](py::Args, int) {});
#endif
#ifdef CASE_kwargs_not_last  // error: Kwargs as the last parameter
  place.def(
      "f", [](py::Kwargs, int) {}, "x"_a);
#endif
#ifdef CASE_args_twice  // error: at most one Args
  place.def("f", [](py::Args, py::Args) {});
#endif
#ifdef CASE_no_extra  // error: def.. takes names
  place.def(
      "f", [](int) {}, 3);
#endif
#ifdef CASE_keep_alive_beyond_the_arguments  // error: 0 is the result, 1 the first argument
  place.def(
      "f", [](py::Object) {}, py::keep_alive<1, 2>());
#endif
#ifdef CASE_view_as_a_result  // error: a view would point into an object that is dropped
  py::Function<std::string_view()> view;
#endif
#ifdef CASE_pointer_of_a_temporary_buffer  // error: deleted
  py::Buffer<double>(place).data();
#endif
#ifdef CASE_span_of_a_temporary_buffer  // error: deleted
  py::Buffer<double>(place).span();
#endif
#ifdef CASE_python_object_as_a_function  // error: takes a C.. callable, not a Python object: assign the object
  place.def("f", place);
#endif
#ifdef CASE_proxy_as_a_function  // error: takes a C.. callable, not a Python object: assign the object
  place.def("f", place.attr("g"));
#endif
#ifdef CASE_proxy_in_an_overload_set  // error: takes a C.. callable, not a Python object: assign the object
  place.def("f", py::overload([] {}, place.attr("g")));
#endif
#ifdef CASE_proxy_with_extras  // error: takes a C.. callable, not a Python object: assign the object
  place.def("f", py::overload([] {}, py::with(place.attr("g"), "A text.")));
#endif
#ifdef CASE_proxy_vectorized  // error: takes a C.. callable, not a Python object: assign the object
  place.def("f", py::vectorize(place.attr("g")));
#endif
#ifdef CASE_proxy_as_a_property  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).property("f", place.attr("g"));
#endif
#ifdef CASE_proxy_as_a_setter  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).property(
      "f", [](Bound&) { return 1; }, place.attr("g"));
#endif
#ifdef CASE_proxy_as_a_constructor  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).init(place.attr("g"));
#endif
#ifdef CASE_proxy_that_gives_the_state  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).pickle(place.attr("g"), [](int) { return Bound(); });
#endif
#ifdef CASE_python_object_that_takes_the_state  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).pickle([](Bound&) { return 1; }, place);
#endif
#ifdef CASE_python_object_that_shows_memory  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).buffer(place);
#endif
#ifdef CASE_proxy_that_shows_objects  // error: takes a C.. callable, not a Python object: assign the object
  py::Class<Bound>(place).visit(place.attr("g"));
#endif
}
