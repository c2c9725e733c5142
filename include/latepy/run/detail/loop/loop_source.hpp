// latepy/run/detail/loop/loop_source.hpp: Python code: makes, feeds, polls and ends the event loops of asyncio.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// `bridges` has a capsule for each event loop that C++ can wake; see LoopCore.
inline constexpr char loop_source[] = R"(
import asyncio, atexit, collections, contextlib, functools, gc, inspect, os, selectors, socket, sys
import threading, time, traceback, types, weakref

bridges = weakref.WeakKeyDictionary()
partial, getrefcount, collect = functools.partial, sys.getrefcount, gc.collect
made = weakref.WeakSet()  # loops that the child of a fork() must not close: it shares their epoll with its parent

def leave_to_parent():
    for loop in list(made):
        with contextlib.suppress(AttributeError):  # a loop that is written in C
            loop._closed |= not loop.is_running()
    vars(here).clear()

if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=leave_to_parent)

def socket_pair():
    pair = socket.socketpair()
    for each in pair:
        each.setblocking(False)
    return pair

async def drain_always(loop, reader, drain):
    while True:
        await loop.sock_recv(reader, 64)
        drain()

def watch(loop, descriptor, drain, bridge):
    try:
        loop.add_reader(descriptor, drain)
    except NotImplementedError:  # asyncio.ProactorEventLoop of Windows
        if isinstance(descriptor, int):
            raise NotImplementedError(f'{loop!r} has no add_reader(), by which C++ threads could wake it') from None
        bridge = bridge, loop.create_task(drain_always(loop, descriptor, drain))
    bridges[loop] = bridge

def bridge_of(loop):
    bridge = bridges.get(loop)
    return bridge[0] if isinstance(bridge, tuple) else bridge

running_loop = asyncio._get_running_loop

class Promised:
    __slots__ = 'future',
    def __init__(self, future): self.future = future
    def __await__(self): return self.future().__await__()

class Ready(collections.deque):
    ran = 0
    def popleft(self):
        self.ran += 1
        return super().popleft()

# Where asyncio has no memory for the next step of a task, Handle._run() tells the exception handler, and the task is
# lost: that ends the run, and who runs the loop looks for the task. Other code may raise a MemoryError too, also code
# of C, which has no frame. What belongs to a task is a method of a Future, or, of ours, of a capsule.
def is_loss_of_task(trace, teller, callback):
    owner, is_c = getattr(callback, '__self__', None), isinstance(callback, (type, types.BuiltinFunctionType))
    return teller.f_code is asyncio.Handle._run.__code__ and all(
        frame.f_globals.get('__name__', '').startswith('asyncio') for frame, _ in traceback.walk_tb(trace)) and not (
        is_c and not asyncio.isfuture(owner) and type(owner).__name__ != 'PyCapsule' and trace and not trace.tb_next)

def watch_losses(loop):
    handle = loop.call_exception_handler
    def call_exception_handler(context):
        exception = context.get('exception')
        is_loss = isinstance(exception, MemoryError) and 'handle' in context and is_loss_of_task(
            exception.__traceback__, sys._getframe(1), context['handle']._callback)
        if is_loss:
            context.pop('handle', None)  # which refers to the task, as the frames do
            traceback.clear_frames(exception.__traceback__)
        handle(context)
        if is_loss and loop.is_running():
            raise MemoryError('the event loop had no memory for the next step of a task')
    with contextlib.suppress(AttributeError):  # a loop that is written in C
        loop.call_exception_handler = call_exception_handler

def make(is_pumped, descriptor, drain, bridge):
    if is_pumped:
        selector = selectors.DefaultSelector()
        loop = asyncio.SelectorEventLoop(selector)
        loop._ready = Ready(loop._ready)  # all versions keep in it what runs next
        handle = selector.fileno() if hasattr(selector, 'fileno') else descriptor.fileno()
    else:
        loop = asyncio.SelectorEventLoop() if sys.platform == 'win32' else asyncio.new_event_loop()
        handle = -1
    try:
        watch(loop, descriptor, drain, bridge)
        watch_losses(loop)
        made.add(loop)
        return loop, handle
    except BaseException:
        loop.close()
        raise

def refusal(loop, awaitable):
    if asyncio.isfuture(awaitable):
        if awaitable.get_loop() is not loop:
            raise ValueError(f'{awaitable!r} belongs to another event loop: await it there')
    elif not inspect.isawaitable(awaitable):
        hint = ': call the function first' if inspect.iscoroutinefunction(awaitable) else ''
        raise TypeError(f'an awaitable was wanted, such as a coroutine, not {awaitable!r}{hint}')

def drop(awaitable):
    if inspect.iscoroutine(awaitable):
        awaitable.close()

async def wait_for_call(function):
    result, function = function(), None  # the traceback of an error would keep it
    return await result if inspect.isawaitable(result) else result

async def wait_for_awaitable(awaitable): return await awaitable

def plain(awaitable):
    if asyncio.isfuture(awaitable) or inspect.iscoroutine(awaitable):
        return awaitable
    return wait_for_awaitable(awaitable)

def begin(awaitable, done):
    task = asyncio.ensure_future(plain(awaitable))
    try:
        task.add_done_callback(done)
    except MemoryError:
        task.cancel()
        raise
    return task

