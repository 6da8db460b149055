"""What a script needs besides libraries: its interpreter's own library, what it imports, and what it executes."""
