"""A vLLM server of our own behind the API: started, watched, restarted, asked."""
