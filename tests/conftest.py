"""What every test may use."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio alone: it is what the product runs on."""
    return "asyncio"
