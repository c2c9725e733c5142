// latepy/run/detail/streams/redirect.hpp: Redirect, which replaces sys.stdin, stdout or stderr by a callback.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/function.hpp>
#include <latepy/run/detail/installed.hpp>
#include <latepy/run/detail/streams/redirect_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The namespace of redirect_source. Needs the GIL.
LATEPY_COLD inline Object output_module() { return kept_namespace("redirect", redirect_source); }

/// Whether the stop of Python has begun and is not given up any more, as a bool of Python.
inline MethodDef is_ending = {"is_ending",
                              [](PyObject*, PyObject*) noexcept {
                                const bool is_closed = current_interpreter().stopping.load() == gate_closed;
                                return Object::borrow(is_closed ? api().TrueStruct : api().FalseStruct).release();
                              },
                              meth_noargs, nullptr};

/// Replaces one of sys.stdin, stdout and stderr by a stream that calls a C++ function. The destructor restores it.
class Redirect : public Installed {
 public:
  /// Replaces the stream. Needs the GIL. \param name such as "stdout". \param host the Python function that output_to()
  /// or input_from() made. \param for_good also replaces sys.__stdout__, and stays until Python has ended.
  LATEPY_COLD void begin(const char* name, const Object& host, bool for_good) {
    const Object module = output_module();
    const ColdObject ending = take_result(api().CFunction_NewEx(&is_ending, nullptr, nullptr));
    expect_success(api().Dict_SetItemString(module.ptr(), "is_ending", ending.ptr()));
    Object end = module["end"];
    keep(module["begin"](name, host, for_good), std::move(end));
  }
};

/// Passes the bytes that a stream wrote to a callback: as valid UTF-8, and by line or as they come.
class OutputSink {
 public:
  explicit OutputSink(bool by_line) noexcept : by_line_(by_line) {}

  /// Calls `callback` with the text. \param data bytes, or None to flush. \param last true at the end of the stream: an
  /// incomplete UTF-8 sequence becomes U+FFFD. \returns false, and does nothing, if the callback runs: then it has
  /// printed.
  template <class F>
  bool put(Ref data, bool last, F& callback) {
    if (is_busy_) return false;
    decode(data, last);
    std::string text = std::exchange(text_, std::string());
    struct Busy {  // keeps the text that was not delivered, also if the callback throws
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
      const std::size_t end = by_line_ ? text.find('\n', (std::max)(busy.done, searched_)) : std::string::npos;
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

  /// Decodes `data` and appends the text to text_.
  void decode(Ref data, bool last);

  std::string bytes_{};       // the first bytes of an incomplete UTF-8 sequence
  std::string text_{};        // the text that was not delivered: an incomplete line
  std::size_t searched_ = 0;  // this many bytes of text_ contain no newline
  bool by_line_;
  bool is_busy_ = false;
};

/// A Python function for the attribute `host` of an Output. The callback takes a std::string_view.
template <class F>
Object output_to(F callback, bool by_line) {
  return make_callable("write", [sink = OutputSink(by_line), callback = std::move(callback)](
                                    Ref data, bool last) mutable { return sink.put(data, last, callback); });
}
/// A Python function for the attribute `host` of an Input. The callback returns a std::optional<std::string>.
template <class F>
Object input_from(F callback) {
  return make_callable("read", [callback = std::move(callback)] {
    std::optional<std::string> line = callback();
    if (!line) return Bytes();
    if (line->empty() || line->back() != '\n') *line += '\n';
    return Bytes(std::move(*line));
  });
}

/// These install Config::on_stdout, on_stderr and on_stdin; see Hook.
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

/// One lock for all, so that the child of a fork() can free it. Appending needs the GIL too.
inline std::atomic_flag captured_lock = {};
/// The text of two streams, in the order in which it was written. Its members lock it, and need no GIL.
class CapturedText {
 public:
  void append(bool is_err, std::string_view text);
  std::string all() const {
    const SpinLock lock(captured_lock);
    return text_;
  }
  /// The text of one of the streams.
  std::string of(bool is_err) const;

 private:
  struct Piece {
    std::size_t end;
    bool is_err;
  };
  std::string text_{};
  std::vector<Piece> pieces_{};
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC void OutputSink::decode(Ref data, bool last) {
  std::string_view view;
  if (load_bytes(data.ptr(), view)) bytes_.append(view);
  if (bytes_.empty()) return;
  ssize used = static_cast<ssize>(bytes_.size());
  const Object decoded =
      steal_or_throw(api().Unicode_DecodeUTF8Stateful(bytes_.data(), used, "replace", last ? nullptr : &used));
  if (!load_utf8(decoded.ptr(), view)) throw_python_error();
  text_.append(view);
  bytes_.erase(0, static_cast<std::size_t>(used));
}

LATEPY_FUNC void CapturedText::append(bool is_err, std::string_view text) {
  const SpinLock lock(captured_lock);
  if (pieces_.empty() || pieces_.back().is_err != is_err) pieces_.push_back({text_.size(), is_err});
  text_.append(text);
  pieces_.back().end = text_.size();
}

LATEPY_FUNC std::string CapturedText::of(bool is_err) const {
  const SpinLock lock(captured_lock);
  std::string text;
  std::size_t begin = 0;
  for (const Piece& piece : pieces_) {
    if (piece.is_err == is_err) text.append(text_, begin, piece.end - begin);
    begin = piece.end;
  }
  return text;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
