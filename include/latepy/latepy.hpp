// latepy/latepy.hpp: includes all of latepy but stl/, run/event_loop.hpp with its kin, and memory/table.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/container.hpp>
#include <latepy/host/operators.hpp>
#include <latepy/host/stub.hpp>
#include <latepy/memory/array.hpp>
#include <latepy/memory/buffer.hpp>
#include <latepy/memory/dlpack.hpp>
#include <latepy/memory/vectorize.hpp>
#include <latepy/memory/view.hpp>
#include <latepy/object.hpp>
#include <latepy/run/audit.hpp>
#include <latepy/run/interpreter.hpp>
#include <latepy/run/limits.hpp>
#include <latepy/run/memory_limit.hpp>
#include <latepy/run/streams.hpp>
#include <latepy/run/subinterpreter.hpp>
