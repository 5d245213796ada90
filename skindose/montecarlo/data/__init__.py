"""Cross-sections of the elements; SOURCES.toml beside them says where they come from."""
