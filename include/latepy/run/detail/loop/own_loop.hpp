// latepy/run/detail/loop/own_loop.hpp: OwnLoop, an event loop that latepy made: how it runs, and how it ends.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/loop/future_state.hpp>

#include <functional>
#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An event loop of asyncio, with a thread of its own, or pumped: then poll() runs it. From make() until it has ended
/// it is in the list that the stop of its interpreter ends.
class OwnLoop final : public LoopCore {
 public:
  using Clock = std::chrono::steady_clock;
  OwnLoop(std::uint32_t its_generation, bool pumped, std::function<void()> when_ready)
      : LoopCore(its_generation), is_pumped_(pumped), on_ready_(std::move(when_ready)) {}

  OwnLoop(const OwnLoop&) = delete;
  OwnLoop& operator=(const OwnLoop&) = delete;
  ~OwnLoop() override { delist(); }

  /// Makes the loop of asyncio. Needs the GIL. \param self this. \throws PythonError.
  void make(const std::shared_ptr<OwnLoop>& self);
  /// Runs the loop on a new thread, which has a reference to it. \throws std::system_error; StateError or
  /// std::bad_alloc, if that thread cannot enter Python.
  std::thread start();
  /// Runs what is due. Needs the GIL. \returns how many callbacks ran. \throws StateError.
  long long poll();
  /// The time in seconds until the next timer; negative if there is none. Needs the GIL.
  double next_timer();
  /// The descriptor to watch for the poll().
  std::intptr_t handle() const noexcept { return handle_; }
  bool is_pumped() const noexcept { return is_pumped_; }
  /// Whether no work is taken any more.
  bool is_ending() const noexcept { return is_ending_.load() || is_forked(); }
  /// The loop of asyncio; empty after the end. Needs the GIL.
  const Object& loop() const noexcept { return loop_; }

  /// Ends the loop: takes no more work, cancels all tasks, and closes it when they are done, or at `until`. Any thread,
  /// with or without the GIL. In a function that the loop runs, it ends after that. \returns whether it is over.
  bool end(Clock::time_point until) noexcept;
  /// Whether it has ended: its thread has nothing more to do.
  bool is_over() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return is_over_;
  }
  /// After end(): waits, without the GIL, until no other thread is in on_ready, which may use what goes next.
  void wait_for_on_ready(Clock::time_point until) noexcept;
  /// Ends a loop that has no thread. Needs the GIL, if Python runs.
  void abandon() noexcept {
    finish();
    set_over();
  }
  /// LoopOwner::end_all of this library.
  static bool end_all(std::uint32_t its_generation, long long limit) noexcept;

 private:
  // Defined in the class, so that only files which make an OwnLoop compile its functions.
  void notify() noexcept override {
    wake.post();
    if (on_ready_) call_on_ready();
  }
  void after_work() noexcept override { follow_work(); }
  void end_interruption() noexcept override { forget_interruption(); }
  void note_loss() noexcept override {
    is_cut_ = true;
    wake.post();
  }
  /// Gives up the tasks that asyncio has lost.
  void find_lost() noexcept;
  void call_on_ready() noexcept;
  void follow_work() noexcept;
  void forget_interruption() noexcept;
  /// What the thread does. Needs the GIL.
  void run() noexcept;
  /// Closes the loop, which no thread runs. Needs the GIL, if Python runs.
  void finish() noexcept;
  /// Tells the loop to end. \returns whether it has.
  bool begin_end(Clock::time_point until) noexcept;
  bool end_pumped(Clock::time_point until) noexcept;
  void set_over() noexcept;
  void delist() noexcept;

  const bool is_pumped_;
  const std::function<void()> on_ready_;
  Object loop_{};
  std::intptr_t handle_ = -1;
  std::atomic<bool> is_ending_{false}, is_polled_{false};
  bool is_cut_ = false;  // tasks may be lost; on the loop's thread
  std::atomic<int> ready_calls_{0};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  // Guarded by mutex_.
  Clock::time_point until_{};
  bool is_entered_ = false, is_over_ = false;
  std::exception_ptr ready_failure_{};
  std::weak_ptr<OwnLoop> self_{};
  // Guarded by own_loops_lock.
  OwnLoop* next_ = nullptr;
  bool is_tried_ = false;
};

#if LATEPY_DEFINITIONS

/// Gives up the GIL that this thread holds, of whichever interpreter. Not a GilRelease: on a thread of Python its end
/// would wait until a stop is over, and the stop may wait for what this thread waits for.
class AnyGilRelease {
 public:
  AnyGilRelease() noexcept : state_(held_interpreter() || holds_any_gil() ? api().Eval_SaveThread() : nullptr) {}
  AnyGilRelease(const AnyGilRelease&) = delete;
  AnyGilRelease& operator=(const AnyGilRelease&) = delete;
  ~AnyGilRelease() {
    if (state_) api().Eval_RestoreThread(state_);
  }

 private:
  PyThreadState* const state_;
};

