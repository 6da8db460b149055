"""What Perl scripts need: perl's own library, the modules that they use, and the programs that they execute."""
