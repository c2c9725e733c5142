// Tests of latepy/run/detail/start/start.hpp on one CPython: the one at LATEPY_LIBRARY, else the one that locate()
// chooses. SPDX-License-Identifier: MIT
#include "in_child.hpp"
#include "sanitizers.hpp"
#include "temporary_folder.hpp"

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>

#include <cfenv>
#include <filesystem>
#include <fstream>
#include <map>

namespace fs = std::filesystem;
using latepy::Candidate;
using latepy::Config;
using latepy::StartError;
using namespace latepy::detail;

extern char** environ;

namespace {

const std::string& temporary_folder() {
  static const TemporaryFolder folder("latepy startup é");
  return folder.path;
}

struct Host {
  Candidate candidate;
  latepy::Version version;
  Api api;
};

/// The candidate as locate() would give it.
Candidate candidate_at(const std::string& library) {
  Candidate candidate;
  candidate.library = library;
  const std::string name = fs::path(library).filename().string();
  std::string version = name.substr(9, name.find_first_of(".td", 11) - 9);
  candidate.free_threaded = name[9 + version.size()] == 't';
  if (candidate.free_threaded) version += 't';
  for (fs::path folder = fs::path(library).parent_path(); folder != folder.parent_path(); folder = folder.parent_path())
    if (fs::exists(folder / "lib" / ("python" + version) / "os.py")) candidate.home = folder.string();
  candidate.prefix = candidate.home;
  candidate.executable = candidate.base_executable = candidate.home + "/bin/python" + version;
  return candidate;
}

/// Loads the library, in a child or here: loading starts nothing.
Host& host() {
  static Host* const loaded = [] {
    Host* result = new Host();
    if (const char* library = std::getenv("LATEPY_LIBRARY"))
      result->candidate = candidate_at(library);
    else if (const auto discovery = latepy::locate({}); discovery.chosen())
      result->candidate = *discovery.chosen();
    latepy::DynLib lib(result->candidate.library);
    lib.keep();
    fill(result->api, lib, result->candidate.library);
    result->version = latepy::Version::parse(result->api.GetVersion());
    return result;
  }();
  return *loaded;
}

void run(const std::string& code) {
  const Api& api = host().api;
  PyObject* globals = api.Dict_New();
  api.Dict_SetItemString(globals, "__builtins__", api.Eval_GetBuiltins());
  CompilerFlags flags{source_is_utf8, 9};
  PyObject* compiled = api.CompileStringExFlags(code.c_str(), "<test>", file_input, &flags, -1);
  PyObject* result = compiled ? api.Eval_EvalCode(compiled, globals, globals) : nullptr;
  if (!result) throw std::runtime_error(take_error_text(api));
}

void start_python(const Config& config = {}, StartWay way = StartWay::best, bool again = false) {
  start(host().api, config, host().candidate, host().version, again, way);
}

/// What Python code prints after a start in a child of its own.
std::string printed(const Config& config, const std::string& code, StartWay way = StartWay::best) {
  return in_child([&] {
    start_python(config, way);
    run(code);
    host().api.FinalizeEx();
  });
}
std::string printed(const std::string& code) { return printed(Config(), code); }

std::string virtual_environment() {
  static const std::string folder = [] {
    const std::string name = temporary_folder() + "/venv";
    const std::string command = "'" + host().candidate.base_executable + "' -I -m venv --without-pip '" + name + "'";
    REQUIRE(std::system(command.c_str()) == 0);
    return name;
  }();
  return folder;
}
struct InVirtualEnvironment {
  Candidate before = host().candidate;
  InVirtualEnvironment() {
    host().candidate.prefix = virtual_environment();
    host().candidate.executable = virtual_environment() + "/bin/python";
  }
  ~InVirtualEnvironment() { host().candidate = before; }
};

std::string minor() { return std::to_string(host().version.minor); }
int own_column() { return host().version.minor > 13 ? -1 : find_row(host().api, host().version).column; }

const char* const description = R"(
import sys
for name in ['executable', '_base_executable', 'prefix', 'base_prefix', 'exec_prefix', 'argv', 'path', 'platlibdir', '_xoptions']:
    print(name, getattr(sys, name))
for name in ['isolated', 'ignore_environment', 'no_user_site', 'no_site', 'utf8_mode', 'dev_mode', 'dont_write_bytecode', 'optimize']:
    print(name, getattr(sys.flags, name))
print(getattr(sys.flags, 'safe_path', True), sys.getfilesystemencoding())
)";

}  // namespace

TEST_CASE("a default start", "[startup][sys-argv][sys-executable]") {
  const std::string text = printed(description);
  const Candidate& c = host().candidate;
  INFO(text);
  CHECK(has(text, "\n_base_executable " + c.base_executable + "\n"));
  CHECK(has(text, "executable " + c.executable + "\n"));
  CHECK(has(text, "\nprefix " + c.home + "\n"));
  CHECK(has(text, "\nargv ['']\n"));
  CHECK(has(text,
            "\nisolated 1\nignore_environment 1\nno_user_site 1\nno_site 0\nutf8_mode 1\ndev_mode False\n"
            "dont_write_bytecode 0\noptimize 0\nTrue utf-8\n"));
  CHECK(printed("import threading; assert threading.current_thread() is threading.main_thread()") == "");
}

