// latepy/latepy.hpp: all of latepy except the optional converters of stl/. The file with main() includes it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/operators.hpp>
#include <latepy/host/stub.hpp>
#include <latepy/memory/buffer.hpp>
#include <latepy/object.hpp>
#include <latepy/run/interpreter.hpp>
#include <latepy/run/streams.hpp>
