"""The parent of every record: frozen, keyword-only, small when encoded (defaults are left out)."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A value. It is never changed; `msgspec.structs.replace` makes the next one."""


Kept = TypeVar("Kept", bound=Record)
Value = TypeVar("Value")


def remembered(work_out: Callable[[Kept], Value]) -> Callable[[Kept], Value]:
    """The function, worked out once for each record: one that never changes gives the same again.

    The record's class is declared with `dict=True`; the value must not be changed by who gets it.
    """
    name = f"{work_out.__module__}.{work_out.__qualname__}"

    @wraps(work_out)
    def recall(record: Kept) -> Value:
        kept = record.__dict__
        if name not in kept:
            kept[name] = work_out(record)
        value: Value = kept[name]
        return value

    return recall
