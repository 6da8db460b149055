"""What programs need beside libraries: files that no header names."""
