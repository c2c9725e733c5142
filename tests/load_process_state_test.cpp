// Tests of latepy/load/process_state.hpp: how interpreters get slots and generations. No Python takes part.
// SPDX-License-Identifier: MIT
#include <latepy/load/process_state.hpp>

#include "catch.hpp"
#include "sanitizers.hpp"

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <set>
#include <vector>

using namespace latepy::detail;

namespace {

/// A new one, which is kept: such states are never freed.
ProcessState& new_process() {
  static auto& made = *new std::vector<ProcessState*>();  // it outlives the search for leaks at the end
  made.push_back(&new_process_state());
  return *made.back();
}

/// What stands for CPython's interpreters, of which nothing but the address counts.
PyInterpreterState* python(std::size_t number = 0) {
  static char addresses[2 * slot_count];
  return reinterpret_cast<PyInterpreterState*>(addresses + number);
}

/// One that is not the main interpreter.
InterpreterState& begin(ProcessState& process, std::size_t number = 0) {
  return begin_interpreter(process, python(number), false);
}

std::vector<InterpreterState*> living(const ProcessState& process) {
  std::vector<InterpreterState*> all;
  find_interpreter(process, [&](InterpreterState& each) {
    all.push_back(&each);
    return false;
  });
  return all;
}

/// Every slot is taken. Slot 0 is nobody's: no_generation would be in it.
constexpr std::size_t all_slots = slot_count - 1;
std::vector<InterpreterState*> begin_all(ProcessState& process) {
  std::vector<InterpreterState*> all;
  for (std::size_t i = 0; i < all_slots; ++i) all.push_back(&begin(process, i));
  return all;
}

constexpr std::uint32_t use_of(std::uint32_t generation) { return generation >> slot_bits; }

}  // namespace

static_assert(slot_of(5u << slot_bits | 7u) == 7);
// No use of any slot gives a value that stands for something else.
static_assert((last_use << slot_bits | (slot_count - 1)) < check_each_use && check_each_use < empty_generation);
static_assert((1u << slot_bits) > no_generation);

