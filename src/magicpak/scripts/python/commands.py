"""Which programs the code of a module of Python executes: those that it names by constants."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.scripts.python.values import UNKNOWN, Values


class _Callee(NamedTuple):
    """A function that executes a program: which argument says what, and how that is read."""

    position: int = 0
    keyword: str = "args"
    is_shell: bool = False
    is_certain: bool = True


_SHELL = _Callee(keyword="cmd", is_shell=True)
_EXEC = _Callee(keyword="path")
_KINDS = ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
_CALLEES = {
    **{f"subprocess.{name}": _Callee() for name in ("run", "call", "check_call", "check_output", "Popen")},
    **dict.fromkeys(("subprocess.getoutput", "subprocess.getstatusoutput"), _SHELL),
    **dict.fromkeys(("os.system", "os.popen", "os.popen2", "os.popen3"), _SHELL),
    **dict.fromkeys(("commands.getoutput", "commands.getstatusoutput", "asyncio.create_subprocess_shell"), _SHELL),
    **{f"os.exec{kind}": _EXEC for kind in _KINDS},
    **{f"os.spawn{kind}": _Callee(1, "file") for kind in _KINDS},
    **dict.fromkeys(("os.posix_spawn", "os.posix_spawnp", "pty.spawn"), _EXEC),
    "asyncio.create_subprocess_exec": _Callee(keyword="program"),
    **dict.fromkeys(("shutil.which", "distutils.spawn.find_executable"), _Callee(keyword="cmd", is_certain=False)),
}

_SEPARATORS = re.compile(r"\|\|?|&&?|;|\n|\$\(|`|[()]|\{\s")
_ASSIGNED = re.compile(r"\w+=")
_PREFIXES = {
    "sudo",
    "env",
    "nice",
    "nohup",
    "exec",
    "time",
    "command",
    "xargs",
    "timeout",
    "setsid",
    "stdbuf",
    "ionice",
}
_RESERVED = {"if", "then", "elif", "else", "while", "until", "do", "!"}
_BUILT_IN = {
    *("cd", "echo", "export", "set", "unset", "test", "[", "true", "false", "exit", "read", "printf", "kill", "umask"),
    *("for", "fi", "done", "case", "esac", "exec", "eval", "source", ".", "trap", "ulimit", "wait", "type", "command"),
    *("pwd", "return", "shift", "local", "time", "alias", "break", "continue", "}"),
}
_MAX_WORDS = 64


class NamedProgram(NamedTuple):
    """A program that is executed, by its path or name; it may be if that is not certain. A module is one of ours."""

    program: str
    is_certain: bool = True
    is_module: bool = False


def executions(
    calls: Sequence[tuple[ast.Call, str]], values: Values, names: Mapping[str, str]
) -> Iterator[NamedProgram]:
    """Yield what `calls` execute, each given with the function that it stands in; `names` are what is imported.

    A call of a function of the module that only passes its argument on to be executed counts as well.
    """
    wrappers: dict[str, _Callee] = {}
    for call, within in calls:
        callee = _CALLEES.get(dotted(call.func, names))
        command = _argument(call, callee) if callee else None
        if callee and command:
            passed = command.value if isinstance(command, ast.Starred) else command
            function, _, parameters = within.partition("(")
            if isinstance(passed, ast.Name) and passed.id in (listed := parameters.split(",")):
                wrappers[function] = callee._replace(position=listed.index(passed.id), keyword=passed.id)
            yield from _executed(command, call, callee, values)
    for call, _ in calls:
        callee = wrappers.get(dotted(call.func, names).rpartition(".")[2])
        command = _argument(call, callee) if callee else None
        if callee and command:
            yield from _executed(command, call, callee, values)


def dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    """Return the full name of the function that `node` stands for: `subprocess.run` for `run` if that is imported."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ".".join(["", *reversed(parts)])
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def _argument(call: ast.Call, callee: _Callee) -> ast.expr | None:
    if len(call.args) > callee.position:
        return call.args[callee.position]
    return next((each.value for each in call.keywords if each.arg == callee.keyword), None)


def _executed(command: ast.expr, call: ast.Call, callee: _Callee, values: Values) -> Iterator[NamedProgram]:
    is_shell = callee.is_shell or any(
        each.arg == "shell" and getattr(each.value, "value", True) for each in call.keywords
    )
    if is_shell:
        yield NamedProgram("/bin/sh")
    for words in values.commands(command):
        yield from _of_words(words, callee)
    for text in values.texts(command):
        if is_shell or " " in text:
            yield from shell_executions(text)
        elif text and UNKNOWN not in text:
            yield NamedProgram(text, callee.is_certain)


def _of_words(words: Sequence[str], callee: _Callee) -> Iterator[NamedProgram]:
    match words:
        case ["sys.executable", "-m", module, *_] if UNKNOWN not in module:
            yield NamedProgram(module, is_module=True)
        case ["sh" | "/bin/sh" | "bash" | "/bin/bash" as shell, "-c", text, *_]:
            yield NamedProgram(shell)
            yield from shell_executions(text)
        case [program, *_] if program and UNKNOWN not in program:
            for each in _unwrapped(words):
                yield NamedProgram(each, callee.is_certain)


def shell_executions(text: str) -> Iterator[NamedProgram]:
    """Yield the programs that a command line of a shell names first in a command. Words in quotes are no commands."""
    unquoted = re.sub(r"\\.|'[^']*'|\"[^\"]*\"|\d?>&\d?|&>", UNKNOWN, text)
    for command in _SEPARATORS.split(unquoted):
        words = [word for word in command.split()[:_MAX_WORDS] if word not in _RESERVED]
        while words and _ASSIGNED.match(words[0]):
            words.pop(0)
        yield from (NamedProgram(each) for each in _unwrapped(words) if each not in _BUILT_IN)


def _unwrapped(words: Sequence[str]) -> Iterator[str]:
    """Yield the first of `words` and, if that executes what comes after it, what that is."""
    for at, word in enumerate(words):
        if at and (word.startswith("-") or _ASSIGNED.match(word)):
            continue
        if UNKNOWN in word or not word.strip("#<>"):
            return
        yield word
        if word.rpartition("/")[2] not in _PREFIXES:
            return
