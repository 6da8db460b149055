"""Follows a program and all that it starts to the end of the last process, stop by stop (ptrace(2))."""

import errno
import os
import signal
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from magicpak.process.exec import Command
from magicpak.tracing import dumpable, memory, procfs, ptrace
from magicpak.tracing.affinity import Affinity
from magicpak.tracing.attach import OPTIONS, TracedChild
from magicpak.tracing.handlers import PendingExec, on_entry
from magicpak.tracing.machines import SyscallMachine
from magicpak.tracing.path_args import SyscallEntry, TracedProcess
from magicpak.tracing.ptrace import CLONE_UNTRACED, PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SYSCALL_INFO_EXIT, SyscallStop
from magicpak.tracing.recorder import Recorder
from magicpak.tracing.registers import SyscallReader
from magicpak.tracing.seccomp import OURS
from magicpak.tracing.threads import ThreadTable, TracedThread

_STOPPED = 0x7F  # the low byte of a wait status
_SYSCALL_STOP = signal.SIGTRAP | 0x80  # by PTRACE_O_TRACESYSGOOD
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_PARENTHOOD = (ptrace.PTRACE_EVENT_FORK, ptrace.PTRACE_EVENT_VFORK, ptrace.PTRACE_EVENT_CLONE)
_FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS})
"""The signals that the kernel sends to a thread for what it has done itself."""
_LOOKS = 500
"""How often to look for the next stop before sleeping, unless the next one can only come once we sleep."""


class Outcome(NamedTuple):
    """How the run ended: the wait status of the program itself, and what still ran when we were asked to end it."""

    status: int
    still_running: tuple[str, ...]


