"""The tour: a practice and its clients, through every procedure of the guide (rules §10)."""
