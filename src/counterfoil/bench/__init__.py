"""The benchmark: Counterfoil against this machine's own floor; `suite.run` is the way in."""
