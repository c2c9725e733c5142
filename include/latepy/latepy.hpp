// latepy/latepy.hpp: all of latepy but the opt-in converters of stl/: what a program includes once, where main is.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/operators.hpp>
#include <latepy/host/stub.hpp>
#include <latepy/memory/buffer.hpp>
#include <latepy/object.hpp>
#include <latepy/run/interpreter.hpp>
#include <latepy/run/streams.hpp>
