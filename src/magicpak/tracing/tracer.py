"""Follows a program and all that it starts to the end of the last process, stop by stop (ptrace(2))."""

import errno
import os
import signal
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from magicpak.tracing import dumpable, memory, pid1, procfs, ptrace
from magicpak.tracing.affinity import Affinity
from magicpak.tracing.attach import OPTIONS, TracedChild
from magicpak.tracing.handlers import PendingExec, on_entry
from magicpak.tracing.machines import SyscallMachine
from magicpak.tracing.path_args import SyscallEntry, TracedProcess
from magicpak.tracing.ptrace import CLONE_UNTRACED, PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SYSCALL_INFO_EXIT, SyscallStop
from magicpak.tracing.recorder import OnExit, Recorder
from magicpak.tracing.registers import SyscallReader
from magicpak.tracing.seccomp import OURS

_STOPPED = 0x7F  # the low byte of a wait status
_SYSCALL_STOP = signal.SIGTRAP | 0x80  # by PTRACE_O_TRACESYSGOOD
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_PARENTHOOD = (ptrace.PTRACE_EVENT_FORK, ptrace.PTRACE_EVENT_VFORK, ptrace.PTRACE_EVENT_CLONE)
_LOOKS = 500
"""How often to look for the next stop before sleeping, unless the next one can only come once we sleep."""


class _Thread:
    """One thread: its process, once that is known, and the call that it is in, as far as we wait for its end."""

    __slots__ = ("finish", "is_announced", "is_inside", "process", "tid")

    def __init__(self, tid: int, process: TracedProcess | None) -> None:
        self.tid = tid
        self.process = process
        self.finish: OnExit | None = None
        self.is_inside = False
        """Whether its last system call stop was one at the beginning."""
        self.is_announced = False
        """Whether the stop of the thread that made it has been seen."""


class Outcome(NamedTuple):
    """How the run ended: the wait status of the program itself, and what still ran when we ended all."""

    status: int
    still_running: tuple[str, ...]


