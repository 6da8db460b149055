"""Completions for bash, zsh and fish: text without a call of magicpak, so that they cost nothing."""

from collections.abc import Iterator

from manual.described import Described, Option, Value

_MADE = "made by `python3 -m manual` from the command line: do not edit"

_BASH = """\
# bash completion for magicpak, {made}

_magicpak() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} kind=-f
    COMPREPLY=()
    # bash parts --layout=host into three words
    if [[ $current == '=' ]]; then
        current=
    elif [[ $before == '=' ]]; then
        before=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case $before in
{cases}
    *)
        if [[ $current == -* && " ${{COMP_WORDS[*]:0:COMP_CWORD}} " != *' -- '* ]]; then
            mapfile -t COMPREPLY < <(compgen -W '{names}' -- "$current")
            return
        fi
        ;;
    esac
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$kind" -- "$current")
}}

complete -F _magicpak magicpak
"""

_BASH_KINDS = {Value.FILE: "kind=-f", Value.DIRECTORY: "kind=-d", Value.COMMAND: "kind=-c", Value.TEXT: "return"}
_ZSH_KINDS = {Value.FILE: "_files", Value.DIRECTORY: "_files -/", Value.COMMAND: "_command_names -e", Value.TEXT: " "}
_FISH_KINDS = {
    Value.NONE: "-f",
    Value.FILE: "-r -F",
    Value.DIRECTORY: "-x -a '(__fish_complete_directories)'",
    Value.COMMAND: "-r -F -a '(__fish_complete_command)'",
    Value.TEXT: "-x",
}


def bash(about: Described) -> str:
    """Return the function for bash and its registration."""
    names = " ".join(name for option in about.options for name in option.names)
    return _BASH.format(made=_MADE, cases="\n".join(_bash_cases(about)), names=names)


def _bash_cases(about: Described) -> Iterator[str]:
    for kind, action in _BASH_KINDS.items():
        names = [name for option in about.options if option.value is kind for name in option.names]
        if names:
            yield f"    {' | '.join(names)}) {action} ;;"
    for option in about.options:
        if option.value is Value.WORDS:
            yield f"    {' | '.join(option.names)})"
            yield f"        mapfile -t COMPREPLY < <(compgen -W '{' '.join(option.words)}' -- \"$current\")"
            yield "        return"
            yield "        ;;"


def zsh(about: Described) -> str:
    """Return the function for zsh, as a file that its compinit finds."""
    lines = [f"    {_zsh_option(option)} \\" for option in about.options]
    return "\n".join([f"#compdef magicpak\n# {_MADE}\n", "_arguments -s -S : \\", *lines, "    '*:file:_files'\n"])


def _zsh_option(option: Option) -> str:
    words = option.help.replace("[", "\\[").replace("]", "\\]").replace("'", "'\\''").replace(":", "\\:")
    names = [_zsh_name(name, option) for name in option.names]
    if option.value is Value.NONE:
        value = ""
    else:
        offered = f"({' '.join(option.words)})" if option.words else _ZSH_KINDS[option.value]
        value = f":{option.metavar.split('[')[0].strip() or 'value'}:{offered}"
    exclusive = "*" if option.repeatable else f"({' '.join(option.names)})"
    spread = f"'{exclusive}'{{{','.join(names)}}}'" if len(names) > 1 else f"'{exclusive}{names[0]}"
    return f"{spread}[{words}]{value}'"


def _zsh_name(name: str, option: Option) -> str:
    """Return the name with the mark of how its value follows: `+` in the word or the next one, `=` also after one."""
    if option.value is Value.NONE:
        return name
    return f"{name}=" if name.startswith("--") else f"{name}+"


def fish(about: Described) -> str:
    """Return the completions for fish."""
    lines = [f"# fish completion for magicpak, {_MADE}", *(_fish_option(option) for option in about.options)]
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    kind = f"-x -a '{' '.join(option.words)}'" if option.words else _FISH_KINDS[option.value]
    words = option.help.replace("\\", "\\\\").replace("'", "\\'")
    return f"complete -c magicpak {names} {kind} -d '{words}'"
