"""What every test may use, and which tests run: the long ones only where they are asked for."""

from pathlib import Path
from typing import Final

import pytest

LONG: Final = ("soak", "fuzz")
NODE_CLIENT: Final = Path(__file__).parent.parent / ".node" / "node_modules" / "razorpay"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio alone: it is what the product runs on."""
    return "asyncio"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The test of the Node client runs where `make test` has installed that: where npm is."""
    named = collection_path.name == "test_razorpay_node.py"
    return True if named and not NODE_CLIENT.is_dir() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests whose marker `-m` does not name."""
    unwanted = [marker for marker in LONG if marker not in config.getoption("markexpr")]
    left = [item for item in items if any(map(item.get_closest_marker, unwanted))]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
