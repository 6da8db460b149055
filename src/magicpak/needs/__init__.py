"""What programs need that no header names: the names of `--with`, what each stands for here, and signs of a need."""
