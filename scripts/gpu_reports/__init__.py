"""What a GPU machine shows of this server, each part in a process of its own."""
