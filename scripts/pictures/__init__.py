"""The server under Pillow's own test images: odd, broken and hostile ones, and sound ones."""