class Tracer:
    """Handles the stops of all threads, in the order in which they come: none waits for another."""

    def __init__(self, child: TracedChild, command: Command, machine: SyscallMachine, recorder: Recorder) -> None:
        self.has_started = False
        self._child = child
        self._command = command
        self._recorder = recorder
        self._reader = SyscallReader(machine)
        self._resume = PTRACE_CONT if child.filtered else PTRACE_SYSCALL
        self._looks = _LOOKS if len(os.sched_getaffinity(0)) > 1 else 0
        self._affinity = Affinity(self._unpin)
        self._threads = ThreadTable(child.pid, recorder)
        self._closes = dumpable.is_needed()
        self._filters = 0
        """How many seccomp filters every process has: ours, and those that we were started with."""
        self._still_running: tuple[str, ...] = ()
        self._asked_to_end: set[TracedProcess] = set()
        self._is_over = False
        self._own_kinds: dict[str, Callable[[TracedThread, Sequence[int]], None]] = {
            "refuse": self._refuse,
            "affinity": lambda _thread, _arguments: self._unpin(for_good=True),
            "change user": self._change_user,
            "clone": self._trace_clone,
            "clone3": self._trace_clone3,
        }
        """The kinds of calls that are about the threads themselves."""

    def run(self, *, to_the_last: bool = True) -> Outcome:
        """Follow all to the end of the last process, or of the program itself: then all others are killed."""
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
                self._threads.remove(tid, status)
                if len(tids := self._threads.tids) == 1:
                    self._affinity.pin(*tids)
                if tid == self._child.pid and not to_the_last:
                    self.give_up()
        return Outcome(outcome, self._still_running)

    def ask_to_end(self) -> None:
        """Send SIGTERM to all processes, to each once, and wake those that are stopped."""
        processes = dict(self._threads.processes)
        if not self._still_running:
            self._still_running = tuple(dict.fromkeys(map(self._recorder.program, processes.values())))
        for pid, process in processes.items():
            if process not in self._asked_to_end:
                self._asked_to_end.add(process)
                _send(pid, signal.SIGTERM)
                _send(pid, signal.SIGCONT)

    def give_up(self) -> None:
        """End the run, whatever still goes on: what is left is killed with this process (PTRACE_O_EXITKILL)."""
        self._is_over = True
        for pid in list(self._threads.processes):
            _send(pid, signal.SIGKILL)

    def _next(self) -> tuple[int, int]:
        if not self._affinity.is_pinned:
            for _ in range(self._looks):
                found = os.waitpid(-1, ptrace.WALL | os.WNOHANG)
                if found[0]:
                    return found
        return os.waitpid(-1, ptrace.WALL)

    def _stopped(self, tid: int, status: int) -> None:
        number, event = status & 0xFF, status >> 8
        thread = self._threads.get(tid)
        if event == ptrace.PTRACE_EVENT_SECCOMP:
            self._filtered(thread)
        elif number == _SYSCALL_STOP:
            self._syscall_stop(thread)
            number = 0
        elif event in _PARENTHOOD:
            child = ptrace.get_event_message(tid)
            if self._threads.add_child(thread, child, event):
                self._affinity.inherited(child, tid)
        elif event == ptrace.PTRACE_EVENT_EXEC:
            thread = self._executes(tid, ptrace.get_event_message(tid))
        elif event == ptrace.PTRACE_EVENT_STOP and number in _STOPPING:
            ptrace.ptrace(ptrace.PTRACE_LISTEN, tid)
            return
        elif not event and number in _FAULTS and _is_beyond_help(tid, number):
            _send(tid, signal.SIGKILL)
        ptrace.resume(PTRACE_SYSCALL if thread.on_exit else self._resume, tid, 0 if event else number)

    def _filtered(self, thread: TracedThread) -> None:
        """Handle a stop by a seccomp filter. By the program's own one: as without a tracer, the call does not exist."""
        thread.is_inside = True
        stop = self._reader.read(thread.tid, ending=False)
        if stop.data == OURS:
            self._begins(thread, stop)
        else:
            self._refuse(thread, stop.arguments)

    def _refuse(self, thread: TracedThread, _arguments: Sequence[int]) -> None:
        self._reader.refuse(thread.tid)
        thread.on_exit = lambda _result: self._reader.set_result(thread.tid, -errno.ENOSYS)

    def _syscall_stop(self, thread: TracedThread) -> None:
        stop = self._reader.read(thread.tid, ending=thread.is_inside)
        if stop.op != PTRACE_SYSCALL_INFO_EXIT:
            thread.is_inside = True
            self._begins(thread, stop)
            return
        thread.is_inside = False
        on_exit, thread.on_exit = thread.on_exit, None
        if on_exit is not None:
            on_exit(stop.number)

    def _begins(self, thread: TracedThread, stop: SyscallStop) -> None:
        """Handle the beginning of a call, seen by the filter's stop or by an ordinary one."""
        known = self._reader.calls.get((stop.arch, stop.number))
        if known is None or not self.has_started:
            return
        call, abi = known
        arguments = stop.arguments if abi.mask is None else tuple(each & abi.mask for each in stop.arguments)
        own = self._own_kinds.get(call.kind)
        if own is not None:
            own(thread, arguments)
        else:
            process = self._threads.process_of(thread)
            entry = SyscallEntry(thread.tid, process, call, abi, arguments, stop.instruction)
            thread.on_exit = on_entry(self._recorder, entry)

    def _change_user(self, thread: TracedThread, _arguments: Sequence[int]) -> None:
        thread.on_exit = partial(self._has_changed_user, thread)
        self._unpin(for_good=True)

    def _has_changed_user(self, thread: TracedThread, result: int) -> None:
        self._recorder.something_changes()
        if not result and self._closes and procfs.filter_count(thread.tid) == self._filters:
            thread.on_exit = dumpable.let_set(self._reader, thread.tid)

    def _trace_clone(self, thread: TracedThread, arguments: Sequence[int]) -> None:
        """Let no child escape: what it calls would fail with ENOSYS, since the filter finds no tracer (seccomp(2))."""
        if arguments[0] & CLONE_UNTRACED:
            self._reader.set_argument(thread.tid, 0, arguments[0] & ~CLONE_UNTRACED)

    def _trace_clone3(self, thread: TracedThread, arguments: Sequence[int]) -> None:
        """Do the same for clone3(2), whose flags are in memory, which gets them back in the end."""
        tid, address = thread.tid, arguments[0]
        try:
            data = memory.bytes_at(tid, address, 8)
        except memory.Unreadable:
            return
        flags = struct.unpack("=Q", data)[0] if data else 0
        if flags & CLONE_UNTRACED:
            ptrace.poke_memory(tid, address, flags & ~CLONE_UNTRACED)
            thread.on_exit = lambda _result: ptrace.poke_memory(tid, address, flags)

    def _unpin(self, *, for_good: bool = False) -> None:
        self._affinity.unpin(self._threads.tids, for_good=for_good)

    def _executes(self, pid: int, former: int) -> TracedThread:
        """Record that the thread `former` has executed another program, and return it."""
        thread = self._threads.rename(former, pid)
        thread.is_inside = True  # the end of execve comes next
        on_exit, thread.on_exit = thread.on_exit, None
        if not self.has_started:
            self._starts(thread)
            return thread
        process = self._threads.process_of(thread)
        if isinstance(on_exit, PendingExec):
            on_exit(0)
            path, argv = on_exit.path, on_exit.argv
        else:  # its beginning could not be read
            path, argv = procfs.executable_of(pid)[0], ()
        self._recorder.executed(process, path, argv, by=process.execution)
        return thread

    def _starts(self, thread: TracedThread) -> None:
        """Record that the program itself is executed: from now on its calls count."""
        self.has_started = True
        thread.process = self._threads.processes[thread.tid] = TracedProcess(thread.tid)
        self._recorder.executed(thread.process, self._command.executable, self._command.argv, by=None)
        self._filters = procfs.filter_count(thread.tid)
        if not self._child.filtered:  # a filter of the program's own finds no tracer then, as without us
            ptrace.ptrace(ptrace.PTRACE_SETOPTIONS, thread.tid, 0, OPTIONS & ~ptrace.PTRACE_O_TRACESECCOMP)
        self._affinity.pin(thread.tid)


def _is_beyond_help(tid: int, number: int) -> bool:
    """Return whether the thread, about to get the fault `number`, is of a process 1 that does not handle it.

    A fault ends process 1 of a namespace like any other, but not while it is traced: then it crashes for ever, and we
    must kill it (kernel/signal.c, force_sig_info_to_task: SIGNAL_UNKILLABLE stays set for a process that is traced).
    Raises OSError: ESRCH where it was killed meanwhile.
    """
    return ptrace.get_signal_code(tid) > 0 and procfs.is_init_without_handler(tid, number)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
