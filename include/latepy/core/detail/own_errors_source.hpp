// latepy/core/detail/own_errors_source.hpp: Python code: the exception classes that Python does not have.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// What `__new__` stores is not to be replaced by the arguments of `__init__`; see run/detail/limits/alarm.hpp.
inline constexpr char own_errors_source[] = R"(
class DeadlineError(BaseException):
    "The time of a latepy::Deadline is over."
    __module__ = 'latepy'
    __init__ = object.__init__
class Interrupted(BaseException):
    "The program called latepy::Interpreter::interrupt()."
    __module__ = 'latepy'
    __init__ = object.__init__
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
