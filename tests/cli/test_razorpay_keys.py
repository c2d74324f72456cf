"""merchant key: key pairs of the Razorpay wire, for any merchant."""

import re
from base64 import b64encode
from pathlib import Path
from urllib.request import Request, urlopen

from tests.cli.conftest import Run, left_in
from tests.e2e.server import Server


def test_a_key_pair_of_the_razorpay_wire_is_shown_once_and_works(
    tmp_path: Path, anywhere: Run
) -> None:
    server = Server(tmp_path)
    url = ("--database", server.url)
    words = ("merchant", "add", "Chai", "--login", "chai", "--currency", "INR", "--json", *url)
    number = str(anywhere(*words).rows[0]["id"])
    (made,) = anywhere("merchant", "key", number, "--json", *url).rows
    key, secret = str(made["key_id"]), str(made["key_secret"])
    assert re.fullmatch(r"rzp_test_[0-9A-Za-z]{14}", key)
    assert len(secret) == 24
    assert secret.encode() not in b"".join(left_in(tmp_path).values())
    (other,) = anywhere("merchant", "key", number, "--json", *url).rows
    assert other["key_id"] != key
    mixed = anywhere("merchant", "key", number, "--live", *url)
    assert (mixed.status, "of the other mode" in mixed.err) == (2, True)
    (live,) = anywhere(*words[:2], "Two", "--login", "two", "--json", *url).rows
    (live,) = anywhere("merchant", "key", str(live["id"]), "--live", "--json", *url).rows
    assert str(live["key_id"]).startswith("rzp_live_")
    server.start()
    known = b64encode(f"{key}:{secret}".encode()).decode()
    request = Request(
        f"http://127.0.0.1:{server.port}/v1/orders",
        data=b"amount=100&currency=INR",
        headers={"Authorization": f"Basic {known}"},
    )
    with urlopen(request) as answer:  # noqa: S310 (a loopback address)
        assert b'"status":"created"' in answer.read()
    server.stop()
