// latepy/run/streams.hpp: CaptureOutput, which collects what scripts write to sys.stdout and sys.stderr.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/streams/redirect.hpp>

namespace latepy {
inline namespace v1 {

// Which text goes through sys.stdout and sys.stderr: print(), warnings, logging, tracebacks, uncaught exceptions, the
// prompt of input(). Text that C code, a child process or the program itself writes to the descriptors 1 and 2 does
// not.
//
// The order of Python's text and of C++ streams:
// - Config::on_stdout and CaptureOutput get text while print() runs. If the callback writes it to std::cout, it comes
//   exactly where the script printed it.
// - Without them, Python writes to descriptor 1 at the end of each line, and when the outermost exec(), run_string() or
//   run_file() returns. std::cout and stdio have their own buffers. If the program writes to them too, it has to flush
//   them (std::flush, std::fflush) before it calls Python.

/// The streams that a CaptureOutput captures.
enum class Streams : unsigned char {
  out = 1,  ///< sys.stdout
  err = 2,  ///< sys.stderr
  both = 3  ///< sys.stdout and sys.stderr
};

/// While it lives, collects the text that all threads of the interpreter write to sys.stdout and sys.stderr:
/// `py::CaptureOutput capture; python.exec("print(1)"); capture.out() == "1\n"`.
/// - Captures nest: the innermost gets all text, the others get nothing of it.
/// - The destructor restores the stream that was there before, even if a script replaced the stream since.
/// - If an outer capture ends before an inner one, the inner one goes on, and restores the stream from before both.
/// - An object that still has the captured stream afterwards, such as a logging handler, writes to the previous stream.
/// - Each interpreter has its own captures.
///
/// The text is UTF-8. Invalid bytes become U+FFFD, lone surrogates become backslash escapes. All of it is in memory.
class [[nodiscard]] CaptureOutput {
 public:
  /// Begins to capture. Takes the GIL; any thread. \throws StateError if no interpreter runs.
  explicit CaptureOutput(Streams streams = Streams::both);
  CaptureOutput(const CaptureOutput&) = delete;
  CaptureOutput& operator=(const CaptureOutput&) = delete;
  /// Ends the capture. Takes the GIL; any thread. Does nothing if Python has ended before.
  ~CaptureOutput() { place_.check_step("CaptureOutput"); }

  // These return the text so far, without an incomplete UTF-8 sequence at its end. They need no GIL. They may be called
  // on any thread, also after Python has ended.

  /// The text that was written to sys.stdout.
  std::string out() const { return text_->of(false); }
  /// The text that was written to sys.stderr.
  std::string err() const { return text_->of(true); }
  /// The text of both streams, in the order in which it was written.
  std::string text() const { return text_->all(); }

 private:
  void begin(detail::Redirect& redirect, const char* name, bool is_err);
  std::shared_ptr<detail::CapturedText> text_ = std::make_shared<detail::CapturedText>();
  detail::Redirect out_{}, err_{};
  detail::ScopePlace place_{};
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
