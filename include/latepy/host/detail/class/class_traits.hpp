// latepy/host/detail/class/class_traits.hpp: fills ClassTraits from add_class() and Class: bases, visit(), buffer().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/buffer_info.hpp>
#include <latepy/host/trampoline.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The option that is derived from T, which is its Trampoline; void if there is none.
template <class T, class... Options>
struct TrampolineAmong {
  using type = void;
};
template <class T, class First, class... Rest>
struct TrampolineAmong<T, First, Rest...> {
  using type = std::conditional_t<std::is_base_of_v<T, First>, First, typename TrampolineAmong<T, Rest...>::type>;
};

/// Adds a base class to the traits of T. \throws ConversionError if it has no Python class.
template <class T, class Base>
void link_base(ClassTraits& traits) {
  if constexpr (!std::is_base_of_v<T, Base>) {
    static_assert(
        std::is_base_of_v<Base, T>,
        "add_class<T, Options…>(): each option must be a base of T or a Trampoline derived from T; shared_ptrs "
        "need none");
    const ClassRecord* const base = class_of<Base>();
    if (!base || !base->traits) throw_unregistered(spelled_name<Base>());
    BaseLink** last = &traits.bases;
    while (*last) last = &(*last)->next;
    *last = new BaseLink{const_cast<ClassRecord*>(base),
                         [](void* value) -> void* { return static_cast<Base*>(static_cast<T*>(value)); }};
  }
}
/// Fills in the facts that the compiler knows about T.
template <class T, class... Options>
LATEPY_COLD void fill_traits(ClassTraits& traits) {
  if constexpr (std::is_destructible_v<T>) traits.destroy = [](void* value) { delete static_cast<T*>(value); };
  using Tramp = typename TrampolineAmong<T, Options...>::type;
#ifdef __cpp_rtti
  if constexpr (std::is_polymorphic_v<T>) traits.rtti_name = typeid(T).name();
  if constexpr (!std::is_void_v<Tramp>) traits.trampoline_rtti = typeid(Tramp).name();
#endif
  if constexpr (!std::is_void_v<Tramp>) {
    traits.detach = [](void* value) { static_cast<Tramp*>(static_cast<T*>(value))->latepy_link().detach(); };
    traits.of_trampoline = [](void* value) -> void* { return static_cast<T*>(static_cast<Tramp*>(value)); };
  }
  (link_base<T, Options>(traits), ...);
}

/// A function of Class::visit().
template <class F>
struct VisitHookOf final : VisitHook {
  explicit VisitHookOf(F f) : function(std::move(f)) {}
  F function;
};
/// Adds a function of Class::visit() to the traits, which own it.
template <class T, class F>
void add_visit(ClassTraits& traits, F function) {
  auto* hook = new VisitHookOf<F>(std::move(function));
  hook->visit = [](const VisitHook& self, void* value, Visitor& visitor) noexcept {
    static_cast<const VisitHookOf<F>&>(self).function(*static_cast<T*>(value), visitor);
  };
  hook->destroy = [](VisitHook* self) { delete static_cast<VisitHookOf<F>*>(self); };
  hook->next = traits.hooks;
  traits.hooks = hook;
}

/// The function of def() for a field.
template <class F, class C>
struct VisitOfField {
  static constexpr char id = 0;
  F C::*member;
  template <class T>
  void operator()(T& value, Visitor& visitor) const {
    visitor(value.*member);
  }
};
/// Whether the class or a base class shows this field already. An Object must not be shown twice.
template <class F, class C>
bool shows_field(const ClassTraits& traits, F C::*member) {
  for (const VisitHook* hook = traits.hooks; hook; hook = hook->next)
    if (hook->field == &VisitOfField<F, C>::id &&
        static_cast<const VisitHookOf<VisitOfField<F, C>>*>(hook)->function.member == member)
      return true;
  for (const BaseLink* link = traits.bases; link; link = link->next)
    if (shows_field(*link->base->traits, member)) return true;
  return false;
}
/// Shows the Objects in a field of T.
template <class T, class F, class C>
void add_visit_of_field(ClassTraits& traits, F C::*member) {
  if (shows_field(traits, member)) return;
  add_visit<T>(traits, VisitOfField<F, C>{member});
  traits.hooks->field = &VisitOfField<F, C>::id;
}

