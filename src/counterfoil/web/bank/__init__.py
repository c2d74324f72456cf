"""The pages of the test bank, where a cardholder approves or declines."""
