// More of find_locate_test: where Windows has its Pythons, the registry, DLLs in this process.
// SPDX-License-Identifier: MIT
#include <latepy/find/locate.hpp>

#if LATEPY_WINDOWS
#include "tree.hpp"

#include <windows.h>

#include <vector>

namespace {

/// A key below `SOFTWARE\Python` of this user for as long as the test runs.
class Registered {
 public:
  Registered(const std::string& company, const std::string& tag, const std::string& folder, DWORD type = REG_SZ)
      : company_(company), tag_(tag) {
    py::detail::Arena arena;
    const auto wide = [&](const std::string& text) { return std::wstring(py::detail::to_utf16(arena, text.c_str())); };
    const std::wstring text = wide(folder);
    HKEY key = nullptr;
    REQUIRE(RegCreateKeyExW(HKEY_CURRENT_USER, wide(path() + "\\InstallPath").c_str(), 0, nullptr, 0, KEY_WRITE,
                            nullptr, &key, nullptr) == 0);
    CHECK(RegSetValueExW(key, nullptr, 0, type, reinterpret_cast<const BYTE*>(text.c_str()),
                         static_cast<DWORD>((text.size() + 1) * sizeof(wchar_t))) == 0);
    RegCloseKey(key);
  }
  ~Registered() {
    py::detail::Arena arena;
    const auto remove = [&](const std::string& key) {  // fails where another test or an installation needs it
      RegDeleteKeyW(HKEY_CURRENT_USER, py::detail::to_utf16(arena, key.c_str()));
    };
    remove(path() + "\\InstallPath");
    remove(path());
    remove("Software\\Python\\" + company_);
    remove("Software\\Python");
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  std::string path() const { return "Software\\Python\\" + company_ + "\\" + tag_; }
  std::string company_, tag_;
};

/// The first bytes of a DLL for a machine, by the number in its header.
std::string pe(const char* machine, char characteristics = 0x20) {
  std::string bytes(512, '\0');
  bytes.replace(0, 2, "MZ");
  bytes[0x3c] = '\x80';
  bytes.replace(0x80, 2, "PE");
  bytes.replace(0x84, 2, machine);
  bytes[0x97] = characteristics;
  return bytes;
}

/// A DLL in this process.
class Loaded {
 public:
  explicit Loaded(const std::string& path) {
    py::detail::Arena arena;
    handle_ = LoadLibraryW(py::detail::to_utf16(arena, path.c_str()));
    REQUIRE(handle_ != nullptr);
  }
  ~Loaded() { FreeLibrary(handle_); }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

