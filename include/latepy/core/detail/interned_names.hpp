// latepy/core/detail/interned_names.hpp: AttrName, the name of an attribute; a table of str objects for literals.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The key of a name in the table of interned names. The compiler can compute it for a literal. It has the size of the
/// name in bytes, with the NUL, and its first and last word. A word has 8 bytes; 4 or 2 if the name has fewer than 8 or
/// 4. The two words have all bytes of a name of up to 16 bytes.
struct InternKey {
  std::uint64_t first = 0, last = 0;
  std::size_t size = 0;

  LATEPY_FORCE_INLINE InternKey(const char* text, std::size_t with_nul) noexcept : size(with_nul) {
    size >= 8   ? set<std::uint64_t>(text)
    : size >= 4 ? set<std::uint32_t>(text)
    : size >= 2 ? set<std::uint16_t>(text)
                : void();
  }
  /// The index of the slot where the search for the name begins.
  LATEPY_FORCE_INLINE std::size_t first_slot() const noexcept {
    return static_cast<std::size_t>((first * 0x9E3779B97F4A7C15u ^ last * 0xC2B2AE3D27D4EB4Fu) >> (64 - interned_bits));
  }

 private:
  template <class Word>
  LATEPY_FORCE_INLINE void set(const char* text) noexcept {
    Word word;
    std::memcpy(&word, text, sizeof word);
    first = word;
    std::memcpy(&word, text + size - sizeof word, sizeof word);
    last = word;
  }
};

/// Whether the slot holds this name, for the interpreter with this generation.
LATEPY_FORCE_INLINE bool holds_name(const InternedName& slot, const InternKey& key, const char* text,
                                    std::uint32_t generation) noexcept {
  return slot.generation.load(std::memory_order_acquire) == generation && slot.first == key.first &&
         slot.last == key.last && slot.size == key.size &&
         (key.size <= 16 || std::memcmp(slot.copy, text, key.size) == 0);
}

/// A name is kept in its first slot or in one of the next three. If all four are taken, it is not kept.
inline constexpr std::size_t interned_probes = 4;

/// Looks in the first slot only. Gives null if the name is not there, if handles are checked, or if the process has
/// several interpreters. Does not check the GIL.
LATEPY_FORCE_INLINE InternedName* interned_fast(const InternKey& key, const char* text) noexcept {
  const ProcessState& process = process_state();
  InternedName& slot = process.fast_names.load(std::memory_order_relaxed)[key.first_slot()];
  return LATEPY_LIKELY(holds_name(slot, key, text, process.fast_generation.load(std::memory_order_relaxed))) ? &slot
                                                                                                             : nullptr;
}
/// The same for a thread whose record tells its interpreter. \param first that of the key.
LATEPY_FORCE_INLINE InternedName* interned_by_record(const InternKey& key, std::size_t first,
                                                     const char* text) noexcept {
  const ThreadRecord& record = thread_record;
  InternedName& slot = record.interpreter->names[first];
  return LATEPY_LIKELY(holds_name(slot, key, text, record.generation) && is_in_by_record(record.generation)) ? &slot
                                                                                                             : nullptr;
}
/// Looks in all four slots, after check_running(). Gives null if the name is not there.
InternedName* find_interned(const char* text, std::size_t with_nul);
/// Keeps a name that find_interned() has not found. Gives null if no slot is free, or if there is a NUL before the end
/// (the array is a buffer, not a literal). \throws PythonError, std::bad_alloc.
InternedName* keep_name(const char* text, std::size_t with_nul);
/// As find_interned(), but keeps the name if it is not there, as keep_name() does.
InternedName* intern(const char* text, std::size_t with_nul);
/// The slot of a name, or null if it cannot be kept. Needs the GIL. \throws as intern() does.
LATEPY_FORCE_INLINE InternedName* interned(const InternKey& key, const char* text) {
  InternedName* const known = interned_fast(key, text);
  return LATEPY_LIKELY(known != nullptr) ? known : intern(text, key.size);
}

/// Releases all interned names of the current interpreter. Called by the stop; needs the GIL.
void release_interned_names() noexcept;

/// A borrowed string that remembers whether it is a literal. Any thread.
class StringArg {
 public:
  template <std::size_t N>
  StringArg(const char (&text)[N]) noexcept : view_(text, N), key_(text, N) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  StringArg(const T& text) noexcept : view_(text) {}
  /// The text; of an array of char the part before the first NUL.
  std::string_view view() const noexcept { return key_.size ? std::string_view(view_.data()) : view_; }
  /// As interned(), for a literal; null for other text. Needs the GIL.
  InternedName* known() const { return key_.size ? interned(key_, view_.data()) : nullptr; }

 private:
  std::string_view view_;  // with the NUL if it is a literal
  InternKey key_{nullptr, 0};
};

/// The name of an attribute, as a str object. Made from text or from a str object. For a literal it borrows the str of
/// the interned name; else it owns one. Making one needs the GIL.
class AttrName {
 public:
  template <std::size_t N>
  LATEPY_FORCE_INLINE AttrName(const char (&text)[N]) : AttrName(literal(InternKey(text, N), text)) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  AttrName(const T& text) : AttrName(decode(text)) {}
  AttrName(const StringArg& text) : AttrName(of(text.known(), text)) {}
  AttrName(const Ref& name) : AttrName(Object(name)) {}
  AttrName(Object&& name) : AttrName(Found{name.checked(), current_generation()}) { name.release(); }
  AttrName(AttrName&& other) noexcept
      : ptr_(other.ptr_), generation_(std::exchange(other.generation_, empty_generation)) {}
  AttrName(const AttrName&) = delete;
  AttrName& operator=(const AttrName&) = delete;
  LATEPY_FORCE_INLINE ~AttrName() {
    if (LATEPY_UNLIKELY(generation_ != empty_generation)) drop(ptr_, generation_);
  }

