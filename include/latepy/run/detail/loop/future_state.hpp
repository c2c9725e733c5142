// latepy/run/detail/loop/future_state.hpp: FutureState, what a Future shares with the event loop that runs its task.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/core.hpp>

#include <condition_variable>
#include <mutex>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A task that C++ submitted, and its result. The Future has a reference, and each LoopWork and the callback of the
/// task have one.
class FutureState {
 public:
  explicit FutureState(std::shared_ptr<LoopCore> core) noexcept : core_(std::move(core)) {}
  FutureState(const FutureState&) = delete;
  FutureState& operator=(const FutureState&) = delete;

  void join() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void leave() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Hands the awaitable to the loop. Needs the GIL. \returns false if the loop has ended.
  bool submit(Object awaitable) noexcept;
  bool is_ready() const noexcept { return is_ready_.load(std::memory_order_acquire); }
  /// Waits, without the GIL. \param limit in ms; negative: without one. \returns whether it is ready. \throws
  /// StateError if it is not, on the thread of the loop, or in the child of a fork().
  bool wait(long long limit);
  /// Asks the loop to cancel the task. Any thread, no GIL. \returns false if it is ready, or the loop has ended.
  bool cancel() noexcept;
  /// Has the loop do the work once it is ready; at once on this thread if the loop has ended.
  void then(LoopWork& work) noexcept;
  /// To be called before the value is taken. It must be ready. \throws the exception of the task, if it has one;
  /// StateError at the second call, if there is a value.
  void begin_taking(bool has_value);
  /// The task will never be done. Only if it is in flight; on the loop's thread, with the GIL.
  void give_up(std::exception_ptr why) noexcept;
  /// Gives up the tasks that only C++ refers to: nothing will ever step them. asyncio loses a task where there is no
  /// memory for its next step. On the loop's thread, with the GIL. \returns false if it must be tried again.
  static bool give_up_lost(LoopCore& core, std::exception_ptr (*why)() noexcept) noexcept;
  const std::shared_ptr<LoopCore>& core() const noexcept { return core_; }

 protected:
  virtual ~FutureState() = default;
  /// Takes over the reference to the result of the task. Needs the GIL. \throws ConversionError.
  virtual void store(PyObject* result) = 0;

 private:
  friend class LoopCore;
  struct Work : LoopWork {
    Work(FutureState& its, void (*finishes)(LoopWork*, LoopCore*) noexcept) noexcept : LoopWork(finishes), state(its) {}
    FutureState& state;
  };
  static void begin(LoopWork* work, LoopCore* core) noexcept;
  static void cancel_task(LoopWork* work, LoopCore* core) noexcept;
  static PyObject* end_task(PyObject* capsule, PyObject* task) noexcept;
  void set_result(PyObject* task) noexcept;
  void set_in_flight(LoopCore& core) noexcept;
  void end_flight() noexcept;
  void fail(std::exception_ptr failure) noexcept;
  void set_ready() noexcept;

  std::atomic<int> references_{1};
  std::atomic<bool> is_ready_{false}, is_cancelling_{false}, is_taken_{false};
  const std::shared_ptr<LoopCore> core_;
  Object task_{};  // the awaitable until begin(), then its task
  bool is_in_flight_ = false;
  FutureState *previous_ = nullptr, *next_ = nullptr;  // in LoopCore::in_flight
  Work begin_{*this, &begin}, cancel_{*this, &cancel_task};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  LoopWork* then_ = nullptr;  // guarded by mutex_
  std::exception_ptr failure_{};
};

/// With a place for the result.
template <class T>
class FutureStateOf final : public FutureState {
 public:
  using FutureState::FutureState;
  std::optional<T> value{};

 private:
  void store(PyObject* result) override { value.emplace(into_cpp<T>(result)); }
};
template <>
class FutureStateOf<void> final : public FutureState {
 public:
  using FutureState::FutureState;

 private:
  void store(PyObject* result) override { decref(result); }
};

/// Tells that work was given to a loop that has ended.
[[noreturn]] LATEPY_COLD inline void throw_loop_ended(const char* what) {
  throw_error<StateError>({what, " for an event loop that has ended: its EventLoop was destroyed, or Python stops"});
}

/// Tells that a thing can be done in the process only that made the loop.
[[noreturn]] void throw_forked_loop(const char* what);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void throw_forked_loop(const char* what) {
  throw_error<StateError>(
      {what, " in the child of a fork(): the event loop runs in the parent; make an EventLoop here"});
}

LATEPY_FUNC bool FutureState::submit(Object awaitable) noexcept {
  task_ = std::move(awaitable);
  join();
  if (core_->add(begin_)) return true;
  leave();
  return false;
}

LATEPY_FUNC bool FutureState::cancel() noexcept {
  if (is_ready() || is_cancelling_.exchange(true)) return !is_ready();
  join();
  if (core_->add(cancel_)) return true;
  leave();
  return false;
}

LATEPY_FUNC bool FutureState::wait(long long limit) {
  if (is_ready()) return true;
  if (limit == 0) return false;
  if (core_->is_forked()) throw_forked_loop("a Future was waited for");
  if (core_->is_here())
    throw_error<StateError>(
        {"a Future was waited for on the thread of its event loop, where it can never become ready: use on_done(), or "
         "wait on another thread"});
  const GilRelease released;
  std::unique_lock<std::mutex> lock(mutex_);
  const auto ready = [this] { return is_ready(); };
  if (limit < 0) return changed_.wait(lock, ready), true;
  return changed_.wait_for(lock, std::chrono::milliseconds(limit), ready);
}

