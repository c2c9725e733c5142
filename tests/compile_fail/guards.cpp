// Misuse of the guards that the compiler refuses.
#include <latepy/object.hpp>

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
#ifdef CASE_release_copied  // error: deleted
  py::GilRelease copy = release;
#endif
}
