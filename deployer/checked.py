"""Records that a file may hold: plain classes, for which pydantic is asked only where a look does not suffice.

Loading pydantic takes longer than talking to a board that has everything. So values that are plainly right
are taken as they are; at the first that is not, pydantic judges the whole: it converts, or says what is wrong.
Both know a field by the text of its annotation (`checked_kinds`), and a test holds one against the other.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, dataclass_transform

from deployer import quick_kinds

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import BaseModel

C = TypeVar("C", bound="Checked")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Checked:
    """Base of frozen records: a field is an annotation, its default the class attribute of that name.

    To a type checker a subclass is a frozen keyword-only dataclass; `dataclass` itself would write six functions
    for each of a dozen classes at every start. The methods have the names pydantic gives them.

    The constructor takes what it is given, without a look: `model_validate` is for what comes from outside.
    """

    if TYPE_CHECKING:

        @property
        def model_fields_set(self) -> frozenset[str]:
            """The fields that were given, whatever their value."""
            ...

    def __init__(self, **given: Any) -> None:
        known = shape(type(self))
        if not known.kinds.keys() >= given.keys() >= known.required:
            wrong = sorted((given.keys() - known.kinds.keys()) | (known.required - given.keys()))
            raise TypeError(f"{type(self).__name__}: unknown or missing: {', '.join(wrong)}")
        for name, value in known.made.items():
            if name not in given:
                vars(self)[name] = dict(value)
        vars(self).update(given)
        vars(self)["model_fields_set"] = frozenset(given)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values().items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._values().items())})"

    @classmethod
    def model_validate(cls, data: Any) -> Self:
        """A record from the data of a file. Raises pydantic.ValidationError for what is not allowed."""
        try:
            return cls(**_quick(cls, data))
        except quick_kinds.Unsure:
            from deployer import checked_kinds

            return _plain(cls, checked_kinds.model_of(cls).model_validate(data))

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """The same for JSON."""
        from deployer import checked_kinds

        return _plain(cls, checked_kinds.model_of(cls).model_validate_json(text))

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """The same with other values, which are not checked."""
        return type(self)(**{**self._given(), **(update or {})})

    def model_dump(self, *, mode: str = "python", include: Collection[str] | None = None) -> dict[str, Any]:
        """All fields as a dictionary; with `mode="json"` of what JSON knows."""
        return self._model().model_dump(mode=mode, include=None if include is None else set(include))

    def model_dump_json(self, *, exclude_defaults: bool = False) -> str:
        """All fields as JSON, or those that differ from their default."""
        return self._model().model_dump_json(exclude_defaults=exclude_defaults)

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in shape(type(self)).kinds}

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}

    def _model(self) -> BaseModel:
        from deployer import checked_kinds

        given = {
            name: value._model() if isinstance(value, Checked) else value
            for name, value in self._given().items()
        }
        return checked_kinds.model_of(type(self)).model_validate(given)


class Shape:
    """The fields of a record, its bases' first.

    `kinds`: the text of each one's annotation. `required`: those without a default. `made`: those whose default
    is a mapping, a fresh one for each record. `sections`: the records that fields can hold, by that text.
    """

    def __init__(self, cls: type[Checked]) -> None:
        bases = [base for base in reversed(cls.__mro__) if base is not Checked and issubclass(base, Checked)]
        self.kinds: dict[str, str] = {
            name: kind for base in bases for name, kind in vars(base).get("__annotations__", {}).items()
        }
        self.required = {name for name in self.kinds if not hasattr(cls, name)}
        self.made = {name: value for name in self.kinds if type(value := getattr(cls, name, None)) is dict}
        around = {name: it for base in bases for name, it in vars(sys.modules[base.__module__]).items()}
        found = {kind: around.get(kind) for kind in self.kinds.values()}
        self.sections: dict[str, type[Checked]] = {
            kind: it for kind, it in found.items() if isinstance(it, type) and issubclass(it, Checked)
        }


_shapes: dict[type[Checked], Shape] = {}


def shape(cls: type[Checked]) -> Shape:
    """The shape of a record."""
    if cls not in _shapes:
        _shapes[cls] = Shape(cls)
    return _shapes[cls]


def _quick(cls: type[Checked], data: Any) -> dict[str, Any]:
    """The values of fields that are plainly right. Raises Unsure."""
    if type(data) is not dict:
        raise quick_kinds.Unsure
    known = shape(cls)
    values = {}
    for name, value in data.items():
        kind = known.kinds.get(name)
        if kind is None:
            raise quick_kinds.Unsure
        section = known.sections.get(kind)
        values[name] = (
            quick_kinds.value(kind, value) if section is None else section(**_quick(section, value))
        )
    if not known.required <= values.keys():
        raise quick_kinds.Unsure
    return values


def _plain(cls: type[C], model: BaseModel) -> C:
    known = shape(cls)
    values = {}
    for name in model.model_fields_set:
        value, section = getattr(model, name), known.sections.get(known.kinds[name])
        values[name] = value if section is None else _plain(section, value)
    return cls(**values)
