"""What we and a customer have to do with each other besides buying: contacts, complaints, promises, surveys, care."""
