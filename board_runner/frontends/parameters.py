"""What every front end made of mel filters shares: parameters that are checked, and kept in an input contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self, get_type_hints

from board_runner.errors import ModelError

RATE = "sample_rate_hz"


@dataclass(frozen=True, kw_only=True)
class MelParameters:
    """The parameters that all have. A subclass adds its own fields, each an int, a float or a str, and a title."""

    TITLE: ClassVar[str]

    sample_rate_hz: int
    stride: int
    channels: int
    low_hz: float
    high_hz: float

    def __post_init__(self) -> None:
        """Raise ModelError for parameters that make no features."""
        for name, kind in self._kinds().items():
            if kind is int and getattr(self, name) < 1:
                raise ModelError(f"{self.TITLE} with {name} {getattr(self, name)}: must be at least 1")
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2:
            raise ModelError(
                f"{self.TITLE} from {self.low_hz} to {self.high_hz} Hz at {self.sample_rate_hz} Hz"
            )

    def as_front_end(self) -> dict[str, float | int | str]:
        """The parameters as an input contract keeps them, but for the rate, which has a place of its own."""
        return {name: getattr(self, name) for name in self._kinds() if name != RATE}

    @classmethod
    def of(cls, front_end: Mapping[str, float | int | str], sample_rate_hz: int) -> Self:
        """What `as_front_end` gave; raises ModelError where something is missing or no number."""
        try:
            values = {name: kind(front_end[name]) for name, kind in cls._kinds().items() if name != RATE}
        except (KeyError, ValueError, TypeError) as e:
            raise ModelError(f"not a contract of the {cls.TITLE} front end: {e}") from e
        return cls(sample_rate_hz=sample_rate_hz, **values)

    @classmethod
    def _kinds(cls) -> dict[str, type]:
        hints = get_type_hints(cls)
        return {field.name: hints[field.name] for field in fields(cls)}
