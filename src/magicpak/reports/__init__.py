"""What is told of a bundle, for people and for programs: one document, and the forms that it takes."""
