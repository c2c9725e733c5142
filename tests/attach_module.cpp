// tests/attach_module.cpp: an extension module that uses latepy inside a Python that somebody else started.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

#include <cstring>
#include <thread>

namespace py = latepy;
using namespace py::literals;

namespace {

py::Interpreter* interpreter = nullptr;
std::vector<py::Object>* kept = nullptr;
struct Static {
  py::Object object;
  ~Static() { object = py::Object(); }
} in_static;

/// The functions of the module, as ctypes of the Python under test calls them: with the GIL, or without it.
void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}
template <class F>
const char* report(F&& function) noexcept {
  static std::string text;
  try {
    function();
    return "ok";
  } catch (const std::exception& error) {
    text = error.what();
    return text.c_str();
  }
}

}  // namespace

#define EXPORT extern "C" LATEPY_VISIBLE const char*

EXPORT attach_start() {
  return report([] {
    delete interpreter;  // of an earlier Python in this process, perhaps
    interpreter = nullptr;
    interpreter = new py::Interpreter();
    require(interpreter->is_attached(), "not attached");
    require(py::Interpreter::is_running(), "not running");
    require(interpreter->discovery().chosen()->in_process, "another Python was chosen");
  });
}

EXPORT attach_use() {
  return report([] {
    const py::GilGuard gil;
    require(interpreter->eval<int>("6 * 7") == 42, "eval");
    require((*interpreter)["greeting"].as<std::string>() == "from the script", "the __main__ of the script");
    interpreter->exec("answer = 42");
    require(interpreter->call<double>("math", "hypot", 3, 4) == 5, "call");
    try {
      interpreter->exec("1 / 0");
      require(false, "no exception");
    } catch (const py::ZeroDivisionError&) {
    }
    try {
      interpreter->exec("import sys; sys.exit(9)");
      require(false, "no SystemExit");
    } catch (const py::SystemExit&) {
    }
  });
}

/// Threads of C++ use the Python that the script runs in.
EXPORT attach_threads() {
  return report([] {
    const py::GilRelease others;
    std::vector<std::thread> threads;
    std::atomic<int> done{0};
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        for (int k = 0; k < 200; ++k) done += interpreter->eval<int>("1");
      });
    for (std::thread& thread : threads) thread.join();
    require(done == 1600, "threads");
  });
}

/// What Config asks for and only a start can give is refused by name.
EXPORT attach_refuse(const char* field) {
  return report([&] {
    delete interpreter;
    interpreter = nullptr;
    py::Config config;
    const std::string name = field;
    if (name == "argv") config.argv = {"x"};
    if (name == "site") config.site = false;
    if (name == "use_environment") config.use_environment = true;
    if (name == "user_site") config.user_site = true;
    if (name == "signal_handlers") config.signal_handlers = true;
    if (name == "release_gil") config.release_gil = true;
    if (name == "utf8") config.utf8 = false;
    if (name == "write_bytecode") config.write_bytecode = false;
    if (name == "options") config.set("dev_mode", "1");
    if (name == "version") config.version = ">=4";
    if (name == "library") config.library = "/no/such/libpython3.10.so.1.0";
    try {
      py::Interpreter refused(config);
      require(false, "it was not refused");
    } catch (const py::StateError& error) {
      require(std::strstr(error.what(), ("Config::" + name + " ").c_str()), error.what());
    } catch (const py::LoadError& error) {
      require(name == "version" || name == "library", error.what());
    }
    interpreter = new py::Interpreter();
  });
}

/// paths and finalize can be honoured.
EXPORT attach_paths(const char* folder) {
  return report([&] {
    delete interpreter;
    py::Config config;
    config.paths = {folder};
    interpreter = new py::Interpreter(config);
    require(interpreter->get("sys.path")[0].as<std::string>() == folder, "paths");
  });
}

/// Objects that live when the process ends, in every place where they can.
EXPORT attach_keep(int count) {
  return report([&] {
    const py::GilGuard gil;
    if (!kept) kept = new std::vector<py::Object>;
    for (int i = 0; i < count; ++i) kept->push_back(interpreter->eval("object()"));
    in_static.object = interpreter->eval("[1]");
    static thread_local Static in_thread;
    in_thread.object = interpreter->eval("[2]");
  });
}

EXPORT attach_drop() {
  return report([] {
    delete kept;
    kept = nullptr;
  });
}

/// Counts the events named "mine".
std::atomic<int> audited{0};
EXPORT attach_audit() {
  return report([] {
    delete interpreter;
    interpreter = nullptr;
    py::Config config;
    config.audit = [](std::string_view event, const py::Object&) { audited += event == "mine"; };
    interpreter = new py::Interpreter(config);
  });
}
extern "C" LATEPY_VISIBLE int attach_audited() { return audited; }

EXPORT attach_stop() {
  return report([] {
    delete interpreter;  // Python goes on
    interpreter = nullptr;
  });
}

/// Threads that use Python until it says no, and are still there when the process ends.
EXPORT attach_hammer() {
  return report([] {
    for (int i = 0; i < 8; ++i)
      std::thread([] {
        try {
          for (;;) {
            const py::GilGuard gil;
            const py::Object object = latepy::to_py(1.5);
            const py::GilRelease others;
          }
        } catch (const py::StateError&) {
        }
      }).detach();
  });
}

/// Whether a thread could enter Python now.
EXPORT attach_can_enter() {
  return report([] { require(bool(py::GilGuard::try_acquire()), "no"); });
}

extern "C" LATEPY_VISIBLE std::uint32_t attach_generation() { return latepy::detail::current_generation(); }
extern "C" LATEPY_VISIBLE void* attach_shared() { return &latepy::detail::process_state(); }

/// What `import attach_module` calls. The struct PyModuleDef begins with an object's head, whose size differs between
/// builds of CPython, so it is laid out at run time (Include/moduleobject.h, the same from 3.9 to 3.15).
extern "C" LATEPY_VISIBLE PyObject* PyInit_attach_module() {
  try {
    interpreter = new py::Interpreter();
    static void* def[24] = {};
    const std::size_t head = interpreter->get("builtins.object.__basicsize__").as<std::size_t>() / sizeof(void*);
    def[head + 3] = const_cast<char*>("attach_module");          // m_name; before it m_init, m_index, m_copy
    def[head + 4] = const_cast<char*>("made by latepy");         // m_doc
    def[head + 5] = reinterpret_cast<void*>(std::intptr_t(-1));  // m_size: no state
    const auto create = latepy::DynLib::program().get<PyObject*(void*, int)>("PyModule_Create2");
    py::Module module(py::Object::steal(create(def, 1013)));  // PYTHON_API_VERSION
    module.def("twice", [](int number) { return 2 * number; });
    module.attr("version") = interpreter->version();
    module.attr("attached") = interpreter->is_attached();
    return module.release();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return nullptr;
  }
}
