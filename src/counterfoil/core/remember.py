"""What is worked out from a record, worked out once."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from counterfoil.core.record import Record

Kept = TypeVar("Kept", bound=Record)
Value = TypeVar("Value")


def remembered(work_out: Callable[[Kept], Value]) -> Callable[[Kept], Value]:
    """The function, worked out once for each record: one that never changes gives the same again.

    The record's class is declared with `dict=True`; the value is never None, and nobody who gets it
    changes it.
    """
    name = f"{work_out.__module__}.{work_out.__qualname__}"

    @wraps(work_out)
    def recall(record: Kept) -> Value:
        kept = record.__dict__
        value: Value | None = kept.get(name)
        if value is None:
            value = kept[name] = work_out(record)
        return value

    return recall
