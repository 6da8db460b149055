"""What a bundle is laid onto: the files of a base image, as a plan."""