def settle(loop):  # run_forever() leaves it, and perhaps another of ours, where it gets a MemoryError
    running, is_here = asyncio._get_running_loop(), getattr(loop, '_thread_id', None) == threading.get_ident()
    if any(x is not None and type(x).run_forever is not asyncio.BaseEventLoop.run_forever for x in (loop, running)):
        return  # nobody can see whether a script runs it
    if is_here or running is not None and (running is loop or running in made):
        frame = sys._getframe()
        while frame:
            if frame.f_code is asyncio.BaseEventLoop.run_forever.__code__:  # a script runs it
                return
            frame = frame.f_back
        asyncio._set_running_loop(None)
        if is_here:
            loop._thread_id = None

def close(loop):
    settle(loop)
    loop.close()
    getattr(loop, '__dict__', {}).pop('call_exception_handler', None)  # it refers to the loop

class Kept:
    def __init__(self, loop):
        self.loop, self.run, self.is_cut, self.process = loop, loop.run_until_complete, False, os.getpid()
        made.add(loop)
        watch_losses(loop)
    def __del__(self, close=close, getpid=os.getpid):
        if self.process == getpid() and not self.loop.is_running():
            close(self.loop)

here = threading.local()  # the loop of each thread that calls run_until_complete()
atexit.register(here.__dict__.clear)

async def within(seconds, awaitable):
    task = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except BaseException:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done and not task.cancelled():
        task.exception()
    ignored = '' if done else ', and the task ignored its cancellation for as long'
    raise TimeoutError(f'the task took longer than the timeout of {seconds:g} s{ignored}')

def run_until_complete(awaitable, seconds):
    wanted, kept = awaitable, getattr(here, 'kept', None)
    try:
        if kept is None or kept.loop.is_closed():
            kept = here.kept = Kept(asyncio.new_event_loop())
        loop = kept.loop
        if not isinstance(awaitable, types.CoroutineType):
            refusal(loop, awaitable)
            wanted = awaitable = plain(awaitable)
        if asyncio._get_running_loop():
            settle(loop)
        if asyncio._get_running_loop():
            raise RuntimeError('run_until_complete() was called in a running event loop: use await there')
        if kept.is_cut:
            kept.is_cut = False
            loop.stop()  # one round: what was left may stop the loop
            loop.run_forever()
        if seconds is not None:
            wanted = within(seconds, awaitable)
        return kept.run(wanted)
    except BaseException as error:
        end_run(kept, wanted, awaitable)
        if kept is not None and (not isinstance(error, Exception) or isinstance(error, MemoryError)):
            kept.is_cut = True
        raise

def end_run(kept, wanted, awaitable):
    if kept is not None:
        settle(kept.loop)
    if getattr(wanted, 'cr_frame', None):  # what was raised, as a DeadlineError, has ended the loop, not the task
        for task in asyncio.all_tasks(kept.loop) if kept else ():
            if task.get_coro() is wanted:
                task.cancel()
                break
        else:
            drop(wanted)
            drop(awaitable)

def run(loop):
    if loop.is_closed():
        return False
    settle(loop)
    loop.run_forever()
    return True

def stop():
    loop = asyncio.get_running_loop()
    try:
        loop.stop()
    except Exception:  # of a script's own loop
        asyncio.BaseEventLoop.stop(loop)

def report(exception, what):
    asyncio.get_running_loop().call_exception_handler({'message': what, 'exception': exception})

def poll(loop):
    settle(loop)
    loop._check_running()  # else stop() would stop whoever runs it
    ready, before = loop._ready, loop._ready.ran
    for rounds in range(100):
        loop.stop()  # before run_forever(): one round, which does not wait
        loop.run_forever()
        if not ready:
            break
    return ready.ran - before

def next_timer(loop):
    if loop._ready:
        return 0.0
    timers = loop._scheduled
    return max(timers[0].when() - loop.time(), 0.0) if timers else -1.0

# It may be called again if it raises: asyncio may lose the task that is made here too.
def cancel_all(loop, seconds):
    if loop.is_closed():
        return
    until = time.monotonic() + seconds
    def left():
        return max(until - time.monotonic(), 0)
    async def finish(tasks):
        own, asked, deaf = asyncio.current_task(), set(), set()
        while tasks and (not asked or left()):
            for task in tasks - asked:
                try:
                    task.cancel()
                except MemoryError:
                    raise
                except Exception as error:
                    deaf.add(task)
                    loop.call_exception_handler({'message': 'cancel() of a task failed', 'exception': error})
            asked |= tasks
            if tasks - deaf:
                await asyncio.wait(tasks - deaf, timeout=left())
            tasks = asyncio.all_tasks() - deaf - {own}
        await asyncio.wait({loop.create_task(loop.shutdown_asyncgens())}, timeout=left())
        if sys.version_info >= (3, 12):
            await loop.shutdown_default_executor(left())
        asyncio.BaseEventLoop.stop(loop)  # stop() may be a script's own
    settle(loop)
    # From 3.14 on a running loop is asked for the tasks that this thread made.
    finishing = finish(asyncio.all_tasks(loop))
    loop.call_later(left() + 0.05, asyncio.BaseEventLoop.stop, loop)  # where a script's loop makes nothing work
    try:
        loop.run_until_complete(finishing)
    except BaseException:
        drop(finishing)
        raise
    if sys.version_info < (3, 12) and (executor := getattr(loop, '_default_executor', None)) is not None:
        waiter = threading.Thread(target=executor.shutdown, daemon=True)
        waiter.start()
        waiter.join(left())
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
