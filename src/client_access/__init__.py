"""Which of a practice's clients may use what, and who pays for it."""
