"""Every wire while the database is away: 503, when to come again, and nothing done."""

import pytest
from tests.contract.test_dialects import each_call
from tests.contract.wires import Desk, Example, open_desk

pytestmark = pytest.mark.anyio


@each_call
async def test_what_cannot_be_kept_is_asked_for_again(move: Example) -> None:
    kept, lost = await committed(move, await open_desk()), await open_desk()
    await lost.scene(move)
    before = lost.done()
    await lost.store.close()
    answer = await lost.send(move)
    if kept:
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"] == "1"
    else:
        assert answer.status_code < 300, answer.text
    assert lost.done() == before


async def committed(move: Example, desk: Desk) -> bool:
    """Whether the call commits something."""
    await desk.scene(move)
    before = desk.store.commits
    await desk.send(move)
    return desk.store.commits > before
