"""Commands that are one program with its arguments: these are started without the shell that would only start them.

A shell takes longer to start than many a program. What is read here is less than bash reads: words of characters that
mean nothing to it, and placeholders outside quotes. Whatever else stands in a text, or in the environment that bash
would look at, is for bash; so are redirections and line breaks, with which it starts a process that doesn't lead its
group. And so is what can't be started: it tells why.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence

from dbuild.recipes.placeholders import Placeholder
from dbuild.recipes.processes import Program, program_place

_TOKEN = re.compile(r"[ \t]+|[\w./:,+@%=-]+", re.ASCII)  # what means nothing but itself to bash
_NAME = re.compile(r"(?!-)[\w./+@-]+", re.ASCII)  # of a program: neither an assignment nor a job nor an option
# Builtins of bash, and words of its language.
_BUILTINS = """
. : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown echo enable
eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd
read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias
unset wait
if then else elif fi case esac for select while until do done in function time coproc
"""
_OWN = frozenset(_BUILTINS.split())
# Variables that bash reads, sets anew or, on macOS, doesn't get; by how they begin.
_LOOKED_AT = (b"BASH", b"DYLD_", b"EXECIGNORE", b"IFS", b"LINENO", b"OPT", b"POSIXLY_", b"PS4", b"SHELLOPTS")
_REMOTE = frozenset({b"SSH_CLIENT", b"SSH2_CLIENT"})  # with these the first shell reads its start-up files
_DEEPEST = 999  # shells in each other, after which bash counts anew

Segment = str | Placeholder
Word = tuple[Segment, ...]  # parts that stand side by side


def plain(pieces: tuple[Segment, ...]) -> tuple[Word, ...] | None:
    """The words of a text, cut at placeholders that stand outside quotes; None where it has to be read by bash."""
    words: list[list[Segment]] = []
    is_open = False
    last = len(pieces) - 1
    for place, piece in enumerate(pieces):
        parts: list[Segment] = [piece]
        if isinstance(piece, str):
            text = piece if place else piece.lstrip(" \t\n")
            text = text.removesuffix("\n") if place == last else text
            parts = [found[0] for found in _TOKEN.finditer(text)]
            if "".join(map(str, parts)) != text:
                return None
        for part in parts:
            is_blank = isinstance(part, str) and part[0] in " \t"
            if not is_blank and is_open:
                words[-1].append(part)
            elif not is_blank:
                words.append([part])
            is_open = not is_blank
    return tuple(map(tuple, words)) if words and _is_program(words[0]) else None


def _is_program(word: Sequence[Segment]) -> bool:
    name = word[0]
    return len(word) == 1 and isinstance(name, str) and bool(_NAME.fullmatch(name)) and name not in _OWN


def program_of(
    words: Sequence[Word],
    values: Callable[[Placeholder], Sequence[str]],
    environment: Mapping[bytes, bytes],
    folder: str,
) -> Program | None:
    """The program with its arguments and environment, as bash would start it in a folder; None where that is for bash
    to say."""
    level = environment.get(b"SHLVL", b"0")
    if any(name.startswith(_LOOKED_AT) for name in environment) or not level.isdigit() or int(level) >= _DEEPEST:
        return None
    if int(level) == 0 and not _REMOTE.isdisjoint(environment):
        return None
    arguments = [argument for word in words for argument in _expanded(word, values)]
    name = arguments[0]
    place = name if "/" in name else program_place(name, environment.get(b"PATH", b""))
    if not place:
        return None
    said = _folder_said(environment.get(b"PWD", b""), os.fsencode(folder))
    told = {**environment, b"_": os.fsencode(place), b"PWD": said, b"SHLVL": level}
    before = told.get(b"OLDPWD")
    if before is not None and not (before and os.path.isdir(os.path.join(os.fsencode(folder), before))):
        del told[b"OLDPWD"]
    return Program(arguments, told, place)


def _expanded(word: Word, values: Callable[[Placeholder], Sequence[str]]) -> list[str]:
    """The words that one becomes: a placeholder with several values ends one and begins another."""
    found: list[str] = []
    for segment in word:
        parts = (segment,) if isinstance(segment, str) else values(segment)
        for number, part in enumerate(parts):
            if found and not number:
                found[-1] += part
            else:
                found.append(part)
    return found


def _folder_said(said: bytes, folder: bytes) -> bytes:
    """What PWD says: as it was said, also through links, where that is the folder."""
    try:
        if said[:1] == b"/" and os.path.samefile(said, folder):
            return said
    except OSError:
        pass
    return os.path.realpath(folder)
