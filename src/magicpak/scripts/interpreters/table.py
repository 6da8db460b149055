"""The languages that rows describe, by the names of their rows among all languages."""

from magicpak.scripts.interpreters.guile import GUILE
from magicpak.scripts.interpreters.interpreted import Interpreted
from magicpak.scripts.interpreters.lua import ANY_LUA, LUA
from magicpak.scripts.interpreters.node import NODE
from magicpak.scripts.interpreters.php import PHP
from magicpak.scripts.interpreters.r import R
from magicpak.scripts.interpreters.small import AWK, ERLANG, MAKE, OCAML, OCAMLRUN
from magicpak.scripts.interpreters.tcl import JIM, TCL, TK

INTERPRETED: dict[str, Interpreted] = {
    "node": NODE,
    "tcl": TCL,
    "tk": TK,
    "jim": JIM,
    "lua": LUA,
    "lua-any": ANY_LUA,
    "php": PHP,
    "guile": GUILE,
    "awk": AWK,
    "R": R,
    "ocaml": OCAML,
    "ocamlrun": OCAMLRUN,
    "erlang": ERLANG,
    "make": MAKE,
}
