"""What tests of the running program share: a server of each module's own, and a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.e2e.browser import chromium
from tests.e2e.server import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with the demo's merchants."""
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with chromium() as browser:
        yield browser
