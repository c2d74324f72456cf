"""The use cases: load, let core decide, commit, ask the acquirer, commit again. Sees core only."""