/// Ends the loops of one library; see LoopOwner.
LATEPY_COLD inline void own_the_loops() {
  static LoopOwner owner{nullptr, &OwnLoop::end_all};
  static std::atomic<ProcessState*> known{nullptr};
  ProcessState& process = process_state();
  if (known.exchange(&process) != &process) push(process.loop_owners, &owner);
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::make(const std::shared_ptr<OwnLoop>& self) {
  count_loop_forks();
  own_the_loops();
  self_ = self;
  const LoopBridge bridge(self);
  const ColdObject made = call_plain(loop_function("make"), {Ref(is_pumped_ ? api().TrueStruct : api().FalseStruct),
                                                             bridge.descriptor, bridge.drain, bridge.capsule});
  loop_ = Object::borrow(throw_if_null(api().Tuple_GetItem(made.ptr(), 0)));
  handle_ = Ref(throw_if_null(api().Tuple_GetItem(made.ptr(), 1))).as<std::intptr_t>();
  if (is_pumped_) thread = thread_number();
  const SpinLock lock(own_loops_lock);
  next_ = std::exchange(own_loops, this);
}

LATEPY_FUNC LATEPY_COLD std::thread OwnLoop::start() {
  std::exception_ptr failure;
  std::thread made([self = self_.lock(), &failure] {
    std::optional<GilGuard> gil;
    try {
      std::optional<GilGuard> entered = GuardAccess::try_enter(self->generation);
      if (!entered) refuse_entry(self->generation);
      gil.emplace(std::move(*entered));
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard<std::mutex> lock(self->mutex_);
      self->is_entered_ = true;
      self->changed_.notify_all();
    }
    if (!gil) return;
    self->run();
    gil.reset();
    self->set_over();
  });
  {
    const AnyGilRelease released;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return is_entered_; });
  }
  if (!failure) return made;
  made.join();
  std::rethrow_exception(failure);
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::run() noexcept {
  thread = thread_number();
  while (!is_ending_.load()) {
    if (is_cut_) find_lost();
    try {
      if (!call_plain(loop_function("run"), {loop_})) is_ending_ = true;  // a script has closed the loop
      continue;
    } catch (const SystemExit&) {  // the Future of the task has these two
    } catch (const KeyboardInterrupt&) {
    } catch (const Interrupted&) {
      end_interruption();
    } catch (const PythonError& error) {
      error.report();
    } catch (...) {
      translate_exception();
      api().Err_WriteUnraisable(loop_.ptr());
    }
    is_cut_ = true;
    const AnyGilRelease released;
    process_nap();  // it may come again and again, as an error for want of memory does
  }
  finish();
}

LATEPY_FUNC long long OwnLoop::poll() {
  if (is_forked()) throw_forked_loop("poll() was called");
  if (!is_pumped_)
    throw_error<StateError>(
        {"poll() was called for an EventLoop with a thread of its own: make it by EventLoop(scope, latepy::pumped)"});
  if (is_ending_.load()) throw_loop_ended("poll() was called");
  if (is_polled_.exchange(true))
    throw_error<StateError>({is_here() ? "poll() was called in a function that poll() runs: return from it first"
                                       : "poll() was called while another thread is in poll(): one thread at a time"});
  thread = thread_number();
  struct End {
    ~End() {
      if (loop.is_ending_.load()) loop.abandon();
      loop.is_polled_ = false;
    }
    OwnLoop& loop;
  };
  long long ran;
  {
    const End end{*this};
    if (is_cut_) find_lost();
    try {
      ran = call_plain(loop_function("poll"), {loop_}).as<long long>();
    } catch (...) {
      is_cut_ = true;
      throw;
    }
  }
  if (on_ready_ && !is_ending_.load() && next_timer() == 0) call_on_ready();
  return ran;
}

LATEPY_FUNC double OwnLoop::next_timer() {
  if (is_ending()) return -1;
  return has_work() ? 0 : call_plain(loop_function("next_timer"), {loop_}).as<double>();
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::find_lost() noexcept {
  is_cut_ = !FutureState::give_up_lost(*this, &out_of_memory);
  if (is_cut_) wake.post();
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::forget_interruption() noexcept {
  const WatcherCalls* const calls = is_pumped_ ? nullptr : watcher_calls.load();
  if (!calls) return;  // a pumped loop runs in a member of Scope, with which the interruption ends
  calls->enter();
  calls->leave();
}

/// The loop whose on_ready this thread is in.
inline thread_local const OwnLoop* calls_on_ready_of = nullptr;

LATEPY_FUNC void OwnLoop::call_on_ready() noexcept {
  ++ready_calls_;
  const OwnLoop* const outer = std::exchange(calls_on_ready_of, this);
  try {
    if (!is_ending_.load()) on_ready_();
  } catch (...) {  // the thread that called set_value() or submit() has done nothing wrong
    const std::lock_guard<std::mutex> lock(mutex_);
    ready_failure_ = std::current_exception();
  }
  calls_on_ready_of = outer;
  --ready_calls_;
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::wait_for_on_ready(Clock::time_point until) noexcept {
  if (is_forked() || calls_on_ready_of == this) return;
  while (ready_calls_.load() > 0 && Clock::now() < until) {
    const AnyGilRelease released;
    process_nap();
  }
}

LATEPY_FUNC void OwnLoop::follow_work() noexcept {
  if (is_cut_ && !is_finishing) find_lost();
  if (on_ready_) {
    std::exception_ptr failure;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      failure = std::exchange(ready_failure_, nullptr);
    }
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (...) {
      report("Exception in on_ready of a latepy::EventLoop");
    }
  }
  if (!is_ending_.load() || is_finishing || is_pumped_) return;
  if (lacks_memory([] { call_plain(loop_function("stop")); })) wake.post();  // again
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
