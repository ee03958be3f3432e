"""Partitions that failed and rest: nothing that their recipe would read has changed, and it is too soon to try again.

What a failed task read is kept as one identity. While that is the same, a later failure is one more of the same, and
rests longer. A recipe that is run for a person (forced, or marked stale since) doesn't rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dbuild.build.world import World
from dbuild.core.backoff import rest_of
from dbuild.core.partitions import Index
from dbuild.core.staleness import Reason
from dbuild.core.trace import InputRecord, joined_key, pack_inputs
from dbuild.errors import UserError
from dbuild.observe.digests import digest_bytes
from dbuild.state.store import Failure


class Rest(NamedTuple):
    """How long a partition isn't run again."""

    failures: int  # in a row, with what it would read now
    until: float  # seconds since the epoch


def rest_after(failure: Failure) -> Rest:
    """The rest that follows a failure."""
    return Rest(failure.failures, failure.at + rest_of(failure.failures))


def find_rest(world: World, target: str, index: Index, reasons: Iterable[Reason]) -> Rest | None:
    """The rest of a partition that is about to run; None where it has none, or it is over.

    Everything that it reads has to be settled.
    """
    failures = world.failures(target)
    failure = failures.get(joined_key(world.domains.of(target).key(index))) if failures else None
    if failure is None or not failure.identity or any(reason.kind == "forced" for reason in reasons):
        return None
    rest = rest_after(failure)
    if not failure.at <= world.clock() < rest.until:  # a clock that was set back ends it too
        return None
    return rest if identify(world, target, index, reasons) == failure.identity else None


def counted(
    world: World,
    target: str,
    index: Index,
    failure: Failure,
    reasons: Iterable[Reason],
    records: Sequence[InputRecord] | None,
) -> Failure:
    """A failure of this run with what its task read: one more of those before it, if they read the same."""
    identity = identify(world, target, index, reasons, records)
    before = world.failures(target).get(joined_key(world.domains.of(target).key(index)))
    is_same = before is not None and before.identity == identity
    return failure._replace(identity=identity, failures=before.failures + 1 if before and is_same else 1)


def failed_alike(
    world: World, target: str, index: Index, reasons: Iterable[Reason], records: Sequence[InputRecord]
) -> bool:
    """Whether a partition that has been built now had failed in the run before, although it read the same."""
    failures = world.failures(target)
    failure = failures.get(joined_key(world.domains.of(target).key(index))) if failures else None
    if failure is None or not failure.identity:
        return False
    return identify(world, target, index, reasons, records) == failure.identity


def identify(
    world: World,
    target: str,
    index: Index,
    reasons: Iterable[Reason],
    records: Sequence[InputRecord] | None = None,
) -> bytes:
    """Identity of all that a task reads and that decides how it runs; `records`: of its inputs, where they are known.

    A recipe that only shows by running which params it reads has all of them in it.
    """
    step = world.flow.steps[target]
    if records is None:
        try:
            records = world.readings.recorded(step, index, world.readings.of(step, index, {}))
        except (UserError, OSError) as error:  # its inputs can't be read; another reason for that is a change
            return digest_bytes(world.declarations.fingerprint(target) + str(error).encode("utf-8", "surrogateescape"))
    said = [str(reason) for reason in reasons if reason.kind == "marked stale"]
    params = sorted(world.declarations.params_of(step).items())
    running = (step.target.limits, step.target.needs, step.target.retries)
    outputs = [(output.name, output.path) for output in step.target.outputs]
    texts = repr((params, running, outputs, said)).encode("utf-8", "surrogateescape")
    return digest_bytes(b"\0".join((world.declarations.fingerprint(target), texts, pack_inputs(records))))