class Tracer:
    """Handles the stops of all threads, in the order in which they come: none waits for another."""

    def __init__(
        self, child: TracedChild, words: tuple[str, ...], path: str, machine: SyscallMachine, recorder: Recorder
    ) -> None:
        """Take the child, its command line and the path of its program, and what collects its uses."""
        self._child = child
        self._words, self._path = words, path
        self._recorder = recorder
        self._reader = SyscallReader(machine)
        self._resume = PTRACE_CONT if child.filtered else PTRACE_SYSCALL
        self._looks = _LOOKS if len(os.sched_getaffinity(0)) > 1 else 0
        self._affinity = Affinity()
        self._affinity.when_late(self._part)
        self._tasks: dict[int, _Thread] = {child.pid: _Thread(child.pid, None)}
        self._tasks[child.pid].is_announced = True
        self._processes: dict[int, TracedProcess] = {}
        self._ended_early: dict[int, tuple[int, TracedProcess | None]] = {}
        self._closes = dumpable.is_needed()
        self._still_running: tuple[str, ...] = ()
        self._asked: set[TracedProcess] = set()
        self._is_over = False
        self._ours: dict[str, Callable[[_Thread, Sequence[int]], None]] = {
            "refuse": self._refuse,
            "part": lambda _task, _arguments: self._part(for_good=True),
            "change user": self._changes_user,
            "clone": self._trace_clone,
            "clone3": self._trace_clone3,
        }
        """The kinds of calls that are about the threads themselves."""
        self.has_started = False

    def run(self, *, to_the_last: bool = True) -> Outcome:
        """Follow all to the end of the last process, or of the program itself: then it ends all others."""
        outcome = int(signal.SIGKILL)  # unless it ends before we give up
        while not self._is_over:
            try:
                tid, status = self._next()
            except ChildProcessError:
                break
            if status & 0xFF == _STOPPED:
                try:  # noqa: SIM105 - suppress() costs a microsecond at each stop
                    self._stopped(tid, status >> 8)
                except ProcessLookupError:
                    pass  # killed while it was stopped: its end is reported next
            else:
                if tid == self._child.pid:
                    outcome = status
                self._ended(tid, status)
                if tid == self._child.pid and not to_the_last:
                    self.give_up()
        return Outcome(outcome, self._still_running)

    def ask_to_end(self) -> None:
        """Send SIGTERM to all processes, to each once, and wake those that are stopped."""
        if not self._still_running:
            self._still_running = tuple(dict.fromkeys(map(self._recorder.program, self._processes.values())))
        for pid, process in list(self._processes.items()):
            if process not in self._asked:
                self._asked.add(process)
                _send(pid, signal.SIGTERM)
                _send(pid, signal.SIGCONT)

    def give_up(self) -> None:
        """End the run, whatever still goes on: what is left ends with this process (PTRACE_O_EXITKILL)."""
        self._is_over = True
        for pid in list(self._processes):
            _send(pid, signal.SIGKILL)

    def _next(self) -> tuple[int, int]:
        if not self._affinity.is_so:
            for _ in range(self._looks):
                found = os.waitpid(-1, ptrace.WALL | os.WNOHANG)
                if found[0]:
                    return found
        return os.waitpid(-1, ptrace.WALL)

    def _stopped(self, tid: int, status: int) -> None:
        number, event = status & 0xFF, status >> 8
        task = self._tasks.get(tid)
        if task is None:
            task = self._new_task(tid)
        if event == ptrace.PTRACE_EVENT_SECCOMP:
            self._filtered(task)
        elif number == _SYSCALL_STOP:
            self._syscall_stop(task)
            number = 0
        elif event in _PARENTHOOD:
            self._has_child(task, ptrace.get_event_message(tid), event)
        elif event == ptrace.PTRACE_EVENT_EXEC:
            task = self._executes(tid, ptrace.get_event_message(tid))
        elif event == ptrace.PTRACE_EVENT_STOP and number in _STOPPING:
            ptrace.ptrace(ptrace.PTRACE_LISTEN, tid)
            return
        elif not event and number in pid1.FAULTS and pid1.is_beyond_help(tid, number):
            _send(tid, signal.SIGKILL)
        ptrace.resume(PTRACE_SYSCALL if task.finish else self._resume, tid, 0 if event else number)

    def _filtered(self, task: _Thread) -> None:
        """Take a stop by a seccomp filter. By the program's own one: as without a tracer, the call does not exist."""
        task.is_inside = True
        stop = self._reader.read(task.tid, ending=False)
        if stop.data == OURS:
            self._begins(task, stop)
        else:
            self._refuse(task, stop.arguments)

    def _refuse(self, task: _Thread, _arguments: Sequence[int]) -> None:
        self._reader.refuse(task.tid)
        task.finish = lambda _result: self._reader.set_result(task.tid, -errno.ENOSYS)

    def _syscall_stop(self, task: _Thread) -> None:
        stop = self._reader.read(task.tid, ending=task.is_inside)
        if stop.op != PTRACE_SYSCALL_INFO_EXIT:
            task.is_inside = True
            self._begins(task, stop)
            return
        task.is_inside = False
        finish, task.finish = task.finish, None
        if finish is not None:
            finish(stop.number)

    def _begins(self, task: _Thread, stop: SyscallStop) -> None:
        """Take that a call begins, by the filter's stop or by an ordinary one."""
        known = self._reader.calls.get((stop.arch, stop.number))
        if known is None or not self.has_started:
            return
        call, abi = known
        arguments = stop.arguments if abi.mask is None else tuple(each & abi.mask for each in stop.arguments)
        ours = self._ours.get(call.kind)
        if ours is not None:
            ours(task, arguments)
        else:
            process = task.process or self._orphan(task)
            task.finish = on_entry(
                self._recorder, SyscallEntry(task.tid, process, call, abi, arguments, stop.instruction)
            )

    def _changes_user(self, task: _Thread, _arguments: Sequence[int]) -> None:
        task.finish = partial(self._has_changed_user, task)
        self._part(for_good=True)

    def _has_changed_user(self, task: _Thread, result: int) -> None:
        self._recorder.something_changes()
        if not result and self._closes:
            task.finish = dumpable.let_set(self._reader, task.tid)

    def _trace_clone(self, task: _Thread, arguments: Sequence[int]) -> None:
        """Let no child escape: what it calls would fail with ENOSYS, since the filter finds no tracer (seccomp(2))."""
        if arguments[0] & CLONE_UNTRACED:
            self._reader.set_argument(task.tid, 0, arguments[0] & ~CLONE_UNTRACED)

    def _trace_clone3(self, task: _Thread, arguments: Sequence[int]) -> None:
        """Do the same for clone3(2), whose flags are in memory, which gets them back in the end."""
        tid, address = task.tid, arguments[0]
        try:
            data = memory.bytes_at(tid, address, 8)
        except memory.Unreadable:
            return
        flags = struct.unpack("=Q", data)[0] if data else 0
        if flags & CLONE_UNTRACED:
            ptrace.poke_memory(tid, address, flags & ~CLONE_UNTRACED)
            task.finish = lambda _result: ptrace.poke_memory(tid, address, flags)

    def _has_child(self, task: _Thread, tid: int, event: int) -> None:
        """Take that `task` has made the thread or process `tid`, which may have been seen, or have ended, before."""
        process = task.process or self._orphan(task)
        if tid in self._ended_early:
            status, known = self._ended_early.pop(tid)
            if known is None and event != ptrace.PTRACE_EVENT_CLONE:
                known = self._recorder.forked(process, tid)
                self._recorder.ended(known, os.waitstatus_to_exitcode(status))
            if known is not None:
                self._recorder.set_parent(known, process)
            return
        child = self._tasks.get(tid) or self._new_task(tid)
        child.is_announced = True
        if child.process is None:  # it has called nothing so far
            self._recorder.names.directories.inherits(tid, task.tid)
        self._affinity.born(tid, task.tid)
        if child.process is None:
            is_thread = event == ptrace.PTRACE_EVENT_CLONE and os.path.exists(f"/proc/{process.pid}/task/{tid}")
            child.process = process if is_thread else self._new_process(process, tid)
        else:
            self._recorder.set_parent(child.process, process)

    def _new_task(self, tid: int) -> _Thread:
        task = self._tasks[tid] = _Thread(tid, None)
        self._recorder.names.directories.is_new(tid)
        return task

    def _part(self, *, for_good: bool = False) -> None:
        self._affinity.part(list(self._tasks), for_good=for_good)

    def _orphan(self, task: _Thread) -> TracedProcess:
        """Return the process of a thread that calls something before its maker's stop is reported."""
        pid = procfs.process_of(task.tid)
        process = self._processes.get(pid)
        if process is None:
            parent = self._processes.get(procfs.parent_of(pid))
            process = self._new_process(parent, pid)
        task.process = process
        return process

    def _new_process(self, parent: TracedProcess | None, pid: int) -> TracedProcess:
        process = self._processes[pid] = self._recorder.forked(parent, pid)
        return process

    def _executes(self, pid: int, former: int) -> _Thread:
        """Take that the thread `former` has executed another program; it has the number of its process from now on."""
        task = self._tasks.pop(former, None) or _Thread(former, None)
        self._tasks[pid] = task
        task.tid = pid
        if former != pid:
            self._recorder.names.directories.is_new(pid)
        task.is_inside = True  # the end of execve comes next
        finish, task.finish = task.finish, None
        if not self.has_started:
            self.has_started = True
            task.process = self._processes[pid] = TracedProcess(pid)
            self._recorder.executed(task.process, self._path, self._words, by=None)
            if not self._child.filtered:  # a filter of the program's own finds no tracer then, as it should
                ptrace.ptrace(ptrace.PTRACE_SETOPTIONS, pid, 0, OPTIONS & ~ptrace.PTRACE_O_TRACESECCOMP)
            self._affinity.alone(pid)
            return task
        process = task.process or self._orphan(task)
        if isinstance(finish, PendingExec):
            finish(0)
            path, words = finish.named.path, finish.words
        else:  # its beginning could not be read
            path, words = procfs.executable_of(pid)[0], ()
        self._recorder.executed(process, path, words, by=process.execution)
        return task

    def _ended(self, tid: int, status: int) -> None:
        task = self._tasks.pop(tid, None)
        if task is None or not task.is_announced:
            self._ended_early[tid] = status, task.process if task else None
        process = self._processes.pop(tid, None)
        if process is not None:
            self._recorder.ended(process, os.waitstatus_to_exitcode(status))
        if len(self._tasks) == 1:
            self._affinity.alone(*self._tasks)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