TEST_CASE("all ways to start give the same", "[startup][locale]") {
  const std::string best = printed(description);
  CHECK(printed({}, description, StartWay::config) == best);
  CHECK(printed({}, description, StartWay::flags) == best);
  const InVirtualEnvironment inside;
  const std::string in_venv = printed(description);
  CHECK(printed({}, description, StartWay::config) == in_venv);
  CHECK(printed({}, description, StartWay::flags) == in_venv);
}

TEST_CASE("a virtual environment", "[startup][venv]") {
  const InVirtualEnvironment inside;
  const std::string& venv = virtual_environment();
  std::ofstream(venv + "/lib/python3." + minor() + (host().candidate.free_threaded ? "t" : "") +
                "/site-packages/only_here.py")
      << "answer = 42\n";
  const std::string text = printed(
      "import sys, only_here; print(sys.prefix, sys.base_prefix, sys.executable, sys._base_executable, "
      "only_here.answer, sep='|')");
  CHECK(text ==
        venv + "|" + host().candidate.home + "|" + venv + "/bin/python|" + host().candidate.base_executable + "|42\n");
  CHECK(printed("import multiprocessing as m, sys, site\n"
                "with m.get_context('spawn').Pool(1) as p: print(p.map(abs, [-1, 2]), p.apply(eval, "
                "('__import__(\"sys\").prefix',)) == sys.prefix)") == "[1, 2] True\n");
}

TEST_CASE("a second start in a virtual environment", "[startup]") {
  const InVirtualEnvironment inside;
  const std::string output = in_child([] {
    for (int i = 0; i < 3; ++i) {
      start_python({}, StartWay::best, i > 0);
      run(description);
      if (i == 2) run("import ctypes, ssl");
      host().api.FinalizeEx();
    }
  });
  const std::string once = printed(description);
  CHECK(output == once + once + once);
}

TEST_CASE("children that run sys.executable", "[startup][sys-executable]") {
  CHECK(printed("import subprocess, sys\n"
                "print(subprocess.check_output([sys.executable, *subprocess._args_from_interpreter_flags(), '-c',\n"
                "  'import sys; print(sys.flags.utf8_mode, sys.flags.isolated)'], text=True))") == "1 1\n\n");
}

