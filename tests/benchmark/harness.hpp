// tests/benchmark/harness.hpp: what the contenders share: the script they work on, the loop that is timed, main().
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

namespace benchmark {

/// Runs in `__main__` and makes the module `bench`, which holds everything that the operations work on.
inline constexpr char script[] = R"(
import sys, types
bench = types.ModuleType('bench')
sys.modules['bench'] = bench
exec('''
import array

def f(a, b):
    return a + b

def g(a, s, k):
    return a + len(s) + k

class Thing:
    def __init__(self):
        self.value = 1000
    def m(self, x):
        return x + 1000

thing = Thing()

def fail():
    raise ValueError('the value is wrong')

number = 123456
short = 'hello world'
long = 'x' * 1000
floats = [i * 0.5 for i in range(1000)]
floats_1e6 = [i * 0.5 for i in range(1000000)]
strings = ['this is string %d' % i for i in range(1000)]
table = {'key %d' % (i * 389 % 1000): i for i in range(1000)}
integers = list(range(1000))
array_1e6 = array.array('d', floats_1e6)

def loop_empty():
    for i in range(1000):
        last = i
    return last

def loop_python():
    for i in range(1000):
        last = f(i, 2)
    return last

def loop_ii(call):
    for i in range(1000):
        last = call(i, 2)
    return last

def loop_str(call):
    for i in range(1000):
        last = call('hello world')
    return last

def loop_method(counter):
    for i in range(1000):
        last = counter.add(i)
    return last
''', bench.__dict__)
)";

/// What the operations convert, the same for all.
inline const std::string short_text = "hello world";
inline const std::string long_text(1000, 'x');
inline std::vector<double> doubles(std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i) * 0.5;
  return values;
}
inline std::vector<std::string> strings() {
  std::vector<std::string> values;
  for (int i = 0; i < 1000; ++i) values.push_back("this is string " + std::to_string(i));
  return values;
}
inline std::map<std::string, int> table() {
  std::map<std::string, int> values;
  for (int i = 0; i < 1000; ++i) values["key " + std::to_string(i * 389 % 1000)] = i;
  return values;
}

/// What a contender's class has: Python sees `add`.
struct Counter {
  int sum = 0;
  int add(int value) { return sum = (sum + value) & 0xFFFF; }
};

inline void expect(bool right) {
  if (!right) throw std::runtime_error("the result is wrong");
}
template <class T>
void expect(const T& found, const T& wanted) {
  expect(found == wanted);
}

/// Makes the compiler believe that somebody reads the value.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

/// One run of an operation: `for (auto _ : run)` is timed, what stands around it is not.
class Run {
 public:
  explicit Run(long long iterations) : iterations_(iterations) {}

  struct [[maybe_unused]] Nothing {};
  class Iterator {
   public:
    Iterator(Run* run, long long left) : run_(run), left_(left) {}
    bool operator!=(const Iterator&) const {
      if (left_ != 0) return true;
      run_->stop();
      return false;
    }
    void operator++() { --left_; }
    Nothing operator*() const { return {}; }

   private:
    Run* run_;
    long long left_;
  };
  Iterator begin() {
    start();
    return {this, iterations_};
  }
  Iterator end() { return {this, 0}; }

  /// How many of what is reported one iteration does.
  void each_does(int count) { count_ = count; }

  double milliseconds() const { return static_cast<double>(stop_ - start_) * 1e3 / CLOCKS_PER_SEC; }
  double nanoseconds() const { return milliseconds() * 1e6 / static_cast<double>(iterations_) / count_; }
  int count() const { return count_; }

 private:
  __attribute__((noinline)) void start() {
#ifdef CALLGRIND_ZERO_STATS
    CALLGRIND_ZERO_STATS;
#endif
    start_ = std::clock();  // CPU time of the process
  }
  __attribute__((noinline)) void stop() {
    stop_ = std::clock();
#ifdef CALLGRIND_DUMP_STATS_AT
    CALLGRIND_DUMP_STATS_AT("loop");
#endif
  }

  long long iterations_;
  int count_ = 1;
  std::clock_t start_ = 0, stop_ = 0;
};

struct Operation {
  const char* name;
  std::function<void(Run&)> body;
};

/// A contender's operations, and the ways to run them.
class Operations {
 public:
  void add(const char* name, std::function<void(Run&)> body) { all_.push_back({name, std::move(body)}); }

  /// main() of a contender, inside its interpreter:
  ///   --list                 names the operations
  ///   --only <operation>     runs this one; otherwise all
  ///   --iterations <n>       runs exactly so many; otherwise as many as take `--milliseconds`
  ///   --milliseconds <n>     of CPU time for one measurement, 10 if not told
  ///   --serve                reads from standard input what to run: lines of `operation` or `operation iterations`
  /// Each run prints operation<TAB>ns<TAB>operations done.
  int main(int argc, char** argv) {
    std::string only;
    bool list = false, serve = false;
    for (int i = 1; i < argc; ++i) {
      const std::string option = argv[i];
      const auto value = [&] {
        if (i + 1 == argc) throw std::invalid_argument(option + " wants a value");
        return std::string(argv[++i]);
      };
      if (option == "--list")
        list = true;
      else if (option == "--serve")
        serve = true;
      else if (option == "--only")
        only = value();
      else if (option == "--iterations")
        iterations_ = std::stoll(value());
      else if (option == "--milliseconds")
        milliseconds_ = std::stod(value());
      else
        throw std::invalid_argument("no such option: " + option);
    }
    if (serve) {
      for (std::string line; std::getline(std::cin, line);) {
        const std::size_t space = line.find(' ');
        if (space != std::string::npos) iterations_ = std::stoll(line.substr(space));
        run(line.substr(0, space));
      }
      return 0;
    }
    for (const Operation& each : all_) {
      if (list)
        std::printf("%s\n", each.name);
      else if (only.empty() || only == each.name)
        run(each.name);
    }
    return 0;
  }

 private:
  void run(const std::string& name) {
    for (const Operation& each : all_) {
      if (name != each.name) continue;
      try {
        const long long iterations = iterations_ != 0 ? iterations_ : calibrated(each);
        Run run(iterations);
        each.body(run);
        std::printf("%s\t%.3f\t%lld\n", each.name, run.nanoseconds(), iterations * run.count());
        std::fflush(stdout);
        return;
      } catch (const std::exception& error) {
        throw std::runtime_error(name + ": " + error.what());
      }
    }
    throw std::invalid_argument("no such operation: " + name);
  }

  /// How many iterations take as long as one measurement shall.
  long long calibrated(const Operation& operation) {
    long long& iterations = calibrated_[operation.name];
    if (iterations != 0) return iterations;
    for (long long tried = 1;;) {
      Run run(tried);
      operation.body(run);
      const double took = run.milliseconds();
      if (took > milliseconds_ * 0.7) return iterations = tried;
      const double wanted = took * 20 < milliseconds_ ? 20 : milliseconds_ / took;
      tried = static_cast<long long>(static_cast<double>(tried) * wanted) + 1;
    }
  }

  std::vector<Operation> all_;
  std::map<std::string, long long> calibrated_;
  long long iterations_ = 0;
  double milliseconds_ = 10;
};

/// What main() of every contender does: `body` starts Python, adds the operations, and runs them.
template <class Body>
int guarded(Body&& body) {
  // What lies where in a page can cost a copy of a kilobyte twice its time: it is another in each process, so that the
  // median is no contender's luck.
  const std::string shift(static_cast<std::size_t>(getpid()) * 2654435761u % 4096 + 64, ' ');
  keep(shift);
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace benchmark
