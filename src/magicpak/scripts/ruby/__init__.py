"""What Ruby scripts need: ruby's own library, features that they require, gems, and the programs that they execute."""
