// Misuse of view() that the compiler refuses.
#include <latepy/memory/return_tags.hpp>
#include <latepy/stl/struct.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>

namespace py = latepy;

struct Point {
  double x, y;
};
LATEPY_STRUCT(Point, x, y)
struct Named {
  std::string name;
};
LATEPY_STRUCT(Named, name)
struct Other {
  int x;
};

void use(std::vector<double>& numbers, std::shared_ptr<double> shared, const py::Object& owner) {
  py::view(numbers, owner);
  py::view(numbers, py::unowned);
  py::view(std::move(numbers));
  py::view(shared.get(), {1, 1}, shared);
  py::view(shared.get(), {1, 1}, {8, 8}, std::move(shared));
  std::array<Point, 3> points{};
  py::view(points.data(), points.size(), py::unowned);

#ifdef CASE_vector_without_owner  // error: nothing would keep the vector alive
  py::view(numbers);
#endif
#ifdef CASE_const_vector_without_owner  // error: nothing would keep the vector alive
  py::view(static_cast<const std::vector<double>&>(numbers));
#endif
#ifdef CASE_pointer_without_owner  // error: view
  py::view(numbers.data(), 3);
#endif
#ifdef CASE_owner_is_a_pointer  // error: a plain pointer owns nothing
  py::view(numbers.data(), 3, &numbers);
#endif
#ifdef CASE_owner_is_copied  // error: a copy of this owner would not own the memory
  py::view(numbers.data(), 3, numbers);
#endif
#ifdef CASE_vector_of_bool  // error: has no bools in memory
  py::view(std::vector<bool>(3));
#endif
#ifdef CASE_text  // error: char is text
  py::view(std::vector<char>(3));
#endif
#ifdef CASE_unknown_item  // error: the items must be numbers
  Other other{};
  py::view(&other, 1, py::unowned);
#endif
#ifdef CASE_struct_of_objects  // error: must be trivially copyable
  Named named{};
  py::view(&named, 1, py::unowned);
#endif
#ifdef CASE_shape_of_bool  // error: a shape has integers
  py::view(numbers.data(), {true}, py::unowned);
#endif
#ifdef CASE_return_view_without_owner  // error: who keeps the memory that this function returns
  owner.def(
      "f", [&]() -> std::vector<double>& { return numbers; }, py::return_view);
#endif
#ifdef CASE_return_view_of_a_number  // error: return a reference or pointer to a std::vector
  owner.def(
      "f", [] { return 1; }, py::return_view);
#endif
#ifdef CASE_return_view_of_a_shared_map  // error: remove the tag and give it a class
  owner.def(
      "f", [] { return std::make_shared<std::map<int, int>>(); }, py::return_view);
#endif
#ifdef CASE_return_array_of_a_number  // error: return_array: return a container of numbers
  owner.def(
      "f", [] { return 1; }, py::return_array);
#endif
#ifdef CASE_both_tags  // error: give one of latepy::return_array and latepy::return_view
  owner.def(
      "f", [] { return std::vector<double>(); }, py::return_array, py::return_view);
#endif
#ifdef CASE_view_of_nothing  // error: deleted
  py::View empty;
#endif
#ifdef CASE_array_of_no_shape  // error: private
  py::Array<double> empty;
#endif
#ifdef CASE_buffer_of_nothing  // error: private
  py::Buffer<double> empty;
#endif
#ifdef CASE_return_view_of_nothing  // error: a tag for the result of a function that returns nothing
  owner.def(
      "f", [] {}, py::return_view);
#endif
}
