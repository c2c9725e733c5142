// latepy/run/detail/loop/end_loop.hpp: how an OwnLoop ends.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/own_loop.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {
#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void OwnLoop::finish() noexcept {
  is_finishing = true;
  Clock::time_point until;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    until = until_;
  }
  if (loop_.is_alive()) {
    bool is_done = false;
    for (int tries = 0; tries < 3 && !is_done; ++tries) {  // it is cut short where there is no memory
      if (tries > 0 || is_cut_) FutureState::give_up_lost(*this, &loop_has_ended);  // which would be waited for
      is_done = attempt([&] {
        const std::chrono::duration<double> left = until - Clock::now();
        call_plain(loop_function("cancel_all"), {loop_, to_py((std::max)(left.count(), 0.0))});
      });
    }
    const auto close_it = [&] { call_plain(loop_function("close"), {loop_}); };
    for (int tries = 0; tries < 3 && !attempt(close_it);) ++tries;
  }
  close();
  while (in_flight) in_flight->give_up(loop_has_ended());
  loop_ = Object();
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::delist() noexcept {
  if (is_forked()) return;
  const SpinLock lock(own_loops_lock);
  for (OwnLoop** each = &own_loops; *each; each = &(*each)->next_)
    if (*each == this) {
      *each = next_;
      break;
    }
}

LATEPY_FUNC LATEPY_COLD void OwnLoop::set_over() noexcept {
  delist();
  const std::lock_guard<std::mutex> lock(mutex_);
  is_over_ = true;
  changed_.notify_all();
}

LATEPY_FUNC LATEPY_COLD bool OwnLoop::begin_end(Clock::time_point until) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!is_ending_.exchange(true)) until_ = until;
  if (!is_pumped_) wake.post();
  return is_over_;
}

LATEPY_FUNC LATEPY_COLD bool OwnLoop::end(Clock::time_point until) noexcept {
  if (is_forked() || begin_end(until)) return true;
  if (is_pumped_) return end_pumped(until);
  if (is_here()) return false;
  const AnyGilRelease released;
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_until(lock, until + std::chrono::milliseconds(500), [this] { return is_over_; });
}

LATEPY_FUNC LATEPY_COLD bool OwnLoop::end_pumped(Clock::time_point until) noexcept {
  while (is_polled_.exchange(true)) {
    if (is_here() || Clock::now() >= until) return is_over();  // poll() ends it
    const AnyGilRelease released;
    process_nap();
  }
  if (!is_over()) {
    thread = thread_number();
    attempt([&] {
      const std::optional<GilGuard> gil = GuardAccess::try_enter(generation);
      if (gil || !is_alive(generation)) abandon();
    });
  }
  is_polled_ = false;
  return is_over();
}

LATEPY_FUNC LATEPY_COLD bool OwnLoop::end_all(std::uint32_t its_generation, long long limit) noexcept {
  const auto until = Clock::now() + std::chrono::milliseconds(limit);
  {
    const SpinLock lock(own_loops_lock);
    for (OwnLoop* each = own_loops; each; each = each->next_) {
      each->is_tried_ = each->generation != its_generation;
      if (!each->is_tried_) each->begin_end(until);
    }
  }
  for (bool is_all = true;;) {
    std::shared_ptr<OwnLoop> found;
    {
      const SpinLock lock(own_loops_lock);
      for (OwnLoop* each = own_loops; each && !found; each = each->next_)
        if (!std::exchange(each->is_tried_, true)) found = each->self_.lock();
    }
    if (!found) return is_all;
    is_all = found->end(until) && is_all;
  }
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
