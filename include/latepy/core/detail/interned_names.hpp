// latepy/core/detail/interned_names.hpp: AttrName, the name of an attribute, and the str objects kept for literals.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The bytes of a name, the NUL at its end with them, in a form that the compiler knows of a literal: the first and the
/// last eight of them, or four, or two, and how many there are. Up to 16 bytes that is all of them.
struct InternKey {
  std::uint64_t first = 0, last = 0;
  std::size_t size = 0;

  LATEPY_FORCE_INLINE InternKey(const char* text, std::size_t with_nul) noexcept : size(with_nul) {
    size >= 8   ? set<std::uint64_t>(text)
    : size >= 4 ? set<std::uint32_t>(text)
    : size >= 2 ? set<std::uint16_t>(text)
                : void();
  }
  LATEPY_FORCE_INLINE std::size_t first_slot() const noexcept {
    return static_cast<std::size_t>((first * 0x9E3779B97F4A7C15u ^ last * 0xC2B2AE3D27D4EB4Fu) >> (64 - slot_bits));
  }
  static constexpr int slot_bits = 10;

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

/// The interned str of a name that some literal has, in one cache line. Set once in the life of an interpreter,
/// `generation` at last, and then as it is until that ends.
struct alignas(64) InternedName {
  std::atomic<std::uint32_t> generation{no_generation};
  std::uint32_t size = 0;
  std::uint64_t first = 0, last = 0;  ///< of its InternKey
  PyObject* str = nullptr;
  PyObject* kwnames = nullptr;  ///< the tuple of names of the last call whose first named argument this was; or null
  std::size_t kwcount = 0;      ///< how many they are
  PyObject* module = nullptr;   ///< the module of this name that was last found, its import done; or null
  char* copy = nullptr;         ///< of more than 16 bytes

  LATEPY_FORCE_INLINE bool is(const InternKey& key, const char* text, std::uint32_t now) const noexcept {
    return generation.load(std::memory_order_acquire) == now && first == key.first && last == key.last &&
           size == key.size && (key.size <= 16 || std::memcmp(copy, text, key.size) == 0);
  }
};
/// A name whose place is taken has one of the next; when those are taken as well, it is looked up each time.
inline constexpr std::size_t interned_slots = std::size_t(1) << InternKey::slot_bits, interned_probes = 4;
inline InternedName interned_names[interned_slots];
inline std::atomic_flag interned_names_lock = ATOMIC_FLAG_INIT;

/// What is kept of a name in its first place, or null.
LATEPY_FORCE_INLINE InternedName* interned_fast(const InternKey& key, const char* text) noexcept {
  InternedName& known = interned_names[key.first_slot()];
  return LATEPY_LIKELY(known.is(key, text, process_state().fast_generation.load(std::memory_order_relaxed))) ? &known
                                                                                                             : nullptr;
}
/// The same in all of its places, with the checks of a use.
InternedName* find_interned(const char* text, std::size_t with_nul);
/// The slow way: keeps it where a place is free, else gives null.
InternedName* intern(const char* text, std::size_t with_nul);
/// What is kept of a name, or null. Needs the GIL.
LATEPY_FORCE_INLINE InternedName* interned(const InternKey& key, const char* text) {
  InternedName* const known = interned_fast(key, text);
  return LATEPY_LIKELY(known != nullptr) ? known : intern(text, key.size);
}

/// Lets go of all of them. Called by the stop.
void release_interned_names() noexcept;

/// Text as it was given, without a copy; of a literal it knows that. Any thread.
class StringArg {
 public:
  template <std::size_t N>
  StringArg(const char (&text)[N]) noexcept : view_(text, N), key_(text, N) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  StringArg(const T& text) noexcept : view_(text) {}
  std::string_view view() const noexcept { return key_.size ? std::string_view(view_.data()) : view_; }
  /// What is kept of a literal; null for other text. Needs the GIL.
  InternedName* known() const { return key_.size ? interned(key_, view_.data()) : nullptr; }

