"""Structured logs: one JSON object a line on standard error, written by a thread of its own.

A line never holds what a request or record held: tracebacks name places, not values. What looks
like a card number is struck out all the same, whoever logged it.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Final

import structlog

from counterfoil.core.pan import luhn

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
CARD: Final = re.compile(r"\d(?:[ -]?\d){11,18}")


def configure(level: str) -> QueueListener:
    """Send all logs to standard error from now on; stop the result at the end."""
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter("%(message)s"))
    listener = QueueListener(queue, stream)
    root = logging.getLogger()
    root.handlers = [QueueHandler(queue)]
    root.setLevel(LEVELS[level])
    for noisy in ("uvicorn.access", "uvicorn.error", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=processors(),
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    listener.start()
    return listener


def processors() -> list[structlog.typing.Processor]:
    """What every line goes through: whoever configures logs otherwise should keep these."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        struck_out,
        structlog.processors.JSONRenderer(),
    ]


def struck_out(
    _: object, __: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """The event without anything that passes for a card number; ids of ours are no cards."""
    for name, value in event.items():
        event[name] = _clean(value)
    return event


def _clean(value: object) -> object:
    if isinstance(value, str):
        return CARD.sub(_mask, value)
    if isinstance(value, dict):
        return {name: _clean(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return value


def _mask(found: re.Match[str]) -> str:
    number = re.sub(r"\D", "", found.group())
    return "[card]" if luhn(number) else found.group()
