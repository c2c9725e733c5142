// tests/whole_stack_test.cpp: endless recursion is a RecursionError, on stacks of all sizes, whatever recurses.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "in_child.hpp"
#include "sanitizers.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sys/resource.h>
#include <ucontext.h>

#include <functional>
#include <thread>

/// Made of itself by LATEPY_STRUCT, and by a Converter of the program.
struct Tree {
  std::vector<Tree> kids;
};
LATEPY_STRUCT(Tree, kids)
struct Json {
  std::vector<Json> items;
};

namespace {

struct Node {
  virtual ~Node() = default;
  virtual int visit(int depth) { return depth; }
};
struct ScriptedNode : py::Trampoline<Node> {
  using Trampoline::Trampoline;
  int visit(int depth) override {
    return override_or(
        "visit", [&] { return Node::visit(depth); }, depth);
  }
};
/// Where the functions of define_recursions() are.
py::Scope* recursing = nullptr;
py::Object global(const char* name) { return (*recursing)[name]; }

void define_recursions(py::Scope& python) {
  recursing = &python;
  const py::GilGuard gil(python);
  python.def("function", [](int k) -> int { return global("function")(k + 1).as<int>(); });
  python.def(
      "named", [](int k) -> int { return global("named")("k"_a = k + 1).as<int>(); }, "k"_a);
  python.def("overloaded",
             py::overload([](const std::string& text) { return text; },
                          [](int k) -> std::string { return global("overloaded")(k).as<std::string>(); }));
  python.def("executed", [](int) { recursing->exec("executed(1)"); });
  python.def("itself", [](const py::Object& f) -> py::Object { return f(f); });
  python.def("through", [](const std::function<int(int)>& f) { return f(1); });
  python.def("visited", [](Node& node) { return node.visit(1); });
  python.def("sorted_by_host", [](int) { return recursing->eval("sorted([1], key=sorted_by_host)"); });
  python.def("mixed", [](int k, const py::Object& f) -> int {
    if (k % 500 == 0) global("attempt")(f);
    return global("mixed")(k + 1, f).as<int>();
  });
  python.def("wrap", [](std::function<int(int)> f) -> std::function<int(int)> {
    return [f = std::move(f)](int k) { return f(k) + 1; };
  });
  python.module("host")
      .add_class<Node, ScriptedNode>("Node")
      .init<>()
      .def("visit", &Node::visit)
      .property("value", [](const py::Object& self) -> int { return self.attr("value").as<int>(); })
      .def("method", [](const py::Object& self) -> int { return self.call_method("method").as<int>(); })
      .def("__repr__", [](const py::Object& self) { return py::repr(self); })
      .def("__hash__", [](const py::Object& self) { return py::hash(self); })
      .def("__len__", [](const py::Object& self) { return py::len(self); })
      .def("__call__", [](const py::Object& self) -> py::Object { return self(); })
      .def("__iter__", [](const py::Object& self) { return py::iter(self); })
      .def("__eq__", [](const py::Object& self, const py::Object& other) -> bool { return self == other; })
      .def("__add__", [](const py::Object& self, const py::Object& other) { return self + other; })
      .def("__getitem__", [](const py::Object& self, const py::Object& key) -> py::Object { return self[key]; })
      .def("__getattr__",
           [](const py::Object& self, const std::string& name) -> py::Object { return self.attr(name); });
  python.exec(R"(
      import functools, host, json
      from host import Node

      def called(n): return called(n + 1)
      def by_key(x): return sorted([1], key=by_key)
      def partial(): return functools.partial(partial)()
      def through_python(n): return through(through_python)
      class Plain:
          def __repr__(self): return repr(self)
          def __eq__(self, other): return self == other
          def __add__(self, other): return self + other
          def __getattr__(self, name): return getattr(self, name + 'x')
          def __init__(self, again=False):
              if again: Plain(True)
      class Scripted(Node):
          def visit(self, depth): return visited(self)
      class Linked(Node):
          pass
      def nested(depth):
          made = []
          for i in range(depth): made = [made]
          return made
      def wrapped(count):
          made = wrap(abs)
          for i in range(count): made = wrap(made)
          return made
      def linked(count):
          made = None
          for i in range(count):
              each = Linked()
              each.next, made = made, each
      def attempt(f):
          try: f()
          except RecursionError: pass
      own = []
      own.append(own)
      tree = {}
      tree['kids'] = [tree]
  )");
}

constexpr const char* host_recursions[] = {
    "function(1)",       "named(k=1)",          "overloaded(1)",     "executed(1)",  "itself(itself)",
    "through_python(1)", "visited(Scripted())", "sorted_by_host(1)", "Node().value", "Node().method()",
    "repr(Node())",      "repr([Node()])",      "hash(Node())",      "len(Node())",  "Node()()",
    "iter(Node())",      "Node() == Node()",    "Node() + 1",        "Node()[0]",    "Node().missing"};
constexpr const char* python_recursions[] = {"called(1)",
                                             "by_key(1)",
                                             "partial()",
                                             "repr(Plain())",
                                             "Plain() == 1",
                                             "Plain() + 1",
                                             "Plain().missing",
                                             "Plain(True)",
                                             "repr(nested(100000))",
                                             "json.dumps(nested(100000))",
                                             "json.loads('[' * 100000)"};
constexpr const char* mixed_recursions[] = {"mixed(0, lambda: by_key(1))", "mixed(0, lambda: Plain() + 1)",
                                            "mixed(0, lambda: executed(1))"};

/// Calls `body` on a thread whose stack has this size; 0: on this thread.
void on_stack(std::size_t kib, const std::function<void()>& body) {
  if (kib == 0) return body();
  struct Run {
    const std::function<void()>& body;
    std::string error;
  } run{body, {}};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  EXPECT(pthread_attr_setstacksize(&attributes, kib * 1024) == 0);
  pthread_t thread;
  EXPECT(pthread_create(
             &thread, &attributes,
             [](void* argument) -> void* {
               Run& its = *static_cast<Run*>(argument);
               try {
                 its.body();
               } catch (const std::exception& error) {
                 its.error = error.what();
               }
               return nullptr;
             },
             &run) == 0);
  pthread_join(thread, nullptr);
  if (!run.error.empty()) throw std::runtime_error(run.error);
}

/// Calls `body` where 5 MiB of the stack are used.
__attribute__((noinline)) void deep_in_the_stack(const std::function<void()>& body) {
  volatile char used[5 * 1024 * 1024];
  used[0] = 1;
  body();
  used[1] = used[0];
}

/// Whether the call throws Python's RecursionError.
template <class F>
bool overflows(const char* what, F&& call) {
  std::printf("%s\n", what);  // shown if it ends the process
  try {
    call();
  } catch (const py::PythonError& error) {
    if (error.is("RecursionError")) return true;
    std::printf("%s\n", error.what());
  }
  return false;
}

/// Whether each expression overflows, also a second time, and the thread still runs Python then.
template <std::size_t N>
void check_overflows(const char* const (&expressions)[N], std::initializer_list<std::size_t> sizes,
                     bool in_sub_interpreter = false) {
  in_child([&] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    std::optional<py::SubInterpreter> sub;
    py::Scope& scope = in_sub_interpreter ? static_cast<py::Scope&>(sub.emplace()) : python;
    define_recursions(scope);
    for (const std::size_t kib : sizes) {
      std::printf("with %zu KiB:\n", kib);
      on_stack(kib, [&] {
        const py::GilGuard gil(scope);
        for (const char* const each : expressions)
          for (int time = 0; time < 2; ++time) EXPECT(overflows(each, [&] { scope.eval(each); }));
        EXPECT(scope.eval<int>("sum(len(str(i)) for i in range(10))") == 10);
      });
    }
  });
}

}  // namespace