#if defined(__linux__)
namespace {

/// Whether the function throws std::bad_alloc in a process that has no memory in pieces of this size.
template <class F>
bool fails_without_memory(std::size_t piece, F&& function) {
  const pid_t child = fork();
  if (child == 0) {
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    const rlimit none{1, before.rlim_max};
    setrlimit(RLIMIT_AS, &none);
    void* volatile taken = nullptr;  // volatile: the compiler may leave out a calloc() whose result is not used
    for (std::size_t size = std::size_t{1} << 24; size >= piece; size /= 2) {
      do {
        taken = std::calloc(1, size);
      } while (taken);
    }
    int status = 1;
    try {
      function();
    } catch (const std::bad_alloc&) {
      status = 0;
    }
    setrlimit(RLIMIT_AS, &before);
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("without memory there is no state of a process or of an interpreter, and what there was stays") {
  if (under_address_sanitizer || under_thread_sanitizer) SKIP("a sanitizer ends a process in which it has no memory");
  CHECK(fails_without_memory(16, [] { new_process_state(); }));
  ProcessState& process = new_process();
  for (const std::size_t piece : {std::size_t{16}, interned_slots * sizeof(InternedName) / 2})
    CHECK(fails_without_memory(piece, [&] {
      try {
        begin(process);
      } catch (const std::bad_alloc&) {
        if (living(process).empty() && process.entered == process.none) throw;
      }
    }));
}
#endif

TEST_CASE("a process without an interpreter has no generation, no only interpreter and none that is entered") {
  const ProcessState& process = new_process();
  CHECK(process.fast_generation == check_each_use);
  CHECK(process.only == process.none);
  CHECK(process.entered == process.none);
  CHECK(process.fast_names == no_interned_names);
  CHECK(process.first_use < last_use);
  CHECK(living(process).empty());
  CHECK(living(no_process_state).empty());  // nor has one that met no Python
}

TEST_CASE("one interpreter is the only one, and handles are compared with its generation") {
  ProcessState& process = new_process();
  const std::uint32_t stamp = process.classes_stamp;
  InterpreterState& state = begin(process);
  CHECK(state.interpreter == python());
  CHECK(state.generation != no_generation);
  CHECK(process.interpreters[slot_of(state.generation)] == &state);
  CHECK(process.fast_generation == state.generation);
  CHECK(process.fast_names == state.names);
  CHECK(process.only == &state);
  CHECK(process.entered == &state);
  CHECK(process.classes_stamp != stamp);
  CHECK(living(process) == std::vector<InterpreterState*>{&state});
  SECTION("until it ends") {
    const std::uint32_t stamp_of_one = process.classes_stamp;
    end_interpreter(process, state);
    CHECK(state.generation == no_generation);
    CHECK(process.fast_generation == check_each_use);
    CHECK(process.fast_names == no_interned_names);
    CHECK(process.only == process.none);
    CHECK(process.entered == process.none);
    CHECK(process.classes_stamp != stamp_of_one);
    CHECK(living(process).empty());
  }
  SECTION("unless some library has checks, which look at each use") {
    begin_checks(process);
    CHECK(process.checked);
    CHECK(process.fast_generation == check_each_use);
    CHECK(process.only == &state);
    CHECK(process.fast_names == state.names);
    end_interpreter(process, state);
    CHECK(process.fast_generation == check_each_use);
    CHECK(begin(process).generation != no_generation);
    CHECK(process.fast_generation == check_each_use);
  }
}

TEST_CASE("checks that begin before any Python was met leave the state of none alone") {
  begin_checks(no_process_state);
  CHECK_FALSE(no_process_state.checked);
  CHECK(no_process_state.fast_generation == check_each_use);
}

TEST_CASE("while there are two interpreters none is the only one, and each use is checked") {
  ProcessState& process = new_process();
  InterpreterState& a = begin(process, 0);
  InterpreterState& b = begin(process, 1);
  CHECK(&a != &b);
  CHECK(a.generation != b.generation);
  CHECK(a.names != b.names);
  CHECK(process.fast_generation == check_each_use);
  CHECK(process.fast_names == no_interned_names);
  CHECK(process.only == nullptr);
  CHECK(process.entered == &a);
  CHECK(living(process) == std::vector<InterpreterState*>{&a, &b});
  SECTION("when the second ends the first is the only one again") {
    end_interpreter(process, b);
    CHECK(process.fast_generation == a.generation);
    CHECK(process.fast_names == a.names);
    CHECK(process.only == &a);
    CHECK(process.entered == &a);
  }
  SECTION("when the first ends the second takes its place") {
    end_interpreter(process, a);
    CHECK(process.fast_generation == b.generation);
    CHECK(process.fast_names == b.names);
    CHECK(process.only == &b);
    CHECK(process.entered == &b);
  }
  SECTION("the main one is entered, whichever began first") {
    InterpreterState& main = begin_interpreter(process, python(2), true);
    CHECK(process.entered == &main);
    end_interpreter(process, a);
    CHECK(process.entered == &main);
    end_interpreter(process, main);
    CHECK(process.entered == &b);
  }
  SECTION("a foreign one is known once, entered by nobody, and may be taken over") {
    bool is_new = false;
    InterpreterState& foreign = begin_foreign_interpreter(process, python(2), 3, is_new);
    CHECK(is_new);
    CHECK((foreign.is_foreign && foreign.stopping == 3 && process.entered == &a));
    CHECK(&begin_foreign_interpreter(process, python(2), 3, is_new) == &foreign);
    CHECK(!is_new);
    CHECK(&begin_foreign_interpreter(process, python(0), 3, is_new) == &a);
    CHECK((!is_new && !a.is_foreign && a.stopping == 0));
    foreign.is_unfinished = true;
    const std::uint32_t generation = foreign.generation;
    CHECK(&begin_interpreter(process, python(2), true) == &foreign);
    CHECK((!foreign.is_foreign && !foreign.is_unfinished && foreign.stopping == 0));
    CHECK((foreign.generation == generation && process.entered == &foreign));
  }
  SECTION("with three of them the end of one changes nothing for handles") {
    InterpreterState& c = begin(process, 2);
    end_interpreter(process, b);
    CHECK(process.fast_generation == check_each_use);
    CHECK(process.only == nullptr);
    CHECK(process.entered == &a);
    CHECK(living(process) == std::vector<InterpreterState*>{&a, &c});
  }
}

TEST_CASE("find_interpreter stops at the one that is looked for") {
  ProcessState& process = new_process();
  begin(process, 0);
  InterpreterState& b = begin(process, 1);
  begin(process, 2);
  int visits = 0;
  const auto has = [&](PyInterpreterState* wanted) {
    return find_interpreter(process, [&](InterpreterState& each) {
      ++visits;
      return each.interpreter == wanted;
    });
  };
  CHECK(has(python(1)) == &b);
  CHECK(visits == 2);
  CHECK(has(python(3)) == nullptr);
  CHECK(visits == 5);
}

TEST_CASE("the slot of an interpreter that ended is used again, with another generation and nothing of before") {
  ProcessState& process = new_process();
  InterpreterState& a = begin(process, 0);
  InterpreterState& b = begin(process, 1);
  const std::uint32_t old = a.generation;
  InternedName* const names = a.names;
  a.stopping = 1;
  a.main_globals = reinterpret_cast<PyObject*>(python());
  a.datetime = reinterpret_cast<const DateTimeApi*>(python());
  end_interpreter(process, a);
  InterpreterState& again = begin(process, 2);
  CHECK(&again == &a);
  CHECK(again.generation != old);
  CHECK(slot_of(again.generation) == slot_of(old));
  CHECK(again.interpreter == python(2));
  CHECK(again.stopping == 0);
  CHECK(again.main_globals == nullptr);
  CHECK(again.datetime == nullptr);
  CHECK(again.names == names);  // the table is kept: each name in it has its generation
  CHECK(b.generation != again.generation);
  CHECK(living(process) == std::vector<InterpreterState*>{&again, &b});
}

TEST_CASE("a slot that is used over and over gives a new generation each time, and takes no more memory") {
  ProcessState& process = new_process();
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 10000; ++i) {
    InterpreterState& state = begin(process);
    seen.insert(state.generation);
    end_interpreter(process, state);
  }
  CHECK(seen.size() == 10000);
  CHECK(process.interpreters[1] != nullptr);
  CHECK(process.interpreters[2] == nullptr);
}

TEST_CASE("after a million uses the generations of a slot begin again, without those that are reserved") {
  ProcessState& process = new_process();
  const std::vector<InterpreterState*> all = begin_all(process);
  // The first and the last slots are those whose generations come nearest to what is reserved.
  for (const std::uint32_t slot : {1u, 2u, slot_count - 2, slot_count - 1}) {
    InterpreterState& state = *all[slot - 1];
    REQUIRE(slot_of(state.generation) == slot);
    end_interpreter(process, state);
    state.use = last_use - 1;
    REQUIRE(&begin(process) == &state);
    const std::uint32_t last = state.generation;
    CHECK(use_of(last) == last_use);
    end_interpreter(process, state);
    REQUIRE(&begin(process) == &state);
    const std::uint32_t first = state.generation;
    CHECK(use_of(first) == 1);
    for (const std::uint32_t generation : {last, first}) {
      CHECK(slot_of(generation) == slot);
      CHECK(generation != no_generation);
      CHECK(generation != check_each_use);
      CHECK(generation != empty_generation);
    }
  }
}

TEST_CASE("names of a million uses ago are not found when the generations of their slot begin again") {
  ProcessState& process = new_process();
  InterpreterState& state = begin(process);
  state.names[0].generation = state.generation.load();
  state.names[interned_slots - 1].generation = state.generation.load();
  end_interpreter(process, state);
  begin(process);
  CHECK(state.names[0].generation != no_generation);  // of a generation that does not come again soon
  end_interpreter(process, state);
  state.use = last_use;
  begin(process);
  CHECK(state.names[0].generation == no_generation);
  CHECK(state.names[interned_slots - 1].generation == no_generation);
}

TEST_CASE("when all slots are taken an interpreter is refused, until another ends") {
  ProcessState& process = new_process();
  const std::vector<InterpreterState*> all = begin_all(process);
  std::set<std::uint32_t> generations;
  for (const InterpreterState* each : all) generations.insert(each->generation);
  CHECK(generations.size() == all_slots);
  CHECK(living(process) == all);
  const std::string text = thrown<latepy::StateError>([&] { begin(process, all_slots); }).what();
  CHECK_THAT(text, ContainsSubstring("cannot use another Python interpreter: 4095 live in this process"));
  CHECK(living(process) == all);
  end_interpreter(process, *all[1000]);
  CHECK(&begin(process, all_slots) == all[1000]);
  CHECK(generations.count(all[1000]->generation) == 0);
  CHECK_THROWS_AS(begin(process, all_slots + 1), latepy::StateError);
}
