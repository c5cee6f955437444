"""Who draws what a step of PPO learns from, when, and what that counts if another policy did."""