TEST_CASE("the environment of the user is not read", "[startup][environment][user-site]") {
  const std::string output = in_child([] {
    setenv("PYTHONHOME", "/nowhere", 1);
    setenv("PYTHONPATH", "/planted", 1);
    setenv("PYTHONSTARTUP", "/nowhere", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    setenv("PYTHONUTF8", "0", 1);
    setenv("PYTHONMALLOC", "nonsense", 1);
    start_python();
    run("import sys, site; print('/planted' in sys.path, sys.flags.dont_write_bytecode, sys.flags.utf8_mode, "
        "site.ENABLE_USER_SITE)");
    host().api.FinalizeEx();
  });
  CHECK(output == "False 0 1 False\n");
}

TEST_CASE("the environment is read where asked for", "[startup]") {
  const std::string output = in_child([] {
    setenv("PYTHONHOME", "/nowhere", 1);
    setenv("PYTHONPATH", "/planted", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    setenv("PYTHONHASHSEED", "7", 1);
    setenv("PYTHONFAULTHANDLER", "1", 1);
    setenv("PYTHONTRACEMALLOC", "3", 1);
    Config config;
    config.use_environment = true;
    start_python(config);
    run("import sys, faulthandler, tracemalloc; print('/planted' in sys.path, sys.flags.dont_write_bytecode, "
        "sys.flags.isolated,\n"
        "  sys.flags.hash_randomization, faulthandler.is_enabled(), tracemalloc.get_traceback_limit(), hash('a'))");
    host().api.FinalizeEx();
  });
  const std::string expected = in_child([] {
    const std::string command = "PYTHONHASHSEED=7 '" + host().candidate.base_executable + "' -c 'print(hash(\"a\"))'";
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
  });
  CHECK(output == "True 1 0 1 True 3 " + expected);
}

TEST_CASE("user site where asked for", "[startup][user-site]") {
  Config config;
  config.user_site = true;
  CHECK(printed(config, "import sys; print(sys.flags.no_user_site, sys.flags.ignore_environment)") == "0 1\n");
}

TEST_CASE("the program keeps what is its own", "[startup][locale][signals]") {
  for (const bool own_handler : {false, true}) {
    const std::string output = in_child([&] {
      if (own_handler) std::signal(SIGINT, [](int) {});
      std::setlocale(LC_ALL, "C");
      std::setlocale(LC_CTYPE, "C.UTF-8");
      if (chdir("/usr") != 0) throw std::runtime_error("chdir");
      std::fesetround(FE_UPWARD);
      setenv("TERM", "dumb", 1);  // readline prints nothing then
      setenv("LINES", "7", 1);
      unsetenv("COLUMNS");
      std::string variables;
      for (char** variable = environ; *variable; ++variable) variables += std::string(*variable) + "\n";
      struct sigaction before[65], after;
      for (int i = 1; i < 65; ++i) sigaction(i, nullptr, &before[i]);
      const auto check = [&](const char* when) {
        for (int i = 1; i < 65; ++i)
          if (sigaction(i, nullptr, &after) == 0 && after.sa_handler != before[i].sa_handler)
            std::printf("signal %d changed %s\n", i, when);
        if (std::string(std::setlocale(LC_ALL, nullptr)).find("LC_CTYPE=C.UTF-8;LC_NUMERIC=C;") != 0)
          std::printf("locale %s\n", when);
        char folder[100];
        if (std::string(getcwd(folder, sizeof folder)) != "/usr") std::printf("folder %s\n", when);
        if (std::fegetround() != FE_UPWARD) std::printf("rounding %s\n", when);
        std::string now;
        for (char** variable = environ; *variable; ++variable) now += std::string(*variable) + "\n";
        if (now != variables) std::printf("environment %s\n", when);
      };
      const HostState host_state;
      start_python({}, own_handler ? StartWay::flags : StartWay::best);
      check("by the start");
      run("import signal, asyncio\nasync def f(): pass\nasyncio.run(f())\n");
      check("by imports");
      run("import signal\nsignal.signal(signal.SIGTERM, lambda *a: 0)\nsignal.signal(signal.SIGINT, lambda "
          "*a: 0)\n"
          "try: import readline\nexcept ImportError: pass\n"
          "signal.signal(signal.SIGPIPE, signal.SIG_IGN)\n");
      const auto hosts_own = [](int) {};
      std::signal(SIGUSR1, hosts_own);
      const SignalHandlers before_stop;
      host().api.FinalizeEx();
      host_state.restore_after_stop(before_stop, reinterpret_cast<const void*>(host().api.FinalizeEx.pointer()), true);
      sigaction(SIGUSR1, nullptr, &after);
      if (after.sa_handler != +hosts_own) std::printf("the program's own new handler was lost\n");
      std::signal(SIGUSR1, SIG_DFL);
      check("by the stop");
    });
    CHECK(output == "");
  }
}

TEST_CASE("signal handlers where asked for", "[startup][signals]") {
  Config config;
  config.signal_handlers = true;
  CHECK(printed(config,
                "import signal, os\ntry:\n os.kill(os.getpid(), signal.SIGINT)\n for i in range(10**7): pass\n"
                "except KeyboardInterrupt: print('interrupted', signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN)") ==
        "interrupted True\n");
}

TEST_CASE("nothing planted in PATH or the working directory runs", "[startup][security]") {
  const std::string trap = temporary_folder() + "/trap";
  const std::string site = trap + "/lib/python3." + minor() + "/site-packages";
  fs::create_directories(site);
  fs::create_directories(trap + "/bin");
  fs::create_directories(trap + "/below");
  std::ofstream(trap + "/pyvenv.cfg") << "home = " << host().candidate.home
                                      << "/bin\ninclude-system-site-packages = false\n";
  std::ofstream(site + "/evil.pth") << "import os; os.write(1, b'PLANTED ')\n";
  for (const char* name : {"python", "python3"}) {
    std::ofstream(trap + "/bin/" + name) << "#!/bin/sh\necho PLANTED\n";
    fs::permissions(trap + "/bin/" + name, fs::perms::all);
  }
  for (const std::string& folder : {trap, trap + "/bin", trap + "/below"})
    for (const StartWay way : {StartWay::best, StartWay::config, StartWay::flags})
      for (const bool has_executable : {true, false}) {
        const std::string output = in_child([&] {
          setenv("PATH", (trap + "/bin").c_str(), 1);
          if (chdir(folder.c_str()) != 0) throw std::runtime_error("chdir");
          Candidate& c = host().candidate;
          if (!has_executable) c.executable = c.base_executable = "";
          start_python({}, way);
          run("import sys; print(sys.prefix, sys.executable != '')");
          host().api.FinalizeEx();
        });
        CHECK(output == host().candidate.home + " True\n");
      }
}

TEST_CASE("a home without a standard library", "[startup][standard-library][start-error]") {
  const std::string output = in_child([] {
    const Candidate good = host().candidate;
    for (const std::string& home : {temporary_folder(), std::string("/nowhere"), std::string("relative")}) {
      host().candidate.home = home;
      try {
        start_python();
        std::printf("it ran\n");
      } catch (const StartError& e) {
        if (!has(e.what(), "no standard library in its home \"" + home + "\"") ||
            !has(e.what(), home + "/lib/python3." + minor() + (good.free_threaded ? "t" : "") + "/os.py is not there"))
          std::printf("%s\n", e.what());
      }
    }
    host().candidate = good;
    start_python();  // nothing was touched
    run("print('well')");
    host().api.FinalizeEx();
  });
  CHECK(output == "well\n");
}

TEST_CASE("a start that CPython refuses", "[startup][start-error]") {
  const std::string home = temporary_folder() + "/broken";
  const std::string library = home + "/lib/python3." + minor() + (host().candidate.free_threaded ? "t" : "");
  fs::create_directories(library + "/encodings");
  std::ofstream(library + "/os.py") << "\n";
  const std::string output = in_child([&] {
    const Candidate good = host().candidate;
    std::string first;
    for (int i = 0; i < 2; ++i) {
      if (i == 0) host().candidate.home = home;
      try {
        start_python();
        std::printf("it ran\n");
      } catch (const StartError& e) {
        if (i == 0) first = e.what();
        std::printf("<%s>\n", e.what());
        if (i == 1 && (!has(e.what(), "an earlier start failed") || !has(e.what(), first))) std::printf("wrong\n");
      }
      host().candidate = good;
    }
    std::printf("alive\n");
  });
  CHECK(has(output, "<CPython 3." + minor()));
  CHECK(has(output, "home = \"" + home));
  CHECK_FALSE(has(output, "wrong"));
  CHECK_FALSE(has(output, "it ran"));
  CHECK(has(output, "alive\n"));
}

TEST_CASE("an option with which CPython would end the program is a start that fails", "[startup][start-error]") {
  const Outcome outcome = run_in_child([] {
    Config config;
    config.argv = {"program", "-V"};
    config.set("parse_argv", "1");
    const std::string text = EXPECT_THROWN(StartError, start_python(config)).what();
    EXPECT(has(text, "asked to end the process with exit code 0"));
  });
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("what latepy does right behind CPython's start may fail too, and then Python is ended",
          "[startup][start-error]") {
  const auto failing = [](auto change) {
    return in_child([&] {
      start_python();  // the functions are there, and Python can be started again
      host().api.FinalizeEx();
      const Api before = host().api;
      change(host().api);
      const std::string text = EXPECT_THROWN(StartError, start_python(Config(), StartWay::best, true)).what();
      EXPECT(host().api.IsInitialized() == 0);
      std::printf("%s", text.c_str());
      host().api = before;
    });
  };
  CHECK_THAT(failing([](Api& api) {
               api.Dict_SetItemString = [](PyObject*, const char*, PyObject*) {
                 host().api.Err_SetString(*host().api.OSError, "no room");
                 return -1;
               };
             }),
             ContainsSubstring("did not start: OSError('no room')"));
  CHECK_THAT(failing([](Api& api) {
               api.CompileStringExFlags = [](const char*, const char*, int, CompilerFlags*, int) -> PyObject* {
                 return nullptr;  // without an error
               };
             }),
             ContainsSubstring("did not start: a Python error whose repr() failed"));
  CHECK_THAT(failing([](Api& api) {
               close(0);  // so that sys.stdin is None
               static const auto compile = api.CompileStringExFlags;
               api.CompileStringExFlags = [](const char* source, const char* name, int mode, CompilerFlags* flags,
                                             int level) -> PyObject* {
                 return source == missing_streams_source ? nullptr : compile(source, name, mode, flags, level);
               };
             }),
             ContainsSubstring("did not start: a Python error whose repr() failed"));
}

TEST_CASE("a PyConfig that is not laid out as its row says is noticed, and not used further",
          "[startup][start-error]") {
  if (own_column() < 0) return;  // 3.14 and newer have no such rows
  const auto started = [](const ConfigRow& row) {
    const Config config;
    Settings settings(config, host().candidate, host().version);
    Start start{host().api, config, settings, "CPython"};
    return std::string(EXPECT_THROWN(StartError, start_by_config(start, row)).what());
  };
  in_child([&] {
    std::vector<ConfigField> fields(std::begin(config_fields), std::end(config_fields));
    for (ConfigField& field : fields)
      if (std::string(field.name) == "argv")
        field.at[own_column()] = static_cast<unsigned short>(field.at[own_column()] + 16);
    EXPECT(has(started({fields.data(), fields.size(), own_column()}), "did not write argv where latepy expects it"));
  });
  in_child([&] {
    static const auto initialize = host().api.InitializeFromConfig;
    host().api.InitializeFromConfig = [](const void* config) {
      static_cast<unsigned char*>(const_cast<void*>(config))[ConfigMemory::capacity - 1] = 0;
      return initialize(config);
    };
    EXPECT(has(started(find_row(host().api, host().version)), "wrote past the end of PyConfig"));
  });
  in_child([&] {
    host().api.SetProgramName = nullptr;
    EXPECT(has(EXPECT_THROWN(StartError, start_python({}, StartWay::flags)).what(),
               "latepy does not know the layout of its PyConfig"));
  });
}

TEST_CASE("only the right row is believed", "[startup]") {
  const Api& api = host().api;
  const int own = own_column();
  if (host().version.minor <= 13) REQUIRE(own >= 0);
  ConfigRow row;
  for (row.column = 0; row.column < 6; ++row.column) {
    INFO(row.column << " " << disproof(api, row));
    CHECK((disproof(api, row) == "") == (row.column == own));
  }
  if (own < 0) return;
  // One field moved by one place, the size wrong, a field missing.
  for (const char* moved :
       {"isolated", "parse_argv", "argv", "home", "executable", "pathconfig_warnings", "_init_main", "size"}) {
    std::vector<ConfigField> fields(std::begin(config_fields), std::end(config_fields));
    for (ConfigField& field : fields)
      if (std::string(field.name) == moved) field.at[own] = static_cast<unsigned short>(field.at[own] + 4);
    const ConfigRow wrong{fields.data(), fields.size(), own};
    const std::string reason(disproof(api, wrong));
    INFO(moved);
    // A pointer that is off by half is still NULL where its neighbours are: then the others have to be right.
    if (std::string(moved) != "home" && std::string(moved) != "executable" && std::string(moved) != "argv")
      CHECK(reason != "");
  }
}

// A library laid out as a column says, for those of which the machine has none.
namespace {
int pretended_column;
void pretend(void* config, bool isolated) {
  ConfigRow row;
  row.column = pretended_column;
  std::memset(config, 0, row.offset(config_fields[0]));
  const auto set = [&](const char* name, int value) {
    if (const ConfigField* field = row.find(name))
      std::memcpy(static_cast<char*>(config) + row.offset(*field), &value, sizeof value);
  };
  for (const char* name : {"isolated", "safe_path"}) set(name, isolated);
  for (const char* name : {"use_environment", "install_signal_handlers", "parse_argv", "user_site_directory",
                           "configure_c_stdio", "pathconfig_warnings"})
    set(name, !isolated);
  set("int_max_str_digits", isolated ? 4300 : -1);
  set("_init_main", 1);
}
}  // namespace

TEST_CASE("each row is told from the others", "[startup]") {
  REQUIRE(std::string(config_fields[0].name) == "size");
  Api api;
  api.Config_InitIsolatedConfig = [](void* config) { pretend(config, true); };
  api.Config_InitPythonConfig = [](void* config) { pretend(config, false); };
  for (pretended_column = 0; pretended_column < 6; ++pretended_column) {
    ConfigRow row;
    for (row.column = 0; row.column < 6; ++row.column) {
      INFO(pretended_column << " taken for " << row.column << ": " << disproof(api, row));
      CHECK((disproof(api, row) == "") == (row.column == pretended_column));
    }
    latepy::Version version{3, config_minors[pretended_column], 2};
    CHECK(find_row(api, version).column == pretended_column);
    version.minor = 14;
    CHECK(find_row(api, version).column == -1);
  }
}

TEST_CASE("sys.argv", "[startup][sys-argv][non-ascii]") {
  Config config;
  config.argv = {"prog é", "two words", "", "日本", "-x"};
  for (const StartWay way : {StartWay::best, StartWay::config, StartWay::flags})
    CHECK(printed(config, "import sys; print(sys.argv)", way) == "['prog é', 'two words', '', '日本', '-x']\n");
  config.argv = {std::string("a\0b", 3)};
  const std::string output = in_child([&] {
    try {
      start_python(config);
    } catch (const StartError& e) {
      std::printf("%s\n", e.what());
    }
    start_python();
    run("print('well')");
    host().api.FinalizeEx();
  });
  CHECK(output == "cannot start Python: argv holds a NUL byte: a\\0...\nwell\n");
}

TEST_CASE("Config::paths", "[startup][sys-path]") {
  Config config;
  config.paths = {"/first é", latepy::Path(fs::path("/second")), "third"};
  CHECK(printed(config,
                "import sys, os; print(sys.path[:2], sys.path[2] == os.path.join(os.getcwd(), 'third'), len([p for p "
                "in sys.path if not p]))") == "['/first é', '/second'] True 0\n");
}

TEST_CASE("a path with a NUL byte, and a relative one of Python's own, are refused before the start",
          "[startup][start-error]") {
  in_child([] {
    Config nul;
    nul.paths = {"/first", std::string("a\0b", 3)};
    EXPECT(has(EXPECT_THROWN(StartError, start_python(nul)).what(),
               "cannot start Python: Config::paths holds a NUL byte: a\\0..."));
    for (const char* const name : {"home", "executable", "base_executable"})
      EXPECT(has(EXPECT_THROWN(StartError, start_python(Config().set(name, "relative/python"))).what(),
                 "its " + std::string(name) + " must be an absolute path, not \"relative/python\""));
    EXPECT(!failed_start);
  });
}

TEST_CASE("Config::on_import gives the modules that Python finds nowhere else", "[modules]") {
  in_child([] {
    std::map<std::string, latepy::ModuleSource, std::less<>> database;
    database["rules"] = {"from . import tax\nversion = 1\ndef fail(): return 1 / 0\n", "database:/rules", true};
    database["rules.tax"] = {"rate = 2\n", "", false};
    database["rules.bad"] = {"a b\n", "database:/bad", false};
    database["json"] = {"planted = True", "", false};
    Config config;
    config.on_import = [&](std::string_view name) -> std::optional<latepy::ModuleSource> {
      const auto found = database.find(name);
      if (found == database.end()) return std::nullopt;
      return found->second;
    };
    latepy::Interpreter python(config);
    python.exec(R"(
        import inspect, json, rules, rules.tax
        assert not hasattr(json, 'planted')
        assert rules.tax.rate == 2 and rules.tax.__file__ == 'rules.tax.py' and rules.tax.__package__ == 'rules'
        assert rules.__file__ == 'database:/rules' and rules.__package__ == 'rules'
        assert inspect.getsource(rules.fail) == 'def fail(): return 1 / 0\n'
    )");
    database["rules"].code = "version = 2";
    EXPECT(python.reload("rules").attr("version").as<int>() == 2);
    EXPECT(EXPECT_THROWN(latepy::SyntaxError, python.import_module("rules.bad")).where() == "database:/bad:1");
    EXPECT_THROWN(latepy::ModuleNotFoundError, python.import_module("rules.missing"));
    EXPECT_THROWN(latepy::ModuleNotFoundError, python.import_module("missing"));
    EXPECT(python.try_eval("__import__('missing')").error().is("ModuleNotFoundError"));
  });
}

TEST_CASE("where Config::on_import throws, the import raises ImportError with the cause", "[modules]") {
  in_child([] {
    Config config;
    config.on_import = [](std::string_view name) -> std::optional<latepy::ModuleSource> {
      if (name == "fails") throw std::invalid_argument("no database");
      if (name == "asks_itself") latepy::Interpreter::current().import_module("asks_itself");
      if (name == "no_utf8") return latepy::ModuleSource{"a = '\xff'", "", false};
      return std::nullopt;
    };
    latepy::Interpreter python(config);
    const auto error = EXPECT_THROWN(latepy::ImportError, python.import_module("fails"));
    EXPECT(error.message() == "the program could not give the module fails: no database");
    EXPECT(error.cause()->is("ValueError"));
    EXPECT(EXPECT_THROWN(latepy::ImportError, python.import_module("asks_itself")).cause()->is("ModuleNotFoundError"));
    EXPECT_THROWN(latepy::ImportError, python.import_module("no_utf8"));
    EXPECT_THROWN(latepy::ModuleNotFoundError, python.import_module("other"));
  });
}

TEST_CASE("Config::on_import is asked no more after the end of its Interpreter", "[modules]") {
  in_child([] {
    int asked = 0;
    {
      Config config;
      config.finalize = false;
      config.on_import = [&](std::string_view) -> std::optional<latepy::ModuleSource> { return ++asked, std::nullopt; };
      latepy::Interpreter python(config);
      EXPECT_THROWN(latepy::ModuleNotFoundError, python.import_module("missing"));
      EXPECT(asked == 1);
    }
    latepy::Interpreter attached;
    EXPECT_THROWN(latepy::ModuleNotFoundError, attached.import_module("missing"));
    EXPECT(asked == 1);
  });
}

TEST_CASE("on_import is asked no more, whatever a script has put beside it", "[modules]") {
  for (const char* const script : {"class Odd:\n"
                                   "    def __eq__(self, other): raise ValueError('__eq__')\n"
                                   "    def find_spec(self, *arguments): return None\n"
                                   "sys.meta_path.insert(0, Odd())",
                                   "sys.meta_path = sys.meta_path[:]", "sys.meta_path = tuple(sys.meta_path)",
                                   "kept = sys.meta_path[:]\ndel sys.meta_path"}) {
    const std::string output = in_child([script] {
      int asked = 0;
      {
        Config config;
        config.finalize = false;
        config.on_import = [&](std::string_view) -> std::optional<latepy::ModuleSource> {
          return ++asked, std::nullopt;
        };
        latepy::Interpreter python(config);
        python.exec(std::string("import sys\n") + script);
      }
      const int before = asked;
      latepy::Interpreter attached;
      attached.exec("import sys\nif not hasattr(sys, 'meta_path'): sys.meta_path = kept");
      EXPECT_THROWN(latepy::ModuleNotFoundError, attached.import_module("missing"));
      EXPECT(asked == before);
    });
    CHECK(output == "");
  }
}

TEST_CASE("the locale is C", "[startup][locale][non-ascii]") {
  for (const StartWay way : {StartWay::best, StartWay::config, StartWay::flags}) {
    const std::string output = in_child([&] {
      setenv("LC_ALL", "C", 1);
      unsetenv("LANG");
      Config config;
      config.argv = {"é"};
      start_python(config, way);
      run("import sys, os; print(sys.argv, 'ü日本', sys.getfilesystemencoding(), sys.stdout.encoding, "
          "sys.stderr.errors)\n"
          "open(os.path.join(sys.argv[0] + 'x'), 'w').close() if 0 else None");
      host().api.FinalizeEx();
    });
    CHECK(output == "['é'] ü日本 utf-8 utf-8 backslashreplace\n");
  }
}

TEST_CASE("options by CPython's names", "[startup]") {
  Config config;
  config.write_bytecode = false;
  config.site = false;
  config.set("optimization_level", "2")
      .set("xoptions", "mine=1")
      .set("warnoptions", "error::UserWarning")
      .set("stdio_encoding", "ascii")
      .set("stdio_errors", "replace");
  config.set("hash_seed", "42").set("use_hash_seed", "1");
  CHECK(printed(config,
                "import sys; print(sys.flags.optimize, sys._xoptions, sys.warnoptions, sys.flags.no_site, "
                "sys.dont_write_bytecode, sys.stdout.encoding, sys.flags.hash_randomization)") ==
        "2 {'utf8': '1', 'mine': '1'} ['error::UserWarning'] 1 True ascii 1\n");
  const std::string output = in_child([&] {
    for (const StartWay way : {StartWay::best, StartWay::config, StartWay::flags})
      for (const auto& [name, value] :
           {std::pair("no_such_thing", "1"), std::pair("verbose", "much"), std::pair("isolated", "1x")}) {
        try {
          start_python(Config().set(name, value), way);
          std::printf("it ran\n");
        } catch (const StartError& e) {
          if (!has(e.what(), name) || failed_start) std::printf("%s\n", e.what());
        }
      }
    start_python();
    run("print('well')");
    host().api.FinalizeEx();
  });
  CHECK(output == "well\n");
}

TEST_CASE("what set() says of a switch goes before the field, also for what depends on it", "[startup][environment]") {
  CHECK(printed(Config().set("user_site_directory", "1"),
                "import sys; print(sys.flags.no_user_site, sys.flags.ignore_environment, sys.flags.isolated)") ==
        "0 1 0\n");
  Config user_site;
  user_site.user_site = true;
  CHECK(printed(user_site.set("user_site_directory", "0"), "import sys; print(sys.flags.no_user_site)") == "1\n");
  CHECK(printed(Config().set("use_environment", "1").set("isolated", "1"),
                "import sys; print(sys.flags.ignore_environment)") == "1\n");
  CHECK(printed(Config().set("utf8_mode", "0"), "import sys; print(sys.flags.utf8_mode, sys._xoptions)") ==
        "0 {'utf8': '0'}\n");
  CHECK(printed(Config().set("install_signal_handlers", "1"),
                "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)") == "True\n");
  const std::string output = in_child([] {
    setenv("PYTHONPATH", "/planted", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    setenv("PYTHONTRACEMALLOC", "3", 1);
    start_python(Config().set("use_environment", "0").set("use_environment", "1"));
    run("import sys, tracemalloc\n"
        "print('/planted' in sys.path, sys.flags.dont_write_bytecode, tracemalloc.get_traceback_limit())");
    host().api.FinalizeEx();
  });
  CHECK(output == "True 1 3\n");
}

TEST_CASE("where there is no executable sys.executable is empty, so that subprocess fails", "[sys-executable]") {
  // The library and the standard library, as a program may bring them along.
  const std::string home = temporary_folder() + "/bare",
                    lib = "/lib/python3." + minor() + (host().candidate.free_threaded ? "t" : "");
  fs::create_directories(home + "/lib");
  fs::create_directory_symlink(host().candidate.home + lib, home + lib);
  const std::string script =
      "import sys, subprocess, multiprocessing\n"
      "print(repr(sys.executable), repr(sys._base_executable))\n"
      "try: subprocess.run([sys.executable, '-c', ''])\n"
      "except OSError: print('an error')";
  for (const StartWay way : {StartWay::best, StartWay::config, StartWay::flags}) {
    std::string own;
    const auto output = [&](const char* extra) {
      return in_child([&] {
        host().candidate.home = host().candidate.prefix = home;
        host().candidate.executable = host().candidate.base_executable = "";
        Config config;
        if (!own.empty()) config.set("executable", own).set("base_executable", own);
        start_python(config, way);
        run(script + extra);
        host().api.FinalizeEx();
      });
    };
    CHECK(output("") == "'' ''\nan error\n");
    own = host().candidate.base_executable;
    CHECK(output("\nelse: print('it ran')") == "'" + own + "' '" + own + "'\nit ran\n");
  }
}

TEST_CASE("a .pth file that is not UTF-8 does not spoil later starts", "[startup][start-error][venv]") {
  const InVirtualEnvironment inside;
  const std::string file = virtual_environment() + "/lib/python3." + minor() +
                           (host().candidate.free_threaded ? "t" : "") + "/site-packages/of_others.pth";
  fs::create_directory(virtual_environment() + "/caf\xc3\xa9");
  std::ofstream(file) << virtual_environment() + "/caf\xc3\xa9\n";
  for (const char* locale : {"C", "C.UTF-8"}) {
    INFO(locale);
    const std::string output = in_child([&] {
      std::setlocale(LC_ALL, locale);
      start_python();
      run("import sys; print(sys.path[-1].endswith('caf\\xe9'))");
      host().api.FinalizeEx();
      if (std::string(std::setlocale(LC_ALL, nullptr)) != locale) std::printf("another locale\n");
    });
    CHECK(output == "True\n");
  }
  std::string far = "#";
  while (far.size() < 65535) far += 'x';
  std::ofstream(file) << far + "\xc3\xa9\n";  // a character that lies on both sides of 64 KiB
  CHECK(in_child([] {
          start_python();
          run("print('well')");
        }) == "well\n");
  std::ofstream(file) << far + "\n/caf\xe9\n";
  const std::string output = in_child([&] {
    try {
      start_python();
      run("print('well')");
    } catch (const StartError& error) {
      std::printf("%s\n", error.what());
      fs::remove(file);
      start_python();
      run("print('later')");
    }
    host().api.FinalizeEx();
  });
  fs::remove(file);
  CHECK(output == "cannot start Python: " + file + " is not in UTF-8, so that Python " + host().version.to_string() +
                      " cannot read it. Mend it or remove it\nlater\n");
}

TEST_CASE("a .pth file that cannot be read whole is refused before the start", "[startup][start-error][venv]") {
  const InVirtualEnvironment inside;
  const std::string file = virtual_environment() + "/lib/python3." + minor() +
                           (host().candidate.free_threaded ? "t" : "") + "/site-packages/of_others.pth";
  std::ofstream(file) << "#\n";
  fs::resize_file(file, (16u << 20) + 1);
  const std::string output = in_child([&] {
    const std::string text = EXPECT_THROWN(StartError, start_python()).what();
    EXPECT(has(text, "cannot start Python: " + file + " cannot be read: "));
    fs::remove(file);
    start_python();  // nothing was touched
    run("print('well')");
    host().api.FinalizeEx();
  });
  fs::remove(file);
  CHECK(output == "well\n");
}

TEST_CASE("a .pth file that fails is told on stderr, and Python starts", "[startup][venv]") {
  const InVirtualEnvironment inside;
  const std::string file = virtual_environment() + "/lib/python3." + minor() +
                           (host().candidate.free_threaded ? "t" : "") + "/site-packages/of_others.pth";
  std::ofstream(file) << "import no_such_module_of_others\n";
  const std::string output = printed("print('well')");
  fs::remove(file);
  CHECK(has(output, "Error processing line 1 of " + file));
  CHECK(has(output, "no_such_module_of_others"));
  CHECK(has(output, "\nwell\n"));
}

TEST_CASE("strict refuses what others may write to on sys.path before any of it can run", "[security][sys-path]") {
  umask(022);
  const std::string folder = temporary_folder() + "/strict", user = folder + "/user",
                    site = user + "/lib/python3." + minor() + (host().candidate.free_threaded ? "t" : "") +
                           "/site-packages";
  fs::create_directories(folder + "/modules");
  fs::create_directories(site);
  std::ofstream(folder + "/modules/sitecustomize.py") << "print('PLANTED')\n";
  std::ofstream(site + "/usercustomize.py") << "print('PLANTED')\n";
  const auto output = [&](const std::function<void(Config&)>& set) {
    return in_child([&] {
      setenv("PYTHONPATH", (folder + "/modules").c_str(), 1);
      setenv("PYTHONUSERBASE", user.c_str(), 1);
      if (chdir(folder.c_str()) != 0) throw std::runtime_error("chdir");
      Config config;
      config.strict = true;
      set(config);
      try {
        start_python(config);
        std::printf("it runs\n");
      } catch (const StartError& error) {
        std::printf("%s\n", error.what());
      }
    });
  };
  const auto refusal = [](const std::string& file) {
    return "cannot start Python: not safe (Config::strict): others may write to " + file + ", which is on sys.path\n";
  };
  const auto named = [&](Config& config) { config.paths = {folder + "/modules"}; };
  const auto named_from_here = [&](Config& config) { config.paths = {"modules"}; };
  const auto by_environment = [&](Config& config) { config.use_environment = true; };
  const auto of_user = [&](Config& config) { config.use_environment = config.user_site = true; };
  const auto as_option = [&](Config& config) { config.set("module_search_paths", folder + "/modules"); };
  CHECK(has(output(named), "it runs\n"));
  CHECK(has(output(of_user), "it runs\n"));
  fs::permissions(folder + "/modules/sitecustomize.py", fs::perms::all);
  CHECK(output(named) == refusal(folder + "/modules/sitecustomize.py"));
  CHECK(output(named_from_here) == refusal(folder + "/modules/sitecustomize.py"));
  CHECK(output(by_environment) == refusal(folder + "/modules/sitecustomize.py"));
  CHECK(output(as_option) == refusal(folder + "/modules/sitecustomize.py"));
  CHECK(output([](Config&) {}) == "it runs\n");
  fs::permissions(folder + "/modules/sitecustomize.py", fs::perms::owner_all);
  fs::permissions(folder, fs::perms::all | fs::perms::sticky_bit);
  CHECK(output([&](Config& config) { config.paths = {folder + "/gone"}; }) == refusal(folder));
  const std::string safe = temporary_folder() + "/safe";
  fs::create_directory(safe);
  for (const std::string& list : {":" + safe, safe + ":", safe + "::" + safe, safe + ": "}) {
    INFO(list);
    CHECK(output([&](Config& config) {
            setenv("PYTHONPATH", list.c_str(), 1);
            config.use_environment = true;
          }) == refusal(folder));
  }
  fs::permissions(folder, fs::perms::owner_all);
  fs::permissions(site, fs::perms::all);
  CHECK(output(of_user) == refusal(site));
}

TEST_CASE("run by the case below as a set-uid program", "[.set-uid]") {
  if (!is_secure_process()) {
    std::puts("this is no set-uid program");
    SKIP("run by the case below");
  }
  setenv("LATEPY_TRACE", "1", 1);
  for (bool Config::*field : {&Config::use_environment, &Config::user_site}) {
    Config config;
    config.*field = true;
    try {
      start_python(config);
      FAIL("it runs");
    } catch (const StartError& error) {
      CHECK_THAT(error.what(),
                 ContainsSubstring("runs with more rights than its user (set-uid)") &&
                     ContainsSubstring(config.user_site ? "Config::user_site" : "Config::use_environment"));
    }
  }
  CHECK_THROWS_AS(start_python(Config().set("use_environment", "1")), StartError);
  CHECK_FALSE(failed_start);
  CHECK(std::getenv("LATEPY_LIBRARY"));
  const latepy::Discovery discovery = latepy::locate();
  for (const Candidate& candidate : discovery.candidates()) CHECK_FALSE(has(candidate.source, "LATEPY_"));
}

TEST_CASE("a set-uid program does not do what the user's environment says", "[security][environment]") {
  if (geteuid() != 0) SKIP("only root can make one");
  if (under_address_sanitizer) SKIP("the search for leaks needs more rights in a set-uid program");
  const TemporaryFolder folder;
  const std::string program = folder.path + "/program";
  fs::copy_file("/proc/self/exe", program);
  chmod(folder.path.c_str(), 0755);  // another user is to reach the program
  chmod(program.c_str(), 04755);
  const Outcome outcome = run_in_child([&] {
    setenv("LATEPY_LIBRARY", host().candidate.library.c_str(), 1);
    if (chdir("/") != 0 || setgid(65534) != 0 || setuid(65534) != 0) throw std::runtime_error("no other user");
    execl(program.c_str(), program.c_str(), "[.set-uid]", static_cast<char*>(nullptr));
    throw std::runtime_error("exec");
  });
  INFO(outcome.output);
  if (has(outcome.output, "this is no set-uid program")) SKIP("/tmp takes no set-uid programs");
  CHECK(outcome.exit_code == 0);
  CHECK(!has(outcome.output, "latepy 0."));
}

TEST_CASE("standard streams", "[startup][streams]") {
  for (const StartWay way : {StartWay::best, StartWay::flags}) {
    const std::string output = in_child([&] {
      const int out = dup(1);
      close(0);
      close(1);
      close(2);
      start_python({}, way);
      run("import sys\nprint('lost', file=sys.stderr); print('lost')\n"
          "assert sys.stdin.read() == '' and sys.stdin.readline() == '' and sys.stdout.write('é\\udcff') == 2\n"
          "assert sys.__stdout__ is sys.stdout and sys.stdin.isatty() is False\n"
          "try: input()\nexcept EOFError: pass\n");
      dup2(out, 1);
      if (write(1, "well\n", 5) != 5) throw std::runtime_error("write");
      host().api.FinalizeEx();
    });
    CHECK(output == "well\n");
  }
  CHECK(in_child([] {
          start_python();
          run("print('first'); import sys; print('\\udcff', file=sys.stderr)");
          if (write(1, "second\n", 7) != 7) throw std::runtime_error("write");
          _exit(0);
        }) == "first\n\\udcff\nsecond\n");
}

#endif  // !_WIN32
