// tests/fuzz/main.cpp: runs a fuzzer without libFuzzer: some seconds of random inputs, made of the words of its
// dictionary. The options are libFuzzer's: -max_total_time=SECONDS, -seed=NUMBER, -dict=FILE; a file that is named is
// run alone.
// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

std::string input;

/// Writes the input that ends the program to a file, as libFuzzer does.
void keep_input(int) {
  if (std::FILE* const file = std::fopen("crash-input", "wb")) {
    std::fwrite(input.data(), 1, input.size(), file);
    std::fclose(file);
    std::fputs("the input is in ./crash-input\n", stderr);
  }
  std::_Exit(1);
}

void run_input() {
  const fuzz::Exact bytes(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.view().data()), bytes.view().size());
}

/// The words of a dictionary in libFuzzer's format: a line is "text", with \xAB, \\ and \".
std::vector<std::string> words_of(const std::string& path) {
  std::vector<std::string> words;
  std::ifstream file(path);
  if (!file) fuzz::broken(path.c_str(), "the dictionary cannot be read", 0);
  for (std::string line; std::getline(file, line);) {
    if (line.size() < 2 || line.front() != '"') continue;
    std::string word;
    for (std::size_t at = 1; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') {
        word += line[at];
      } else if (line[++at] == 'x') {
        word += static_cast<char>(std::stoi(line.substr(at + 1, 2), nullptr, 16));
        at += 2;
      } else {
        word += line[at];
      }
    }
    words.push_back(word);
  }
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 2;
  std::mt19937 random(1);
  const auto below = [&random](std::size_t end) { return static_cast<std::size_t>(random() % end); };
  std::vector<std::string> words{""};
  std::signal(SIGABRT, &keep_input);
  std::signal(SIGSEGV, &keep_input);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("-max_total_time=", 0) == 0) {
      seconds = std::stod(argument.substr(16));
    } else if (argument.rfind("-seed=", 0) == 0) {
      random.seed(static_cast<unsigned>(std::stoul(argument.substr(6))));
    } else if (argument.rfind("-dict=", 0) == 0) {
      words = words_of(argument.substr(6));
    } else if (argument[0] != '-') {
      std::ifstream file(argument, std::ios::binary);
      input.assign(std::istreambuf_iterator<char>(file), {});
      run_input();
      return 0;
    }
  }
  const auto start = std::chrono::steady_clock::now();
  std::string before;
  unsigned long runs = 0;
  for (; std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds; ++runs) {
    input = below(2) ? before : std::string();
    for (std::size_t changes = below(below(8) ? 12 : 200) + 1; changes-- > 0;) {
      const std::size_t at = below(input.size() + 1);
      switch (below(5)) {
        case 0:
          input.insert(at, 1, static_cast<char>(random()));
          break;
        case 1:
          if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
          break;
        case 2:
          input.erase(at, below(8));
          break;
        default:
          input.insert(at, words[below(words.size())]);
      }
      if (input.size() > 4096) input.resize(4096);
    }
    run_input();
    before = input;
  }
  std::printf("%lu inputs\n", runs);
}
