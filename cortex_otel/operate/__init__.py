"""What an operator does with an installation, beside reading the numbers."""
