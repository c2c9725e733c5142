// latepy/stl/filesystem.hpp: converts std::filesystem::path to pathlib.Path and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/protocol.hpp>

#include <filesystem>

namespace latepy {
inline namespace v1 {

/// To Python: a pathlib.Path. From Python: a str, bytes or an object with __fspath__. File names that cannot be decoded
/// are kept, as os.fsdecode() and os.fsencode() do.
template <>
struct Converter<std::filesystem::path> {
  static constexpr const char* name = "std::filesystem::path";
  static std::string python_type(detail::Direction direction) {
    return direction == detail::Direction::to_python ? "pathlib.Path"
                                                     : "typing.Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]";
  }

  static Object to_py(const std::filesystem::path& path) {
    const detail::Api& api = detail::api();
    const auto& native = path.native();
#if LATEPY_WINDOWS
    const Object text = detail::steal_or_throw(
        api.Unicode_Decode(reinterpret_cast<const char*>(native.data()),
                           static_cast<detail::ssize>(native.size() * sizeof(wchar_t)), "utf-16-le", "surrogatepass"));
#else
    const Object text = detail::steal_or_throw(
        api.Unicode_DecodeFSDefaultAndSize(native.data(), static_cast<detail::ssize>(native.size())));
#endif
    return detail::steal_or_throw(api.Import_ImportModule("pathlib")).call_method("Path", text);
  }
  static std::filesystem::path from_py(Ref object) {
    std::filesystem::path::string_type native;
    if (const char* why = load(object.checked(), native)) detail::throw_mismatch(object.ptr(), name, why);
    return std::filesystem::path(std::move(native));
  }
  /// Of an os.PathLike. A str is text first.
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::has_method(object, "__fspath__") ? detail::Fit::own : detail::Fit::other;
  }
  static bool try_from_py(Ref object, std::optional<std::filesystem::path>& result) {
    return detail::try_load(result, [&] {
      std::filesystem::path::string_type native;
      if (load(object.ptr(), native)) return false;
      result.emplace(std::move(native));
      return true;
    });
  }

 private:
  /// Sets `native` and returns null; else returns the reason, or Python's error is set too.
  static const char* load(PyObject* object, std::filesystem::path::string_type& native) {
    const detail::Api& api = detail::api();
    Object path = Object::steal(api.OS_FSPath(object));
    if (path.is_empty()) {
      // CPython says TypeError also if the class has a property __fspath__, and that raised.
      if (detail::only_a_mismatch()) static_cast<void>(detail::telling_attribute(Ref(object), "__fspath__"));
      return "it is neither str, bytes nor os.PathLike";
    }
#if LATEPY_WINDOWS
    if (detail::has_flag(path.ptr(), detail::type_is_bytes)) {
      char* data = nullptr;
      detail::ssize size = 0;
      api.Bytes_AsStringAndSize(path.ptr(), &data, &size);
      path = Object::steal(api.Unicode_DecodeFSDefaultAndSize(data, size));
    }
    if (!path.is_empty()) path = Object::steal(api.Unicode_AsEncodedString(path.ptr(), "utf-16-le", "surrogatepass"));
#else
    if (!detail::has_flag(path.ptr(), detail::type_is_bytes))
      path = Object::steal(api.Unicode_EncodeFSDefault(path.ptr()));
#endif
    char* data = nullptr;
    detail::ssize size = 0;
    if (path.is_empty() || api.Bytes_AsStringAndSize(path.ptr(), &data, &size) != 0) {
      detail::only_a_mismatch();
      return "it cannot be encoded for the file system";
    }
    native.resize(static_cast<std::size_t>(size) / sizeof(native[0]));
    std::memcpy(native.data(), data, static_cast<std::size_t>(size));
    return native.find(std::filesystem::path::value_type(0)) == native.npos ? nullptr : "it holds a NUL";
  }
};

}  // namespace v1
}  // namespace latepy
