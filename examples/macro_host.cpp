// A text editor that runs macros: they see its buffer, and what they print and ask for stays inside the editor.
#include <latepy/latepy.hpp>

#include <cstdio>
#include <string>

namespace py = latepy;
using namespace py::literals;

/// What the editor edits: text and a cursor.
class Buffer {
 public:
  explicit Buffer(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }

  void insert(const std::string& what) {
    text_.insert(cursor_, what);
    cursor_ += what.size();
  }
  void move_to(std::size_t place) {
    if (place > text_.size()) throw std::out_of_range("the text ends at " + std::to_string(text_.size()));
    cursor_ = place;
  }
  bool find(const std::string& what) {
    const std::size_t place = text_.find(what, cursor_);
    if (place != text_.npos) cursor_ = place;
    return place != text_.npos;
  }
  void erase(std::size_t count) { text_.erase(cursor_, count); }

 private:
  std::string text_;
  std::size_t cursor_ = 0;
};

/// Runs one macro, and shows what it printed and how it ended.
void run(py::Interpreter& python, const char* name, const char* macro) {
  py::CaptureOutput output;
  std::string end = "done";
  try {
    python.exec(macro, {}, name);
  } catch (const std::exception& error) {  // Python's; or the Buffer's own, which comes back as what it was
    end = error.what();
  }
  std::printf("--- %s\n%s%s%s\n", name, output.out().c_str(), output.err().c_str(), end.c_str());
}

int main() try {
  Buffer buffer("to be or not to be");

  py::Config config;  // what is not captured goes to the status line; questions are answered there
  config.on_stdout = [](std::string_view line) {
    std::printf("[status] %.*s", static_cast<int>(line.size()), line.data());
  };
  config.on_stdin = [] { return std::optional<std::string>("that is the question"); };
  py::Interpreter python(config);

  python.def(
      "insert", [&](const std::string& text) { buffer.insert(text); }, "text"_a, "Inserts at the cursor.");
  python.def(
      "move_to", [&](std::size_t place) { buffer.move_to(place); }, "place"_a);
  python.def(
      "find", [&](const std::string& text) { return buffer.find(text); }, "text"_a);
  python.def(
      "erase", [&](std::size_t count) { buffer.erase(count); }, "count"_a = 1);
  python.def("text", [&] { return buffer.text(); });
  python.def("cursor", [&] { return buffer.cursor(); });

  run(python, "replace", R"(
    def replace(old, new):
        move_to(0)
        count = 0
        while find(old):
            erase(len(old))
            insert(new)
            count += 1
        return count

    print(replace('be', 'print'), 'replacements')
  )");
  run(python, "ask", R"(
    answer = input('Append what? ')
    move_to(len(text()))
    insert(': ' + answer)
    print(answer)
  )");
  run(python, "warn", R"(
    import sys
    print('at', cursor())
    print('the text is long', file=sys.stderr)
  )");
  run(python, "past_the_end", R"(
    print('moving')
    move_to(1000)
  )");
  run(python, "broken", "insert(3)");
  run(python, "syntax", "insert('a'");

  python.exec("print(len(text()), 'characters')");
  std::printf("%s\n", buffer.text().c_str());
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
