// latepy/run/detail/loop/promise_state.hpp: PromiseState, what a Promise shares with the script that awaits it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/core.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A value that C++ sets later, and the Future of asyncio that a script awaits for it. Each Promise, the LoopWork and
/// the callback of that Future have a reference.
class PromiseState {
 public:
  PromiseState() noexcept = default;
  PromiseState(const PromiseState&) = delete;
  PromiseState& operator=(const PromiseState&) = delete;

  void join() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void leave() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// Promises come and go. The last one that goes sets an exception if nothing was set.
  void join_as_setter() noexcept {
    setters_.fetch_add(1, std::memory_order_relaxed);
    join();
  }
  void leave_as_setter() noexcept {
    if (setters_.fetch_sub(1, std::memory_order_acq_rel) == 1) drop();
    leave();
  }

  /// Takes the right to set it. \returns false if it was set, or cancelled.
  bool claim() noexcept {
    Phase pending = Phase::pending;
    return phase_.compare_exchange_strong(pending, Phase::is_set);
  }
  /// After claim(): gives what was set to the script. Any thread, no GIL. \returns false if the loop has ended.
  bool deliver() noexcept;
  void set_failure(std::exception_ptr failure) noexcept { failure_ = std::move(failure); }
  bool is_cancelled() const noexcept { return phase_.load() == Phase::cancelled; }
  /// Has the loop do the work if the script cancels; frees it if that cannot come any more.
  void on_cancel(LoopWork& work) noexcept;
  /// What a script awaits: a Future of the loop that runs on this thread; without one, an object that makes the Future
  /// where it is awaited. Needs the GIL. \throws PythonError; StateError if another loop awaits it.
  Object awaitable();

 protected:
  virtual ~PromiseState();
  /// The Python object of the value. Needs the GIL. \throws ConversionError, PythonError.
  virtual Object convert() = 0;

 private:
  enum class Phase : unsigned char { pending, is_set, cancelled };
  struct Work : LoopWork {
    explicit Work(PromiseState& its) noexcept : LoopWork(&PromiseState::finish), state(its) {}
    PromiseState& state;
  };
  static void finish(LoopWork* work, LoopCore* core) noexcept;
  static PyObject* end_future(PyObject* capsule, PyObject* future) noexcept;
  /// awaitable() on a thread that runs a loop.
  Object future_of(const Ref& loop);
  /// Sets the Future. On its thread, with the GIL. \returns false if it must be tried again, for want of memory.
  bool set_future() noexcept;
  void cancel(LoopCore* core) noexcept;
  void drop() noexcept;

  std::atomic<int> references_{1}, setters_{1};
  std::atomic<Phase> phase_{Phase::pending};
  std::atomic_flag lock_ = {};  // guards core_, is_delivered_ and on_cancel_
  std::shared_ptr<LoopCore> core_{};
  bool is_delivered_ = false;
  LoopWork* on_cancel_ = nullptr;
  Object future_{};  // from future_of() on, so that it is made once; until the loop has ended
  std::exception_ptr failure_{};
  Work work_{*this};
};

/// With a place for the value.
template <class T>
class PromiseStateOf final : public PromiseState {
 public:
  std::optional<T> value{};

 private:
  Object convert() override { return to_py(std::move(*value)); }
};
template <>
class PromiseStateOf<void> final : public PromiseState {
  Object convert() override { return none(); }
};

#if LATEPY_DEFINITIONS

/// Frees work that will not be done.
inline void free_work(LoopWork* list) noexcept {
  while (list) {
    LoopWork* const each = std::exchange(list, list->next);
    each->finish(each, nullptr);
  }
}

LATEPY_FUNC PromiseState::~PromiseState() { free_work(on_cancel_); }

LATEPY_FUNC bool PromiseState::deliver() noexcept {
  LoopCore* core;
  LoopWork* unwanted;
  {
    const SpinLock lock(lock_);
    is_delivered_ = true;
    core = core_.get();
    unwanted = std::exchange(on_cancel_, nullptr);
  }
  free_work(unwanted);
  if (!core) return true;  // awaitable() gives it
  join();
  if (core->add(work_)) return true;
  future_ = Object();  // it refers to this
  leave();
  return false;
}

LATEPY_FUNC LATEPY_COLD void PromiseState::drop() noexcept {
  if (!claim()) return;
  try {
    failure_ = std::make_exception_ptr(
        StateError("a latepy::Promise was dropped without a value: keep one until set_value() or set_exception()"));
  } catch (...) {
    failure_ = std::current_exception();
  }
  deliver();
}

