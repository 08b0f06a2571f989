"""One statement for a whole selection: the database makes the JSON of a customer and of all that hangs on it."""
