// A host that runs scripts in a pool of threads, each thread with an interpreter and, from 3.12 on, a GIL of its own.
#include <latepy/latepy.hpp>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace py = latepy;

constexpr const char* script = R"(
    import host
    def work(job):
        if job == 13:
            raise ValueError('13 is refused')
        return host.square(job) % 7
)";

int main() try {
  constexpr int threads = 4, jobs = 1000;
  py::Config config;
  config.release_gil = true;  // else this thread would keep the GIL of the main interpreter while it waits
  py::Interpreter python(config);

  std::atomic<int> next{0}, failed{0};
  std::atomic<long> sum{0};
  std::vector<std::string> errors(threads);
  const auto run = [&](std::string& error) {
    try {
      py::SubInterpreter sub;  // with modules, a __main__ and host functions of its own
      sub.module("host").def("square", [](long a) { return a * a; });
      sub.exec(script);

      const py::GilGuard gil(sub);  // for all jobs: else each call makes a thread state, and frees it
      const py::Object work = sub["work"];
      for (int job; (job = next++) < jobs;) try {
          sum += work.call<long>(job);
        } catch (const py::ValueError& refused) {
          std::printf("job %d: %s\n", job, refused.message().c_str());
          ++failed;
        }
    } catch (const std::exception& other) {
      error = other.what();
    }  // ends the interpreter, after the guard
  };
  std::vector<std::thread> pool;
  for (std::string& error : errors) pool.emplace_back(run, std::ref(error));
  for (std::thread& thread : pool) thread.join();

  for (const std::string& error : errors)
    if (!error.empty()) throw std::runtime_error(error);
  std::printf("%d jobs, %d failed, sum %ld\n", jobs, failed.load(), sum.load());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
