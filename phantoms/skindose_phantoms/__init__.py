"""Body meshes shipped with skindose, with their provenance in SOURCES.toml."""
