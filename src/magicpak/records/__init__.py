"""What is in a bundle, for scanners and lawyers: packages, files, modules, in the forms of CycloneDX and SPDX."""
