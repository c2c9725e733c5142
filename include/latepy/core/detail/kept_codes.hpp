// latepy/core/detail/kept_codes.hpp: a cache from source text to code objects, so that each text is compiled once.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {

/// A text and its code object, an entry of the table InterpreterState::codes. The hash of the text selects its place in
/// the table; a later text with that place replaces it. The text follows the struct in memory.
struct KeptCode {
  std::uint32_t generation;  ///< of its interpreter
  unsigned number;           ///< N of its `<string-N>`, the name by which tracebacks find its lines
  Mode mode;
  std::size_t size;         ///< of the text, in bytes
  PyObject *code, *before;  ///< Code's members, owned; `before` may be null
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(this + 1), size}; }
  /// A Code with references of its own. Needs the GIL.
  Code to_code() const;
  /// A new entry; null if there is no memory. Needs the GIL.
  static KeptCode* make(const InterpreterState& interpreter, std::string_view text, Mode mode,
                        const Code& code) noexcept;
};
/// The number of places in the table, and the length in bytes of the longest text that is kept.
inline constexpr std::size_t kept_codes = 256, longest_kept = 4096;

/// The compiled text: from the table, or compiled and put there. Texts with a file name are not kept. Needs the GIL.
/// \throws as Code does.
Code code_of(std::string_view text, Mode mode, std::string_view filename);
/// Releases all kept codes of the current interpreter. Called by the stop; needs the GIL.
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

/// Frees an entry, which may be null. Needs the GIL.
LATEPY_COLD inline void free_code(KeptCode* code) noexcept {
  if (!code) return;
  if (code->generation == current_generation()) {  // otherwise its interpreter has ended, and freed the code objects
    decref(code->code);
    if (code->before) decref(code->before);
  }
  process_free(code);
}

/// Puts an entry into its place and frees the one that was there. That happens without the lock, because a decref may
/// run other code.
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
