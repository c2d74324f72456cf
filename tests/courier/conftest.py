"""What these tests run on: the loop that the product runs on."""

import pytest


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """uvloop; its sockets fail in words of their own."""
    return "asyncio", {"use_uvloop": True}
