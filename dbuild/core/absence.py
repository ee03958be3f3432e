"""What of a dataset isn't to be had, and how that counts. Sets only; who finds them is elsewhere."""

from __future__ import annotations

from dbuild.core.partitions import PartitionSet
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Absence:
    """Partitions of one dataset's domain that can't be read now, each for one reason."""

    idle: PartitionSet  # absent, and never due
    awaited: PartitionSet  # absent, and not due yet; of a target, behind nothing but such
    missing: PartitionSet  # absent, and expected; of a target, behind such
    late: PartitionSet  # those of the missing whose deadline has passed
    unsettled: PartitionSet  # there, but not to be read yet; of a target, behind such

    @classmethod
    def of_missing(cls, missing: PartitionSet) -> Absence:
        """Nothing is absent but these, and these are expected."""
        nothing = PartitionSet.empty(missing.axes)
        return cls(nothing, nothing, missing, nothing, nothing)

    @property
    def all(self) -> PartitionSet:
        """Everything that can't be read."""
        return self.idle | self.awaited | self.missing | self.unsettled

    @property
    def holding(self) -> PartitionSet:
        """What a person would be told to wait for."""
        return self.awaited | self.missing | self.unsettled
