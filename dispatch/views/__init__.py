"""HTTP in, one rule, one page or partial out."""