namespace latepy {
template <>
struct Converter<Json> {
  static Json from_py(Ref object) {
    Json made;
    for (const Object& each : object) made.items.push_back(each.as<Json>());
    return made;
  }
  static Object to_py(const Json& json) {
    Object made = py::list();
    for (const Json& each : json.items) made.call_method("append", each);
    return made;
  }
};
}  // namespace latepy

TEST_CASE("host functions, methods and operators that call themselves end in a RecursionError", "[stack]") {
  check_overflows(host_recursions, {128, 512, 1024});
}

TEST_CASE("so do they on the program's own stack and on a large one", "[stack]") {
  check_overflows({"function(1)", "Node().value", "Node() + 1"}, {0, 8192});
}

TEST_CASE("Python code that calls itself does not overflow a small stack", "[stack]") {
  check_overflows(python_recursions, {128, 192, 512, 2048});
}

TEST_CASE("scripts that call themselves deep inside of host functions do not overflow the stack", "[stack]") {
  check_overflows(mixed_recursions, {128, 192, 512, 2048});
}

TEST_CASE("in a SubInterpreter all of them end in a RecursionError too", "[stack]") {
  check_overflows(host_recursions, {128, 256, 512, 1024, 8192}, true);
  check_overflows(python_recursions, {128, 256, 512, 1024, 8192}, true);
  check_overflows(mixed_recursions, {128, 512, 2048}, true);
}

