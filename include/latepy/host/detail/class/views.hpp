// latepy/host/detail/class/views.hpp: counts the views of the memory of an instance, which must stay where it is.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/translate.hpp>
#include <latepy/host/detail/class/instance.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One view more, or one less, of the memory of an instance, and so of the objects that contain it.
inline void count_views(Instance& instance, int change) noexcept {
  for (Instance* each = &instance; each; each = each->parent) each->views += static_cast<unsigned>(change);
}
/// \throws BufferError if a view of the memory exists, so that `what` the instance has cannot change.
void check_resizable(const Instance& instance, std::string_view what = "the size");
/// Whether a view of the memory may be made. If not, BufferError is set.
bool may_view(const Instance& instance);

#if LATEPY_DEFINITIONS

LATEPY_FUNC void check_resizable(const Instance& instance, std::string_view what) {
  if (LATEPY_LIKELY(instance.views == 0)) return;
  set_error(*api().BufferError, concat({what, " of this ", instance.traits->name,
                                        " cannot change while a view of its memory exists: release the view first"}));
  throw_python_error();
}

LATEPY_FUNC bool may_view(const Instance& instance) {
  if (LATEPY_LIKELY(!is_lent(instance))) return true;
  set_error(*api().BufferError, concat({"a ", instance.traits->name,
                                        " that is only lent to Python exports no buffer: a view could outlive it"}));
  return false;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