 private:
  HMODULE handle_;
};

}  // namespace

TEST_CASE("the order of the sources is the order of the table", "[locate]") {
  Tree tree;
  tree.python("named", "3.14");
  tree.python("app/bin/python", "3.13");
  tree.python("base", "3.12");
  tree.venv("venv", "home = " + tree.at("base/bin") + "\nversion = 3.12.4\n");
  tree.python("conda", "3.11");
  tree.python("onpath", "3.10");
  tree.python("home/me/roaming/uv/python/cpython-3.12.9-windows-x86_64-none", "3.12");
  tree.python("home/me/roaming/uv/python/cpython-3.12.10-windows-x86_64-none", "3.12");
  tree.python("home/me/.pyenv/pyenv-win/versions/3.13.1", "3.13");
  tree.python("home/me/miniforge3", "3.11");
  tree.python("home/me/miniforge3/envs/work", "3.10");
  tree.python("home/me/local/Programs/Python/Python39", "3.9");
  tree.python("home/me/local/Programs/Python/Python313", "3.13");
  tree.python("home/me/local/Python/pythoncore-3.14-64", "3.14");
  tree.set("APPDATA=" + tree.at("home/me/roaming"));
  tree.set("LATEPY_LIBRARY=" + tree.at("named/lib/libpython3.14.so.1.0"));
  tree.set("VIRTUAL_ENV=" + tree.at("venv/"));
  tree.set("CONDA_PREFIX=" + tree.at("conda"));
  tree.set("PATH=relative\\bin;.;;" + tree.at("onpath") + ";" + tree.at("missing"));
  const Discovery discovery = py::locate(tree.search);
  CHECK(
      order(discovery) ==
      "LATEPY_LIBRARY 3.14, beside the program 3.13, VIRTUAL_ENV 3.12.4, CONDA_PREFIX 3.11, PATH 3.10, uv 3.12.10, "
      "uv 3.12.9, pyenv 3.13.1, conda 3.11, conda 3.10, python.org 3.13, python.org 3.9, Python install manager 3.14");
  REQUIRE(discovery.chosen() != nullptr);
  CHECK(discovery.chosen() == &discovery.candidates()[0]);
  REQUIRE(discovery.candidates().size() > 4);
  const Candidate& venv = discovery.candidates()[2];
  CHECK(venv.executable == tree.at("venv/bin/python"));
  CHECK(venv.base_executable == tree.at("base/bin/python"));
  CHECK(venv.prefix == tree.at("venv"));
  CHECK(venv.home == tree.at("base"));
  CHECK(venv.library == tree.at("base") + "\\python312.dll");
  for (const Candidate& c : discovery.candidates()) {
    INFO(c.library);
    CHECK(c.library.find('/') == std::string::npos);
    CHECK(c.executable.find('/') == std::string::npos);
    CHECK(c.home.find('/') == std::string::npos);
    CHECK(c.prefix.find('/') == std::string::npos);
  }
  tree.search.as_secure = true;
  // The variables are not read. With an administrator's rights what lies in the user's folder is refused.
  const Discovery secure = py::locate(tree.search);
  REQUIRE(secure.candidates().size() == 1);
  CHECK(secure.candidates()[0].source == "beside the program");
  CHECK((secure.chosen() || has(secure.candidates()[0].reason, "others may write to")));
}

TEST_CASE("a Python may lie in the program's own folder", "[locate]") {
  Tree tree;
  tree.file("app/bin/python312.dll", native_library());
  tree.file("app/bin/python312.zip");
  const Discovery discovery = py::locate(tree.search);
  CHECK(order(discovery) == "beside the program 3.12");
  REQUIRE(discovery.chosen());
  CHECK(discovery.chosen()->home == tree.at("app") + "\\bin");
  CHECK(discovery.chosen()->executable.empty());
  CHECK(has(discovery.chosen()->reason, "no python executable"));
}

TEST_CASE("a path is the same with other separators and in other letters", "[locate]") {
  Tree tree;
  tree.python("One", "3.11");
  std::string slashes = tree.at("One"), capitals = tree.at("ONE");
  for (char& c : slashes)
    if (c == '\\') c = '/';
  for (const std::string& python : {slashes, capitals, slashes + "/python.exe", capitals + "\\PYTHON.EXE\\..\\"}) {
    INFO(python);
    tree.search.python = python;
    const Discovery discovery = py::locate(tree.search);
    REQUIRE(discovery.chosen());
    CHECK(discovery.chosen()->library == tree.at("One") + "\\python311.dll");
    CHECK(discovery.chosen()->home == tree.at("One"));
  }
  tree.search.python = py::Path();
  tree.set("PATH=" + slashes + ";" + capitals + ";" + tree.at("One"));
  CHECK(order(py::locate(tree.search)) == "PATH 3.11");
}

TEST_CASE("a relative path of the caller's is one from the working folder", "[locate]") {
  Tree tree;
  tree.python("one", "3.11");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::u8path(tree.at("")));
  const auto is_found = [&] {
    const Discovery discovery = py::locate(tree.search);
    tree.search.python = tree.search.library = tree.search.home = py::Path();
    const Candidate* const c = discovery.chosen();
    return c && c->library == tree.at("one") + "\\python311.dll" && c->home == tree.at("one") &&
           c->executable == tree.at("one") + "\\python.exe";
  };
  for (const char* path : {"one", ".\\one\\", "one/python.exe", "./one/python.exe"}) {
    INFO(path);
    tree.search.python = path;
    CHECK(is_found());
  }
  tree.search.library = "one\\python311.dll";
  CHECK(is_found());
  tree.search.home = "one";
  CHECK(is_found());
  std::filesystem::current_path(before);
  // The environment's are not followed, and one without a drive is relative.
  for (const char* folder : {"one", "\\one", "C:one"}) {
    tree.search.environment.resize(2);
    tree.set("VIRTUAL_ENV=" + std::string(folder));
    CHECK(py::locate(tree.search).candidates()[0].reason == "a relative path in the environment is not followed");
  }
}

