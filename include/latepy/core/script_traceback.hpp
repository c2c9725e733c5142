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

/// As Python prints a frame. The source line is there if Python runs, and knows it.
LATEPY_COLD inline std::string frame_text(const ScriptFrame& frame, bool has_gil) {
  if (frame.line == 0) return "  ...\n";
  std::string text = concat({"  File \"", frame.file, "\", line ", decimal(frame.line), ", in ", frame.function, "\n"});
  if (!has_gil) return text;
  try {
    const ColdObject line =
        call_attribute(known_module("linecache"), "getline", {make_str(frame.file), make_int(frame.line)});
    const std::string source = text_of(call_attribute(line, "strip").ptr());
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
    frames = crossing->outer;
    frames.insert(frames.end(), crossing->inner.begin(), crossing->inner.end());
    said = crossing->said;
  }
  const std::optional<GilGuard> gil = GilGuard::try_acquire();
  std::string text = "Traceback (most recent call last):\n";
  for (const ScriptFrame& frame : frames) text += frame_text(frame, gil.has_value());
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
