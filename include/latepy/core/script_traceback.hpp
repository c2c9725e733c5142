// latepy/core/script_traceback.hpp: script_traceback(), the lines of scripts that a C++ exception has passed.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {

/// The traceback of the Python code that an exception has passed on its way, for `catch (const DiskFull& error)`:
/// - of a PythonError, and of an exception that a script raised: traceback();
/// - of a C++ exception that a host function threw: the frames of all scripts between, with their source lines, and the
///   Python class and text that it had there;
/// - of any other exception: "". So it is with MSVC, where nobody can tell which exception was rethrown.
/// `exception` must be caught by reference, because a copy is another exception. Any thread; takes the GIL, and works
/// without source lines when Python has stopped.
std::string script_traceback(const std::exception& exception);

#if LATEPY_DEFINITIONS
namespace detail {

/// Takes the first part of ScriptFrames away, and gives it.
LATEPY_COLD inline std::string_view next_part(std::string_view& frames) noexcept {
  const std::string_view part = frames.substr(0, frames.find(part_end));
  frames.remove_prefix((std::min)(part.size() + 1, frames.size()));
  return part;
}
/// The first frame as Python prints it, which is taken away. The source line is there if Python runs, and knows it.
LATEPY_COLD inline std::string frame_text(std::string_view& frames, bool has_gil) {
  const std::string_view line = next_part(frames), function = next_part(frames), file = next_part(frames);
  if (line.empty()) return "  ...\n";
  std::string text = concat({"  File \"", file, "\", line ", line, ", in ", function, "\n"});
  if (!has_gil) return text;
  try {
    const ColdObject number = call_attribute(known_module("builtins"), "int", {make_str(line)});
    const ColdObject found = call_attribute(known_module("linecache"), "getline", {make_str(file), number});
    const std::string source = text_of(call_attribute(found, "strip").ptr());
    if (!source.empty()) text += concat({"    ", source, "\n"});
  } catch (const PythonError&) {  // a script may have broken linecache
  }
  return text;
}

/// The text of script_traceback() for an exception that a host function threw; "" if there is none.
LATEPY_COLD inline std::string crossing_text(const void* thrown) {
  ScriptFrames frames;
  std::string said;
  {
    const SpinLock lock(crossings_lock);
    const Crossing* const crossing = find_crossing(thrown);
    if (!crossing) return {};
    frames = crossing->outer + crossing->inner;
    said = crossing->said;
  }
  const std::optional<GilGuard> gil = GilGuard::try_acquire();
  std::string text = "Traceback (most recent call last):\n";
  for (std::string_view rest = frames; !rest.empty();) text += frame_text(rest, gil.has_value());
  return text + said + "\n";
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD std::string script_traceback(const std::exception& exception) {
#ifdef __cpp_rtti
  if (const auto* error = dynamic_cast<const PythonError*>(&exception)) return error->traceback();
  if (const auto* raised = dynamic_cast<const detail::RaisedInPython*>(&exception))
    return PythonError(raised->data).traceback();
  return detail::crossing_text(dynamic_cast<const void*>(&exception));
#else
  return detail::crossing_text(&exception);
#endif
}
#endif

}  // namespace v1
}  // namespace latepy
