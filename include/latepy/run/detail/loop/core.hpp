// latepy/run/detail/loop/core.hpp: LoopCore, by which threads without the GIL hand work to an event loop of asyncio.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/function.hpp>
#include <latepy/run/detail/loop/loop_source.hpp>
#include <latepy/run/detail/loop/queue.hpp>
#if LATEPY_WINDOWS
#include <latepy/run/detail/loop/wake_windows.hpp>
#else
#include <latepy/run/detail/wake_posix.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

class FutureState;
class OwnLoop;

#if !LATEPY_WINDOWS
/// With which any thread wakes an event loop.
class LoopWake : public Wake {
 public:
  /// What asyncio watches. Needs the GIL.
  ColdObject object() const { return make_int(descriptor()); }
};
#endif

/// How often this process was made by a fork() since the first event loop. A loop of the parent cannot run in a child.
inline std::atomic<unsigned> loop_forks{0};
/// Makes each fork() count. \throws std::bad_alloc.
void count_loop_forks();
/// The loops of this library that have not ended.
inline OwnLoop* own_loops = nullptr;
inline std::atomic_flag own_loops_lock = {};

/// A function of loop_source, in the current interpreter. Needs the GIL.
LATEPY_COLD inline ColdObject loop_function(const char* name) {
  return get_item(kept_namespace("loop", loop_source), name);
}

/// Calls `call`, and ignores what it throws. \returns whether there was no memory for it, and it can be tried again:
/// what a script's object throws would come for ever.
template <class F>
bool lacks_memory(F&& call) noexcept {
  try {
    call();
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const MemoryError&) {
    return true;
  } catch (...) {
  }
  return false;
}

/// The way to one event loop of asyncio: a queue and a descriptor, which the loop watches. Shared by all that may hand
/// it work.
class LoopCore {
 public:
  explicit LoopCore(std::uint32_t its_generation) : generation(its_generation), forks_(loop_forks.load()) {}
  LoopCore(const LoopCore&) = delete;
  LoopCore& operator=(const LoopCore&) = delete;
  virtual ~LoopCore() { close(); }

  /// Hands over work. Any thread, no GIL. \returns false if the loop has ended: the work is the caller's then.
  bool add(LoopWork& work) noexcept {
    if (is_forked()) return false;
    const LoopQueue::Added added = queue_.add(work);
    if (added == LoopQueue::Added::no) return false;
    if (added == LoopQueue::Added::first) notify();
    return true;
  }
  /// Does the work that waits. On the loop's thread, with the GIL.
  void run_work() noexcept;
  /// Nothing is added any more; what waits is freed.
  void close() noexcept {
    for (LoopWork* each = queue_.close(); each;) {
      LoopWork* const next = each->next;
      each->finish(each, nullptr);
      each = next;
    }
  }
  bool has_work() const noexcept { return !queue_.is_empty(); }
  /// Whether this thread runs the loop.
  bool is_here() const noexcept { return thread.load() == thread_number(); }
  /// Whether the loop is that of a parent process.
  bool is_forked() const noexcept { return forks_ != loop_forks.load(std::memory_order_relaxed); }
  /// Gives the C++ exception in flight to the exception handler of the loop, else to sys.unraisablehook. Call it in a
  /// catch block, on the loop's thread, with the GIL. \param what "Exception in …".
  static void report(const char* what) noexcept;

  /// What Interpreter::interrupt() was to stop has ended, and the loop goes on. On the loop's thread.
  virtual void end_interruption() noexcept {}
  /// There was no memory to tell a task that what it awaits is done. On the loop's thread, with the GIL.
  virtual void note_loss() noexcept {}

  const std::uint32_t generation;      ///< of the interpreter
  std::atomic<std::size_t> thread{0};  ///< the thread_number() of the thread that runs the loop; 0: none yet
  FutureState* in_flight = nullptr;    ///< the tasks that C++ submitted; on the loop's thread
  bool is_finishing = false;           ///< no task begins any more; on the loop's thread
  LoopWake wake{};

 protected:
  /// Wakes the loop. Any thread.
  virtual void notify() noexcept { wake.post(); }
  /// Called after the work was done. On the loop's thread, with the GIL.
  virtual void after_work() noexcept {}

