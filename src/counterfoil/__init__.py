"""Counterfoil: a payment gateway that you run yourself; one engine, four wire APIs."""
