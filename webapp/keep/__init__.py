"""``--keep``: originals, images and records of the page's jobs on a disk, found after a restart."""