  Object object() const { return Object::borrow(ptr_); }
  PyObject* ptr() const noexcept { return ptr_; }

 private:
  /// A str object: owned if `generation` is that of an interpreter, borrowed if it is empty_generation. It has no
  /// destructor, so that it can be returned in registers.
  struct Found {
    PyObject* ptr;
    std::uint32_t generation;
  };
  LATEPY_FORCE_INLINE explicit AttrName(Found found) noexcept : ptr_(found.ptr), generation_(found.generation) {}
  static LATEPY_FORCE_INLINE Found literal(const InternKey& key, const char* text) {
    const InternedName* const known = interned_fast(key, text);
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation}
                                           : find(text, key.size, key.first_slot());
  }
  /// As intern(), or a new str if the name cannot be kept.
  static Found find(const char* text, std::size_t with_nul, std::size_t first_slot);
  static Found of(const InternedName* known, const StringArg& text) {
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation} : decode(text.view());
  }
  /// A new str, from UTF-8. \throws UnicodeDecodeError.
  static Found decode(std::string_view text);

  PyObject* ptr_;
  std::uint32_t generation_;
};

#if LATEPY_DEFINITIONS

/// The nth of the slots that may hold a name, counted from 0.
inline InternedName& interned_slot(InternedName* names, const InternKey& key, std::size_t nth) noexcept {
  return names[(key.first_slot() + nth) % interned_slots];
}

LATEPY_FUNC LATEPY_COLD InternedName* find_interned(const char* text, std::size_t with_nul) {
  check_running();
  const InternKey key(text, with_nul);
  const InterpreterState& interpreter = current_interpreter();
  const std::uint32_t generation = interpreter.generation.load(std::memory_order_relaxed);
  for (std::size_t nth = 0; nth < interned_probes; ++nth) {
    InternedName& slot = interned_slot(interpreter.names, key, nth);
    if (holds_name(slot, key, text, generation)) return &slot;
  }
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD InternedName* keep_name(const char* text, std::size_t with_nul) {
  const InternKey key(text, with_nul);
  if (text[key.size - 1] != '\0' || std::strlen(text) != key.size - 1) return nullptr;  // a buffer, not a literal
  ColdRef str(throw_if_null(api().Unicode_InternFromString(text)));
  InterpreterState& interpreter = current_interpreter();
  const std::uint32_t generation = interpreter.generation.load(std::memory_order_relaxed);
  const SpinLock lock(interpreter.names_lock);
  for (std::size_t nth = 0; nth < interned_probes; ++nth) {
    InternedName& slot = interned_slot(interpreter.names, key, nth);
    if (holds_name(slot, key, text, generation)) return &slot;
    if (slot.generation.load(std::memory_order_relaxed) == generation) continue;
    slot.generation.store(no_generation, std::memory_order_relaxed);  // the slot is free, or of an ended interpreter
    slot.size = 0;
    process_free(std::exchange(slot.copy, nullptr));
    if (key.size > 16) {
      slot.copy = static_cast<char*>(process_alloc(key.size));
      if (!slot.copy) throw std::bad_alloc();
      std::memcpy(slot.copy, text, key.size);
    }
    slot.size = static_cast<std::uint32_t>(key.size);
    slot.first = key.first;
    slot.last = key.last;
    slot.kwnames = slot.module = nullptr;
    slot.kwcount = 0;
    slot.str = str.release();
    slot.generation.store(generation, std::memory_order_release);
    return &slot;
  }
  return nullptr;
}

LATEPY_COLD inline InternedName* find_or_keep(const char* text, std::size_t with_nul) {
  InternedName* const known = find_interned(text, with_nul);
  return known ? known : keep_name(text, with_nul);
}

LATEPY_FUNC LATEPY_OUTLINE InternedName* intern(const char* text, std::size_t with_nul) {
  const InternKey key(text, with_nul);
  InternedName* const known = interned_by_record(key, key.first_slot(), text);
  return LATEPY_LIKELY(known != nullptr) ? known : find_or_keep(text, with_nul);
}

LATEPY_FUNC LATEPY_COLD void release_interned_names() noexcept {
  const InterpreterState& interpreter = current_interpreter();
  const std::uint32_t generation = interpreter.generation.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < interned_slots; ++i) {
    InternedName& slot = interpreter.names[i];
    if (slot.generation.load(std::memory_order_relaxed) != generation) continue;
    slot.generation.store(no_generation, std::memory_order_relaxed);
    slot.size = 0;  // no name matches, also while no interpreter runs and the generation is no_generation
    for (PyObject* const object : {slot.str, slot.kwnames, slot.module})
      if (object) decref(object);
  }
}

LATEPY_FUNC LATEPY_OUTLINE AttrName::Found AttrName::find(const char* text, std::size_t with_nul,
                                                          std::size_t first_slot) {
  const InternedName* known = interned_by_record(InternKey(text, with_nul), first_slot, text);
  if (LATEPY_UNLIKELY(!known)) known = find_or_keep(text, with_nul);
  return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation} : decode(text);
}

LATEPY_FUNC LATEPY_COLD AttrName::Found AttrName::decode(std::string_view text) {
  check_running();
  PyObject* const str = throw_if_null(api().Unicode_DecodeUTF8(text.data(), static_cast<ssize>(text.size()), nullptr));
  return {str, current_generation()};
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
