// latepy/core/detail/seldom.hpp: what code that runs seldom does with objects, for the price of a call each.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>

#include <initializer_list>

namespace latepy {
inline namespace v1 {
namespace detail {

/// object.name, object.name = value, callable(arguments…), and the module. Public members do these inline, which is ten
/// times the code.
Object attribute(const Ref& object, const Text& name);
void set_attribute(const Ref& object, const Text& name, const Value& value);
Object invoke(const Ref& callable, std::initializer_list<Argument> arguments);
Object imported(const char* module);

#if LATEPY_BODIES
LATEPY_ONCE LATEPY_COLD Object attribute(const Ref& object, const Text& name) { return object.attr(name); }
LATEPY_ONCE LATEPY_COLD void set_attribute(const Ref& object, const Text& name, const Value& value) {
  object.attr(name) = Ref(value.ptr());
}
LATEPY_ONCE LATEPY_COLD Object invoke(const Ref& callable, std::initializer_list<Argument> arguments) {
  return own(call_unpacked(callable.checked(), arguments.begin(), arguments.size()));
}
LATEPY_ONCE LATEPY_COLD Object imported(const char* module) { return own(api().Import_ImportModule(module)); }
#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
