"""Models as folders on disk: what fits them, and what is made of two of them."""