TEST_CASE("paths of any letters, and longer than 260 characters", "[locate]") {
  Tree tree;
  std::string home = "\xc3\xa4 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\x8d";
  SECTION("letters") { tree.python(home, "3.12"); }
  std::vector<std::string> made;  // what is longer than std::filesystem removes
  SECTION("length") {
    for (int i = 0; i < 6; ++i) home += "/" + std::string(50, static_cast<char>('a' + i));
    py::detail::Arena arena;
    const auto make = [&](const std::string& path) {
      made.push_back(path);
      CreateDirectoryW(py::detail::to_wide_path(arena, tree.at(path).c_str()), nullptr);
    };
    const auto write = [&](const std::string& path, const std::string& text) {
      made.push_back(path);
      HANDLE file = CreateFileW(py::detail::to_wide_path(arena, tree.at(path).c_str()), GENERIC_WRITE, 0, nullptr,
                                CREATE_ALWAYS, 0, nullptr);
      REQUIRE(file != INVALID_HANDLE_VALUE);
      DWORD written = 0;
      WriteFile(file, text.data(), static_cast<DWORD>(text.size()), &written, nullptr);
      CloseHandle(file);
    };
    for (std::size_t slash = home.find('/'); slash != std::string::npos; slash = home.find('/', slash + 1))
      make(home.substr(0, slash));
    for (const char* folder : {"", "/Lib", "/Lib/encodings"}) make(home + folder);
    write(home + "/Lib/os.py", "x");
    write(home + "/python312.dll", native_library());
    write(home + "/python.exe", native_executable());
  }
  for (const char* named : {"", "/bin/python"}) {
    tree.search.python = tree.at(home + named);
    const Discovery discovery = py::locate(tree.search);
    INFO(discovery.to_string());
    REQUIRE(discovery.chosen());
    CHECK(discovery.chosen()->home == tree.at(home));
    CHECK(discovery.chosen()->executable == tree.at(home + "/bin/python"));
  }
  tree.search.python = py::Path();
  tree.search.library = tree.at(home + "/lib/libpython3.12.so.1.0");
  CHECK(py::locate(tree.search).chosen()->library == tree.at(home + "/lib/libpython3.12.so.1.0"));
  for (auto path = made.rbegin(); path != made.rend(); ++path) {
    py::detail::Arena arena;
    const wchar_t* const wide = py::detail::to_wide_path(arena, tree.at(*path).c_str());
    if (!DeleteFileW(wide)) CHECK(RemoveDirectoryW(wide) != 0);
  }
}

TEST_CASE("each reason to refuse a library", "[locate][standard-library][no-libpython][architecture]") {
  Tree tree;
  tree.stdlib("py", "3.12");
  tree.executable("py", "3.12");
  const std::string library = "py/lib/libpython3.12.so.1.0";
  tree.search.home = tree.at("py");
  const std::string own = std::string(py::detail::native_format.c_str()) + " for " + py::detail::native_machine.c_str();
  std::string reason;
  SECTION("static") {
    reason = "built without a shared library (static), or its package is not installed: no shared library below " +
             tree.at("py");
  }
  SECTION("the forwarder alone") {
    tree.file("py/python3.dll", native_library());
    reason = "built without a shared library (static)";
  }
  SECTION("empty") { tree.file(library, ""), reason = "an empty file"; }
  SECTION("text") { tree.file(library, "text"), reason = "not a shared library"; }
  SECTION("truncated") { tree.file(library, pe("\x64\x86").substr(0, 0x85)), reason = "truncated PE file"; }
  SECTION("an executable") { tree.file(library, pe("\x64\x86", 0)), reason = "a PE program, not a DLL"; }
  SECTION("of MS-DOS") { tree.file(library, "MZ" + std::string(200, '\0')), reason = "an MS-DOS program, not a DLL"; }
  SECTION("arm64") {
    tree.file(library, pe("\x64\xaa"));
    reason = "wrong architecture: it is PE for arm64, this program is " + own;
  }
  SECTION("of another system") {
    tree.file(library, elf(2, 1, 62));
    reason = "wrong architecture: it is ELF for x86-64, this program is " + own;
  }
  SECTION("standard library missing") {
    tree.file(library, native_library());
    std::filesystem::remove_all(std::filesystem::u8path(tree.at("py/lib/python3.12/encodings")));
    reason = "standard library missing: no Lib\\os.py or python312.zip below " + tree.at("py");
  }
  SECTION("outside of the version range") {
    tree.file(library, native_library());
    tree.search.version = ">=3.9, <3.12";
    reason = "3.12 is not in >=3.9, <3.12";
  }
  SECTION("the Store's stub") {
    tree.search.home = py::Path();
    tree.file("stub/python.exe", "");
    tree.search.python = tree.at("stub/bin/python");
    reason = "the Microsoft Store's stub";
  }
  SECTION("a script") {
    tree.search.home = py::Path();
    tree.file("stub/python.exe", "#!/bin/sh");
    tree.search.python = tree.at("stub/bin/python");
    reason = "a script, not a Python executable";
  }
  CHECK(has(only_reason(py::locate(tree.search)), reason));
}

