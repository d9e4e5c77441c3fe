"""What customers are worth and what they will do next: models over their purchases, kept with what they were fitted on."""
