"""What is served besides the wires: health, metrics, and the way to each wire."""
