"""What customers will do next and what they are worth: models of their purchases, and what these were fitted on."""
