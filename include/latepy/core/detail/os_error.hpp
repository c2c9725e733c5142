// latepy/core/detail/os_error.hpp: makes an OSError of a std::system_error; part of core/translate.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

#include <system_error>

namespace latepy {
inline namespace v1 {
namespace detail {

/// what() of a system error in its parts. A filesystem error is known by its text, because <filesystem> is heavy.
struct SystemErrorText {
  std::string_view text;      ///< without the names of files
  std::string_view names[2];  ///< of the files; "" if there is none

  /// \param what "filesystem error: reason: message [name] [name]", or "reason: message: "name", "name"" with MSVC.
  SystemErrorText(std::string_view what, std::string_view message);
};

/// The OSError with the errno, the text and the names of files. Python chooses the derived class, such as
/// FileNotFoundError. Empty if the error is neither of the system nor of a stream. Needs the GIL. \throws PythonError.
Object os_error(const std::system_error& error);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD SystemErrorText::SystemErrorText(std::string_view what, std::string_view message) : text(what) {
  constexpr std::string_view prefix = "filesystem error: ";
  struct Quotes {
    std::string_view begin, between, end;
  };
  const bool has_prefix = what.substr(0, prefix.size()) == prefix;
  const Quotes quotes = has_prefix ? Quotes{" [", "] [", "]"} : Quotes{": \"", "\", \"", "\""};
  const std::size_t at = what.find(concat({message, quotes.begin}));
  if (at != what.npos && what.substr(what.size() - quotes.end.size()) == quotes.end) {
    std::string_view rest = what.substr(at + message.size() + quotes.begin.size());
    rest.remove_suffix(quotes.end.size());
    text = what.substr(0, at + message.size());
    const std::size_t between = rest.find(quotes.between);
    names[0] = rest.substr(0, between);
    if (between != rest.npos) names[1] = rest.substr(between + quotes.between.size());
  }
  if (has_prefix) text.remove_prefix(prefix.size());
}

LATEPY_FUNC LATEPY_COLD Object os_error(const std::system_error& error) {
  const std::error_code& code = error.code();
  const bool is_of_system = code.category() == std::system_category();
  const std::error_condition condition = code.default_error_condition();
  int number = condition.category() == std::generic_category() ? condition.value() : 0;
  if (number == 0 && is_of_system && !LATEPY_WINDOWS) number = code.value();
  const int windows_number = is_of_system && LATEPY_WINDOWS ? code.value() : 0;
  const Ref os_error(*api().OSError), none(api().NoneStruct);
  const auto decode = [](std::string_view text, bool is_name) {
    const auto size = static_cast<ssize>(text.size());
    return take_result(is_name && !LATEPY_WINDOWS ? api().Unicode_DecodeFSDefaultAndSize(text.data(), size)
                                                  : api().Unicode_DecodeUTF8(text.data(), size, "replace"));
  };
  if (number == 0 && windows_number == 0) {
    if (code.category().name() != std::string_view("iostream")) return Object();
    return call_plain(os_error, {decode(error.what(), false)});
  }
  const SystemErrorText said(error.what(), code.message());
  if (windows_number == 0 && said.names[0].empty())  // else `args` would have a None for each name
    return call_plain(os_error, {make_int(number), decode(said.text, false)});
  const auto name = [&](std::string_view text) { return text.empty() ? Object(none) : decode(text, true); };
  return call_plain(os_error,
                    {make_int(number), decode(said.text, false), name(said.names[0]),
                     windows_number != 0 ? Object(make_int(windows_number)) : Object(none), name(said.names[1])});
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
