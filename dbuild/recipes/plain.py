"""Commands that are one program with its arguments: these are started without the shell that would only start them.

A shell takes longer to start than many a program. What is read here is less than bash reads: words of characters that
mean nothing to it, placeholders outside quotes, `< file` and `> file`. Whatever else stands in a text, or in the
environment that bash would look at, is for bash. So is what can't be started: it tells why.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from dbuild.recipes.placeholders import Placeholder
from dbuild.recipes.processes import Program, program_place

# A separator, a redirection that stands for itself, or a part of a word that means nothing but itself to bash.
_TOKEN = re.compile(r"[ \t]+|(?<![^ \t])[<>](?![<>])|[\w./:,+@%=-]+", re.ASCII)
_NAME = re.compile(r"[\w./+@-]+", re.ASCII)  # of a program: neither an assignment nor a job
# Builtins of bash, and words of its language.
_BUILTINS = """
. : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown echo enable
eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd
read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias
unset wait
if then else elif fi case esac for select while until do done in function time coproc
"""
_OWN = frozenset(_BUILTINS.split())
_LOOKED_AT = (
    b"BASH_ENV",
    b"BASH_FUNC_",
    b"BASH_XTRACEFD",
    b"BASH_COMPAT",
    b"SHELLOPTS",
    b"BASHOPTS",
    b"POSIXLY_CORRECT",
)

Segment = str | Placeholder
Word = tuple[Segment, ...]  # parts that stand side by side


class Plain(NamedTuple):
    """A text that is one program with its arguments, and what its streams are redirected to."""

    words: tuple[Word, ...]
    reads: Word | None
    writes: Word | None


@lru_cache(maxsize=256)
def plain(pieces: tuple[Segment, ...]) -> Plain | None:
    """What a text says, cut at placeholders that stand outside quotes; None where it has to be read by bash."""
    words: list[list[Segment]] = []
    targets: dict[str, list[Segment]] = {}
    current: list[Segment] | None = None
    pending = ""  # the redirection whose word is to come

    def open_word() -> list[Segment]:
        nonlocal current, pending
        if current is None:
            current = []
            if pending:
                targets[pending] = current
            else:
                words.append(current)
            pending = ""
        return current

    last = len(pieces) - 1
    for place, piece in enumerate(pieces):
        if not isinstance(piece, str):
            open_word().append(piece)
            continue
        text = piece if place else piece.lstrip()
        text = text.rstrip() if place == last else text
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                return None
            at, piece = found.end(), found[0]
            if piece in "<>":
                if current is not None or pending or piece in targets or not words:
                    return None
                pending = piece
            elif piece[0] in " \t":
                current = None
            else:
                open_word().append(piece)
    if pending or not words or not _is_program(words[0]):
        return None
    made = {sign: tuple(word) for sign, word in targets.items()}
    return Plain(tuple(map(tuple, words)), made.get("<"), made.get(">"))


def _is_program(word: Sequence[Segment]) -> bool:
    name = word[0]
    return len(word) == 1 and isinstance(name, str) and bool(_NAME.fullmatch(name)) and name not in _OWN


def program_of(
    found: Plain, values: Callable[[Placeholder], Sequence[str]], environment: Mapping[bytes, bytes], folder: str
) -> Program | None:
    """The program with its arguments, streams and environment, as bash would start it in a folder; None where it can't
    be said without bash."""
    if any(name.startswith(_LOOKED_AT) for name in environment):
        return None
    arguments = [argument for word in found.words for argument in _expanded(word, values)]
    streams = []
    for word in (found.reads, found.writes):
        paths = _expanded(word, values) if word else [""]
        if len(paths) != 1 or (word and not _is_simple(os.path.join(folder, paths[0]))):
            return None
        streams.append(paths[0])
    name = arguments[0]
    place = name if "/" in name else program_place(name, environment.get(b"PATH", b""))
    if not place:
        return None
    level = environment.get(b"SHLVL", b"")
    if level and not level.isdigit():
        return None
    # With a redirection bash starts a process for the program, else it becomes the program itself.
    deeper = int(level or b"0") + (found.reads is not None or found.writes is not None)
    told = {b"_": os.fsencode(place), b"PWD": _folder_said(environment.get(b"PWD", b""), os.fsencode(folder))}
    return Program(arguments, {**environment, **told, b"SHLVL": b"%d" % deeper}, place, *streams)


def _expanded(word: Word, values: Callable[[Placeholder], Sequence[str]]) -> list[str]:
    """The words that one becomes: a placeholder with several values ends one and begins another."""
    found: list[str] = []
    is_open = False
    for segment in word:
        parts = (segment,) if isinstance(segment, str) else values(segment)
        for number, part in enumerate(parts):
            if is_open and not number:
                found[-1] += part
            else:
                found.append(part)
            is_open = True
    return found


def _is_simple(path: str) -> bool:
    """Whether a file can be opened at once: who opens a pipe waits for its other end, and nothing could end that."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # where it can't be opened either, bash says so
        return True


def _folder_said(said: bytes, folder: bytes) -> bytes:
    """What PWD says: as it was said, also through links, where that is the folder."""
    try:
        if said[:1] == b"/" and os.path.samefile(said, folder):
            return said
    except OSError:
        pass
    return os.path.realpath(folder)
