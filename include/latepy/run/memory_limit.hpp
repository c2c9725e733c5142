// latepy/run/memory_limit.hpp: what Config::memory_limit does: it counts the memory of CPython, and refuses too much.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/limits/memory_count.hpp>
#if LATEPY_DEFINITIONS
#if LATEPY_WINDOWS
#include <latepy/run/detail/limits/heap_windows.hpp>
#else
#include <latepy/run/detail/limits/heap_posix.hpp>
#endif
#endif

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Config::memory_limit.
struct MemoryLimit {
  /// Begins to count after the pre-initialisation, and to refuse at the end of the start. \throws StartError.
  static void apply(std::size_t limit, Moment moment);
};

#if LATEPY_DEFINITIONS

// The allocators stand around C's own functions and the arenas of CPython. A block has no header: its size is asked of
// the heap. So blocks that were allocated before, or by CPython's own functions while it starts and ends, may be freed
// here, and the other way round. Then the count is a little wrong, for a while.

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr std::size_t no_limit = static_cast<std::size_t>(-1);
inline MemoryCount memory_count;
/// What CPython may have, and the last part of that, which serves to end what needs too much: from it CPython makes the
/// exceptions and tracebacks, and the program clears up. Where CPython gets no memory at all, it may end the process.
inline std::atomic<std::size_t> memory_limit{no_limit}, memory_reserve{0};
/// How far the main thread's script is from its end. `asked`: end_script() will be called. `told`: it got a
/// MemoryError.
enum class ScriptEnd : unsigned char { unasked, asked, told };
/// `unasked` again as soon as there is room.
inline std::atomic<ScriptEnd> script_end{ScriptEnd::unasked};
/// Whether the garbage is to be collected.
inline std::atomic<bool> was_short{false};
/// Stands for a thread.
inline thread_local char this_thread_mark = 0;
/// That of CPython's main thread.
inline std::atomic<const char*> main_thread_mark{nullptr};
/// What the blocks' functions and the arenas' functions stand in the place of.
inline BlockAllocator blocks_before{};
inline ArenaAllocator arenas_before{};

/// Raises MemoryError in the main thread between two steps of a script, where CPython bears it better than where it
/// asks for a block; not if there is room once the garbage is collected.
LATEPY_COLD inline int end_script(void*) noexcept {
  if (script_end.load() != ScriptEnd::asked) return 0;
  was_short = false;
  api().GC_Collect();
  script_end = ScriptEnd::unasked;
  if (memory_count.in_use() <= memory_limit.load() - memory_reserve.load()) return 0;
  script_end = ScriptEnd::told;
  was_short = true;  // what the script leaves is garbage too
  api().Err_SetString(*api().MemoryError, "the scripts have all the memory that Config::memory_limit allows");
  return -1;
}

// Any thread, with or without the GIL.