 private:
  std::string_view view_;  // of a literal with the NUL
  InternKey key_{nullptr, 0};
};

/// A name, from text or from a str object. That of a literal is borrowed from what is kept of it.
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
  AttrName& operator=(AttrName&&) = delete;
  LATEPY_FORCE_INLINE ~AttrName() {
    if (LATEPY_UNLIKELY(generation_ != empty_generation)) drop(ptr_, generation_);
  }

  Object object() const { return Object::borrow(ptr_); }
  PyObject* ptr() const noexcept { return ptr_; }

 private:
  /// The generation is that of an owned reference, empty_generation of a borrowed one. Not an AttrName, so that it
  /// needs no memory.
  struct Found {
    PyObject* ptr;
    std::uint32_t generation;
  };
  LATEPY_FORCE_INLINE explicit AttrName(Found found) noexcept : ptr_(found.ptr), generation_(found.generation) {}
  static LATEPY_FORCE_INLINE Found literal(const InternKey& key, const char* text) {
    const InternedName* const known = interned_fast(key, text);
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation} : find(text, key.size);
  }
  static Found find(const char* text, std::size_t with_nul);
  static Found of(const InternedName* known, const StringArg& text) {
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation} : decode(text.view());
  }
  static Found decode(std::string_view text);

  PyObject* ptr_;
  std::uint32_t generation_;
};

#if LATEPY_DEFINITIONS

inline InternedName& interned_slot(const InternKey& key, std::size_t nth) noexcept {
  return interned_names[(key.first_slot() + nth) % interned_slots];
}

LATEPY_FUNC LATEPY_COLD InternedName* find_interned(const char* text, std::size_t with_nul) {
  check_running();
  const InternKey key(text, with_nul);
  for (std::size_t nth = 0; nth < interned_probes; ++nth)
    if (interned_slot(key, nth).is(key, text, current_generation())) return &interned_slot(key, nth);
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD InternedName* intern(const char* text, std::size_t with_nul) {
  if (InternedName* const known = find_interned(text, with_nul)) return known;
  const InternKey key(text, with_nul);
  const std::uint32_t generation = current_generation();
  if (text[key.size - 1] != '\0' || std::strlen(text) != key.size - 1) return nullptr;  // a buffer
  OwnedRef str(throw_if_null(api().Unicode_InternFromString(text)));
  const SpinLock lock(interned_names_lock);
  for (std::size_t nth = 0; nth < interned_probes; ++nth) {
    InternedName& known = interned_slot(key, nth);
    if (known.is(key, text, generation)) return &known;
    if (known.generation.load(std::memory_order_relaxed) == generation) continue;
    known.generation.store(no_generation, std::memory_order_relaxed);  // of an earlier life, or of none
    process_free(std::exchange(known.copy, nullptr));
    if (key.size > 16) {
      known.copy = static_cast<char*>(process_alloc(key.size));
      if (!known.copy) throw std::bad_alloc();
      std::memcpy(known.copy, text, key.size);
    }
    known.size = static_cast<std::uint32_t>(key.size);
    known.first = key.first;
    known.last = key.last;
    known.kwnames = known.module = nullptr;
    known.kwcount = 0;
    known.str = str.release();
    known.generation.store(generation, std::memory_order_release);
    return &known;
  }
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD void release_interned_names() noexcept {
  for (InternedName& known : interned_names) {
    if (known.generation.load(std::memory_order_relaxed) != current_generation()) continue;
    known.generation.store(no_generation, std::memory_order_relaxed);
    for (PyObject* const object : {known.str, known.kwnames, known.module})
      if (object) decref(object);
  }
}

LATEPY_FUNC LATEPY_COLD AttrName::Found AttrName::find(const char* text, std::size_t with_nul) {
  const InternedName* const known = intern(text, with_nul);
  return known ? Found{known->str, empty_generation} : decode(text);
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
