"""Early warnings: who has come to owe too much, and who has stopped coming; told once, explained, and followed to an end."""
