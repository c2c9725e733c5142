// Misuse of the guards that the compiler refuses.
#include <latepy/object.hpp>
#include <latepy/run/limits.hpp>

namespace py = latepy;

void use() {
  py::GilGuard guard;
  py::GilRelease release;

#ifdef CASE_guard_copied  // error: deleted|implicitly-deleted
  py::GilGuard copy = guard;
#endif
#ifdef CASE_guard_assigned  // error: deleted
  guard = py::GilGuard();
#endif
#ifdef CASE_deadline_without_a_unit  // error: say the unit: Deadline.std::chrono::milliseconds.500
  py::Deadline limit(500);
#endif
#ifdef CASE_release_copied  // error: deleted
  py::GilRelease copy = release;
#endif
}
