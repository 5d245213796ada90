"""How the tables came to be; each file is one step."""
