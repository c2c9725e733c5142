// latepy/run/detail/streams/redirect.hpp: Redirect, which puts a stream of the host in the place of sys.stdout.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/function.hpp>
#include <latepy/run/detail/streams/redirect_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

LATEPY_COLD inline Object output_module() { return kept_namespace("redirect", redirect_source); }

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
    decode(data, last);
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

  void decode(Ref data, bool last);

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
  const SpinLock lock(lock_);
  if (pieces_.empty() || pieces_.back().is_err != is_err) pieces_.push_back({text_.size(), is_err});
  text_.append(text);
  pieces_.back().end = text_.size();
}

LATEPY_FUNC std::string CapturedText::of(bool is_err) const {
  const SpinLock lock(lock_);
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
