"""Pages that show several rooms at once: the rooms below may not import the ones above them, and these pages must."""
