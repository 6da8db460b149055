"""Which package of the system owns a file, by the databases of the package managers."""
