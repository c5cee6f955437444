"""How fast answers are served: our own engine beside vLLM, and one answer beside transformers."""
