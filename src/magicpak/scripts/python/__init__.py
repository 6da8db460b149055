"""What Python scripts need: the standard library, packages that they import, and the programs that they execute."""
