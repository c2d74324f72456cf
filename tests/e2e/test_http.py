"""What the server says to HTTP that no client of ours sends."""

import socket
from itertools import repeat
from typing import Final

import pytest
from tests.e2e.client import HOST
from tests.e2e.server import Server

from counterfoil.web.http import HEAD_BYTES_MAX

PART: Final = 4_096
PARTS_MAX: Final = 4_096  # 16 MiB: far more than any server should swallow
WAIT_S: Final = 10
HEADS: Final = {
    "a header without an end": (b"GET /health HTTP/1.1\r\nHost: a\r\nX-Long: ", b"a" * PART),
    "headers without an end": (b"GET /health HTTP/1.1\r\nHost: a\r\n", b"X-One: 1\r\n" * 400),
    "an address without an end": (b"GET /", b"a" * PART),
}


def said(connection: socket.socket) -> bytes:
    """Everything until the end; nothing more where the server has cut us off."""
    found = b""
    try:
        while part := connection.recv(PART):
            found += part
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("head", HEADS)
def test_a_head_without_an_end_is_cut_off(server: Server, head: str) -> None:
    start, part = HEADS[head]
    with socket.create_connection((HOST, server.port), timeout=WAIT_S) as connection:
        connection.sendall(start)
        sent = 0
        try:
            for each in repeat(part, PARTS_MAX):
                connection.sendall(each)
                sent += len(each)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert sent < PART * PARTS_MAX
        answer = said(connection)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_a_large_head_within_the_bound_is_served(server: Server) -> None:
    long = b"a" * (HEAD_BYTES_MAX - PART)
    ask = b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: %b\r\n\r\n" % long
    with socket.create_connection((HOST, server.port), timeout=WAIT_S) as connection:
        for start in range(0, len(ask), PART):
            connection.sendall(ask[start : start + PART])
        assert b"Request head too large" not in said(connection)


def test_an_answer_without_a_body_is_sent_at_once(server: Server) -> None:
    with socket.create_connection((HOST, server.port), timeout=WAIT_S) as connection:
        for _ in range(2):
            connection.sendall(b"HEAD /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = connection.recv(PART)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"\r\n\r\n")


def test_who_expects_to_be_told_to_go_on_is_told_before_the_body(server: Server) -> None:
    head = b"POST /orders/authorize HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
    caller = b"Authorization: Basic cHJvamVjdDpwYXNzd29yZA==\r\nContent-Type: application/json\r\n"
    with socket.create_connection((HOST, server.port), timeout=WAIT_S) as connection:
        connection.sendall(head + caller + b"Content-Length: 2\r\nConnection: close\r\n\r\n")
        assert connection.recv(PART) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert said(connection).startswith(b"HTTP/1.1 422 ")


def test_answers_to_requests_sent_in_one_go_come_whole_and_in_turn(server: Server) -> None:
    ask = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"HEAD /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
    end = b"GET /health/none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with socket.create_connection((HOST, server.port), timeout=WAIT_S) as connection:
        connection.sendall(ask + head + ask + end)
        answers = said(connection).split(b"HTTP/1.1 ")
    assert [answer[:3] for answer in answers] == [b"", b"200", b"200", b"200", b"404"]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers[1:]]
    assert bodies == [
        b'{"status":"live"}',
        b"",
        b'{"status":"live"}',
        b'{"message":"Not found"}',
    ]