LATEPY_FUNC void FutureState::begin_taking(bool has_value) {
  if (failure_) std::rethrow_exception(failure_);
  if (has_value && is_taken_.exchange(true))
    throw_error<StateError>({"get() was called again: a Future gives its result once; keep the value"});
}

LATEPY_FUNC void FutureState::then(LoopWork& work) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!is_ready()) {
      work.next = std::exchange(then_, &work);
      return;
    }
  }
  const std::shared_ptr<LoopCore> core = core_;  // the work may destroy this before add() returns
  if (!core->add(work)) work.finish(&work, nullptr);
}

LATEPY_FUNC void FutureState::set_ready() noexcept {
  LoopWork* list;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ready_.store(true, std::memory_order_release);
    list = std::exchange(then_, nullptr);
    changed_.notify_all();
  }
  LoopWork* first = nullptr;  // in the order in which they were added
  while (list) first = std::exchange(list, std::exchange(list->next, first));
  while (first) {
    LoopWork* const each = std::exchange(first, first->next);
    each->finish(each, core_.get());
  }
}

LATEPY_FUNC LATEPY_COLD void FutureState::fail(std::exception_ptr failure) noexcept {
  failure_ = std::move(failure);
  set_ready();
}

/// The exception of a task that asyncio has lost.
LATEPY_COLD inline std::exception_ptr out_of_memory() noexcept { return std::make_exception_ptr(std::bad_alloc()); }
/// The exception of a task that was not done when its loop ended.
LATEPY_COLD inline std::exception_ptr loop_has_ended() noexcept {
  try {
    return std::make_exception_ptr(CancelledError("the event loop ended before the task was done"));
  } catch (...) {  // no memory
    return std::current_exception();
  }
}

inline constexpr char future_name[] = "latepy.v1.future";

LATEPY_FUNC void FutureState::begin(LoopWork* work, LoopCore* core) noexcept {
  static MethodDef done{"done", &FutureState::end_task, meth_o, nullptr};
  FutureState& state = static_cast<Work*>(work)->state;
  const Object awaitable = std::exchange(state.task_, Object());
  if (!core || core->is_finishing) {
    if (awaitable.is_alive() && holds_gil_of(state.core_->generation))
      attempt([&] { call_plain(loop_function("drop"), {awaitable}); });
    state.fail(loop_has_ended());
    return state.leave();
  }
  try {
    const ColdObject capsule = take_result(api().Capsule_New(&state, future_name, [](PyObject* self) {
      auto& ended = *static_cast<FutureState*>(api().Capsule_GetPointer(self, future_name));
      const ErrorAside aside;  // what waits for the Future runs
      // The callback was lost: for lack of memory, or the loop was closed before it.
      if (ended.is_in_flight_) ended.give_up(ended.core_->is_finishing ? loop_has_ended() : out_of_memory());
      ended.leave();
    }));
    state.join();
    const ColdObject callback = take_result(api().CFunction_NewEx(&done, capsule.ptr(), nullptr));
    state.task_ = call_plain(loop_function("begin"), {awaitable, callback});
    state.set_in_flight(*core);
  } catch (...) {
    state.fail(std::current_exception());
    attempt([&] { call_plain(loop_function("drop"), {awaitable}); });
  }
  state.leave();
}

LATEPY_FUNC LATEPY_COLD void FutureState::cancel_task(LoopWork* work, LoopCore* core) noexcept {
  FutureState& state = static_cast<Work*>(work)->state;
  state.is_cancelling_ = false;  // code that catches it may be asked again
  if (core && !state.is_ready() && !state.task_.is_empty()) {
    try {
      call_attribute(state.task_, "cancel");
    } catch (...) {
      LoopCore::report("Exception in the cancellation of a task");
    }
  }
  state.leave();
}

LATEPY_FUNC PyObject* FutureState::end_task(PyObject* capsule, PyObject* task) noexcept {
  auto& state = *static_cast<FutureState*>(api().Capsule_GetPointer(capsule, future_name));
  state.join();
  if (!state.is_ready()) state.set_result(task);
  state.leave();
  return none().release();
}

LATEPY_FUNC void FutureState::set_in_flight(LoopCore& core) noexcept {
  is_in_flight_ = true;
  next_ = core.in_flight;
  if (next_) next_->previous_ = this;
  core.in_flight = this;
}

LATEPY_FUNC void FutureState::end_flight() noexcept {
  is_in_flight_ = false;
  (previous_ ? previous_->next_ : core_->in_flight) = next_;
  if (next_) next_->previous_ = previous_;
}

LATEPY_FUNC void FutureState::set_result(PyObject* task) noexcept {
  end_flight();
  task_ = Object();
  try {
    store(call_attribute(Ref(task), "result").release());
  } catch (const Interrupted&) {
    failure_ = std::current_exception();
    core_->end_interruption();
  } catch (...) {
    failure_ = std::current_exception();
  }
  set_ready();
}

LATEPY_FUNC LATEPY_COLD void FutureState::give_up(std::exception_ptr why) noexcept {
  end_flight();
  join();
  const Object task = std::exchange(task_, Object());
  fail(std::move(why));
  leave();
}

LATEPY_FUNC LATEPY_COLD bool FutureState::give_up_lost(LoopCore& core, std::exception_ptr (*why)() noexcept) noexcept {
  return !lacks_memory([&] {
    call_plain(loop_function("collect"));  // the last step of a lost task is in a circle with its exception
    const ColdObject count = loop_function("getrefcount");
    for (FutureState* each = core.in_flight; each;) {
      const bool is_lost = call_plain(count, {each->task_}).as<long>() == 1;
      if (is_lost) each->give_up(why());
      each = is_lost ? core.in_flight : each->next_;  // give_up() calls what may change the list
    }
  });
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
