"""Where items of the plan come from."""
