// latepy/memory/detail/arrow_memory.hpp: Arrow's structs with an owner: of latepy's columns, and of other libraries'.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/arrow_layout.hpp>
#include <latepy/memory/detail/exporter.hpp>

#include <memory>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {

// Who has such a pointer shares the memory. It may be dropped on any thread, without the GIL, also after the stop.
using SharedSchema = std::shared_ptr<const ArrowSchema>;
using SharedArray = std::shared_ptr<const ArrowArray>;

/// Counts as one hand-over of a view while it lives. It may be destroyed on any thread, without the GIL, also after the
/// stop.
class ViewUse {
 public:
  /// Needs the GIL. \throws ValueError if the memory was withdrawn.
  explicit ViewUse(PyObject* view) : view_(view), generation_(current_generation()) {
    add_export(data_of<ViewData>(view));
    incref(view);
  }
  ViewUse(const ViewUse&) = delete;
  ViewUse& operator=(const ViewUse&) = delete;
  ~ViewUse() {
    if (!latepy::detail::is_alive(generation_)) return;  // the view has ended with its interpreter
    data_of<ViewData>(view_).exports.remove();
    drop(view_, generation_);
  }

 private:
  PyObject* view_;
  std::uint32_t generation_;
};

/// A schema of latepy with this format and name.
SharedSchema make_schema(std::string format, std::string_view name);

///@{
/// Fills a struct for a consumer, which releases it on any thread, without the GIL, also after the stop. It shares the
/// memory of `from`, which it keeps. The consumer may move its children elsewhere, as the specification allows.
/// \param name null: that of `from`.
void share_schema(const SharedSchema& from, ArrowSchema& to, const char* name = nullptr);
/// \param offset, length which of the items.
void share_array(const SharedArray& from, std::int64_t offset, std::int64_t length, ArrowArray& to);
///@}
///@{
/// Fills the schema or array of a struct that has these children.
void make_struct_schema(std::int64_t count, ArrowSchema& to);
void make_struct_array(std::int64_t count, std::int64_t length, ArrowArray& to);
///@}

/// The name of the capsules for a struct.
template <class S>
inline constexpr const char* arrow_capsule = std::is_same_v<S, ArrowSchema>  ? schema_capsule
                                             : std::is_same_v<S, ArrowArray> ? array_capsule
                                                                             : stream_capsule;

/// A struct for a capsule. It is released when it ends, if it was filled and nobody consumed it.
template <class S>
struct ArrowStruct {
  S value{};
  ArrowStruct() = default;
  ArrowStruct(const ArrowStruct&) = delete;
  ArrowStruct& operator=(const ArrowStruct&) = delete;
  ~ArrowStruct() {
    if (value.release) value.release(&value);
  }
};

/// A capsule with the struct.
template <class S>
Object make_capsule(std::unique_ptr<ArrowStruct<S>> filled, const char* name = arrow_capsule<S>) {
  static_assert(std::is_standard_layout_v<ArrowStruct<S>>, "a capsule points to the struct of the specification");
  Object capsule = steal_or_throw(api().Capsule_New(&filled->value, name, [](PyObject* each) {
    for (const char* const known : {arrow_capsule<S>, "latepy.arrow"})
      if (api().Capsule_IsValid(each, known))
        delete static_cast<ArrowStruct<S>*>(api().Capsule_GetPointer(each, known));
  }));
  static_cast<void>(filled.release());
  return capsule;
}

/// Takes a struct of another library. It is released under the GIL, as an Object is let go; not if its interpreter
/// ended before.
template <class S>
std::shared_ptr<const S> adopt(std::unique_ptr<ArrowStruct<S>> foreign) {
  const S* const value = &foreign->value;
  const auto keeper = std::make_shared<const Object>(make_capsule(std::move(foreign), "latepy.arrow"));
  return std::shared_ptr<const S>(keeper, value);
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD SharedSchema make_schema(std::string format, std::string_view name) {
  struct Own {
    std::string format, name;
    ArrowSchema schema;
  };
  const auto own = std::make_shared<Own>(Own{std::move(format), std::string(name), {}});
  own->schema.format = own->format.c_str();
  own->schema.name = own->name.c_str();
  own->schema.flags = ARROW_FLAG_NULLABLE;
  return SharedSchema(own, &own->schema);
}

/// What a struct that was filled for a consumer owns.
template <class S>
struct Shell {
  std::shared_ptr<const S> keeper{};
  std::unique_ptr<ArrowStruct<S>[]> children {};
  std::vector<S*> pointers{};  ///< to the children
  std::vector<const void*> buffers{};
  ArrowStruct<S> dictionary{};
};
/// A shell with `count` empty children. From now on release() frees all that was filled.
template <class S>
Shell<S>& make_shell(S& to, std::int64_t count) {
  const auto size = static_cast<std::size_t>(count);
  auto shell = std::make_unique<Shell<S>>();
  shell->children.reset(new ArrowStruct<S>[size]);
  shell->pointers.resize(size);
  for (std::size_t i = 0; i < size; ++i) shell->pointers[i] = &shell->children[i].value;
  to.children = shell->pointers.data();
  to.n_children = count;
  to.private_data = shell.get();
  to.release = [](S* each) {
    each->release = nullptr;
    delete static_cast<Shell<S>*>(each->private_data);
  };
  return *shell.release();
}

LATEPY_FUNC LATEPY_COLD void share_schema(const SharedSchema& from, ArrowSchema& to, const char* name) {
  Shell<ArrowSchema>& shell = make_shell(to, from->n_children);
  shell.keeper = from;
  to.format = from->format;
  to.name = name ? name : from->name;
  to.metadata = from->metadata;
  to.flags = from->flags;
  for (std::int64_t i = 0; i < from->n_children; ++i)
    share_schema(SharedSchema(from, from->children[i]), *to.children[i]);
  if (from->dictionary) {
    to.dictionary = &shell.dictionary.value;
    share_schema(SharedSchema(from, from->dictionary), *to.dictionary);
  }
}

LATEPY_FUNC LATEPY_COLD void share_array(const SharedArray& from, std::int64_t offset, std::int64_t length,
                                         ArrowArray& to) {
  Shell<ArrowArray>& shell = make_shell(to, from->n_children);
  shell.keeper = from;
  shell.buffers.assign(from->buffers, from->buffers + from->n_buffers);
  to.length = length;
  to.offset = offset;
  to.null_count = from->null_count == 0 || length == from->length ? from->null_count : -1;
  to.n_buffers = from->n_buffers;
  to.buffers = shell.buffers.data();
  for (std::int64_t i = 0; i < from->n_children; ++i) {
    const ArrowArray* const child = from->children[i];
    share_array(SharedArray(from, child), child->offset, child->length, *to.children[i]);
  }
  if (const ArrowArray* const values = from->dictionary) {
    to.dictionary = &shell.dictionary.value;
    share_array(SharedArray(from, values), values->offset, values->length, *to.dictionary);
  }
}

LATEPY_FUNC LATEPY_COLD void make_struct_schema(std::int64_t count, ArrowSchema& to) {
  make_shell(to, count);
  to.format = "+s";
  to.name = "";
}
LATEPY_FUNC LATEPY_COLD void make_struct_array(std::int64_t count, std::int64_t length, ArrowArray& to) {
  make_shell(to, count).buffers.assign(1, nullptr);  // no validity: each row is there
  to.length = length;
  to.n_buffers = 1;
  to.buffers = static_cast<Shell<ArrowArray>*>(to.private_data)->buffers.data();
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
