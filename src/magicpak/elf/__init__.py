"""Facts of ELF files, each read once."""
