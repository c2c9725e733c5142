// latepy/fwd.hpp: forward declarations of all public types.
// SPDX-License-Identifier: MIT
#pragma once

// CPython's types, declared with CPython's own tags (Include/pytypedefs.h from 3.11 on, Include/object.h before). So a
// program that includes both Python.h and latepy sees the same types. latepy never defines them.
struct _object;
struct _typeobject;
struct _ts;
struct _is;
typedef struct _object PyObject;
typedef struct _typeobject PyTypeObject;
typedef struct _ts PyThreadState;
typedef struct _is PyInterpreterState;

namespace latepy {
inline namespace v1 {

// load/
class Error;
class LoadError;
class SymbolError;
class StartError;
class StateError;
class ConversionError;
class Path;
class DynLib;
struct Version;
// find/
struct Candidate;
struct Search;
class Discovery;

// core/
class GilGuard;
class GilRelease;
class Ref;
class Object;
class Proxy;
class Iterator;
class PythonError;
class Bytes;
class Code;
class Arg;
enum class Op : int;
enum class Mode : int;
template <class T, class = void>
struct Converter;
template <class T>
class Result;

// run/streams.hpp
class CaptureOutput;
enum class Streams : unsigned char;

// host/
class Args;
class Kwargs;
template <class Signature>
class Function;
enum class EnumKind;
class Module;
template <class T, class... Options>
class Class;
template <class Base>
class Trampoline;
template <class T>
class Borrowed;
struct BufferInfo;

// memory/
template <class T>
class Span;
template <class T>
class Buffer;
class Shape;
class View;

// run/
template <class Signature, class How, class Place>
class Hook;
struct ModuleSource;
struct Config;
class Scope;
class Interpreter;
class SubInterpreter;
struct SubConfig;
class EventLoop;
template <class T>
class Future;
template <class T>
class Promise;

}  // namespace v1
}  // namespace latepy
