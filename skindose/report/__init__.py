"""Result -> bytes: one `render(result) -> bytes` per format; nothing here touches a disk."""
