"""What every test may use, and which tests run: the long ones (`soak`) only where asked for."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio alone: it is what the product runs on."""
    return "asyncio"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak tests out unless `-m` names them."""
    if "soak" in config.getoption("markexpr"):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]
