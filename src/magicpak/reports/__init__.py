"""Reports about a bundle, for people and for programs: one document, and its forms."""
