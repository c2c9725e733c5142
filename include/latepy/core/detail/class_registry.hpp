// latepy/core/detail/class_registry.hpp: the registry of C++ types that have a Python class.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/gil.hpp>

#ifdef __cpp_rtti
#include <typeinfo>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// Cuts T out of the compiler's name of the function spelled_name<T>().
constexpr std::string_view cut_name(std::string_view text) {
#if defined(__GNUC__)
  // "… spelled_name() [with T = X; …]" by g++, "… spelled_name() [T = X]" by clang
  text.remove_prefix(text.find("T = ") + 4);
  return text.substr(0, text.find_first_of(";]"));
#else
  text.remove_prefix(text.find("spelled_name<") + 13);
  return text.substr(0, text.rfind(">("));
#endif
}
/// The name of T as the compiler spells it. It lives until the program ends.
template <class T>
constexpr std::string_view spelled_name() {
#if defined(__GNUC__)
  constexpr std::string_view name = cut_name(__PRETTY_FUNCTION__);
#else
  constexpr std::string_view name = cut_name(__FUNCSIG__);
#endif
  return name;  // computed by the compiler, also for a call at run time
}

/// A C++ type that has a Python class. Never freed; filled again when the type is registered in a later interpreter.
/// Libraries with different versions of latepy read it, so its layout is plain C, and new members are only appended.
struct ClassRecord {
  std::size_t size = sizeof(ClassRecord);
  ClassRecord* next = nullptr;
  std::size_t hash = 0;
  const char* key = nullptr;  ///< see type_key(); it need not end in NUL
  std::size_t key_length = 0;
  std::atomic<std::uint32_t> generation{no_generation};  ///< of the interpreter that `type` belongs to
  PyObject* type = nullptr;                              ///< the Python class; owned until its interpreter ends
  struct ClassTraits* traits = nullptr;                  ///< what host/ knows of a bound class; null for an enumeration
  const struct ClassSlot* only = nullptr;  ///< for a type that only one file knows, the ClassSlot of it; else null
};

/// A library's cache for one type: its record in the registry, or null if it has none. Valid while `stamp` is equal to
/// ProcessState::classes_stamp.
struct ClassSlot {
  std::atomic<std::uint32_t> stamp{0};
  std::atomic<ClassRecord*> record{nullptr};
  /// While there are several interpreters: records that were found, each where its generation says. Valid while the
  /// record has that generation.
  std::atomic<ClassRecord*> of_several[4] = {};
};
template <class T>
inline ClassSlot class_slot{};

/// The name of T in the registry. With RTTI, local classes of different functions have different names.
template <class T>
std::string_view type_key() noexcept {
#ifdef __cpp_rtti
  return typeid(T).name();
#else
  return spelled_name<T>();
#endif
}
/// Whether this is the name of a type in an unnamed namespace or in a static function ("ZL…"). Different types in
/// different files may have that name, so such a type is known in its file only.
constexpr bool is_local_key(std::string_view key) {
  return key.find("anonymous") != std::string_view::npos || key.find("_GLOBAL__N_") != std::string_view::npos ||
         key.substr(0, 2) == "ZL";
}

/// The FNV-1a hash of a text.
constexpr std::size_t hash_of(std::string_view text) {
  unsigned long long hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return static_cast<std::size_t>(hash);
}

/// The record of a type in the current interpreter's list, of this or an earlier generation; or null.
ClassRecord* find_record(const ClassSlot& slot, std::string_view key) noexcept;
/// Looks the type up in the registry and fills the slot. Gives null if the type has no class now.
ClassRecord* refresh(ClassSlot& slot, std::string_view key) noexcept;
/// The record of T in the current interpreter, or null if T has no Python class there. Needs the GIL.
template <class T>
ClassRecord* class_of() noexcept {
  ClassSlot& slot = class_slot<T>;
  if (LATEPY_LIKELY(slot.stamp.load(std::memory_order_acquire) ==
                    process_state().classes_stamp.load(std::memory_order_acquire)))
    return slot.record.load(std::memory_order_relaxed);
  return refresh(slot, type_key<T>());
}

/// The record for a type that is being registered. It is in the registry's list, but not found before publish().
ClassRecord* new_record(const ClassSlot& slot, std::string_view key);
/// Registers a class: takes over the reference `type`. Needs the GIL.
void publish(ClassRecord* record, PyObject* type) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD ClassRecord* find_record(const ClassSlot& slot, std::string_view key) noexcept {
  const std::size_t hash = hash_of(key);
  const ClassSlot* const only = is_local_key(key) ? &slot : nullptr;
  for (ClassRecord* each = current_interpreter().classes.load(std::memory_order_acquire); each; each = each->next)
    if (each->hash == hash && each->only == only && std::string_view(each->key, each->key_length) == key) return each;
  return nullptr;
}

LATEPY_FUNC LATEPY_OUTLINE ClassRecord* refresh(ClassSlot& slot, std::string_view key) noexcept {
  const std::uint32_t generation = current_generation();
  std::atomic<ClassRecord*>& kept = slot.of_several[generation % std::size(slot.of_several)];
  if (ClassRecord* const known = generation == no_generation ? nullptr : kept.load(std::memory_order_acquire);
      known && known->generation.load(std::memory_order_acquire) == generation)
    return known;
  InterpreterState& interpreter = current_interpreter();
  const SpinLock lock(interpreter.classes_lock);
  const std::uint32_t stamp = process_state().classes_stamp.load(std::memory_order_acquire);
  ClassRecord* record = find_record(slot, key);
  if (record && record->generation != generation) record = nullptr;
  // All interpreters use the same ClassSlot, so `record` is not filled while there are several.
  if (process_state().only.load(std::memory_order_acquire) != &interpreter) {
    if (record) kept.store(record, std::memory_order_release);
    return record;
  }
  slot.record.store(record, std::memory_order_relaxed);
  slot.stamp.store(stamp, std::memory_order_release);
  return record;
}

LATEPY_FUNC LATEPY_COLD ClassRecord* new_record(const ClassSlot& slot, std::string_view key) {
  ClassRecord* record = find_record(slot, key);
  if (record) return record;
  record = new ClassRecord();
  record->key = key.data();
  record->key_length = key.size();
  record->hash = hash_of(key);
  if (is_local_key(key)) record->only = &slot;
  push(current_interpreter().classes, record);
  return record;
}

LATEPY_FUNC LATEPY_COLD void publish(ClassRecord* record, PyObject* type) noexcept {
  record->type = type;
  record->generation.store(current_generation(), std::memory_order_release);
  process_state().classes_stamp.fetch_add(1, std::memory_order_release);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
