"""The APIs of others, over our two engines: each a module that reads, calls and answers."""