inline bool fits(std::size_t size, std::size_t used, std::size_t limit) noexcept {
  return size <= limit && used <= limit - size;
}
/// For arenas, and for the stacks of frames, which are smaller. Some versions raise SystemError where there is no room
/// for a frame.
inline bool has_room_for_arena(std::size_t size) noexcept {
  const std::size_t limit = memory_limit.load(relaxed);
  return fits(size, memory_count.in_use(), size < (1u << 18) ? limit : limit - memory_reserve.load(relaxed));
}
/// Whether there is room in the reserve. The main thread gets what is not large, and an end of its script; the last
/// quarter only after that. Other threads get half.
LATEPY_COLD inline bool has_room_in_reserve(std::size_t size, std::size_t used) noexcept {
  const std::size_t limit = memory_limit.load(relaxed), reserve = memory_reserve.load(relaxed);
  const bool is_main = main_thread_mark.load(relaxed) == &this_thread_mark, is_large = size > reserve / 4;
  if (is_main && script_end.load(relaxed) == ScriptEnd::unasked) {
    script_end.store(ScriptEnd::asked, relaxed);
    was_short.store(true, relaxed);
    if (!is_large && api().AddPendingCall(&end_script, nullptr) != 0) script_end.store(ScriptEnd::told, relaxed);
  }
  const std::size_t kept = !is_main ? reserve / 2 : script_end.load(relaxed) == ScriptEnd::asked ? reserve / 4 : 0;
  if (!is_large && fits(size, used, limit - kept)) return true;
  was_short.store(true, relaxed);
  if (is_main) script_end.store(ScriptEnd::told, relaxed);
  return false;
}
inline bool has_room(std::size_t size) noexcept {
  const std::size_t limit = memory_limit.load(relaxed), reserve = memory_reserve.load(relaxed);
  const std::size_t used = memory_count.in_use();
  if (LATEPY_UNLIKELY(!fits(size, used, limit - reserve))) return has_room_in_reserve(size, used);
  if (script_end.load(relaxed) == ScriptEnd::told && fits(reserve, used, limit - reserve))
    script_end.store(ScriptEnd::unasked, relaxed);
  return true;
}
inline void* count_block(void* block, std::size_t before = 0) noexcept {
  if (block)
    memory_count.used.fetch_add(static_cast<ssize>(Heap::size_of(block)) - static_cast<ssize>(before), relaxed);
  return block;
}
inline constexpr BlockAllocator counting_blocks{
    nullptr,
    [](void*, std::size_t size) noexcept -> void* {
      return has_room(size) ? count_block(Heap::allocate(size ? size : 1)) : nullptr;
    },
    [](void*, std::size_t count, std::size_t size) noexcept -> void* {
      if (size != 0 && count > no_limit / size) return nullptr;
      return has_room(count * size) ? count_block(Heap::allocate_zeros((std::max)(count * size, std::size_t(1))))
                                    : nullptr;
    },
    [](void*, void* block, std::size_t size) noexcept -> void* {
      const std::size_t before = Heap::size_of(block);
      if (size > before && !has_room(size - before)) return nullptr;
      return count_block(Heap::resize(block, size ? size : 1), before);
    },
    [](void*, void* block) noexcept {
      memory_count.used.fetch_sub(static_cast<ssize>(Heap::size_of(block)), relaxed);
      Heap::release(block);
    }};
inline constexpr ArenaAllocator counting_arenas{
    nullptr,
    [](void*, std::size_t size) noexcept -> void* {
      void* const arena = has_room_for_arena(size) ? arenas_before.allocate(arenas_before.context, size) : nullptr;
      if (arena) memory_count.used.fetch_add(static_cast<ssize>(size), relaxed);
      return arena;
    },
    [](void*, void* arena, std::size_t size) noexcept {
      memory_count.used.fetch_sub(static_cast<ssize>(size), relaxed);
      arenas_before.release(arenas_before.context, arena, size);
    }};

LATEPY_COLD inline BlockAllocator block_allocator(MemoryDomain domain) noexcept {
  BlockAllocator allocator{};
  api().Mem_GetAllocator(domain, &allocator);
  return allocator;
}
LATEPY_COLD inline void set_blocks(MemoryDomain domain, BlockAllocator allocator) noexcept {
  api().Mem_SetAllocator(domain, &allocator);
}
LATEPY_COLD inline void set_arenas(ArenaAllocator allocator) noexcept { api().Object_SetArenaAllocator(&allocator); }

/// Called at an outermost Entry. What a script leaves in cycles is garbage that only the collector frees, and CPython
/// does not call it for want of memory. Without that the next code would find no memory either.
LATEPY_COLD inline void collect_if_short() noexcept {
  if (was_short.load(relaxed) && was_short.exchange(false)) api().GC_Collect();
}
inline constexpr WatcherCalls calls_of_limit{&collect_if_short, []() noexcept {}, nullptr, nullptr, nullptr};

/// Whether the domain's blocks come from where those of the raw domain did before, as they do with the allocator
/// "malloc".
LATEPY_COLD inline bool is_plain(MemoryDomain domain) noexcept {
  return block_allocator(domain).allocate == blocks_before.allocate;
}

/// Puts CPython's own functions back. Where CPython checks the blocks of the raw domain, its functions know ours and
/// no others, and stay as they are.
LATEPY_COLD inline void stop_counting() noexcept {
  for (const MemoryDomain domain : {raw_memory, plain_memory, object_memory})
    if (block_allocator(domain).allocate == counting_blocks.allocate) set_blocks(domain, blocks_before);
  ArenaAllocator arenas{};
  api().Object_GetArenaAllocator(&arenas);
  if (arenas.allocate == counting_arenas.allocate) set_arenas(arenas_before);
}

