"""Wire types of segments: questions and saved segments, two beside each other, composition, and lists."""
