// latepy/core/detail/stack_limit.hpp: how much of a thread's stack is left; recursion without Python frames ends there.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/recursion_counter.hpp>

#include <algorithm>

#if LATEPY_WINDOWS
extern "C" {
#ifdef _WIN64
__declspec(dllimport) void __stdcall GetCurrentThreadStackLimits(unsigned long long*, unsigned long long*);
#else
__declspec(dllimport) void __stdcall GetCurrentThreadStackLimits(unsigned long*, unsigned long*);
#endif
}
#ifdef _MSC_VER
extern "C" void* _AddressOfReturnAddress(void);
#pragma intrinsic(_AddressOfReturnAddress)
#endif
#else
#include <pthread.h>
#include <sys/resource.h>
#ifdef __FreeBSD__
#include <pthread_np.h>
#endif
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

// CPython limits its own recursion by a counter, which knows nothing of what C++ puts on the stack between two calls of
// CPython. So each function of latepy that CPython calls, and each conversion that may contain others, looks where in
// the stack of its thread it is.

/// The stack of this thread. Trivially destructible: it may be read in any destructor of the ending thread.
struct StackLimit {
  std::uintptr_t low = 0, span = 0;    ///< a call whose frame is in [low, low + span) goes on; 0: not looked for yet
  std::uintptr_t bottom = 0, top = 0;  ///< the lowest address of the stack, and the first one above it
  bool has_new_state = false;          ///< fit_recursion() is to be called
  std::size_t size() const noexcept { return top - bottom; }
  /// The part that no call begins in.
  std::size_t reserve() const noexcept;
  /// Lets calls that begin with at least `left` bytes of stack go on without a further look.
  void lower_to(std::size_t left) noexcept;
};
inline thread_local StackLimit stack_limit{};

/// What is kept free for the RecursionError, and for what CPython does between two looks.
inline constexpr std::size_t stack_reserve = 40 * 1024;
/// On a smaller stack latepy makes no Python thread state: an import or a short script would overflow it.
inline constexpr std::size_t smallest_stack = 96 * 1024;
/// From this size on, the counter of CPython fits the stack.
inline constexpr std::size_t usual_stack = 7 * 1024 * 1024;
/// What one level of CPython's counter may need. The dearest is a sort whose key function sorts: 2.3 KiB in 3.11.
inline constexpr std::size_t stack_of_level = 3 * 1024;
/// From this size on, a new thread state has freeing_levels: a sort whose key function sorts needs 142 KiB for them.
inline constexpr std::size_t freeing_stack = 192 * 1024;

inline std::size_t StackLimit::reserve() const noexcept {
  return (std::min)((std::max)(size() / 8, stack_reserve), std::size_t(256 * 1024));
}
inline void StackLimit::lower_to(std::size_t left) noexcept {
  low = bottom + (std::min)((std::max)(left, reserve()), size());
  span = top - low;
}

/// An address in the frame of the caller.
LATEPY_FORCE_INLINE std::uintptr_t frame_address() noexcept {
#ifdef _MSC_VER
  return reinterpret_cast<std::uintptr_t>(_AddressOfReturnAddress());
#else
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
#endif
}

/// Whether a call that begins here has to look further; see StackScope.
LATEPY_FORCE_INLINE bool is_stack_low() noexcept {
  const StackLimit& limit = stack_limit;
  return LATEPY_UNLIKELY(frame_address() - limit.low >= limit.span);
}

/// The StackLimit of this thread, which is found at the first call. Any thread, no GIL.
const StackLimit& find_stack() noexcept;

/// A call from CPython, or a conversion that may contain others. It ends with the GIL if it begins with it.
///
/// Deep in the stack it takes away levels of CPython's counter for as long as it lives, so that what is called from
/// here fits into the rest of the stack.
class StackScope {
 public:
  LATEPY_FORCE_INLINE StackScope() noexcept {
    if (is_stack_low()) enter();
  }
  StackScope(const StackScope&) = delete;
  StackScope& operator=(const StackScope&) = delete;
  LATEPY_FORCE_INLINE ~StackScope() {
    if (LATEPY_UNLIKELY(state_ == State::changed)) leave();
  }
  /// Whether the call must end; RecursionError is set then.
  bool is_refused() const noexcept { return LATEPY_UNLIKELY(state_ == State::refused); }

