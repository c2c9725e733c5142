// A program that has Python's processes and threads work for it: concurrent.futures, by each way to start a process.
// run: workers {examples}/workers
#include <latepy/latepy.hpp>
#include <latepy/stl/vector.hpp>

#include <cstdio>
#include <string>

namespace py = latepy;
using namespace py::literals;

long count_words(const std::string& text) {
  long words = 0;
  for (std::size_t i = 0; i < text.size(); ++i) words += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
  return words;
}

int main(int argc, char** argv) try {
  py::Interpreter python;
  python.add_path(argc > 1 ? argv[1] : "workers");  // the processes look for modules there, too

  const py::Object count_primes = python.get("jobs.count_primes");
  const std::vector<int> first{0, 1000, 2000, 3000}, last{1000, 2000, 3000, 4000};
  for (const auto& method : python.call<std::vector<std::string>>("multiprocessing", "get_all_start_methods")) {
    const py::Object context = python.call("multiprocessing", "get_context", method);
    const py::Object executor = python.call("concurrent.futures", "ProcessPoolExecutor", 2, "mp_context"_a = context);
    py::with_context(executor, [&](const py::Object& pool) {
      std::printf("%s:", method.c_str());
      for (const py::Object& count : pool.attr("map")(count_primes, first, last)) std::printf(" %d", count.as<int>());
      std::printf(" primes\n");
    });
  }

  python.def("count_words", count_words, py::release_gil);  // so threads run it at the same time
  py::with_context(python.call("concurrent.futures", "ThreadPoolExecutor", 2), [&](const py::Object& pool) {
    const std::vector<std::string> lines{"to be or not to be", "that is", "the question"};
    std::printf("threads:");
    for (const py::Object& count : pool.attr("map")(python["count_words"], lines))
      std::printf(" %ld", count.as<long>());
    std::printf(" words\n");
  });
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
