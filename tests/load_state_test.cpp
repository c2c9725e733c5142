// Tests of latepy/load/state.hpp: the state of a library that has met no Python, and of what it then shares.
// SPDX-License-Identifier: MIT
#include <latepy/load/state.hpp>

#include "catch.hpp"

using namespace latepy::detail;

namespace {

PyInterpreterState* python(int number) {
  static char addresses[8];
  return reinterpret_cast<PyInterpreterState*>(addresses + number);
}

bool is_unpinned(const UserLibrary& library) {
  for (const UserLibrary* each = library_state.unpinned; each; each = each->next)
    if (each == &library) return true;
  return false;
}

}  // namespace

TEST_CASE("a library that has met no Python knows of no interpreter; the first that meets one makes the state") {
  // The first case of this program: what it makes stays.
  CHECK(&process_state() == &no_process_state);
  CHECK_FALSE(library_state.version.known());
  for (const std::uint32_t generation : {no_generation, 1u << slot_bits, check_each_use, empty_generation})
    CHECK(interpreter_of(generation) == nullptr);

  ProcessState& made = own_process_state();
  CHECK(&made != &no_process_state);
  CHECK(&process_state() == &made);
  CHECK(&own_process_state() == &made);  // and no second one
  CHECK(made.checked == library_state.checks);
  CHECK(library_state.checks == bool(LATEPY_CHECKS));
  for (const std::uint32_t generation : {no_generation, 1u << slot_bits, check_each_use, empty_generation})
    CHECK(interpreter_of(generation) == nullptr);
}

TEST_CASE("a generation leads to its interpreter, until that ends, and never to a later one in its slot") {
  ProcessState& process = own_process_state();
  InterpreterState& a = begin_interpreter(process, python(0), false);
  InterpreterState& b = begin_interpreter(process, python(1), false);
  const std::uint32_t of_a = a.generation, of_b = b.generation;
  CHECK(interpreter_of(of_a) == &a);
  CHECK(interpreter_of(of_b) == &b);
  CHECK(interpreter_of(of_a + slot_count) == nullptr);  // another use of the slot
  CHECK(interpreter_of(no_generation) == nullptr);
  CHECK(interpreter_of(check_each_use) == nullptr);
  CHECK(interpreter_of(empty_generation) == nullptr);
  end_interpreter(process, a);
  CHECK(interpreter_of(of_a) == nullptr);
  CHECK(interpreter_of(of_b) == &b);
  InterpreterState& later = begin_interpreter(process, python(2), false);
  CHECK(&later == &a);
  CHECK(interpreter_of(of_a) == nullptr);
  CHECK(interpreter_of(later.generation) == &later);
  end_interpreter(process, b);
  end_interpreter(process, later);
  CHECK(interpreter_of(no_generation) == nullptr);  // also now, when that is what free slots have
}

TEST_CASE("checks of a library are those of its process") {
  begin_library_checks();
  CHECK(library_state.checks);
  CHECK(own_process_state().checked);
  InterpreterState& state = begin_interpreter(own_process_state(), python(0), false);
  CHECK(process_state().fast_generation == check_each_use);
  end_interpreter(own_process_state(), state);
}

TEST_CASE("each library is counted, and stays loaded once Python may call it") {
  CHECK(is_unpinned(this_library));
  CHECK(library_state.libraries >= 1);
  const unsigned before = library_state.libraries;
  {
    const UserLibrary unloaded;  // closed before it had to do with Python
    CHECK(is_unpinned(unloaded));
    CHECK(library_state.libraries == before + 1);
  }
  CHECK(library_state.libraries == before + 1);  // those that were
  CHECK(is_unpinned(this_library));
  pin_libraries();
  CHECK_FALSE(is_unpinned(this_library));
  CHECK_FALSE(library_state.has_unpinned);
  pin_libraries();  // once more does nothing
}
