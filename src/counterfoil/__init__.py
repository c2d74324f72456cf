"""Counterfoil: a payment gateway that you run yourself; one engine, four wire APIs."""

from importlib.metadata import version

__version__ = version("counterfoil")