 private:
  LoopQueue queue_{};
  const unsigned forks_;
};

/// The arguments `descriptor`, `drain` and `bridge` with which functions of loop_source have a loop watch the core.
/// Needs the GIL.
struct LoopBridge {
  explicit LoopBridge(std::shared_ptr<LoopCore> core);
  ColdObject descriptor, drain, capsule;
};
/// The core of a loop of asyncio, which the first call makes. On the thread that runs it; needs the GIL.
std::shared_ptr<LoopCore> core_of(const Ref& loop);

/// Work that calls f() on the loop's thread. An exception is reported.
template <class F>
class PostedWork final : public LoopWork {
 public:
  template <class G>
  explicit PostedWork(G&& f) : LoopWork(&PostedWork::finish_it), f_(std::forward<G>(f)) {}

 private:
  static void finish_it(LoopWork* self, LoopCore* core) noexcept {
    const std::unique_ptr<PostedWork> owned(static_cast<PostedWork*>(self));
    if (!core) return;
    try {
      owned->f_();
    } catch (...) {
      LoopCore::report("Exception in a function that was given to latepy::EventLoop::post()");
    }
  }
  F f_;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void count_loop_forks() {
#if !LATEPY_WINDOWS
  static const int failed = pthread_atfork(nullptr, nullptr, [] {
    ++loop_forks;
    own_loops = nullptr;  // those of the parent
    own_loops_lock.clear();
  });
  if (failed) throw std::bad_alloc();
#endif
}

LATEPY_FUNC void LoopCore::run_work() noexcept {
  wake.clear();
  for (LoopWork* each = queue_.take(); each;) {
    LoopWork* const next = each->next;
    each->finish(each, this);
    each = next;
  }
  after_work();
}

LATEPY_FUNC LATEPY_COLD void LoopCore::report(const char* what) noexcept {
  if (!holds_gil()) return;
  translate_exception();
  try {
    const ColdObject raised = fetch_exception();
    try {
      call_plain(loop_function("report"), {raised, make_str(what)});
    } catch (const PythonError& error) {
      error.report();
      PythonError(keep_exception(Object(raised).release())).report();
    }
  } catch (...) {  // no memory
  }
}

inline constexpr char bridge_name[] = "latepy.v1.loop";

/// What a loop calls when the descriptor can be read. The loop frees it when it is closed, also one of the script's
/// own: what waits in the queue refers to the core, and would keep it for ever.
class Drain {
 public:
  explicit Drain(std::shared_ptr<LoopCore> core) noexcept : core_(std::move(core)) {}
  Drain(Drain&&) noexcept = default;
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain() {
    if (!core_) return;
    const ErrorAside aside;
    core_->close();
  }
  void operator()() const { core_->run_work(); }

 private:
  std::shared_ptr<LoopCore> core_;
};

LATEPY_FUNC LATEPY_COLD LoopBridge::LoopBridge(std::shared_ptr<LoopCore> core)
    : descriptor(), drain(make_callable("drain", Drain(core))), capsule() {
#if LATEPY_WINDOWS
  core->wake.open(call_plain(loop_function("socket_pair")));
#endif
  descriptor = core->wake.object();
  auto kept = std::make_unique<std::shared_ptr<LoopCore>>(std::move(core));
  capsule = take_result(api().Capsule_New(kept.get(), bridge_name, [](PyObject* self) {
    delete static_cast<std::shared_ptr<LoopCore>*>(api().Capsule_GetPointer(self, bridge_name));
  }));
  kept.release();
}

LATEPY_FUNC std::shared_ptr<LoopCore> core_of(const Ref& loop) {
  const ColdObject known = call_plain(loop_function("bridge_of"), {loop});
  if (!known.is_none()) {
    auto* const kept = static_cast<std::shared_ptr<LoopCore>*>(api().Capsule_GetPointer(known.ptr(), bridge_name));
    if (!kept) throw_python_error();
    return *kept;
  }
  count_loop_forks();
  auto made = std::make_shared<LoopCore>(current_generation());
  made->thread = thread_number();
  const LoopBridge bridge(made);
  call_plain(loop_function("watch"), {loop, bridge.descriptor, bridge.drain, bridge.capsule});
  return made;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
