"""Who may, and the unit of work: one module per noun, rows in and rows out."""
