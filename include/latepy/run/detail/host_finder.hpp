// latepy/run/detail/host_finder.hpp: HostFinder, which installs Config::on_import.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/installed.hpp>
#include <latepy/run/detail/modules.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A finder at the end of sys.meta_path that asks the program for modules. The destructor removes it.
class HostFinder : public Installed {
 public:
  /// Adds the finder. Needs the GIL. \param ask takes the name of a module and returns None or a tuple; see describe().
  LATEPY_COLD void begin(const Object& ask) {
    ColdObject remove = get_item(module_finder(), "remove_finder");
    keep(call_plain(get_item(module_finder(), "ask_program"), {ask, compiler()}), std::move(remove));
  }
  /// What `ask` returns: None, or a tuple of the text, the file name and whether the module is a package.
  LATEPY_COLD static Object describe(std::string_view name, const std::optional<ModuleSource>& found) {
    if (!found) return none();
    const std::string_view file = found->filename;
    return make_tuple({make_str(dedent(found->code)), file.empty() ? make_path(concat({name, ".py"})) : make_path(file),
                       Ref(found->is_package ? api().TrueStruct : api().FalseStruct)});
  }

 private:
  /// A Python function that compiles a text. The third argument is the name of the module.
  static Object compiler() {
    return make_callable("compile", [](const std::string& text, const Object& file, const Object&) {
      return Object(CodeAccess::code(Code(text, Mode::exec, path_bytes(file))));
    });
  }
};

/// Installs Config::on_import; see Hook.
struct ImportHook {
  template <class F>
  static void install(const F& callback, HostFinder* finder, const std::string&, bool) {
    if (!callback) return;
    finder->begin(make_callable(
        "on_import", [callback](const std::string& name) { return HostFinder::describe(name, callback(name)); }));
  }
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
