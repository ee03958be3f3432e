"""What git knows of a project's files: the commit that is checked out, who wrote it, which files differ from it.

git is asked for committed objects only: that runs no hook, filter, monitor, pager or program that signs. What differs
from a commit is found by hashing files here. Where there is no git, or no repository, nothing is known.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Sequence

from dbuild.values import dataclass

SECONDS = 5.0  # that git may take for an answer
_MOST = 2000  # files that are compared with the commit
_LARGEST = 1 << 24  # bytes of a file that is hashed
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_TRACE")
_GIT = (
    *("git", "--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "log.showSignature=false"),
)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, as far as people want to know it."""

    id: str  # in hex
    author: str  # "Ann Lee <ann@example.org>"
    at: str  # ISO local time of its author's clock


def head_of(root: str) -> Commit | None:
    """The commit that is checked out; None where there is none, or git can't be asked."""
    return _commit(_ask(root, *_log("HEAD")))


def last_commits(root: str, paths: Sequence[str]) -> dict[str, Commit]:
    """For each path (relative to the root) that has any, the last commit that touched it."""
    found = {path: _commit(_ask(root, *_log("HEAD", "--", path))) for path in dict.fromkeys(paths)}
    return {path: commit for path, commit in found.items() if commit}


def compare_with_commit(root: str, paths: Iterable[str]) -> dict[str, bool]:
    """Of files (relative to the root) that the commit has, whether it has them just as they are.

    Nothing where there is no commit, git can't be asked, or there are too many files to compare.
    """
    wanted = list(dict.fromkeys(paths))
    listed = _ask(root, "ls-tree", "-z", "HEAD", "--", *wanted) if wanted and len(wanted) <= _MOST else None
    known = dict(_entry(line) for line in (listed or "").split("\0") if "\t" in line)
    return {path: known[path] in _names_of(root, path, known[path]) for path in wanted if path in known}


def is_repository(root: str) -> bool:
    """Whether a folder lies in a working tree, told by the names above it."""
    folder = os.path.abspath(root)
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True


def _log(*what: str) -> tuple[str, ...]:
    return ("log", "-1", "--no-color", "--format=%H%x00%an <%ae>%x00%aI", *what)


def _ask(root: str, *words: str) -> str | None:
    """What git says; None where it can't, or takes too long."""
    if not is_repository(root):
        return None
    env = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    env["GIT_ALLOW_PROTOCOL"] = "none"  # what a partial clone lacks isn't fetched
    try:
        said = subprocess.run(
            [*_GIT, "-C", root, *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return said.stdout.decode("utf-8", "surrogateescape")


def _commit(said: str | None) -> Commit | None:
    fields = (said or "").strip("\n").split("\0")
    return Commit(fields[0], fields[1], fields[2].replace("T", " ")) if len(fields) == 3 else None


def _entry(line: str) -> tuple[str, str]:
    """Path and object of a line of `git ls-tree`."""
    head, _, path = line.partition("\t")
    return path, head.split(" ")[-1]


def _names_of(root: str, path: str, like: str) -> set[str]:
    """The names that git would give a file's content: as it is, and with the ends of lines that it keeps."""
    try:
        with open(os.path.join(root, path), "rb") as stream:
            data = stream.read(_LARGEST)
    except OSError:
        return set()
    hasher = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    forms = (data, data.replace(b"\r\n", b"\n"))
    return {hasher(b"blob %d\0" % len(form) + form, usedforsecurity=False).hexdigest() for form in forms}