/// Fills a Py_buffer. Returns -1 with BufferError set if the memory does not have the form that `flags` request. The
/// view's `internal` owns shape, strides and format; instance_releasebuffer() frees them.
int export_buffer(PyObject* self, const BufferInfo& info, BufferView* view, int flags);
/// A function of Class::buffer().
template <class F>
struct BufferHookOf final : BufferHook {
  explicit BufferHookOf(F f) : function(std::move(f)) {}
  F function;
};

template <class T, class F>
BufferHook* make_buffer_hook(F show) {
  auto* hook = new BufferHookOf<F>(std::move(show));
  hook->get = [](const BufferHook& base, PyObject* self, void* value, BufferView* view, int flags) {
    try {
      return export_buffer(self, static_cast<const BufferHookOf<F>&>(base).function(*static_cast<T*>(value)), view,
                           flags);
    } catch (...) {
      translate_exception();
      return -1;
    }
  };
  hook->destroy = [](BufferHook* base) { delete static_cast<BufferHookOf<F>*>(base); };
  return hook;
}

/// In place of the C++ class for overloads of class methods, whose first argument is the Python class.
struct TypeSelf {};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD int export_buffer(PyObject* self, const BufferInfo& info, BufferView* view, int flags) {
  const std::size_t dimensions = info.shape.size();
  if (info.is_readonly && (flags & buffer_writable)) {
    set_error(*api().BufferError, "cannot export a writable buffer: the memory is read-only");
    return -1;
  }
  if (!info.strides.empty() && info.strides.size() != dimensions) {
    set_error(*api().BufferError, concat({"BufferInfo has ", decimal(dimensions), " dimensions in shape, and ",
                                          decimal(info.strides.size()), " in strides"}));
    return -1;
  }
  ssize most = (std::numeric_limits<ssize>::max)() / (std::max)(info.itemsize, ssize(1));  // as many items fit
  for (const ssize each : info.shape) {
    if (each < 0 || (each > 0 && (most /= each) == 0)) {
      set_error(*api().BufferError, concat({"BufferInfo has a dimension of ", decimal(each),
                                            each < 0 ? " items in shape: it must be 0 or more"
                                                     : " items in shape, with which it is larger than memory"}));
      return -1;
    }
  }
  ssize contiguous = info.itemsize;
  bool in_rows = true, in_columns = true;
  auto block = std::make_unique<ssize[]>(2 * dimensions + (info.format.size() / sizeof(ssize) + 1));
  for (std::size_t i = dimensions; i-- > 0;) {
    block[i] = info.shape[i];
    block[dimensions + i] = info.strides.empty() ? contiguous : info.strides[i];
    in_rows = in_rows && (info.shape[i] == 1 || block[dimensions + i] == contiguous);
    contiguous *= info.shape[i];
  }
  for (std::size_t i = 0, step = static_cast<std::size_t>(info.itemsize); i < dimensions;
       step *= static_cast<std::size_t>(block[i++]))
    in_columns = in_columns && (block[i] == 1 || block[dimensions + i] == static_cast<ssize>(step));
  if (contiguous == 0) in_rows = in_columns = true;  // no items
  const bool wants_rows = (flags & buffer_rows) || (flags & buffer_strides) != buffer_strides;
  if ((wants_rows && !in_rows) || ((flags & buffer_columns) && !in_columns) ||
      ((flags & buffer_either) && !in_rows && !in_columns)) {
    set_error(
        *api().BufferError,
        "cannot export a contiguous buffer: the items do not lie one after the other in the requested order, usually "
        "row after row; pass memoryview(...).tobytes()");
    return -1;
  }
  char* const format = reinterpret_cast<char*>(block.get() + 2 * dimensions);
  std::memcpy(format, info.format.c_str(), info.format.size() + 1);
  view->buf = info.data;
  view->len = contiguous;
  view->itemsize = info.itemsize;
  view->readonly = info.is_readonly;
  view->ndim = static_cast<int>(dimensions);
  view->format = flags & buffer_format ? format : nullptr;
  // One item without dimensions has neither, the protocol says.
  view->shape = dimensions && (flags & buffer_nd) ? block.get() : nullptr;
  view->strides = dimensions && (flags & buffer_strides) == buffer_strides ? block.get() + dimensions : nullptr;
  view->suboffsets = nullptr;
  view->internal = block.release();
  incref(self);
  view->obj = self;
  return 0;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
