"""What is true about orders and money: values in, values out; no I/O, no clock, no randomness."""
