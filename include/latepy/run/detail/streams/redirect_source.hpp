// latepy/run/detail/streams/redirect_source.hpp: Python code: text streams that call functions of C++.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// The streams are real TextIOWrappers, because scripts and libraries use the attributes of these. Scripts cannot close
/// them. A text stream writes at once, in UTF-8, to an Output. The Output calls `host`, a function of C++. It writes to
/// the previous stream instead if the capture has ended, if the callback itself prints, or if Python stops while
/// another thread is in a callback.
inline constexpr char redirect_source[] = R"(
import atexit, io, os, sys, _thread

# One lock for all streams: no two callbacks run at the same time, and the text of one write stays together.
lock = _thread.RLock()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=lock._at_fork_reinit)

is_ending = bool  # begin() of C++ puts a function here

class LockAtEnd:
    # The lock while Python stops: a thread in a callback may never come back. The value is whether it is held.
    is_lost = False
    def __enter__(self):
        if lock.acquire(False): return True
        if not self.is_lost: self.is_lost = not lock.acquire(timeout=0.1)
        return not self.is_lost
    def __exit__(self, *error):
        if lock._is_owned(): lock.release()
lock_at_end = LockAtEnd()

stacks = {'stdin': [], 'stdout': [], 'stderr': []}  # the innermost is last
missing = object()

class Raw:
    last, is_back = None, False  # how far end() is
    def __init__(self, key, host, for_good):
        self.key, self.host, self.for_good, self.name = key, host, for_good, '<' + key + '>'
        self.previous = live(getattr(sys, key, missing))
        self.hidden = getattr(sys, '__' + key + '__', missing)
    def close(self): pass

class Output(Raw, io.BufferedIOBase):
    mode, copy = 'wb', None
    def writable(self): return True
    # For faulthandler and child processes: the descriptor of the process. If input() sees that stdout is descriptor 1
    # and a terminal, it writes its prompt there, and not to this stream; a copy has another number.
    def fileno(self):
        fileno = getattr(self.previous, 'fileno', None)
        if fileno is None: raise io.UnsupportedOperation('fileno')
        number = fileno()
        if number != 1 or not os.isatty(number): return number
        with lock_at_end if is_ending() else lock:
            if self.copy is None: self.copy = os.dup(number)
            return self.copy
    def release(self):
        if self.copy is not None: os.close(self.copy)
        self.copy = None
    def write(self, data):
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        with lock_at_end if is_ending() else lock as is_held:
            if not is_held or self.host is None or not self.host(data, False):
                write = getattr(self.previous, 'write', None)
                if write is not None and not getattr(self.previous, 'closed', False):
                    write(data.decode('utf-8', 'replace'))
                    getattr(self.previous, 'flush', bool)()
        return len(data)
    def flush(self):
        with lock_at_end if is_ending() else lock as is_held:
            if is_held and self.host is not None:
                self.host(None, False)

class Input(Raw, io.RawIOBase):
    mode, rest = 'rb', b''
    def release(self): pass
    def readable(self): return True
    def readinto(self, target):
        data = self.rest or (b'' if self.host is None else self.host())
        count = min(len(data), len(target))
        target[:count], self.rest = data[:count], data[count:]
        return count

class Reader(io.BufferedReader):
    close = Raw.close

class Stream(io.TextIOWrapper):
    line_buffering = True
    def reconfigure(self, **options): pass
    def detach(self): return self.buffer

def live(stream, before='previous'):
    while isinstance(getattr(stream, 'origin', None), Raw) and stream.origin.host is None:
        stream = getattr(stream.origin, before)
    return stream

def begin(key, host, for_good):
    with lock_at_end if is_ending() else lock:
        if key == 'stdin':
            raw = Input(key, host, for_good)
            stream = io.TextIOWrapper(Reader(raw), 'utf-8', 'replace')
        else:
            raw = Output(key, host, for_good)
            stream = Stream(raw, 'utf-8', 'backslashreplace', '\n', False, True)
        stream.mode, stream.origin = raw.mode[0], raw
        stacks[key].append(raw)
        put(key, stream)
        if for_good: put('__' + key + '__', stream)
    return raw

def put(key, stream):
    if stream is missing:
        sys.__dict__.pop(key, None)
    else:
        setattr(sys, key, stream)

# C++ calls it again if an exception of interrupt() or a Deadline has stopped it: each step may be done once more.
def end(raw):
    with lock_at_end if is_ending() else lock as is_held:
        if raw.host is not None: raw.last, raw.host = raw.host, None
        stack = stacks[raw.key]
        if not raw.is_back:
            inner = stack[stack.index(raw) + 1:] if raw in stack else []
            if not inner: put(raw.key, live(raw.previous))
            if raw.for_good and not any(each.for_good for each in inner):
                put('__' + raw.key + '__', live(raw.hidden, 'hidden'))
            raw.is_back = True
        if raw in stack: stack.remove(raw)
        raw.release()
        host, raw.last = raw.last, None
        if host is not None and raw.key != 'stdin' and is_held: host(None, True)

@atexit.register
def end_captures():
    for stack in stacks.values():
        for raw in reversed(stack[:]):
            if raw.for_good: raw.release()
            else: end(raw)
        stack.clear()  # drops the last references if Python does not free this namespace
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
