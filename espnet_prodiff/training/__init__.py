"""ESPnet's task and trainer with our models, teachers and checks of the data."""
