// latepy/core/detail/names.hpp: Name, an attribute's or argument's name, and the str objects kept of literals.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The interned str of a literal. Found by the literal's address; the bytes prove that it is that text.
struct KnownName {
  const char* address;
  std::size_t size;  ///< with the NUL
  std::uint32_t life;
  PyObject* str;
  PyObject* kwnames;  ///< the tuple of names of the last call whose first named argument this was; or null
  PyObject* module;   ///< the module of this name that was last found, its import done; or null
  char bytes[1];
};
/// Never more than one for a place. A literal whose place is taken has one of the next; when those are taken as well,
/// it is looked up each time.
inline std::atomic<KnownName*> known_names[1024];
inline constexpr std::size_t places_of_name = 4;
inline std::atomic<KnownName*>& place_of_name(const char* address, std::size_t nth = 0) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(address);
  return known_names[((bits ^ (bits >> 10)) + nth) & 1023];
}
inline bool is_name_of(const KnownName& known, const char* text, std::size_t size, std::uint32_t life) noexcept {
  return known.address == text && known.size == size && known.life == life && std::memcmp(known.bytes, text, size) == 0;
}

/// The slow way, with the checks of a use: keeps it where a place is free.
KnownName* find_name(const char* text, std::size_t size);
/// The literal's name, or null where it is none or its place is taken. Needs the GIL. \param size with the NUL.
LATEPY_INLINE KnownName* known_name(const char* text, std::size_t size) {
  KnownName* const known = place_of_name(text).load(std::memory_order_acquire);
  if (LATEPY_LIKELY(known && is_name_of(*known, text, size, shared().fast_life.load(std::memory_order_relaxed))))
    return known;
  return find_name(text, size);
}

/// Lets go of all of them. Called by the stop.
void release_names() noexcept;

/// Text as it was given, without a copy; of a literal it knows that. Any thread.
class Text {
 public:
  template <std::size_t N>
  Text(const char (&text)[N]) noexcept : data_(text), size_(N) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  Text(const T& text) noexcept : view_(text) {}
  std::string_view view() const noexcept { return data_ ? std::string_view(data_) : view_; }
  /// What is kept of a literal; null for other text. Needs the GIL.
  KnownName* known() const { return data_ ? known_name(data_, size_) : nullptr; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::string_view view_;
};

/// A name, from text or from a str object. That of a literal is borrowed from what is kept of it.
class Name {
 public:
  template <std::size_t N>
  Name(const char (&text)[N]) : Name(literal(text, N)) {}
  template <class T, class = std::enable_if_t<std::is_convertible_v<T, std::string_view> &&
                                              !std::is_array_v<std::remove_reference_t<T>>>>
  Name(const T& text) : Name(decode(text)) {}
  Name(const Text& text) : Name(of(text.known(), text)) {}
  Name(const Ref& name) : Name(Object(name)) {}
  Name(Object&& name) : Name(Found{name.checked(), current_life()}) { name.release(); }
  Name(Name&& other) noexcept : ptr_(other.ptr_), life_(std::exchange(other.life_, empty_life)) {}
  Name& operator=(Name&&) = delete;
  LATEPY_INLINE ~Name() {
    if (LATEPY_UNLIKELY(life_ != empty_life)) drop(ptr_, life_);
  }

  Object object() const { return Object::borrow(ptr_); }
  PyObject* ptr() const noexcept { return ptr_; }

 private:
  /// The life is that of an owned reference, empty_life of a borrowed one. Not a Name, so that it needs no memory.
  struct Found {
    PyObject* ptr;
    std::uint32_t life;
  };
  LATEPY_INLINE explicit Name(Found found) noexcept : ptr_(found.ptr), life_(found.life) {}
  static LATEPY_INLINE Found literal(const char* text, std::size_t size) {
    const KnownName* const known = place_of_name(text).load(std::memory_order_acquire);
    if (LATEPY_LIKELY(known && is_name_of(*known, text, size, shared().fast_life.load(std::memory_order_relaxed))))
      return {known->str, empty_life};
    return find(text, size);
  }
  static Found find(const char* text, std::size_t size);
  static Found of(const KnownName* known, const Text& text) {
    return LATEPY_LIKELY(known != nullptr) ? Found{known->str, empty_life} : decode(text.view());
  }
  static Found decode(std::string_view text);

  PyObject* ptr_;
  std::uint32_t life_;
};

#if LATEPY_BODIES

LATEPY_ONCE LATEPY_COLD KnownName* find_name(const char* text, std::size_t size) {
  check_running();
  const std::uint32_t life = current_life();
  KnownName* other = nullptr;
  std::size_t nth = 0;
  for (; nth < places_of_name; ++nth) {
    other = place_of_name(text, nth).load(std::memory_order_acquire);
    if (!other || other->life != life) break;
    if (is_name_of(*other, text, size, life)) return other;
  }
  if (nth == places_of_name || text[size - 1] != '\0' || std::strlen(text) != size - 1) return nullptr;  // a buffer
  std::atomic<KnownName*>& place = place_of_name(text, nth);
  void* const memory = process_alloc(sizeof(KnownName) + size);
  if (!memory) throw std::bad_alloc();
  auto* const made = new (memory) KnownName{text, size, life, nullptr, nullptr, nullptr, {}};
  std::memcpy(made->bytes, text, size);
  made->str = api().Unicode_InternFromString(text);
  if (!made->str) {
    process_free(made);
    throw_python_error();
  }
  KnownName* expected = other;
  if (place.compare_exchange_strong(expected, made)) {
    if (other && !the_state.free_threaded) process_free(other);  // of a life that ended; else a reader may still look
    return made;
  }
  decref(made->str);
  process_free(made);
  return nullptr;
}

LATEPY_ONCE LATEPY_COLD void release_names() noexcept {
  for (std::atomic<KnownName*>& place : known_names) {
    KnownName* const known = place.load(std::memory_order_relaxed);
    if (!known || known->life != current_life()) continue;
    place.store(nullptr, std::memory_order_relaxed);
    decref(known->str);
    if (known->kwnames) decref(known->kwnames);
    if (known->module) decref(known->module);
    process_free(known);
  }
}

LATEPY_ONCE LATEPY_COLD Name::Found Name::find(const char* text, std::size_t size) {
  const KnownName* const known = find_name(text, size);
  return known ? Found{known->str, empty_life} : decode(text);
}

LATEPY_ONCE LATEPY_COLD Name::Found Name::decode(std::string_view text) {
  check_running();
  PyObject* const str = check(api().Unicode_DecodeUTF8(text.data(), static_cast<ssize>(text.size()), nullptr));
  return {str, current_life()};
}
#endif  // LATEPY_BODIES

}  // namespace detail
}  // namespace v1
}  // namespace latepy
