"""Every documented exchange of every dialect, replayed against a gateway of its own."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from tests.conformance.conftest import gateway
from tests.conformance.exchange import calendar, examples, read, replay, shared

import counterfoil

DIALECTS: Final = Path(counterfoil.__file__).parent / "dialects"
EXAMPLES: Final = [
    path for folder in sorted(DIALECTS.glob("*/examples")) for path in examples(folder)
]


def name_of(path: Path) -> str:
    return str(path.relative_to(DIALECTS).with_suffix("")).replace("/examples/", ":")


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_answer_is_the_documented_one(path: Path, tmp_path: Path) -> None:
    different = asyncio.run(replayed(path, tmp_path))
    assert not different, "\n".join([str(path.relative_to(DIALECTS)), *different])


async def replayed(path: Path, folder: Path) -> list[str]:
    async with gateway(folder) as fresh:
        names = calendar(fresh.clock.today()) | fresh.names
        return await replay(read(path), shared(path), fresh.client, fresh.clock.advance, names)
