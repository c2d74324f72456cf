"""The wire's page and its examples are complete: calls, refusals, statuses, codes."""

from pathlib import Path

import pytest
from tests.conformance.exchange import examples, read
from tests.contract.wires import WIRES

from counterfoil.core.errors import Code
from counterfoil.dialects.afterpay import errors, render

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wires" / "afterpay.md").read_text("utf-8")
WIRE = next(each for each in WIRES if each.name == "afterpay")
EXAMPLES = [read(path) for path in examples(WIRE.folder)]
NAMES = {"captures": "capture", "refunds": "refund", "voids": "void", "orders": "order"}
CODES = sorted(
    value
    for name, value in vars(errors).items()
    if name.isupper() and isinstance(value, str) and value.startswith("400.")
)


def test_every_call_is_on_the_page() -> None:
    for row in WIRE.rows():
        path = row.path.removeprefix("/api/v3")
        for part, name in NAMES.items():
            path = path.replace(f"/{part}/{{}}", f"/{part}/{{{name}}}")
        path = path.replace("shipping-details/{}", "shipping-details/{shipping}")
        assert row.method == "HEAD" or f"| `{row.method} {path}` |" in PAGE, (row, path)


@pytest.mark.parametrize("code", Code)
def test_every_refusal_is_on_the_page(code: Code) -> None:
    wire = errors.ERRORS[code]
    message = wire.message.replace("{", "*").replace("}", "*")
    assert f"| `{code}` | {wire.status} | {wire.code} | {message} |" in PAGE


def test_every_word_is_on_the_page() -> None:
    words = {*render.STATUS.values(), *render.OUTCOMES.values(), render.EXPIRED}
    assert not [word for word in words if f"`{word}`" not in PAGE]


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_and_has_an_example(code: str) -> None:
    assert code in PAGE
    assert any(f'"code": "{code}"' in each.response.body for each in EXAMPLES)


def test_every_risk_has_an_example() -> None:
    for code, _ in errors.RISKS.values():
        assert any(f'"code": "{code}"' in each.response.body for each in EXAMPLES), code


def test_no_two_examples_are_of_the_same_thing() -> None:
    named = [item for each in EXAMPLES for item in each.covers]
    assert len(set(named)) == len(named)
