"""`counterfoil listen`, as a process: it prints what comes, and says whether to believe it."""

import http.client
import os
import pty
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import pytest
from tests.cli.conftest import Run
from tests.e2e.server import PROGRAM, variables

from counterfoil.core.card import Secret
from counterfoil.courier import new_secret, sign

READY: Final = "listening on http://127.0.0.1:"
START_S: Final = 30
SECRET: Final = new_secret(b"k" * 32)
OTHER: Final = new_secret(b"o" * 32)
BODY: Final = '{"type":"order.charged","data":{"sequence":1,"note":"é\u202e"}}'.encode()


class Check(msgspec.Struct):
    scheme: str
    right: bool
    why: str | None
    signed: str | None
    expected: list[str]
    came: str | None


class Row(msgspec.Struct):
    time: str
    method: str
    path: str
    id: str | None
    event: str | None
    size: int
    body: str
    checks: list[Check]


class Listener:
    """A process of the command; `out` is where it prints to, if not a pipe."""

    def __init__(self, *words: str, out: int = subprocess.PIPE) -> None:
        self._process = subprocess.Popen(
            [PROGRAM, "listen", "--port", "0", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            env=variables({}),
        )
        assert self._process.stderr is not None
        line = self._process.stderr.readline().decode()
        assert line.startswith(READY), line
        self.port = int(line.removeprefix(READY).partition("/")[0])

    def post(
        self, body: bytes, headers: dict[str, str], *, path: str = "/hook", method: str = "POST"
    ) -> int:
        """The status it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        connection.request(method, path, body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def line(self) -> str:
        """The next line it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode()

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """The exit status, and what else stands on standard error."""
        self._process.send_signal(number)
        _, err = self._process.communicate(timeout=START_S)
        return self._process.returncode, err.decode()

    def kill(self) -> None:
        """End it whatever happens."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def listening(*words: str) -> Iterator[Listener]:
    """The process; at the end it has to end well."""
    listener = Listener(*words)
    try:
        yield listener
    except BaseException:
        listener.kill()
        raise
    assert listener.end() == (0, "")


def signed(body: bytes, *, secret: Secret = SECRET, away_s: int = 0) -> dict[str, str]:
    at = int(time.time()) + away_s
    return {
        "Webhook-Id": "msg_1_2",
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": sign(secret, identifier="msg_1_2", timestamp=at, body=body),
    }


def test_right_and_wrong_signatures_are_told_apart() -> None:
    with listening("--secret", SECRET.reveal(), "--json") as listener:
        assert listener.post(BODY, signed(BODY)) == 200
        row = msgspec.json.decode(listener.line(), type=Row)
        assert (row.method, row.path, row.id) == ("POST", "/hook", "msg_1_2")
        assert (row.event, row.size, row.body) == ("order.charged", len(BODY), BODY.decode())
        assert [(each.scheme, each.right, each.why) for each in row.checks] == [
            ("standard", True, None)
        ]
        headers = signed(BODY, secret=OTHER)
        assert listener.post(BODY, headers) == 200
        (check,) = msgspec.json.decode(listener.line(), type=Row).checks
        at = headers["Webhook-Timestamp"]
        assert not check.right
        assert check.why is not None
        assert check.why.startswith("no signature fits")
        assert check.signed is not None
        assert check.signed == repr(f"msg_1_2.{at}.".encode() + BODY)[2:-1]
        assert check.signed.isascii()
        assert check.came == headers["Webhook-Signature"]
        assert check.expected == [sign(SECRET, identifier="msg_1_2", timestamp=int(at), body=BODY)]


def test_lines_for_pipes_say_it_too() -> None:
    with listening("--secret", SECRET.reveal(), "--status", "503") as listener:
        assert listener.post(BODY, signed(BODY)) == 503
        cells = listener.line().rstrip("\n").split("\t")
        assert cells[1:] == ["POST", "/hook", "msg_1_2", "order.charged", "61", "standard right"]
        listener.post(BODY + b"\n", signed(BODY))
        assert listener.line().rstrip().endswith("\tstandard WRONG")
        why = "no signature fits: the body was altered, something was put around it"
        assert listener.line() == f"  standard: {why}\n"
        assert [listener.line().split()[0] for _ in range(3)] == ["signed", "expected", "came"]
        listener.post(BODY, signed(BODY, away_s=-1000))
        listener.line()
        assert "the timestamp is too old" in listener.line()
        for _ in range(3):
            listener.line()
        listener.post(BODY, {})
        listener.line()
        assert "a header is missing" in listener.line()


def test_basic_is_understood() -> None:
    with listening("--basic", "shop:word") as listener:
        for given, verdict in (("shop:word", "basic right"), ("shop:secret", "basic WRONG")):
            text = b64encode(given.encode()).decode()
            listener.post(b'{"orders":[]}', {"Authorization": f"Basic {text}"})
            assert listener.line().rstrip().split("\t")[-1] == verdict
        assert listener.line() == "  basic: login or password is another one\n"


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("GET", "/", b"", {}),
        ("PUT", "/a//b?c=%00", b"\xff\x1b[2J", {}),
        ("POST", "/hook", b'{"type": 5}', {}),
        ("POST", "/hook", b'{"type": "\\ud800"}', {}),
        ("POST", "/hook", b"[" * 100_000, {"Content-Encoding": "gzip"}),
        ("POST", "/hook", b'{"type": "a\\u001b[2J\\tb\\n"}', {"Webhook-Id": "a\tb\x9b"}),
    ],
)
def test_anything_may_come(method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    with listening() as listener:
        assert listener.post(body, headers, path=path, method=method) == 200
        line = listener.line().rstrip("\n")
        assert len(line.split("\t")) == 7
        assert line.replace("\t", "").isprintable()
        if "Webhook-Id" in headers:
            assert line.endswith("\tstandard not checked")
            listener.line()
        assert listener.post(BODY, {}) == 200
        assert listener.line().endswith("\torder.charged\t61\tnot checked\n")


def test_a_terminal_shows_the_body() -> None:
    ours, theirs = pty.openpty()
    listener = Listener(out=theirs)
    os.close(theirs)
    try:
        listener.post(BODY, {})
        shown = b""
        while b"}\r\n    }" not in shown:
            shown += os.read(ours, 10_000)
    finally:
        ended = listener.end()
        os.close(ours)
    assert ended == (0, "")
    assert '        "note": "é "\r\n' in shown.decode()


def test_both_signals_end_it_while_somebody_is_connected() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        listener = Listener()
        with socket.create_connection(("127.0.0.1", listener.port)) as idle:
            idle.sendall(b"POST /hook HTTP/1.1\r\nContent-Le")
            assert listener.end(number) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        "--secret whsec_short",
        "--secret=",
        "--basic login",
        "--status 99",
        "--status 600",
        "--port 70000",
        "--host nowhere.invalid",
    ],
)
def test_what_cannot_be_is_one_line(anywhere: Run, words: str) -> None:
    fault = anywhere("listen", *words.split()).fault
    assert fault.startswith("counterfoil: ")
    assert "short" not in fault


def test_a_port_that_is_taken_is_one_line(anywhere: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "cannot listen on" in anywhere("listen", "--port", port).fault
