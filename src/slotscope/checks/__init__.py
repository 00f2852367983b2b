"""What every optimizer promises: one function a sentence, one file a theme."""