 private:
  enum class State : unsigned char { unchanged, changed, refused };
  void enter() noexcept;
  void leave() noexcept;

  State state_ = State::unchanged;
  std::size_t levels_ = 0;  // what was taken away from CPython's counter
  std::uintptr_t low_ = 0;  // StackLimit::low before
};

[[noreturn]] void throw_python_error();
/// As StackScope, but throws the RecursionError.
struct ThrowingStackScope : StackScope {
  LATEPY_FORCE_INLINE ThrowingStackScope() {
    if (is_refused()) throw_python_error();
  }
};
/// Takes the place of a scope where no recursion can be.
struct NoStackScope {
  NoStackScope() noexcept {}
  static constexpr bool is_refused() noexcept { return false; }
};
/// The scope for the conversion of T. A number, a text, a pointer and an Object contain no other conversions.
template <class T, class Scope>
using ConversionScope = std::conditional_t<std::is_class_v<T> && !std::is_same_v<T, std::string> &&
                                               !std::is_same_v<T, std::string_view> && !std::is_same_v<T, Object>,
                                           Scope, NoStackScope>;

/// Whether this thread's stack is too small for a Python thread state of its own. Any thread, no GIL.
inline bool is_stack_too_small() noexcept { return find_stack().size() < smallest_stack; }

/// Throws the StateError for it. `what` could not be done.
[[noreturn]] void throw_small_stack(std::string_view what);

/// Takes away levels of CPython's counter, for the thread state that this thread is in, until the rest fits into `left`
/// bytes of stack, or are `least`. \returns how many. Needs the GIL; keeps the error that is set.
std::size_t fit_recursion(std::size_t left, std::size_t least = 0) noexcept;
/// The same for a new thread state on a small stack.
void fit_recursion() noexcept;

#if LATEPY_DEFINITIONS

/// Asks the system. \returns false if it does not know.
LATEPY_COLD inline bool ask_stack(StackLimit& found) noexcept {
#if LATEPY_WINDOWS
#ifdef _WIN64
  unsigned long long low = 0, high = 0;
#else
  unsigned long low = 0, high = 0;
#endif
  GetCurrentThreadStackLimits(&low, &high);
  found.bottom = low;
  found.top = high;
  return true;
#elif LATEPY_APPLE
  found.top = reinterpret_cast<std::uintptr_t>(pthread_get_stackaddr_np(pthread_self()));
  found.bottom = found.top - pthread_get_stacksize_np(pthread_self());
  return true;
#elif defined(__linux__) || defined(__FreeBSD__)
  pthread_attr_t attributes;
  void* address = nullptr;
  std::size_t size = 0;
#ifdef __FreeBSD__
  pthread_attr_init(&attributes);
  const bool is_known = pthread_attr_get_np(pthread_self(), &attributes) == 0;
#else
  const bool is_known = pthread_getattr_np(pthread_self(), &attributes) == 0;  // needs /proc on the first thread
  if (!is_known) return false;
#endif
  const bool is_found = is_known && pthread_attr_getstack(&attributes, &address, &size) == 0;
  pthread_attr_destroy(&attributes);
  found.bottom = reinterpret_cast<std::uintptr_t>(address);
  found.top = found.bottom + size;
  return is_found;
#else
  static_cast<void>(found);
  return false;
#endif
}

