// Conversions that would dangle or lie, and that the compiler refuses.
#include <latepy/latepy.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/vector.hpp>

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
  o.as<std::vector<std::optional<std::pair<int, int>>>>();
#endif
  (void)python;
}
