// latepy/core/detail/interned_names.hpp: Name, an attribute's or argument's name, and the str objects kept of literals.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The bytes of a name, the NUL at its end with them, in a form that the compiler knows of a literal: the first and the
/// last eight of them, or four, or two, and how many there are. Up to 16 bytes that is all of them.
struct NameKey {
  std::uint64_t first = 0, last = 0;
  std::size_t size = 0;

  LATEPY_FORCE_INLINE NameKey(const char* text, std::size_t with_nul) noexcept : size(with_nul) {
    size >= 8   ? set<std::uint64_t>(text)
    : size >= 4 ? set<std::uint32_t>(text)
    : size >= 2 ? set<std::uint16_t>(text)
                : void();
  }
  LATEPY_FORCE_INLINE std::size_t place() const noexcept {
    return static_cast<std::size_t>((first * 0x9E3779B97F4A7C15u ^ last * 0xC2B2AE3D27D4EB4Fu) >> (64 - place_bits));
  }
  static constexpr int place_bits = 10;

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
struct alignas(64) KnownName {
  std::atomic<std::uint32_t> generation{no_generation};
  std::uint32_t size = 0;
  std::uint64_t first = 0, last = 0;  ///< of its NameKey
  PyObject* str = nullptr;
  PyObject* kwnames = nullptr;  ///< the tuple of names of the last call whose first named argument this was; or null
  std::size_t kwcount = 0;      ///< how many they are
  PyObject* module = nullptr;   ///< the module of this name that was last found, its import done; or null
  char* copy = nullptr;         ///< of more than 16 bytes

  LATEPY_FORCE_INLINE bool is(const NameKey& key, const char* text, std::uint32_t now) const noexcept {
    return generation.load(std::memory_order_acquire) == now && first == key.first && last == key.last &&
           size == key.size && (key.size <= 16 || std::memcmp(copy, text, key.size) == 0);
  }
};
/// A name whose place is taken has one of the next; when those are taken as well, it is looked up each time.
inline constexpr std::size_t name_places = std::size_t(1) << NameKey::place_bits, places_of_name = 4;
inline KnownName known_names[name_places];
inline std::atomic_flag known_names_lock = ATOMIC_FLAG_INIT;

/// What is kept of a name in its first place, or null.
LATEPY_FORCE_INLINE KnownName* kept_name(const NameKey& key, const char* text) noexcept {
  KnownName& known = known_names[key.place()];
  return LATEPY_LIKELY(known.is(key, text, shared().fast_generation.load(std::memory_order_relaxed))) ? &known
                                                                                                      : nullptr;
}
/// The same in all of its places, with the checks of a use.
KnownName* seek_name(const char* text, std::size_t with_nul);
/// The slow way: keeps it where a place is free, else gives null.
KnownName* find_name(const char* text, std::size_t with_nul);
/// What is kept of a name, or null. Needs the GIL.
LATEPY_FORCE_INLINE KnownName* known_name(const NameKey& key, const char* text) {
  KnownName* const known = kept_name(key, text);
  return LATEPY_LIKELY(known != nullptr) ? known : find_name(text, key.size);
}

/// Lets go of all of them. Called by the stop.
void release_names() noexcept;

/// Text as it was given, without a copy; of a literal it knows that. Any thread.
class Text {
 public:
  template <std::size_t N>
  Text(const char (&text)[N]) noexcept : view_(text, N), key_(text, N) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  Text(const T& text) noexcept : view_(text) {}
  std::string_view view() const noexcept { return key_.size ? std::string_view(view_.data()) : view_; }
  /// What is kept of a literal; null for other text. Needs the GIL.
  KnownName* known() const { return key_.size ? known_name(key_, view_.data()) : nullptr; }

 private:
  std::string_view view_;  // of a literal with the NUL
  NameKey key_{nullptr, 0};
};

/// A name, from text or from a str object. That of a literal is borrowed from what is kept of it.
class Name {
 public:
  template <std::size_t N>
  LATEPY_FORCE_INLINE Name(const char (&text)[N]) : Name(literal(NameKey(text, N), text)) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  Name(const T& text) : Name(decode(text)) {}
  Name(const Text& text) : Name(of(text.known(), text)) {}
  Name(const Ref& name) : Name(Object(name)) {}
  Name(Object&& name) : Name(Found{name.checked(), current_generation()}) { name.release(); }
  Name(Name&& other) noexcept : ptr_(other.ptr_), generation_(std::exchange(other.generation_, empty_generation)) {}
  Name& operator=(Name&&) = delete;
  LATEPY_FORCE_INLINE ~Name() {
    if (LATEPY_UNLIKELY(generation_ != empty_generation)) drop(ptr_, generation_);
  }

  Object object() const { return Object::borrow(ptr_); }
  PyObject* ptr() const noexcept { return ptr_; }

 private:
  /// The generation is that of an owned reference, empty_generation of a borrowed one. Not a Name, so that it needs no
  /// memory.
  struct Found {
    PyObject* ptr;
    std::uint32_t generation;
  };
  LATEPY_FORCE_INLINE explicit Name(Found found) noexcept : ptr_(found.ptr), generation_(found.generation) {}
  static LATEPY_FORCE_INLINE Found literal(const NameKey& key, const char* text) {
    const KnownName* const known = kept_name(key, text);
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation} : find(text, key.size);
  }
  static Found find(const char* text, std::size_t with_nul);
  static Found of(const KnownName* known, const Text& text) {
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_generation} : decode(text.view());
  }
  static Found decode(std::string_view text);

  PyObject* ptr_;
  std::uint32_t generation_;
};

#if LATEPY_DEFINITIONS

inline KnownName& place_of(const NameKey& key, std::size_t nth) noexcept {
  return known_names[(key.place() + nth) % name_places];
}

LATEPY_FUNC LATEPY_COLD KnownName* seek_name(const char* text, std::size_t with_nul) {
  check_running();
  const NameKey key(text, with_nul);
  for (std::size_t nth = 0; nth < places_of_name; ++nth)
    if (place_of(key, nth).is(key, text, current_generation())) return &place_of(key, nth);
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD KnownName* find_name(const char* text, std::size_t with_nul) {
  if (KnownName* const known = seek_name(text, with_nul)) return known;
  const NameKey key(text, with_nul);
  const std::uint32_t generation = current_generation();
  if (text[key.size - 1] != '\0' || std::strlen(text) != key.size - 1) return nullptr;  // a buffer
  OwnedRef str(check(api().Unicode_InternFromString(text)));
  const SpinLock lock(known_names_lock);
  for (std::size_t nth = 0; nth < places_of_name; ++nth) {
    KnownName& known = place_of(key, nth);
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

LATEPY_FUNC LATEPY_COLD void release_names() noexcept {
  for (KnownName& known : known_names) {
    if (known.generation.load(std::memory_order_relaxed) != current_generation()) continue;
    known.generation.store(no_generation, std::memory_order_relaxed);
    for (PyObject* const object : {known.str, known.kwnames, known.module})
      if (object) decref(object);
  }
}

LATEPY_FUNC LATEPY_COLD Name::Found Name::find(const char* text, std::size_t with_nul) {
  const KnownName* const known = find_name(text, with_nul);
  return known ? Found{known->str, empty_generation} : decode(text);
}

LATEPY_FUNC LATEPY_COLD Name::Found Name::decode(std::string_view text) {
  check_running();
  PyObject* const str = check(api().Unicode_DecodeUTF8(text.data(), static_cast<ssize>(text.size()), nullptr));
  return {str, current_generation()};
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
