"""What a run will take: memory, time and money, said before anything is downloaded."""
