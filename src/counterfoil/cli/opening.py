"""What commands open around their work, and close behind it.

A command that only reads makes no database: where there is none it is refused.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from counterfoil import wiring
from counterfoil.config import from_environment
from counterfoil.core.ports import Store
from counterfoil.wiring import Parts

Result = TypeVar("Result")


def within(
    database: str | None, act: Callable[[Store], Awaitable[Result]], *, create: bool = False
) -> Result:
    """What the work gives, with the store open around it; `create` makes one where there is none.

    Nothing else is opened, so that a proof needs no key and disturbs nobody.
    """

    async def run() -> Result:
        async with wiring.opened(from_environment(database=database), create=create) as store:
            return await act(store)

    return asyncio.run(run())


def among(
    database: str | None, act: Callable[[Parts], Awaitable[Result]], *, create: bool = False
) -> Result:
    """The same with all parts of the gateway open."""

    async def run() -> Result:
        async with wiring.parts(from_environment(database=database), create=create) as parts:
            return await act(parts)

    return asyncio.run(run())
