"""What programs need that no header names: the names of `--with`, and what each stands for on this host."""