TEST_CASE("an executable's letters choose among the libraries beside it", "[locate]") {
  Tree tree;
  for (const char* version : {"3.13", "3.13t", "3.13d", "3.13td"}) tree.python("py", version);
  const struct {
    const char *executable, *library;
  } table[] = {{"python.exe", "python313.dll"},
               {"python_d.exe", "python313_d.dll"},
               {"python3.13t.exe", "python313t.dll"},
               {"python3.13t_d.exe", "python313t_d.dll"}};
  for (const auto& [executable, library] : table) {
    INFO(executable);
    tree.search.python = tree.at("py") + "\\" + executable;
    const Discovery discovery = py::locate(tree.search);
    REQUIRE(discovery.chosen());
    CHECK(discovery.chosen()->library == tree.at("py") + "\\" + library);
    CHECK(discovery.chosen()->executable == tree.at("py") + "\\" + executable);
  }
}

TEST_CASE("too old", "[locate]") {
  Tree tree;
  tree.python("home/me/.pyenv/pyenv-win/versions/3.8.10", "3.8");
  const Discovery discovery = py::locate(tree.search);
  CHECK(order(discovery) == "[pyenv 3.8.10]");
  CHECK(has(discovery.candidates()[0].reason, "too old: 3.8.10"));
}

TEST_CASE("the remedy is that of the system, or fits what was asked for", "[locate]") {
  Tree tree;
  const auto remedy = [&] { return py::locate(tree.search).remedy(); };
  CHECK(
      has(remedy(), "Install Python 3.9 or newer for this architecture with the installer of https://www.python.org/"));
  CHECK(has(remedy(), "LATEPY_LIBRARY="));
  tree.search.version = ">=3.12";
  CHECK(has(remedy(), "Install Python >=3.12 for this architecture"));
  tree.search.python = tree.at("gone");
  CHECK(remedy() == "Correct Config::python or Config::version, or leave it empty: then a Python is looked for.");
}

TEST_CASE("installations of the registry are found, the user's newest first", "[locate][registry]") {
  Tree tree;
  tree.python("core", "3.10");
  tree.python("one", "3.11");
  tree.python("two", "3.12");
  tree.python("expanded", "3.13");
  const Registered keys[] = {{"Latepy Test", "3.11", tree.at("one")},
                             {"Latepy Test", "3.12 \xc3\xa4", tree.at("two") + "\\\\"},
                             {"Latepy Test", "3.9", tree.at("gone")},
                             {"Latepy Test", "relative", "two"},
                             {"Latepy Test", "expanded", tree.at("expanded"), REG_EXPAND_SZ},
                             {"PythonCore", "latepy-test", tree.at("core")},
                             {"PyLauncher", "latepy-test", tree.at("one")}};
  const auto found = [&] {
    std::string text;
    const Discovery discovery = py::locate(tree.search);
    for (const Candidate& c : discovery.candidates())
      if (py::detail::is_below(c.library, tree.at(""))) text += c.source + " " + c.library + "\n";
    return text;
  };
  CHECK(found().empty());  // a made-up system has no registry
  tree.search.root = py::Path();
  CHECK(found() == "registry (user) " + tree.at("core") + "\\python310.dll\n" +  //
                       "registry (user) " + tree.at("two") + "\\python312.dll\n" + "registry (user) " + tree.at("one") +
                       "\\python311.dll\n");
}