LATEPY_FUNC LATEPY_COLD const StackLimit& find_stack() noexcept {
  StackLimit& limit = stack_limit;
  const std::uintptr_t here = frame_address();
  // Windows tells the stack of the running fiber, so it is asked again on another one.
  if (limit.top != 0 && (!LATEPY_WINDOWS || here - limit.bottom < limit.size())) return limit;
  constexpr std::size_t largest = 64 * 1024 * 1024, likely = 8 * 1024 * 1024;
  if (!ask_stack(limit)) {
    // The first thread, without /proc: what is above this frame is not known, and is small.
    std::size_t size = likely;
#if !LATEPY_WINDOWS
    rlimit allowed{};
    if (getrlimit(RLIMIT_STACK, &allowed) == 0 && allowed.rlim_cur < likely) size = allowed.rlim_cur;
#endif
    limit.top = here + size / 4;
    limit.bottom = here - size / 2;
  }
  // An unlimited stack: what the system tells is the end of what is mapped below, which is no limit.
  if (limit.size() > largest) limit.bottom = limit.top - largest;
  limit.lower_to((std::min)(limit.size() / 4 * 3, usual_stack / 2));
  return limit;
}

/// Sets the RecursionError. `left` bytes are left of `size`.
LATEPY_COLD inline void set_recursion_error(std::size_t left, std::size_t size) noexcept {
  const Api& a = api();
  try {
    const std::string text = concat(
        {"maximum recursion depth exceeded: ", decimal(left / 1024), " KiB are left of the ", decimal(size / 1024),
         " KiB of this thread's stack. Let C++ and Python call each other less deeply, or give the thread more "
         "stack"});
    a.Err_SetString(*a.RecursionError, text.c_str());
  } catch (const std::bad_alloc&) {
    a.Err_SetString(*a.RecursionError, "maximum recursion depth exceeded: the stack of this thread is used up");
  }
}

LATEPY_FUNC LATEPY_COLD void StackScope::enter() noexcept {
  const Api& a = api();
  static_cast<void>(find_stack());
  StackLimit& limit = stack_limit;
  const std::uintptr_t here = frame_address();
  const std::size_t left = here - limit.bottom;
  if (here - limit.low < limit.span) return;  // the first call on this thread
  if (!holds_gil()) return;                   // a conversion throws the StateError then
  low_ = limit.low;
  if (left >= limit.size()) {  // not the thread's own stack, but that of a fiber: where it ends is not known
    levels_ = a.EnterRecursiveCall(" in a host function") == 0;
    state_ = levels_ == 1 ? State::changed : State::refused;
  } else if (left < limit.reserve()) {
    state_ = State::refused;
    set_recursion_error(left, limit.size());
  } else {
    state_ = State::changed;
    limit.lower_to(left / 8 * 7);
    levels_ = fit_recursion(left);
  }
}

LATEPY_FUNC LATEPY_COLD void StackScope::leave() noexcept {
  give_levels(levels_);
  StackLimit& limit = stack_limit;
  if (LATEPY_WINDOWS)
    limit = StackLimit();  // of a fiber that ran meanwhile, perhaps
  else
    limit.lower_to(low_ - limit.bottom);
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_small_stack(std::string_view what) {
  throw_error<StateError>({what, " on this thread: its stack has ", decimal(find_stack().size() / 1024),
                           " KiB, and Python needs ", decimal(smallest_stack / 1024),
                           " KiB for the shortest scripts. Make the thread with 512 KiB or more"});
}

LATEPY_FUNC LATEPY_COLD std::size_t fit_recursion(std::size_t left, std::size_t least) noexcept {
  // From 3.14 on CPython looks at the stack itself. 3.9.0 and 3.9.1 abort if levels are tried while an error of the
  // recursion is handled.
  const Version& version = library_state.version;
  if (version.minor >= 14 || (version.minor == 9 && version.micro < 2)) return 0;
  return take_levels((std::max)(left > stack_reserve ? (left - stack_reserve) / stack_of_level : 0, least));
}

LATEPY_FUNC LATEPY_COLD void fit_recursion() noexcept {
  const std::size_t size = find_stack().size();
  stack_limit.has_new_state = false;
  // An eighth is for calls before the next look.
  if (size < usual_stack)
    static_cast<void>(
        fit_recursion(size / 8 * 7, library_state.version.minor == 13 && size >= freeing_stack ? freeing_levels : 0));
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
