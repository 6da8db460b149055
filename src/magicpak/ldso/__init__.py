"""How Linux loads programs: the loaders' rules, and asking a real one."""
