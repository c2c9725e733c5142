// latepy/host/module.hpp: modules that scripts import and the host fills; enumerations and exceptions in them.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/function.hpp>

#include <initializer_list>

namespace latepy {
inline namespace v1 {

/// What stands behind the name of a class in add_class().
enum class EnumKind { plain, integer, flag, integer_flag };

template <class T, class... Options>
class Class;

/// A module, or another place for functions and classes. Made again after each start: modules end with their Python.
class Module : public Object {
 public:
  /// Any module, class or dict as a place to define in.
  explicit Module(Object place) : Object(std::move(place)) {}

  /// As Object::def(), to be chained.
  template <class F, class... X>
  Module& def(const std::string& name, F&& callable, X&&... extras) {
    Ref::def(name, std::forward<F>(callable), std::forward<X>(extras)...);
    return *this;
  }
  /// A constant, or any other value under a name.
  template <class T>
  Module& constant(const std::string& name, T&& value) {
    detail::Target(*this).set(name, to_py(std::forward<T>(value)));
    return *this;
  }
  /// `import host.name`: a module below this one.
  Module submodule(const std::string& name) const;

  /// A Python class for a C++ class; see host/class.hpp. `Options` are its bases that have Python classes, and the
  /// Trampoline through which Python overrides its virtual functions.
  template <class T, class... Options, class... Tags>
  Class<T, Options...> add_class(const std::string& name, Tags&&... tags) const;

  /// A real enum.Enum (IntEnum, Flag, IntFlag) for a C++ enumeration, which converts to its members from then on:
  ///   m.add_enum<Color>("Color", {{"red", Color::red}, {"blue", Color::blue}});
  /// \throws StateError where the enumeration has a Python class already.
  template <class E>
  Object add_enum(const std::string& name, std::initializer_list<std::pair<const char*, E>> members,
                  EnumKind kind = EnumKind::plain) const;

  /// A Python exception class that the C++ exception E, with what(), becomes when it leaves a host function.
  template <class E>
  Object add_exception(const std::string& name, const Object& base = {}) const {
    const Object made = new_exception(name, base);
    translate<E>(made);
    return made;
  }

 private:
  Object new_exception(const std::string& name, const Object& base) const;
};

namespace detail {

/// Not the spec's origin: importlib.reload() takes the spec away.
inline constexpr char module_mark[] = "_latepy_module";

Object new_host_module(const std::string& name, const Object& modules);

}  // namespace detail

/// The host's module of this name, made when it is first asked for, which scripts import: `import host`. A dotted name
/// makes the modules in between as well. Needs the GIL.
/// \throws StateError where something else has the name: another module, imported or on sys.path, or what its parent
/// holds.
Module module(const std::string& dotted);

inline Module Module::submodule(const std::string& name) const {
  return module(detail::concat({detail::get_attribute(*this, "__name__").as<std::string>(), ".", name}));
}

namespace detail {

/// \throws StateError where the C++ type has a Python class.
LATEPY_COLD inline void refuse_second_class(const ClassRecord* known, std::string_view type) {
  if (known) throw_error<StateError>({type, " has a Python class already: ", qualified_name(known->type)});
}
Object new_enum(const Target& target, const std::string& name, const Object& members, EnumKind kind);

/// How one of Config's extra_modules is made; see Hook.
class Redirect;
struct ModuleHook {
  template <class F>
  static void install(const F& fill, Redirect*, const std::string& name, bool) {
    Module made = latepy::module(name);
    if (fill) fill(made);
  }
};

}  // namespace detail

template <class E>
Object Module::add_enum(const std::string& name, std::initializer_list<std::pair<const char*, E>> members,
                        EnumKind kind) const {
  static_assert(std::is_enum_v<E>, "add_enum<E>() is for enumerations");
  detail::refuse_second_class(detail::class_of<E>(), detail::spelled_name<E>());
  Object pairs = list();
  for (const auto& [member, value] : members)
    pairs.call_method("append", tuple(member, static_cast<typename Converter<E>::Integer>(value)));
  Object made = detail::new_enum(detail::Target(*this), name, pairs, kind);
  detail::ClassRecord* const record = detail::new_record(detail::class_slot<E>, detail::type_key<E>());
  record->traits = nullptr;
  detail::publish(record, Object(made).release());
  return made;
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object Module::new_exception(const std::string& name, const Object& base) const {
  const detail::Target target(*this);
  const std::string full =
      detail::concat({target.module().is_empty() ? "builtins" : target.module().as<std::string>().c_str(), ".", name});
  const Object made = detail::steal_or_throw(detail::api().Err_NewExceptionWithDoc(
      full.c_str(), nullptr, base.is_empty() ? *detail::api().Exception : base.checked(), nullptr));
  if ((detail::api().Type_GetFlags(reinterpret_cast<PyTypeObject*>(made.ptr())) & detail::type_is_exception) == 0)
    detail::throw_error<TypeError>(
        {"the base of an exception class is another one, and not ", detail::show(base.ptr())});
  detail::set_attribute(made, "__qualname__", to_py(target.qualified(name)));
  target.set(name, made);
  return made;
}

namespace detail {

LATEPY_FUNC LATEPY_COLD Object new_host_module(const std::string& name, const Object& modules) {
  if (name.find('.') == std::string::npos) {
    const Object found = call_attribute(known_module("importlib.util"), "find_spec", {to_py(name)});
    if (!found.is_none())
      throw_error<StateError>({"a host module cannot be named ", name,
                               ": scripts would no longer reach the module of that name (",
                               str(found.get_attr("origin", nullptr)), ")"});
  }
  const Object module = steal_or_throw(api().Module_NewObject(AttrName(name).ptr()));
  const Object text = to_py(name), path = steal_or_throw(api().List_New(0));
  const Object spec = call_attribute(known_module("importlib.machinery"), "ModuleSpec", {text, Ref(api().NoneStruct)});
  set_attribute(spec, "origin", to_py("latepy"));
  // A package: `import host.missing` says that there is no such module.
  set_attribute(spec, "submodule_search_locations", steal_or_throw(api().List_New(0)));
  set_attribute(module, "__spec__", spec);
  set_attribute(module, "__path__", path);
  set_attribute(module, "__package__", text);
  set_attribute(module, module_mark, to_py(true));
  set_item(modules, name, module);
  return module;
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD Module module(const std::string& dotted) {
  detail::check_running();
  for (std::size_t start = 0, end = 0; end != std::string::npos; start = end + 1) {
    end = dotted.find('.', start);
    if (!detail::is_identifier(std::string_view(dotted).substr(start, end - start)))
      detail::throw_error<StateError>(
          {"a host module cannot be named \"", dotted, "\": no import statement could say that"});
  }
  const Object modules = Object::borrow(detail::throw_if_null(detail::api().Import_GetModuleDict()));
  Object parent;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = dotted.find('.', end == 0 ? 0 : end + 1);
    const std::string name = dotted.substr(0, end), last = name.substr(name.rfind('.') + 1);
    Object found = detail::call_attribute(modules, "get", {to_py(name)});
    if (found.is_none()) {
      if (!parent.is_empty() && parent.has_attr(last))
        detail::throw_error<StateError>(
            {"a host module cannot be named ", name, ": its parent has something else of that name"});
      found = detail::new_host_module(name, modules);
      if (!parent.is_empty()) detail::set_attribute(parent, last, found);
    } else if (!found.has_attr(detail::module_mark)) {
      detail::throw_error<StateError>(
          {"a host module cannot be named ", name, ": a module of that name is imported already; choose another name"});
    }
    parent = std::move(found);
  }
  return Module(std::move(parent));
}

namespace detail {

LATEPY_FUNC LATEPY_COLD Object new_enum(const Target& target, const std::string& name, const Object& members,
                                        EnumKind kind) {
  constexpr const char* classes[] = {"Enum", "IntEnum", "Flag", "IntFlag"};
  const Object base = steal_or_throw(api().Import_ImportModule("enum")).attr(classes[static_cast<int>(kind)]);
  const Object made = base(name, members, "module"_a = target.module().is_empty() ? none() : target.module(),
                           "qualname"_a = target.qualified(name));
  target.set(name, made);
  return made;
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
