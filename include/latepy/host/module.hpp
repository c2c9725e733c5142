// latepy/host/module.hpp: Module and module(): modules that C++ fills with functions, classes, enums and exceptions.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/host_exception.hpp>
#include <latepy/host/function.hpp>

#include <initializer_list>

namespace latepy {
inline namespace v1 {

/// The base class of the Python enumeration that Module::add_enum() makes.
enum class EnumKind {
  plain,        ///< enum.Enum
  integer,      ///< enum.IntEnum
  flag,         ///< enum.Flag
  integer_flag  ///< enum.IntFlag
};

template <class T, class... Options>
class Class;

/// A module, class or dict to define functions and classes in. Its own members take the GIL; those of Object need it.
/// It ends with its interpreter: after the next start, call module() and define everything again.
///
/// An extension module that is filled by it needs no GIL: on a free-threaded CPython its import does not turn the GIL
/// on.
class Module : public Object {
 public:
  /// Takes any module, class or dict.
  explicit Module(Object place) : Object(std::move(place)) {}
  /// Takes the GIL if `other` is not empty; any thread.
  Module(const Module& other) : Module(GilGuard::Maybe(!other.is_empty(), other), other) {}
  /// Leaves `other` empty.
  Module(Module&& other) noexcept = default;
  /// Drops the module that this was.
  Module& operator=(Module other) noexcept {
    Object::operator=(std::move(other));
    return *this;
  }

  /// Adds a function, as Ref::def() does. Returns *this.
  template <class OverloadedNeedsStaticCast, class... X>
  Module& def(const std::string& name, OverloadedNeedsStaticCast&& callable, X&&... extras) {
    const GilGuard gil(*this);
    Ref::def(name, std::forward<OverloadedNeedsStaticCast>(callable), std::forward<X>(extras)...);
    return *this;
  }
  /// Converts a value to Python and sets it under the name. Returns *this.
  template <class T>
  Module& constant(const std::string& name, T&& value) {
    detail::Target(*this).set(name, to_py(std::forward<T>(value)));
    return *this;
  }
  /// The module `name` inside of this one, as module() makes it. Scripts write `import host.name`.
  Module submodule(const std::string& name) const;

  /// Makes a Python class for the C++ class T; see Class. Include host/class.hpp. `Options`: base classes of T that
  /// were added before, and at most one Trampoline. `tags`: a doc string, dynamic_attributes, is_final,
  /// buffer_protocol. \throws StateError if T has a Python class already; ConversionError if a base class has none.
  template <class T, class... Options, class... Tags>
  Class<T, Options...> add_class(const std::string& name, Tags&&... tags) const;

  /// Makes a Python enumeration for the C++ enumeration E. Values of E convert to its members from then on.
  ///   m.add_enum<Color>("Color", {{"red", Color::red}, {"blue", Color::blue}});
  /// \returns the class. \throws StateError if E has a Python class already.
  template <class E>
  Object add_enum(const std::string& name, std::initializer_list<std::pair<const char*, E>> members,
                  EnumKind kind = EnumKind::plain) const;

  /// Makes a Python exception class, derived from `base` or from Exception. A C++ exception E that leaves a host
  /// function is raised as this class, with what() as its text. If an E can be constructed from a std::string, a script
  /// may raise the class too: C++ catches its exceptions, also those of derived classes, as E with their message. If it
  /// then leaves a host function, it is the same Python exception again. \returns the class.
  template <class E>
  Object add_exception(const std::string& name, const Object& base = {}) const {
    const GilGuard gil(*this);
    const Object made = new_exception(name, base);
    translate<E>(made);
    if constexpr (std::is_constructible_v<E, const std::string&> && std::is_copy_constructible_v<E>)
      detail::throw_as(made, detail::host_exception_class<E>);
    return made;
  }

 private:
  Module(const GilGuard::Maybe&, const Module& other) : Object(other) {}
  Object new_exception(const std::string& name, const Object& base) const;
};

namespace detail {

/// The attribute that marks host modules. `__spec__` cannot be the mark, because importlib.reload() sets it to None.
inline constexpr char module_mark[] = "_latepy_module";

/// \throws StateError if a part of the dotted name is no identifier.
void check_module_name(const std::string& dotted);

/// The origin in the `__spec__` of a module that Scope::lazy_module() has registered.
inline constexpr std::string_view lazy_origin = "latepy, at its first import";
/// Makes an empty host module and puts it into `modules`, which is sys.modules; imports a lazy one. \throws StateError
/// if scripts could import another module of that name.
Object new_host_module(const std::string& name, const Object& modules);

}  // namespace detail

/// The host module of this name, which scripts import: `import host`. The first call makes it. A dotted name also makes
/// the modules above it. Needs the GIL.
/// \throws StateError if no module can have that name, or if another module or attribute has it already: one that is
/// imported, one that scripts could import, or an attribute of the parent module.
Module module(const std::string& dotted);

inline Module Module::submodule(const std::string& name) const {
  const GilGuard gil(*this);
  return module(detail::concat({detail::get_attribute(*this, "__name__").as<std::string>(), ".", name}));
}

namespace detail {

/// \throws StateError if the C++ type has a Python class already: `known`.
LATEPY_COLD inline void refuse_second_class(const ClassRecord* known, std::string_view type) {
  if (known) throw_error<StateError>({type, " has a Python class already: ", qualified_name(known->type)});
}
/// Makes the Python class of an enumeration. `members` is a list of (name, number).
Object new_enum(const Target& target, const std::string& name, const Object& members, EnumKind kind);

class Redirect;
/// Makes one of Config's extra_modules; see Hook.
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
  static_assert(std::is_enum_v<E>, "add_enum<E>(): E must be an enumeration");
  const GilGuard gil(*this);
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
        {"add_exception(): the base must be a class derived from BaseException, not ", detail::show(base.ptr())});
  detail::set_attribute(made, "__qualname__", to_py(target.qualified(name)));
  target.set(name, made);
  return made;
}

namespace detail {

LATEPY_FUNC LATEPY_COLD void check_module_name(const std::string& dotted) {
  for (std::size_t start = 0, end = 0; end != std::string::npos; start = end + 1) {
    end = dotted.find('.', start);
    if (!is_identifier(std::string_view(dotted).substr(start, end - start)))
      throw_error<StateError>(
          {"a host module cannot be named \"", dotted, "\": each part must be an identifier that is not a keyword"});
  }
}

LATEPY_FUNC LATEPY_COLD Object new_host_module(const std::string& name, const Object& modules) {
  const Object found = call_attribute(known_module("importlib.util"), "find_spec", {to_py(name)});
  if (!found.is_none()) {
    const std::string origin = str(found.get_attr("origin", nullptr));
    if (origin != lazy_origin)
      throw_error<StateError>({"a host module cannot be named ", name,
                               ": it would hide the module of that name that scripts can import (", origin,
                               "); choose another name"});
    return call_attribute(known_module("importlib"), "import_module", {to_py(name)});
  }
  const Object module = steal_or_throw(api().Module_NewObject(AttrName(name).ptr()));
  const Object text = to_py(name), path = steal_or_throw(api().List_New(0));
  const Object spec = call_attribute(known_module("importlib.machinery"), "ModuleSpec", {text, Ref(api().NoneStruct)});
  set_attribute(spec, "origin", to_py("latepy"));
  // A package, so that `import host.missing` says that there is no module of that name.
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
  detail::check_module_name(dotted);
  const Object modules = Object::borrow(detail::throw_if_null(detail::api().Import_GetModuleDict()));
  Object parent;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = dotted.find('.', end == 0 ? 0 : end + 1);
    const std::string name = dotted.substr(0, end), last = name.substr(name.rfind('.') + 1);
    Object found = detail::call_attribute(modules, "get", {to_py(name)});
    if (found.is_none()) {
      if (!parent.is_empty() && parent.has_attr(last))
        detail::throw_error<StateError>(
            {"a host module cannot be named ", name, ": its parent has another attribute of that name"});
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
