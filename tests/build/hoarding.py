"""Makes it certain which results come in together, however fast the machine is."""

from __future__ import annotations

import pytest

from dbuild.build import queueing
from dbuild.core.task import Result
from dbuild.execute.pool import Pool


def hoard(patch: pytest.MonkeyPatch) -> None:
    """All recipes count as quick, and nothing is seen to before a worker has done all that waits for it."""
    for name in ("_QUICK", "_AHEAD", "_LATE", "_LONGEST"):
        patch.setattr(queueing, name, 1e6)
    poll = Pool.poll

    def polled(pool: Pool, timeout: float | None) -> list[Result]:
        results = poll(pool, timeout)
        while results and results[-1].then:
            results += poll(pool, None)
        return results

    patch.setattr(Pool, "poll", polled)
