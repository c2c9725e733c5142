// latepy/run/streams.hpp: CaptureOutput, and sys.stdin, stdout and stderr that are the host's own.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/streams/redirect.hpp>

namespace latepy {
inline namespace v1 {

// What goes through Python's sys.stdout and sys.stderr: print, warnings, logging, tracebacks, the hooks for uncaught
// exceptions, the prompt of input(). What C code, a child process or the host itself writes to the descriptors 1 and 2
// does not.
//
// Order beside C++ streams. Config::on_stdout and CaptureOutput get text while print() runs: what the callback writes
// to std::cout stands exactly where the script printed. Without them Python writes to descriptor 1 at each line's end
// and at the outermost return of exec(), run_string() and run_file(); std::cout and stdio have buffers that latepy does
// not touch, so a host that writes there too flushes before it calls Python (std::endl, std::fflush).

/// Which streams a CaptureOutput takes.
enum class Streams : unsigned char { out = 1, err = 2, both = 3 };

/// Takes what is written to sys.stdout and sys.stderr, by all threads of the interpreter, for as long as it lives:
/// `py::CaptureOutput capture; python.exec("print(1)"); capture.out() == "1\n"`.
///
/// Nests: the innermost takes all, the others see nothing of it. At the end the stream that was there at the beginning
/// is back, whatever scripts put in its place meanwhile; where captures do not end in the order of scopes, the place of
/// an outer one is left to the inner one, whose end then puts back what stood before both. What still holds the
/// captured stream (a logging handler) writes to the stream before from then on. Each interpreter has captures of its
/// own.
///
/// The text is UTF-8: invalid bytes become U+FFFD, lone surrogates backslash escapes. It is kept in memory as it grows.
class CaptureOutput {
 public:
  /// Takes the GIL; any thread. \throws StateError when no interpreter runs.
  explicit CaptureOutput(Streams streams = Streams::both);
  CaptureOutput(const CaptureOutput&) = delete;
  CaptureOutput& operator=(const CaptureOutput&) = delete;
  /// Takes the GIL; any thread. Harmless when Python ended before.
  ~CaptureOutput() = default;

  // What was written so far: at once, by complete UTF-8 sequences. Any thread, no GIL, also when Python ended.

  /// What was written to sys.stdout.
  std::string out() const { return text_->of(false); }
  /// What was written to sys.stderr.
  std::string err() const { return text_->of(true); }
  /// Both, in the order written.
  std::string text() const { return text_->all(); }

 private:
  void begin(detail::Redirect& redirect, const char* name, bool is_err);
  std::shared_ptr<detail::CapturedText> text_ = std::make_shared<detail::CapturedText>();
  detail::Redirect out_, err_;
};

#if LATEPY_DEFINITIONS
LATEPY_FUNC CaptureOutput::CaptureOutput(Streams streams) {
  const GilGuard gil;
  if (streams != Streams::err) begin(out_, "stdout", false);
  if (streams != Streams::out) begin(err_, "stderr", true);
}

LATEPY_FUNC void CaptureOutput::begin(detail::Redirect& redirect, const char* name, bool is_err) {
  redirect.begin(
      name,
      detail::output_to([text = text_, is_err](std::string_view written) { text->append(is_err, written); }, false),
      false);
}

#endif

}  // namespace v1
}  // namespace latepy