/// \throws StartError if other code of the process has its own functions there.
LATEPY_COLD inline void start_counting() {
  if (!Heap::open())
    throw_error<StartError>(
        {"cannot start Python: Config::memory_limit needs a CPython for Windows that Visual C++ has compiled, and this "
         "is \"",
         api().GetVersion(), "\""});
  const BlockAllocator blocks = block_allocator(raw_memory);
  if (blocks.allocate != counting_blocks.allocate) {
    const auto library = [](auto* function) {
      return DynLib::containing(reinterpret_cast<const void*>(function)).path();
    };
    if (library(blocks.allocate) != library(api().Mem_SetAllocator))
      throw_error<StartError>(
          {"cannot start Python: Config::memory_limit cannot count its memory, because other code has called "
           "PyMem_SetAllocator(): a function of ",
           library(blocks.allocate), " allocates it"});
    blocks_before = blocks;
    const bool is_checked = blocks.context != nullptr;  // PyMem_SetupDebugHooks()
    for (const MemoryDomain domain : {object_memory, plain_memory, raw_memory})
      if (domain == raw_memory || is_plain(domain)) set_blocks(domain, counting_blocks);
    if (is_checked) api().Mem_SetupDebugHooks();
  }
  ArenaAllocator arenas{};
  api().Object_GetArenaAllocator(&arenas);
  if (arenas.allocate == counting_arenas.allocate) return;
  arenas_before = arenas;
  set_arenas(counting_arenas);
}

/// Whether what CPython allocates for objects is counted. Needs the GIL.
LATEPY_COLD inline bool counts_objects() noexcept {
  const BlockAllocator objects = block_allocator(object_memory);
  constexpr ssize size = 1 << 16;  // pymalloc leaves it to the raw domain
  const ssize before = memory_count.used.load();
  void* const block = objects.allocate(objects.context, size);
  const ssize after = memory_count.used.load();
  objects.release(objects.context, block);
  return after - before >= size;
}

LATEPY_FUNC LATEPY_COLD void MemoryLimit::apply(std::size_t limit, Moment moment) {
  if (limit == 0) return;
  if (library_state.free_threaded)
    throw_error<StartError>(
        {"cannot start Python: Config::memory_limit is set, and a free-threaded CPython allocates objects in a way "
         "that "
         "cannot be counted. Use a CPython with a GIL, or leave it at 0"});
  if (moment == Moment::pre_initialized) return start_counting();
  constexpr std::size_t large = 4u << 20;
  static std::size_t limit_of_start;
  limit_of_start = limit;
  memory_reserve = 0;  // while there is no limit
  process_state().memory = &memory_count;
  set_memory_unlimited = [](bool is_unlimited) noexcept {
    const bool is_over = !api().IsInitialized();
    memory_limit = is_unlimited || is_over ? no_limit : limit_of_start;
    if (is_unlimited || !is_over) return;
    set_memory_unlimited = nullptr;
    watcher_calls = idle_calls = nullptr;
    stop_counting();
  };
  if (!counts_objects())
    throw_error<StartError>(
        {"cannot start Python: Config::memory_limit cannot count the memory of objects with the allocator that the "
         "options ask for. Leave the option `allocator` at its default, or Config::memory_limit at 0"});
  const std::size_t reserve = (std::min)(limit / 8, large), used = memory_count.in_use();
  if (!fits(reserve, used, limit))
    throw_error<StartError>({"cannot start Python: Config::memory_limit is ", decimal(limit), ", and the start takes ",
                             decimal(used), " bytes. Give it more, with room for the scripts"});
  memory_reserve = reserve;
  memory_limit = limit;
  main_thread_mark = &this_thread_mark;
  script_end = ScriptEnd::unasked;
  was_short = false;
  idle_calls = &calls_of_limit;
  if (!watcher_calls.load()) watcher_calls = &calls_of_limit;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
