"""The parent of every record: frozen, keyword-only, small when encoded (defaults are left out)."""

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A value. It is never changed; `msgspec.structs.replace` makes the next one."""
