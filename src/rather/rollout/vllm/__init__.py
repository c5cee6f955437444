"""What is said to vLLM servers, and rollouts spread over several of them."""
