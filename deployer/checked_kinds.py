"""pydantic's side of `checked`: what each kind of setting allows, and a model made of a record's fields."""

from __future__ import annotations

import functools
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from deployer import quick_kinds
from deployer.checked import Checked, shape

FullText = Annotated[str, Field(min_length=1)]
HostName = Annotated[str, Field(min_length=1), AfterValidator(quick_kinds.host_name)]
Port = Annotated[int, Field(ge=1, le=65535)]
AtLeastOne = Annotated[int, Field(ge=1)]
AtLeastNone = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Distance = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
BoardPath = Annotated[PurePosixPath, AfterValidator(quick_kinds.board_path)]
BoardPaths = Annotated[dict[str, PurePosixPath], AfterValidator(quick_kinds.board_paths)]
AbsolutePath = Annotated[PurePosixPath, AfterValidator(quick_kinds.absolute)]
VariableName = Annotated[str, AfterValidator(quick_kinds.variable_name)]
Environment = Annotated[dict[str, str], AfterValidator(quick_kinds.environment)]
ChipName = Annotated[str, AfterValidator(quick_kinds.chip_name)]


_models: dict[type[Checked], type[BaseModel]] = {}


def model_of(record: type[Checked]) -> type[BaseModel]:
    """A pydantic model with the record's fields, closed to others; records inside it become models too."""
    if record not in _models:
        _models[record] = _made(record)
    return _models[record]


def _made(record: type[Checked]) -> type[BaseModel]:
    names = {"Path": Path, "PurePosixPath": PurePosixPath, "Any": Any, "Literal": Literal}
    hints = get_type_hints(record, localns={**globals(), **names}, include_extras=True)
    known = shape(record)
    inner = {kind: model_of(section) for kind, section in known.sections.items()}
    made: dict[str, Any] = {
        name: (inner.get(kind, hints[name]), _default(record, name)) for name, kind in known.kinds.items()
    }
    return create_model(record.__name__, __config__=ConfigDict(frozen=True, extra="forbid"), **made)


def _default(record: type[Checked], name: str) -> Any:
    default = getattr(record, name, ...)
    if isinstance(default, Checked):
        return Field(default_factory=functools.partial(model_of(type(default)).model_validate, {}))
    return default
