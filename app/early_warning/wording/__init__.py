"""The words of warnings, language by language."""
