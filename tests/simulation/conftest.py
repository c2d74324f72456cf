"""The long form runs only when it is asked for (`pytest -m soak`)."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak tests of this folder out, unless an expression of marks was given."""
    if config.getoption("markexpr"):
        return
    ours = "tests/simulation/"
    long = [each for each in items if each.nodeid.startswith(ours) and "soak" in each.keywords]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [each for each in items if each not in long]
