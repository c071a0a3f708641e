# Fuzz harnesses.
