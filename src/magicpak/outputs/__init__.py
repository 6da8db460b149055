"""What a plan can be written as: one module for each form."""
