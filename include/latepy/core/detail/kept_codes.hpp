// latepy/core/detail/kept_codes.hpp: code objects that are kept by their text, so that running it again is a look-up.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {

/// The code of a text that was run before, so that running it again is a look-up. The text stands behind it, in the
/// same memory. Each text has one place in InterpreterState::codes, which the last one takes. Long texts are not kept.
struct KeptCode {
  std::uint32_t generation;  ///< of its interpreter
  unsigned number;           ///< of its `<string-N>`, by which tracebacks find its lines
  Mode mode;
  std::size_t size;         ///< of the text
  PyObject *code, *before;  ///< Code's members, owned; `before` may be null
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(this + 1), size}; }
  /// Needs the GIL.
  Code to_code() const;
  /// Null where no memory is left.
  static KeptCode* make(const InterpreterState& interpreter, std::string_view text, Mode mode,
                        const Code& code) noexcept;
};
inline constexpr std::size_t kept_codes = 256, longest_kept = 4096;

/// Compiled source to run at once. Needs the GIL. \throws as Code does.
Code code_of(std::string_view text, Mode mode, std::string_view filename);
/// Lets go of all kept codes of the interpreter that this thread is inside of. Called by the stop.
void release_codes() noexcept;

}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC Code KeptCode::to_code() const {
  Code made;
  made.code_ = HandleAccess::borrow(code, generation);
  if (before) made.before_ = HandleAccess::borrow(before, generation);
  return made;
}

LATEPY_FUNC LATEPY_COLD KeptCode* KeptCode::make(const InterpreterState& interpreter, std::string_view text, Mode mode,
                                                 const Code& code) noexcept {
  void* const memory = process_alloc(sizeof(KeptCode) + text.size());
  if (!memory) return nullptr;
  const auto share = [](const Object& object) {
    if (object.ptr()) incref(object.ptr());
    return object.ptr();
  };
  auto* const kept = new (memory) KeptCode{interpreter.generation.load(),
                                           interpreter.sources.load(),
                                           mode,
                                           text.size(),
                                           share(code.code_),
                                           share(code.before_)};
  std::memcpy(static_cast<void*>(kept + 1), text.data(), text.size());
  return kept;
}

LATEPY_COLD inline void free_code(KeptCode* code) noexcept {
  if (!code) return;
  if (code->generation == current_generation()) {  // else its interpreter ended without us
    decref(code->code);
    if (code->before) decref(code->before);
  }
  process_free(code);
}

/// Puts a code into its place. What was there ends outside of the lock: it may call anything.
LATEPY_COLD inline void keep_code(InterpreterState& interpreter, std::size_t place, KeptCode* code) noexcept {
  {
    const SpinLock lock(interpreter.codes_lock);
    std::swap(interpreter.codes[place], code);
  }
  free_code(code);
}

LATEPY_FUNC LATEPY_COLD void release_codes() noexcept {
  InterpreterState& interpreter = current_interpreter();
  for (std::size_t place = 0; interpreter.codes && place < kept_codes; ++place) keep_code(interpreter, place, nullptr);
}

LATEPY_FUNC Code code_of(std::string_view text, Mode mode, std::string_view filename) {
  if (!filename.empty() || text.size() > longest_kept) return Code(text, mode, filename);
  check_running();
  InterpreterState& interpreter = current_interpreter();
  const std::size_t place = hash_of(text) % kept_codes;
  {
    const SpinLock lock(interpreter.codes_lock);
    if (LATEPY_UNLIKELY(!interpreter.codes)) {
      interpreter.codes = static_cast<KeptCode**>(process_alloc(kept_codes * sizeof(KeptCode*)));
      if (!interpreter.codes) throw std::bad_alloc();
    }
    const KeptCode* const kept = interpreter.codes[place];
    if (kept && kept->generation == interpreter.generation.load(std::memory_order_relaxed) && kept->mode == mode &&
        kept->text() == text && interpreter.sources.load(std::memory_order_relaxed) - kept->number < sources_kept)
      return kept->to_code();
  }
  Code code(text, mode);
  if (KeptCode* const kept = KeptCode::make(interpreter, text, mode, code)) keep_code(interpreter, place, kept);
  return code;
}

}  // namespace detail
#endif
}  // namespace v1
}  // namespace latepy
