// latepy/host/output.hpp: CaptureOutput, and sys.stdin, stdout and stderr that are the host's own.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>
#include <latepy/host/function.hpp>

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

namespace detail {

/// The streams as Python sees them: real TextIOWrappers, because scripts and libraries count on their attributes. Text
/// goes through at once, as UTF-8, to an Output, which hands it to `host`, a function of ours; when that is gone, or in
/// the midst of the host's callback on this thread, to the stream that was there before. Scripts cannot close them.
inline constexpr char output_source[] = R"(
import atexit, io, os, sys, _thread

# One for all: the host is never called twice at a time, and what one write holds stays together.
lock = _thread.RLock()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=lock._at_fork_reinit)
stacks = {'stdin': [], 'stdout': [], 'stderr': []}  # the innermost last
missing = object()

class Raw:
    def __init__(self, key, host, for_good):
        self.key, self.host, self.for_good, self.name = key, host, for_good, '<' + key + '>'
        self.previous = live(getattr(sys, key, missing))
        self.hidden = getattr(sys, '__' + key + '__', missing)
    def close(self): pass

class Output(Raw, io.BufferedIOBase):
    mode = 'wb'
    def writable(self): return True
    def write(self, data):
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        with lock:
            if self.host is None or not self.host(data, False):
                write = getattr(self.previous, 'write', None)
                if write is not None and not getattr(self.previous, 'closed', False):
                    write(data.decode('utf-8', 'replace'))
                    getattr(self.previous, 'flush', bool)()
        return len(data)
    def flush(self):
        with lock:
            if self.host is not None:
                self.host(None, False)

class Input(Raw, io.RawIOBase):
    mode, rest = 'rb', b''
    def readable(self): return True
    def readinto(self, target):
        data = self.rest or (b'' if self.host is None else self.host())
        count = min(len(data), len(target))
        target[:count], self.rest = data[:count], data[count:]
        return count

class Reader(io.BufferedReader):
    close = Raw.close

class Stream(io.TextIOWrapper):
    line_buffering = True
    def reconfigure(self, **options): pass
    def detach(self): return self.buffer

def live(stream, before='previous'):
    while isinstance(getattr(stream, 'origin', None), Raw) and stream.origin.host is None:
        stream = getattr(stream.origin, before)
    return stream

def begin(key, host, for_good):
    with lock:
        if key == 'stdin':
            raw = Input(key, host, for_good)
            stream = io.TextIOWrapper(Reader(raw), 'utf-8', 'replace')
        else:
            raw = Output(key, host, for_good)
            stream = Stream(raw, 'utf-8', 'backslashreplace', '\n', False, True)
        stream.mode, stream.origin = raw.mode[0], raw
        stacks[key].append(raw)
        put(key, stream)
        if for_good: put('__' + key + '__', stream)
    return raw

def put(key, stream):
    if stream is missing:
        sys.__dict__.pop(key, None)
    else:
        setattr(sys, key, stream)

def end(raw):
    with lock:
        host, raw.host = raw.host, None
        if host is None: return
        stack = stacks[raw.key]
        inner = stack[stack.index(raw) + 1:] if raw in stack else []
        if raw in stack: stack.remove(raw)
        if not inner: put(raw.key, live(raw.previous))
        if raw.for_good and not any(each.for_good for each in inner):
            put('__' + raw.key + '__', live(raw.hidden, 'hidden'))
        if raw.key != 'stdin': host(None, True)

@atexit.register
def end_captures():
    for stack in stacks.values():
        for raw in reversed(stack[:]):
            if not raw.for_good: end(raw)
        stack.clear()  # the last references, where Python does not free this namespace
)";

LATEPY_COLD inline Object output_module() { return kept_namespace("output", output_source); }

/// One of sys.stdin, stdout and stderr while it is the host's.
class Redirect {
 public:
  Redirect() = default;
  Redirect(const Redirect&) = delete;
  ~Redirect() { end(); }
  /// \param for_good also as sys.__stdout__, and until the very end of Python. Needs the GIL.
  LATEPY_COLD void begin(const char* name, const Object& host, bool for_good) {
    raw_ = output_module()["begin"](name, host, for_good);
    end_ = &Redirect::end_begun;  // by pointer: a program that begins none does not compile it
  }
  /// Puts back what was there before. Any thread, any time.
  void end() noexcept {
    if (end_) (this->*end_)();
  }
  /// Leaves the stream in place, for the end of Python.
  void let_go() noexcept { raw_ = Object(); }

 private:
  LATEPY_COLD void end_begun() noexcept try {
    if (!raw_.is_alive()) return;
    if (const std::optional<GilGuard> gil = GilGuard::try_acquire()) {
      const Object done = output_module()["end"];
      // The host's callback, which gets the last text, may throw.
      if (const auto result = done.try_call(raw_); !result) result.error().report(raw_);
    }
    raw_ = Object();
  } catch (...) {  // no memory, or Python ended meanwhile, and the streams with it
  }

  Object raw_;
  void (Redirect::*end_)() noexcept = nullptr;
};

/// What becomes of the bytes that a stream wrote: valid UTF-8, by line or as it comes.
class OutputSink {
 public:
  explicit OutputSink(bool by_line) noexcept : by_line_(by_line) {}

