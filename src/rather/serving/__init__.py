"""One base and every version behind one OpenAI-compatible API."""
