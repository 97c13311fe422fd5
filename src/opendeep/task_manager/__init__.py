"""The stages around a task: assistant, orchestrator, scheduler, questions to the user, lifecycle."""
