"""The clients of practices: models, the repository on them, and the admin."""
