"""Early warnings: who owes too much, and who has stopped coming. Told once, explained, and followed to an end."""
