"""The hosted payment page: what an order's customer sees and sends."""
