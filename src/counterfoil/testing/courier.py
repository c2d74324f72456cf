"""A courier that goes nowhere, and a form that says little: for tests of who is told what."""

from collections import deque
from typing import Final

from counterfoil.core.callbacks import Callback, Receipt, Told
from counterfoil.core.events import Event
from counterfoil.core.schedule import Schedule

TAKEN: Final = Receipt(took_us=1, status=200, answer="ok")


class FakeCourier:
    """Keeps what it is given to post; says the script, then that it was taken."""

    def __init__(self, *script: Receipt) -> None:
        self.script = deque(script)
        self.posts: list[tuple[str, Callback]] = []

    async def post(self, url: str, callback: Callback) -> Receipt:
        """The next line of the script."""
        self.posts.append((url, callback))
        return self.script.popleft() if self.script else TAKEN

    async def close(self) -> None:
        """Nothing is open."""


class PlainForm:
    """Says the id, the event and the secrets it is signed with; tries twice more."""

    schedule = Schedule(pauses_s=(60, 600), spread_percent=0)
    events = frozenset(Event) - {Event.ORDER_CREATED}

    def callback(self, told: Told) -> Callback:
        """The id, the event, how many operations there were, and the secrets."""
        words = [told.id, told.notice.event, str(len(told.order.operations))]
        words += [secret.reveal() for secret in told.secrets]
        return Callback(body=" ".join(words).encode())
