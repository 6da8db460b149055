"""Build magicpak as one static executable that contains CPython and its modules and unpacks nothing."""
