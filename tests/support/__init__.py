"""What several tests share: programs and files that they make, and how they run magicpak."""