TEST_CASE("what a thread frees late on a small stack is freed when it leaves a SubInterpreter", "[stack]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    const auto token = std::make_shared<int>(0);
    for (const std::size_t kib : {128, 512}) {
      {
        py::SubInterpreter sub;
        define_recursions(sub);
        const auto note = [&] {
          const py::GilGuard gil(sub);
          sub.def("noted", [token] {});
        };
        note();
        on_stack(kib, [&] {
          const py::GilGuard gil(sub);
          EXPECT(overflows("function(1)", [&] { sub.eval("function(1)"); }));
        });
      }
      EXPECT(token.use_count() == 1 || is_free_threaded());
    }
  });
}

TEST_CASE("conversions of what holds itself, or is nested without end, are RecursionErrors", "[stack]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    define_recursions(python);
    for (const std::size_t kib : {128, 512, 8192})
      on_stack(kib, [&] {
        const py::GilGuard gil;
        const py::Object own = python["own"], tree = python["tree"], deep = python.eval("nested(100000)");
        EXPECT(overflows("a struct of itself", [&] { tree.as<Tree>(); }));
        EXPECT(overflows("a converter that calls itself", [&] { own.as<Json>(); }));
        EXPECT(overflows("a deep list", [&] { deep.as<Json>(); }));
        EXPECT(!tree.try_as<Tree>());
        python.def("take", [](const Tree&) {});
        EXPECT(overflows("an argument", [&] { python["take"](tree); }));
      });
    Json json;  // made and destroyed on this thread, because its destructor recurses too
    for (int i = 0; i < 4000; ++i) {
      Json outer;
      outer.items.push_back(std::move(json));
      json = std::move(outer);
    }
    on_stack(256, [&] {
      const py::GilGuard gil;
      EXPECT(overflows("to Python", [&] { py::to_py(json); }));
    });
  });
}

TEST_CASE("long chains of host functions and of bound objects are called and freed", "[stack]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    define_recursions(python);
    // Of a chain 50 ends lie in one another. With AddressSanitizer each takes 2.6 KiB.
    for (const std::size_t kib : {under_address_sanitizer ? 512 : 128, 8192})
      on_stack(kib, [&] {
        const py::GilGuard gil;
        EXPECT(overflows("a call of a chain", [&] { python.eval("wrapped(100000)(1)"); }));
        python.exec("linked(100000)");
        EXPECT(python.eval<int>("wrapped(3)(-1)") == 5);
      });
  });
}

TEST_CASE("what a thread frees on a small stack is freed at once, or where it is very small after the thread",
          "[stack]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    define_recursions(python);
    const auto token = std::make_shared<int>(0);
    for (const std::size_t kib : {128, 192, 256, 512, 8192}) {
      on_stack(kib, [&] {
        const py::GilGuard gil;
        python.def("noted", [token] {});
        python.exec("kept = nested(100000)\nkept = [noted, kept]\ndel kept, noted");
        EXPECT(token.use_count() == 1 || kib < 192);
      });
      const py::GilGuard gil;
      EXPECT(token.use_count() == 1);
    }
    on_stack(128, [&] {
      const py::GilGuard gil;
      python.def("noted", [token] {});
      python.exec("kept = [noted]\ndel kept, noted");
    });
    EXPECT(python.stop());
    EXPECT(token.use_count() == 1);
  });
}

TEST_CASE("deep in the stack too, a conversion without the GIL or after the end is a StateError", "[stack]") {
  in_child([] {
    py::Object list;
    const auto convert = [&] { EXPECT_THROWN(py::StateError, list.as<std::vector<int>>()); };
    {
      py::Config config;
      config.release_gil = true;
      py::Interpreter python(config);
      list = python.eval("[1]");
      on_stack(8192, [&] {
        convert();
        deep_in_the_stack(convert);
      });
    }
    on_stack(8192, [&] { deep_in_the_stack(convert); });
  });
}

