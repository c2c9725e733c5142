// tests/temporary_folder.hpp: a folder that is there as long as the object that stands for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

#ifdef _WIN32
#include <process.h>
#else
#include <unistd.h>
#endif

/// Makes a folder that no other has and that only its owner may enter. At its end the folder is removed with all that
/// is in it. A child of fork() that ends by exit() destroys the static ones of its parent too, and leaves the folder.
class TemporaryFolder {
 public:
  /// \param name is what the name of the folder begins with, in UTF-8.
  explicit TemporaryFolder(const std::string& name = "latepy") {
    namespace fs = std::filesystem;
#ifdef _WIN32
    const fs::path all = fs::temp_directory_path();
#else
    const fs::path all = "/tmp";
#endif
    fs::path folder;
    int number = 0;
    do {
      folder = all / fs::u8path(name + "-" + std::to_string(owner_) + "-" + std::to_string(++number));
    } while (!fs::create_directory(folder));  // false: there is one already
    fs::permissions(folder, fs::perms::owner_all);
    path = folder.u8string();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (process() == owner_) std::filesystem::remove_all(std::filesystem::u8path(path), ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path{};  ///< in UTF-8

 private:
  static int process() {
#ifdef _WIN32
    return _getpid();
#else
    return getpid();
#endif
  }

  const int owner_ = process();
};
