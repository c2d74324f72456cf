"""Connectors are found by scanning the folder, and by entry points from outside."""

from importlib.metadata import EntryPoint

import pytest

from counterfoil.connectors import GROUP, Connector, ConnectorError, Place, found, loaded
from counterfoil.connectors.sandbox import connector as sandbox
from counterfoil.connectors.sandbox.acquirer import open_sandbox


def entry(value: str) -> EntryPoint:
    return EntryPoint(name="outside", value=value, group=GROUP)


def test_the_sandbox_is_found_and_the_template_is_not() -> None:
    names = [connector.name for connector in found()]
    assert "sandbox" in names
    assert "template" not in names
    assert names == sorted(names)


@pytest.mark.parametrize(
    "value",
    ["counterfoil.connectors.sandbox", "counterfoil.connectors.sandbox:connector"],
)
def test_an_entry_point_names_the_package_or_the_connector(value: str) -> None:
    assert loaded([entry(value)]) == [sandbox]
    assert isinstance(loaded([entry(value)])[0], Connector)


def test_an_entry_point_to_something_else_is_refused() -> None:
    with pytest.raises(ConnectorError, match=r"core\.money shows no `connector"):
        loaded([entry("counterfoil.core.money")])


@pytest.mark.parametrize(
    ("name", "value"),
    [("late_ms", "-1"), ("late_ms", "1.5"), ("latency_ms", ""), ("latency_ms", "²"), ("x", "1")],
)
def test_a_wrong_option_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConnectorError, match=name):
        open_sandbox(Place(options=((name, value),)))