TEST_CASE("deep in the stack, calls of host functions leave CPython's counter as it was", "[stack]") {
  in_child([] {
    py::Interpreter python;
    python.def("same", [](int i) { return i; });
    python.exec(R"(
        def depth():  # of the nested lists whose repr() works
            low, high = 1, 100000
            while high - low > 1:
                middle = (low + high) // 2
                made = []
                for i in range(middle): made = [made]
                try: repr(made)
                except RecursionError: high = middle
                else: low = middle
            return low)");
    const int before = python.eval<int>("depth()");
    deep_in_the_stack([&] { EXPECT(python.eval<int>("sum(same(1) for i in range(10000))") == 10000); });
    EXPECT(python.eval<int>("depth()") == before);
  });
}

TEST_CASE("the RecursionError says how much stack there is and what to do", "[stack]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    define_recursions(python);
    on_stack(512, [&] {
      const py::GilGuard gil;
      python.exec("try: function(1)\nexcept RecursionError as error: found = str(error)");
      const std::string text = python["found"].as<std::string>();
      EXPECT(has(text, "maximum recursion depth exceeded: "));
      EXPECT(has(text,
                 " KiB of this thread's stack. Let C++ and Python call each other less deeply, or give the "
                 "thread more stack"));
    });
  });
}

TEST_CASE("a stack of 64 KiB is refused, before Python overflows it", "[stack]") {
  in_child([] {
    on_stack(64, [] {
      const auto error = EXPECT_THROWN(py::StateError, py::Interpreter());
      EXPECT(
          has(error.what(), "Python cannot be started on this thread: its stack has 64 KiB, and Python needs 96 KiB"));
    });
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    on_stack(64, [] {
      const auto error = EXPECT_THROWN(py::StateError, py::GilGuard());
      EXPECT(std::string(error.what()) ==
             "the GIL cannot be taken on this thread: its stack has 64 KiB, and Python needs 96 KiB for the shortest "
             "scripts. Make the thread with 512 KiB or more");
      EXPECT(!py::GilGuard::try_acquire());
    });
    {
      py::SubInterpreter sub;
      on_stack(64, [&] {
        EXPECT_THROWN(py::StateError, py::GilGuard{sub});
        EXPECT_THROWN(py::StateError, sub.exec("1"));
      });
      EXPECT(sub.eval<int>("1 + 1") == 2);
    }
    on_stack(128, [&] {
      const py::GilGuard gil;
      EXPECT(python.eval<int>("1 + 1") == 2);
    });
  });
}

namespace {
py::Interpreter* on_fiber = nullptr;
std::string fiber_error;
}  // namespace

TEST_CASE("on the stack of a fiber CPython counts the calls of host functions", "[stack]") {
  if (under_address_sanitizer) SKIP("AddressSanitizer takes the stack of a fiber for one that overflows");
  in_child([] {
    py::Interpreter python;
    define_recursions(python);
    on_fiber = &python;
    std::vector<char> stack(64 * 1024 * 1024);
    ucontext_t main_context, fiber;
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack.data();
    fiber.uc_stack.ss_size = stack.size();
    fiber.uc_link = &main_context;
    makecontext(
        &fiber,
        [] {
          if (!overflows("function(1)", [] { on_fiber->eval("function(1)"); })) fiber_error = "no RecursionError";
          if (on_fiber->eval<int>("abs(-3)") != 3) fiber_error = "cannot go on";
        },
        0);
    swapcontext(&main_context, &fiber);
    EXPECT(fiber_error.empty());
    EXPECT(overflows("function(1)", [&] { python.eval("function(1)"); }));
  });
}

TEST_CASE("a stack without a limit, or one that the system does not tell, ends too", "[stack]") {
  in_child([] {
    rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_STACK, &limit) != 0) return;
    py::Interpreter python;
    define_recursions(python);
    EXPECT(overflows("function(1)", [&] { python.eval("function(1)"); }));
  });
  if (under_address_sanitizer) SKIP("UndefinedBehaviorSanitizer needs a file descriptor to look at an object");
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter* python = nullptr;  // it lives until the process ends
    std::thread([&] {
      python = new py::Interpreter(config);
      define_recursions(*python);
    }).join();
    const rlimit none{0, 0};  // the first thread's stack cannot be read from /proc
    EXPECT(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const py::GilGuard gil;
    EXPECT(overflows("function(1)", [&] { python->eval("function(1)"); }));
    std::_Exit(0);
  });
}

#endif
