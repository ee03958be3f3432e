"""What of a source isn't there, and what that means."""

from __future__ import annotations

from dataclasses import dataclass

from dbuild.core.partitions import PartitionSet


@dataclass(frozen=True, slots=True)
class Absence:
    """The partitions of a source's domain that can't be read, over its axes. All are disjoint, but late and missing."""

    idle: PartitionSet  # absent, and never due
    awaited: PartitionSet  # absent, and not due yet
    missing: PartitionSet  # absent, and expected
    late: PartitionSet  # of the missing ones those that had a deadline
    unsettled: PartitionSet  # there, but not to be read yet
