"""The fixtures of the contract suites."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.stores import OPENERS, Opener, Till

from counterfoil.core.ports import Store


@pytest.fixture(params=OPENERS.values(), ids=[*OPENERS])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Each store in turn, empty."""
    opener: Opener = request.param
    opened = await opener(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def till(store: Store) -> Till:
    """A till before that store."""
    return Till(store)
