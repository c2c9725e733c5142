// latepy/run/detail/streams/flush.hpp: flushes sys.stdout and sys.stderr; skips streams with nothing to flush.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Where CPython's text streams keep data that is not written yet. With it latepy skips the flush of a stream that has
/// nothing to write, which costs 2,800 instructions. Measured and proved at each start on a stream that latepy makes.
/// Offsets are in bytes; 0 means that it was not proved.
struct StreamLayout {
  std::uint32_t generation = no_generation;  ///< of the interpreter that the pointers belong to
  PyObject* sys = nullptr;                   ///< sys.__dict__, borrowed
  PyObject* names[2] = {};                   ///< "stdout", "stderr", borrowed from the interned names
  PyTypeObject* text = nullptr;              ///< io.TextIOWrapper
  PyTypeObject* writer = nullptr;            ///< io.BufferedWriter
  std::uint16_t pending = 0;                 ///< pending_bytes_count of a TextIOWrapper (Modules/_io/textio.c)
  std::uint16_t buffer = 0;                  ///< buffer of a TextIOWrapper
  std::uint16_t write_end = 0;  ///< write_end of a BufferedWriter; -1: it holds nothing (Modules/_io/bufferedio.c)
};
/// Finds a 64-bit member of an object: the only word that had all of the values given to has(), each at that time.
class MemberByValues {
 public:
  /// `object` must outlive this.
  explicit MemberByValues(const Object& object);
  /// The member has this value now.
  void has(std::int64_t value) noexcept;
  /// The offset in bytes; 0 if no word had the values, or several had.
  std::uint16_t offset() const noexcept;

 private:
  static constexpr std::size_t word = sizeof(std::int64_t), most = 64;
  const Object& object_;
  std::uint64_t words_ = 0;  // a bit for each word that may be the member
};

/// Fills InterpreterState::streams. Proves nothing on free-threaded builds, where other threads may be writing, and on
/// 32-bit builds, whose layout is different. Needs the GIL. \throws PythonError, std::bad_alloc.
void probe_streams();

/// Whether the stream has nothing left to write. False also if that is not known. Needs the GIL.
bool is_written(PyObject* stream, const StreamLayout& layout) noexcept;

/// Calls flush() of a stream. OSError and ValueError are ignored, other errors are printed. Needs the GIL.
void flush_stream(PyObject* stream) noexcept;
/// Flushes sys.stdout and sys.stderr. Needs the GIL.
void flush_streams() noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD MemberByValues::MemberByValues(const Object& object) : object_(object) {
  const auto size = static_cast<std::size_t>(int_at(as_object(type_of(object.ptr())), "__basicsize__"));
  for (std::size_t at = library_state.layout.head / word; at < most && (at + 1) * word <= size; ++at)
    words_ |= std::uint64_t(1) << at;
}

LATEPY_FUNC LATEPY_COLD void MemberByValues::has(std::int64_t value) noexcept {
  for (std::size_t at = 0; at < most; ++at) {
    const std::uint64_t bit = std::uint64_t(1) << at;
    if ((words_ & bit) && member_at<std::int64_t>(object_.ptr(), at * word) != value) words_ &= ~bit;
  }
}

LATEPY_FUNC LATEPY_COLD std::uint16_t MemberByValues::offset() const noexcept {
  for (std::size_t at = 0; at < most; ++at)
    if (words_ == std::uint64_t(1) << at) return static_cast<std::uint16_t>(at * word);
  return 0;
}

LATEPY_FUNC LATEPY_COLD void probe_streams() {
  if (library_state.layout.type_flags == 0 || library_state.free_threaded || sizeof(void*) != 8) return;
  InterpreterState& interpreter = current_interpreter();
  StreamLayout* layout = interpreter.streams.load(std::memory_order_acquire);
  if (layout && layout->generation == interpreter.generation.load()) return;  // another library did it
  StreamLayout found;
  const ColdObject io = known_module("io");
  const ColdObject writer = call_attribute(io, "BufferedWriter", {call_attribute(io, "BytesIO")});
  const ColdObject text = call_attribute(io, "TextIOWrapper", {writer, make_str("utf-8")});
  MemberByValues pending(text), buffer(text), write_end(writer);
  buffer.has(static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(writer.ptr())));
  const auto fill = [](const Object& stream, MemberByValues& member, std::int64_t empty, const Ref& abc,
                       const Ref& de) {
    member.has(empty);
    call_attribute(stream, "write", {abc});
    member.has(3);
    call_attribute(stream, "write", {de});
    member.has(5);
    call_attribute(stream, "flush");
    member.has(empty);
  };
  const ColdObject abc = make_str("abc"), de = make_str("de");
  fill(text, pending, 0, abc, de);
  fill(writer, write_end, -1, call_attribute(abc, "encode"), call_attribute(de, "encode"));
  if (!pending.offset() || !buffer.offset() || !write_end.offset()) return;
  found.pending = pending.offset();
  found.buffer = buffer.offset();
  found.write_end = write_end.offset();
  found.text = type_of(text.ptr());
  found.writer = type_of(writer.ptr());
  const InternedName *const out = intern("stdout", sizeof "stdout"), *const err = intern("stderr", sizeof "stderr");
  if (!out || !err) return;
  found.names[0] = out->str;
  found.names[1] = err->str;
  found.sys = api().Module_GetDict(known_module("sys").ptr());
  found.generation = current_generation();
  if (!layout) layout = static_cast<StreamLayout*>(process_alloc(sizeof(StreamLayout)));
  if (!layout) throw std::bad_alloc();
  *layout = found;
  interpreter.streams.store(layout, std::memory_order_release);
}

LATEPY_FUNC bool is_written(PyObject* stream, const StreamLayout& layout) noexcept {
  if (!is_exactly(stream, layout.text) || member_at<std::int64_t>(stream, layout.pending) != 0) return false;
  PyObject* const writer = member_at<PyObject*>(stream, layout.buffer);
  return writer && is_exactly(writer, layout.writer) && member_at<std::int64_t>(writer, layout.write_end) == -1;
}

LATEPY_FUNC LATEPY_COLD void flush_stream(PyObject* stream) noexcept {
  const Object flush = attribute_or_empty(stream, "flush");
  if (flush.is_empty()) return;
  const Object done = Object::steal(api().Object_CallNoArgs(flush.ptr()));
  if (!done.is_empty()) return;
  // OSError and ValueError: the stream is broken or closed. Other errors may be what a callback of the host threw.
  if (api().Err_ExceptionMatches(*api().OSError) || api().Err_ExceptionMatches(*api().ValueError))
    api().Err_Clear();
  else
    api().Err_WriteUnraisable(flush.ptr());
}

LATEPY_FUNC LATEPY_COLD void flush_streams() noexcept {
  const InterpreterState& interpreter = current_interpreter();
  const StreamLayout* const layout = interpreter.streams.load(std::memory_order_acquire);
  const bool is_known = LATEPY_LIKELY(layout && layout->generation == interpreter.generation.load());
  for (int i = 0; i < 2; ++i) {
    PyObject* const stream = is_known ? api().Dict_GetItemWithError(layout->sys, layout->names[i])
                                      : api().Sys_GetObject(i == 0 ? "stdout" : "stderr");
    if (!stream || stream == api().NoneStruct || (is_known && LATEPY_LIKELY(is_written(stream, *layout)))) continue;
    const Object kept = Object::borrow(stream);
    flush_stream(stream);
  }
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