TEST_CASE("a library that is in this process is the only one that a wish can have", "[locate][attach]") {
  Tree tree;
  tree.python("one", "3.11");
  tree.file("one/lib/libpython3.11.so.1.0", stand_in());
  tree.python("two", "3.12");
  tree.venv("venv", "home = " + tree.at("one/bin"));
  tree.venv("venv2", "home = " + tree.at("two/bin"));
  tree.search.in_process = true;
  const Loaded library(tree.at("one/lib/libpython3.11.so.1.0"));
  const auto find = [&] {
    const Discovery found = py::locate(tree.search);
    tree.search.python = tree.search.library = tree.search.home = py::Path();
    tree.search.environment.resize(2);
    return found;
  };
  const auto is_one = [&](const char* executable) {
    const Discovery found = find();
    INFO(found.to_string());
    REQUIRE(found.chosen());
    CHECK(found.chosen()->in_process);
    CHECK(found.chosen()->library == tree.at("one/lib/libpython3.11.so.1.0"));
    CHECK(found.chosen()->executable == tree.at(executable));
    CHECK(found.chosen()->version == py::Version{3, 11, 7});
  };
  const auto is_refused = [&](const std::string& why) {
    const Discovery found = find();
    INFO(found.to_string());
    CHECK_FALSE(found.chosen());
    CHECK(has(found.candidates()[0].reason, why));
  };
  const std::string loaded = "this process has loaded " + tree.at("one/lib/libpython3.11.so.1.0") +
                             " already, and a process can have one Python only";
  is_one("one/bin/python3.11");
  tree.search.python = tree.at("venv");
  is_one("venv/bin/python");
  tree.set("LATEPY_PYTHON=" + tree.at("venv"));
  is_one("venv/bin/python");
  tree.set("VIRTUAL_ENV=" + tree.at("venv"));
  is_one("venv/bin/python");
  tree.set("VIRTUAL_ENV=" + tree.at("venv2"));  // no wish
  is_one("one/bin/python3.11");
  tree.search.library = tree.at("one/lib/libpython3.11.so.1.0");
  is_one("one/bin/python3.11");
  for (const char* other : {"two", "two/bin/python3", "venv2"}) {
    tree.search.python = tree.at(other);
    is_refused(loaded);
  }
  tree.search.library = tree.at("two/lib/libpython3.12.so.1.0");
  is_refused(loaded);
  tree.search.home = tree.at("two");
  is_refused("its home is that of another Python: " + tree.at("two") + "\\python312.dll");
  tree.search.version = "<3.9";
  is_refused("is not in <3.9, and a process can have one Python only");
}

TEST_CASE("a Python in this process that is too old is refused", "[locate][attach]") {
  Tree tree;
  tree.python("old", "3.8");
  tree.file("old/lib/libpython3.8.so.1.0", stand_in("3.8.18"));
  tree.search.in_process = true;
  const Loaded library(tree.at("old/lib/libpython3.8.so.1.0"));
  const std::string reason = only_reason(py::locate(tree.search));
  CHECK(has(reason, "too old: 3.8.18"));
  CHECK(has(reason, "and a process can have one Python only"));
}

TEST_CASE("what a question is put to", "[.]") { Sleep(10'000); }

TEST_CASE("a question to another program ends", "[locate]") {
  using py::detail::run_and_read;
  py::detail::Arena arena;
  const py::detail::Text program = py::detail::program_path(arena);
  CHECK(has(std::string(run_and_read(arena, {program.c_str(), "--help", nullptr}, 60000)), "usage:"));
  CHECK(run_and_read(arena, {program.c_str(), "--no-such-option", nullptr}).empty());
  CHECK(run_and_read(arena, {"C:\\gone.exe", nullptr}).empty());
  CHECK(run_and_read(arena, {program.c_str(), "what a question is put to", nullptr}, 100).empty());
}
#endif