LATEPY_FUNC LATEPY_COLD void PromiseState::on_cancel(LoopWork& work) noexcept {
  std::shared_ptr<LoopCore> core;
  {
    const SpinLock lock(lock_);
    if (phase_.load() == Phase::pending) {
      work.next = std::exchange(on_cancel_, &work);
      return;
    }
    core = core_;
  }
  if (!is_cancelled() || !core || !core->add(work)) work.finish(&work, nullptr);
}

LATEPY_FUNC LATEPY_COLD void PromiseState::cancel(LoopCore* core) noexcept {
  Phase pending = Phase::pending;
  if (!phase_.compare_exchange_strong(pending, Phase::cancelled)) return;
  LoopWork *list, *first = nullptr;
  {
    const SpinLock lock(lock_);
    list = std::exchange(on_cancel_, nullptr);
  }
  while (list) first = std::exchange(list, std::exchange(list->next, first));  // in the order in which they were added
  while (first) {
    LoopWork* const each = std::exchange(first, first->next);
    each->finish(each, core);
  }
}

LATEPY_FUNC void PromiseState::finish(LoopWork* work, LoopCore* core) noexcept {
  PromiseState& state = static_cast<Work*>(work)->state;
  if (!core || !state.set_future()) {
    if (core && core->add(state.work_)) return;
    state.future_ = Object();  // it refers to this
  }
  state.leave();
}

LATEPY_FUNC bool PromiseState::set_future() noexcept {
  if (future_.is_empty()) return true;
  std::exception_ptr failure = std::exchange(failure_, nullptr);  // its traceback may refer to this
  try {
    if (call_attribute(future_, "done")) return true;  // the script has cancelled it
    try {
      if (failure) std::rethrow_exception(failure);
      call_attribute(future_, "set_result", {convert()});
    } catch (...) {
      if (call_attribute(future_, "done")) throw;  // it was set, and who awaits it was not told
      translate_exception();
      call_attribute(future_, "set_exception", {fetch_exception()});
    }
  } catch (...) {
    failure = std::current_exception();
    LoopCore::report("Exception when the value of a latepy::Promise was given to the script");
    core_->note_loss();
    if (!lacks_memory([this] { call_attribute(future_, "cancel"); }) || core_->is_finishing) return true;
    failure_ = std::move(failure);
    return false;
  }
  return true;
}

inline constexpr char promise_name[] = "latepy.v1.promise";

LATEPY_FUNC PyObject* PromiseState::end_future(PyObject* capsule, PyObject* future) noexcept {
  auto& state = *static_cast<PromiseState*>(api().Capsule_GetPointer(capsule, promise_name));
  state.join();
  attempt([&] {
    if (call_attribute(Ref(future), "cancelled")) state.cancel(state.core_.get());
  });
  state.leave();
  return none().release();
}

LATEPY_FUNC Object PromiseState::awaitable() {
  const ColdObject loop = call_plain(loop_function("running_loop"));
  if (!loop.is_none()) return future_of(loop);
  struct Share {
    explicit Share(PromiseState& its) noexcept : state(&its) { state->join(); }
    Share(Share&& other) noexcept : state(std::exchange(other.state, nullptr)) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() {
      if (state) state->leave();
    }
    PromiseState* state;
  };
  return call_plain(loop_function("Promised"),
                    {make_callable("future", [share = Share(*this)] { return share.state->awaitable(); })});
}

LATEPY_FUNC Object PromiseState::future_of(const Ref& loop) {
  static MethodDef done{"done", &PromiseState::end_future, meth_o, nullptr};
  std::shared_ptr<LoopCore> core = core_of(loop);
  {
    const SpinLock lock(lock_);
    if (core_ && core_ != core)
      throw_error<StateError>({"a latepy::Promise was given to a second event loop: make a Promise for each"});
    core_ = std::move(core);  // what is set from now on waits in its queue, which this thread empties
  }
  if (!future_.is_empty()) return future_;
  const ColdObject capsule = take_result(api().Capsule_New(this, promise_name, [](PyObject* self) {
    static_cast<PromiseState*>(api().Capsule_GetPointer(self, promise_name))->leave();
  }));
  join();
  const ColdObject callback = take_result(api().CFunction_NewEx(&done, capsule.ptr(), nullptr));
  Object made = call_attribute(loop, "create_future");
  call_attribute(made, "add_done_callback", {callback});
  future_ = made;
  bool is_delivered;
  {
    const SpinLock lock(lock_);
    is_delivered = is_delivered_;
  }
  if (is_delivered && !set_future()) {
    future_ = Object();  // who awaits again gets another one
    throw std::bad_alloc();
  }
  return made;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