  /// \param data bytes, or None to flush. \param last the end: what is incomplete will remain so.
  /// \returns false, and does nothing, while the callback runs, which is then on this thread.
  template <class F>
  bool put(Ref data, bool last, F& callback) {
    if (is_busy_) return false;
    take(data, last);
    std::string text = std::exchange(text_, std::string());
    struct Busy {  // what was not delivered stays, also when the callback throws
      OutputSink& sink;
      std::string& text;
      std::size_t done = 0;
      ~Busy() {
        text.erase(0, done);
        sink.text_ = std::move(text);
        sink.is_busy_ = false;
      }
    } busy{*this, text};
    is_busy_ = true;
    const bool all = !by_line_ || data.is_none() || text.size() > longest_line;
    while (busy.done < text.size()) {
      const std::size_t end = by_line_ ? text.find('\n', std::max(busy.done, searched_)) : std::string::npos;
      searched_ = 0;
      if (end == std::string::npos && !all) break;
      const std::size_t begin = busy.done;
      busy.done = end == std::string::npos ? text.size() : end + 1;
      callback(std::string_view(text).substr(begin, busy.done - begin));
    }
    searched_ = text.size() - busy.done;
    return true;
  }

 private:
  static constexpr std::size_t longest_line = 1 << 20;

  void take(Ref data, bool last);

  std::string bytes_;         // the begin of a UTF-8 sequence
  std::string text_;          // the begin of a line
  std::size_t searched_ = 0;  // so much of it holds no line's end
  bool by_line_;
  bool is_busy_ = false;
};

/// A Python function for Output.host. The callback takes a std::string_view.
template <class F>
Object output_to(F callback, bool by_line) {
  return make_callable("write", [sink = OutputSink(by_line), callback = std::move(callback)](
                                    Ref data, bool last) mutable { return sink.put(data, last, callback); });
}
/// A Python function for Input.host. The callback gives a std::optional<std::string>.
template <class F>
Object input_from(F callback) {
  return make_callable("read", [callback = std::move(callback)] {
    std::optional<std::string> line = callback();
    if (!line) return Bytes();
    if (line->empty() || line->back() != '\n') *line += '\n';
    return Bytes(std::move(*line));
  });
}

/// How Config's on_stdout, on_stderr and on_stdin become streams; see Hook.
struct OutputHook {
  template <class F>
  static void install(const F& callback, Redirect* stream, const std::string& name, bool by_line) {
    if (callback) stream->begin(name.c_str(), output_to(callback, by_line), true);
  }
};
struct InputHook {
  template <class F>
  static void install(const F& callback, Redirect* stream, const std::string& name, bool) {
    if (callback) stream->begin(name.c_str(), input_from(callback), true);
  }
};

/// Text of two streams in the order written.
class CapturedText {
 public:
  void append(bool is_err, std::string_view text);
  std::string all() const {
    const SpinLock lock(lock_);
    return text_;
  }
  std::string of(bool is_err) const;

 private:
  struct Piece {
    std::size_t end;
    bool is_err;
  };
  std::string text_;
  std::vector<Piece> pieces_;
  mutable std::atomic_flag lock_ = ATOMIC_FLAG_INIT;
};

}  // namespace detail

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

#if LATEPY_BODIES
namespace detail {

LATEPY_ONCE void OutputSink::take(Ref data, bool last) {
  std::string_view view;
  if (load_bytes(data.ptr(), view)) bytes_.append(view);
  if (bytes_.empty()) return;
  ssize used = static_cast<ssize>(bytes_.size());
  const Object decoded = own(api().Unicode_DecodeUTF8Stateful(bytes_.data(), used, "replace", last ? nullptr : &used));
  if (!load_utf8(decoded.ptr(), view)) throw_python_error();
  text_.append(view);
  bytes_.erase(0, static_cast<std::size_t>(used));
}

LATEPY_ONCE void CapturedText::append(bool is_err, std::string_view text) {
  const SpinLock lock(lock_);
  if (pieces_.empty() || pieces_.back().is_err != is_err) pieces_.push_back({text_.size(), is_err});
  text_.append(text);
  pieces_.back().end = text_.size();
}

LATEPY_ONCE std::string CapturedText::of(bool is_err) const {
  const SpinLock lock(lock_);
  std::string text;
  std::size_t begin = 0;
  for (const Piece& piece : pieces_) {
    if (piece.is_err == is_err) text.append(text_, begin, piece.end - begin);
    begin = piece.end;
  }
  return text;
}

}  // namespace detail

LATEPY_ONCE CaptureOutput::CaptureOutput(Streams streams) {
  const GilGuard gil;
  if (streams != Streams::err) begin(out_, "stdout", false);
  if (streams != Streams::out) begin(err_, "stderr", true);
}

LATEPY_ONCE void CaptureOutput::begin(detail::Redirect& redirect, const char* name, bool is_err) {
  redirect.begin(
      name,
      detail::output_to([text = text_, is_err](std::string_view written) { text->append(is_err, written); }, false),
      false);
}

#endif

}  // namespace v1
}  // namespace latepy
