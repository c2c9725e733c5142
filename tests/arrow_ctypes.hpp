// tests/arrow_ctypes.hpp: a producer and a consumer of Arrow's C data interface, written from its specification.
// SPDX-License-Identifier: MIT
#pragma once

#include "python.hpp"

/// A namespace with to_list(), which consumes capsules, and Array and Stream, which make them. ctypes calls the
/// releases of others without the GIL. Empty where there is no ctypes.
inline py::Object& arrow() {
  static py::Object names = [] {
    py::Object made = py::dict();
    if (!python().try_exec("import ctypes").has_value()) return py::Object();
    python().exec(R"py(
import ctypes
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int64, c_void_p, memmove, sizeof
from struct import calcsize, pack

class Schema(ctypes.Structure): pass
class Chunk(ctypes.Structure): pass
class Stream_(ctypes.Structure): pass
def releaser(kind): return CFUNCTYPE(None, POINTER(kind))
Schema._fields_ = [('format', c_char_p), ('name', c_char_p), ('metadata', c_char_p), ('flags', c_int64),
                   ('n_children', c_int64), ('children', POINTER(POINTER(Schema))), ('dictionary', POINTER(Schema)),
                   ('release', releaser(Schema)), ('private_data', c_void_p)]
Chunk._fields_ = [('length', c_int64), ('null_count', c_int64), ('offset', c_int64), ('n_buffers', c_int64),
                  ('n_children', c_int64), ('buffers', POINTER(c_void_p)), ('children', POINTER(POINTER(Chunk))),
                  ('dictionary', POINTER(Chunk)), ('release', releaser(Chunk)), ('private_data', c_void_p)]
GET_SCHEMA = CFUNCTYPE(c_int, POINTER(Stream_), POINTER(Schema))
GET_NEXT = CFUNCTYPE(c_int, POINTER(Stream_), POINTER(Chunk))
LAST_ERROR = CFUNCTYPE(c_void_p, POINTER(Stream_))
Stream_._fields_ = [('get_schema', GET_SCHEMA), ('get_next', GET_NEXT), ('get_last_error', LAST_ERROR),
                    ('release', releaser(Stream_)), ('private_data', c_void_p)]
NAMES = {Schema: b'arrow_schema', Chunk: b'arrow_array', Stream_: b'arrow_array_stream'}
get_pointer, new_capsule = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_New
get_pointer.restype, get_pointer.argtypes = c_void_p, [ctypes.py_object, c_char_p]
new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [c_void_p, c_char_p, c_void_p]

# The consumer.
def move(capsule, kind):
    inside, own = kind.from_address(get_pointer(capsule, NAMES[kind])), kind()
    assert inside.release, 'consumed before'
    memmove(byref(own), byref(inside), sizeof(kind))
    inside.release = type(inside.release)()
    return own
def let_go(struct):
    struct.release(byref(struct))
    assert not struct.release
NUMBERS = dict(zip('cCsSiIlLfg', 'bBhHiIqQfd'))
def values(schema, chunk):
    form = schema.format.decode()
    assert chunk.n_children == schema.n_children and chunk.null_count >= 0 and schema.flags == (0 if form == '+s' else 2)
    if form == '+s':
        assert chunk.n_buffers == 1 and not chunk.buffers[0] and chunk.offset == 0 and schema.name == b''
        columns = [(schema.children[i].contents, chunk.children[i].contents) for i in range(chunk.n_children)]
        assert all(c.length == chunk.length for _, c in columns)
        return {s.name.decode(): values(s, c) for s, c in columns}
    first, end = chunk.offset, chunk.offset + chunk.length
    def bits(at): return [ctypes.cast(at, POINTER(ctypes.c_uint8))[i // 8] >> i % 8 & 1 for i in range(first, end)]
    def numbers(code, at, more=0):
        kind = ctypes.c_char * ((end + more) * calcsize('=' + code))
        return memoryview(kind.from_address(at)).cast('B').cast(code).tolist()[first:]
    if form in 'uU':
        assert chunk.n_buffers == 3
        at = numbers('i' if form == 'u' else 'q', chunk.buffers[1], 1)
        found = [ctypes.string_at(chunk.buffers[2] + a, b - a).decode() for a, b in zip(at, at[1:])]
    elif form == 'b':
        found = [bool(bit) for bit in bits(chunk.buffers[1])]
    else:
        found = numbers('q' if form[0] == 't' else NUMBERS[form], chunk.buffers[1]) if chunk.length else []
    if form[0] not in 'uU': assert chunk.n_buffers == 2
    assert not schema.dictionary and not chunk.dictionary and not schema.metadata
    if not chunk.buffers[0]:
        assert chunk.null_count == 0
        return found
    valid = bits(chunk.buffers[0])
    assert valid.count(0) == chunk.null_count
    return [value if bit else None for value, bit in zip(found, valid)]
def to_list(capsules):
    schema, chunk = move(capsules[0], Schema), move(capsules[1], Chunk)
    found = schema.format.decode(), values(schema, chunk)
    let_go(schema), let_go(chunk)
    return found
def chunks(capsule):
    stream, schema, found = move(capsule, Stream_), Schema(), []
    assert stream.get_schema(byref(stream), byref(schema)) == 0
    while True:
        chunk = Chunk()
        assert stream.get_next(byref(stream), byref(chunk)) == 0
        if not chunk.release: break
        found.append(values(schema, chunk))
        let_go(chunk)
    let_go(schema), let_go(stream)
    return found

# The producer. What it made and nobody released yet is in living.
living, containers = {}, []
def release(struct):
    for i in range(getattr(struct.contents, 'n_children', 0)):
        child = struct.contents.children[i]
        if child and child.contents.release: child.contents.release(child)
    if getattr(struct.contents, 'dictionary', None): struct.contents.dictionary.contents.release(struct.contents.dictionary)
    del living[struct.contents.private_data]
    struct.contents.release = type(struct.contents.release)()
RELEASE = {kind: releaser(kind)(release) for kind in NAMES}
def born(struct, *kept):
    containers.append((struct, kept))
    struct.private_data, struct.release = len(containers), RELEASE[type(struct)]
    living[len(containers)] = kept
    return struct
def pointers(kind, structs): return (POINTER(kind) * len(structs))(*map(ctypes.pointer, structs))
def schema_of(form, name=None, children=(), dictionary=None):
    s = Schema(form and form.encode(), name and name.encode(), None, 2, len(children))
    s.children = pointers(Schema, children)
    if dictionary: s.dictionary = ctypes.pointer(dictionary)
    return born(s, children, dictionary)
def chunk_of(length, buffers, offset=0, nulls=0, children=(), dictionary=None):
    kept = [b if b is None else ctypes.create_string_buffer(b, len(b) + 1) for b in buffers]
    c = Chunk(length, nulls, offset, len(buffers), len(children))
    c.buffers = (c_void_p * len(buffers))(*[b if b is None else ctypes.addressof(b) for b in kept])
    c.children = pointers(Chunk, children)
    if dictionary: c.dictionary = ctypes.pointer(dictionary)
    return born(c, kept, children, dictionary)
def capsule(struct): return new_capsule(ctypes.addressof(struct), NAMES[type(struct)], None)
class Array:
    def __init__(self, schema, chunk): self.structs = schema, chunk
    def __arrow_c_array__(self, requested_schema=None): return tuple(map(capsule, self.structs))
class Stream:
    def __init__(self, schema, chunks, fails_at=None, text=b'the disk is gone'):
        left, text = list(chunks), text and ctypes.create_string_buffer(text)
        made = []
        def get_schema(stream, out):
            if fails_at == 'schema': return 22
            made.append(born(Schema.from_buffer_copy(schema), schema) if made else schema)  # new for who asks again
            memmove(out, byref(made[-1]), sizeof(Schema))
            return 0
        def get_next(stream, out):
            if fails_at == len(left): return 5
            if left: memmove(out, byref(left.pop(0)), sizeof(Chunk))
            else: out.contents.release = type(out.contents.release)()
            return 0
        def last_error(stream): return text and ctypes.addressof(text)
        kept = GET_SCHEMA(get_schema), GET_NEXT(get_next), LAST_ERROR(last_error)
        self.struct = born(Stream_(*kept), kept)
    def __arrow_c_stream__(self, requested_schema=None): return capsule(self.struct)
def doubles(items, **more):
    offset = more.get('offset', 0)
    return chunk_of(len(items) - max(offset, 0), [more.pop('valid', None), pack(f'={len(items)}d', *items)], **more)
)py",
                  made);
    return made;
  }();
  return names;
}
/// The value of an expression in that namespace, where `it` is the object.
inline py::Object with_arrow(const char* expression, const py::Object& it = py::none()) {
  arrow()["it"] = it;
  const py::Object result = python().eval(expression, arrow());
  arrow()["it"] = nullptr;
  return result;
}
