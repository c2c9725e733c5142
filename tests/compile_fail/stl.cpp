// Conversions that would dangle or lie, and that the compiler refuses.
#include <latepy/latepy.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/vector.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <map>

namespace py = latepy;

void use(const py::Object& o, py::Interpreter& python) {
  o.as<std::vector<std::string>>();

#ifdef CASE_views_in_a_vector  // error: point|view|keep
  o.as<std::vector<std::string_view>>();
#endif
#ifdef CASE_view_of_a_result  // error: point
  python.eval<std::string_view>("'abc'");
#endif
#ifdef CASE_element_without_a_converter  // error: no Converter<T>::from_py for this type
  o.as<std::vector<std::optional<volatile int*>>>();
#endif
#ifdef CASE_element_without_its_header  // error: has to #include <latepy/stl/pair.hpp>
  o.as<std::vector<std::optional<std::pair<int, int>>>>();
#endif
#ifdef CASE_map_without_its_header  // error: has to #include <latepy/stl/map.hpp>
  o.as<std::map<int, int>>();
#endif
#ifdef CASE_list_without_its_header  // error: has to #include <latepy/stl/list.hpp>
  o.attr("x") = std::list<int>();
#endif
#ifdef CASE_callback_without_its_header  // error: has to #include <latepy/stl/function.hpp>
  o.def("f", [](std::function<void()>) {});
#endif
#ifdef CASE_duration_without_its_header  // error: has to #include <latepy/stl/chrono.hpp>
  o.as<std::chrono::milliseconds>();
#endif
#ifdef CASE_vector_class_of_a_list  // error: V must be a std::vector; for a map there is bind_map
  py::bind_vector<std::list<int>>(o, "List");
#endif
#ifdef CASE_vector_class_of_bytes  // error: a vector of std::byte is bytes in Python
  py::bind_vector<std::vector<std::byte>>(o, "Bytes");
#endif
#ifdef CASE_vector_class_of_unique_ptrs  // error: these cannot be copied: use shared_ptrs
  struct Thing {};
  py::bind_vector<std::vector<std::unique_ptr<Thing>>>(o, "Things");
#endif
#ifdef CASE_map_class_of_a_vector  // error: M must be a std::map or std::unordered_map; for a vector there is
                                   // bind_vector
  py::bind_map<std::vector<int>>(o, "Map");
#endif
#ifdef CASE_map_class_without_its_header  // error: has to #include <latepy/stl/map.hpp>
  py::bind_map<std::map<int, int>>(o, "Map");
#endif
#ifdef CASE_visitor_of_what_holds_no_object  // error: x must be an Object, a Function, a std::function
  struct Thing {
    std::vector<int> numbers;
  };
  python.add_class<Thing>("Thing").visit([](Thing& thing, auto& visitor) { visitor(thing.numbers); });
#endif
#ifdef CASE_override_of_a_string_reference  // error: a reference that can be written to: keep it in a mutable member
  struct Shape {
    virtual ~Shape() = default;
    virtual std::string& name() = 0;
  };
  struct ScriptedShape : py::Trampoline<Shape> {
    std::string& name() override { return override_pure<std::string&>("name"); }
  };
  python.add_class<Shape, ScriptedShape>("Shape").init<>();
#endif
  (void)python;
}
