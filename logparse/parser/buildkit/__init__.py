"""BuildKit's output in all its forms: plain lines, JSON, and the display on a terminal."""
