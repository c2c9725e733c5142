// latepy/core/detail/class_registry.hpp: which Python class stands for a C++ type.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/gil.hpp>

#ifdef __cpp_rtti
#include <typeinfo>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// What a compiler calls spelled_name<T>(), cut down to T.
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
/// The name of T as its compiler spells it, in static storage.
template <class T>
constexpr std::string_view spelled_name() {
#if defined(__GNUC__)
  constexpr std::string_view name = cut_name(__PRETTY_FUNCTION__);
#else
  constexpr std::string_view name = cut_name(__FUNCSIG__);
#endif
  return name;  // made while compiling, also where this is called in a running program
}

/// One C++ type with a Python class. Never freed; refilled when the type is registered in a later life. Plain C layout,
/// only ever appended to: libraries read one another's.
struct ClassRecord {
  std::size_t size = sizeof(ClassRecord);
  ClassRecord* next = nullptr;
  std::size_t hash = 0;
  const char* key = nullptr;  ///< the C++ name, with its length: it need not end in NUL
  std::size_t key_length = 0;
  std::uint32_t generation = no_generation;  ///< of the interpreter that `type` belongs to
  PyObject* type = nullptr;                  ///< the Python class; owned, kept to the end of that life
  struct ClassTraits* traits = nullptr;      ///< what host/ knows of a bound class; null for an enumeration
  const struct ClassSlot* only = nullptr;    ///< of a type that one file alone knows: what finds it; else null
};

/// What a library remembers of the registry for one type, until something is registered or a life begins.
struct ClassSlot {
  std::atomic<std::uint32_t> stamp{0};
  std::atomic<ClassRecord*> record{nullptr};
};
template <class T>
inline ClassSlot class_slot{};

/// What tells T from other types in the registry: unlike the spelled name it tells local classes apart as well.
template <class T>
std::string_view type_key() noexcept {
#ifdef __cpp_rtti
  return typeid(T).name();
#else
  return spelled_name<T>();
#endif
}
/// Types of unnamed namespaces and of static functions ("ZL…") have one name in many files, and are other types: these
/// are known in their file only.
constexpr bool is_local_key(std::string_view key) {
  return key.find("anonymous") != std::string_view::npos || key.find("_GLOBAL__N_") != std::string_view::npos ||
         key.substr(0, 2) == "ZL";
}

constexpr std::size_t hash_of(std::string_view text) {
  std::size_t hash = 14695981039346656037u & static_cast<std::size_t>(-1);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

ClassRecord* find_record(const ClassSlot& slot, std::string_view key) noexcept;
ClassRecord* refresh(ClassSlot& slot, std::string_view key) noexcept;
/// The class of T in the running interpreter, or null. Needs the GIL.
template <class T>
ClassRecord* class_of() noexcept {
  ClassSlot& slot = class_slot<T>;
  if (LATEPY_LIKELY(slot.stamp.load(std::memory_order_acquire) ==
                    process_state().classes_stamp.load(std::memory_order_acquire)))
    return slot.record.load(std::memory_order_relaxed);
  return refresh(slot, type_key<T>());
}

/// The record to fill for a type that is being registered, in the list already. The caller publishes it when its class
/// is made.
ClassRecord* new_record(const ClassSlot& slot, std::string_view key);
void publish(ClassRecord* record, PyObject* type) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD ClassRecord* find_record(const ClassSlot& slot, std::string_view key) noexcept {
  const std::size_t hash = hash_of(key);
  const ClassSlot* const only = is_local_key(key) ? &slot : nullptr;
  for (ClassRecord* each = current_interpreter().classes.load(std::memory_order_acquire); each; each = each->next)
    if (each->hash == hash && each->only == only && std::string_view(each->key, each->key_length) == key) return each;
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD ClassRecord* refresh(ClassSlot& slot, std::string_view key) noexcept {
  InterpreterState& interpreter = current_interpreter();
  const SpinLock lock(interpreter.classes_lock);
  const std::uint32_t generation = interpreter.generation.load(),
                      stamp = process_state().classes_stamp.load(std::memory_order_acquire);
  ClassRecord* record = find_record(slot, key);
  if (record && record->generation != generation) record = nullptr;
  // A slot is one for all interpreters, so it remembers nothing while there are several.
  if (process_state().only.load(std::memory_order_acquire) != &interpreter) return record;
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
  record->generation = current_generation();
  process_state().classes_stamp.fetch_add(1, std::memory_order_release);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
