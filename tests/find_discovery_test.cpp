// Tests of latepy/find/discovery.hpp: what was found, as data and as a table. No Python takes part.
// SPDX-License-Identifier: MIT
#include <latepy/find/discovery.hpp>

#include "catch.hpp"

namespace py = latepy;
using py::Candidate;
using py::Discovery;
using py::Verdict;

namespace {

Candidate candidate(Verdict verdict, py::Version version, const char* source, const char* library,
                    const char* reason = "") {
  Candidate made;
  made.verdict = verdict;
  made.version = version;
  made.source = source;
  made.library = library;
  made.reason = reason;
  return made;
}

}  // namespace

TEST_CASE("the table has a line for each candidate, in order, with aligned columns") {
  const Discovery discovery({candidate(Verdict::refused, {3, 8, 18}, "pyenv", "/p/libpython3.8.so", "too old: 3.8.18"),
                             candidate(Verdict::chosen, {3, 12, 1}, "VIRTUAL_ENV", "/usr/lib/libpython3.12.so"),
                             candidate(Verdict::usable, {3, 9, -1}, "PATH", "/q/libpython3.9.so", "no executable")},
                            "remedy");
  CHECK(discovery.to_string() ==
        "    version  found by     library                    why\n"
        "no  3.8.18   pyenv        /p/libpython3.8.so         too old: 3.8.18\n"
        "=>  3.12.1   VIRTUAL_ENV  /usr/lib/libpython3.12.so\n"
        "ok  3.9      PATH         /q/libpython3.9.so         no executable\n");
}

TEST_CASE("the table shows free-threaded and debug builds by CPython's letters") {
  Candidate free_threaded = candidate(Verdict::chosen, {3, 13, 0}, "PATH", "/a");
  free_threaded.free_threaded = true;
  Candidate debug = candidate(Verdict::usable, {3, 12, -1}, "PATH", "/b");
  debug.debug = true;
  Candidate both = debug;
  both.free_threaded = true;
  const std::string table = Discovery({free_threaded, debug, both}, "").to_string();
  CHECK_THAT(table, ContainsSubstring("=>  3.13.0t  PATH      /a\n"));
  CHECK_THAT(table, ContainsSubstring("ok  3.12d    PATH      /b\n"));
  CHECK_THAT(table, ContainsSubstring("ok  3.12td   PATH      /b\n"));
}

TEST_CASE("the table shows what there is of a candidate without a library: its executable, else its prefix") {
  Candidate c;
  c.executable = "/bin/python3";
  c.prefix = "/prefix";
  CHECK_THAT(Discovery({c}, "").to_string(), ContainsSubstring("no  ?                  /bin/python3\n"));
  c.executable.clear();
  CHECK_THAT(Discovery({c}, "").to_string(), ContainsSubstring("no  ?                  /prefix\n"));
  CHECK_THAT(Discovery({Candidate()}, "").to_string(), ContainsSubstring("\nno  ?\n"));
}

TEST_CASE("where nothing was met the table says so") {
  CHECK(Discovery().to_string() == "no Python was found anywhere\n");
  CHECK(Discovery().candidates().empty());
  CHECK(Discovery().remedy().empty());
  CHECK(Discovery().chosen() == nullptr);
}

TEST_CASE("chosen() is the candidate with that verdict, or null") {
  const Discovery none({candidate(Verdict::refused, {}, "", ""), candidate(Verdict::usable, {}, "", "")}, "install it");
  CHECK(none.chosen() == nullptr);
  CHECK(none.remedy() == "install it");
  const Discovery one({candidate(Verdict::refused, {}, "", ""), candidate(Verdict::chosen, {}, "", "/x")}, "");
  CHECK(one.chosen() == &one.candidates()[1]);
}

TEST_CASE("what a temporary Discovery or LoadError gives can be kept") {
  const auto made = [] {
    return Discovery({candidate(Verdict::refused, {3, 8, 0}, "", "/a long path of a library that was refused"),
                      candidate(Verdict::chosen, {3, 11, 0}, "", "/a long path of a library that was chosen")},
                     "a remedy that is long enough for the heap");
  };
  std::string libraries;
  for (const Candidate& each : made().candidates()) libraries += each.library + "\n";
  CHECK(libraries == "/a long path of a library that was refused\n/a long path of a library that was chosen\n");
  const auto chosen = made().chosen();
  REQUIRE(chosen);
  CHECK(chosen->library == "/a long path of a library that was chosen");
  CHECK_FALSE(Discovery().chosen());
  const std::string& remedy = made().remedy();
  CHECK(remedy == "a remedy that is long enough for the heap");

  const auto error = [&] { return py::LoadError("nothing fits", std::make_shared<const Discovery>(made())); };
  const Discovery& discovery = error().discovery();
  CHECK(discovery.candidates().size() == 2);
  std::string missing;
  for (const std::string& each : py::SymbolError("lacks", {"a symbol with a long name", "b"}).missing())
    missing += each;
  CHECK(missing == "a symbol with a long nameb");
}

TEST_CASE("a candidate of which nothing is known is refused") {
  const Candidate candidate;
  CHECK(candidate.verdict == Verdict::refused);
  CHECK_FALSE(candidate.version.known());
  CHECK_FALSE((candidate.free_threaded || candidate.debug || candidate.in_process));
}

TEST_CASE("a Search looks everywhere but runs nothing, unless told otherwise") {
  const py::Search search;
  CHECK((search.library.empty() && search.python.empty() && search.home.empty() && search.version.empty()));
  CHECK((search.search_path && search.all && search.own_environment && search.in_process));
  CHECK_FALSE((search.ask_python || search.strict || search.as_secure));
}

TEST_CASE("a LoadError keeps what was tried, also when it is copied; without that it has an empty Discovery") {
  const auto tried = std::make_shared<const Discovery>(
      std::vector<Candidate>{candidate(Verdict::refused, {3, 8, 0}, "PATH", "/x", "too old")}, "install a newer one");
  const py::LoadError error("nothing fits", tried);
  const py::LoadError copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(&copy.discovery() == tried.get());
  CHECK(copy.discovery().remedy() == "install a newer one");
  CHECK(py::LoadError("by name").discovery().candidates().empty());
  CHECK(py::SymbolError("lacks f", {"f"}).discovery().candidates().empty());
}
