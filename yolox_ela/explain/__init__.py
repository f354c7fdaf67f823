"""Why a detector found what it found: class activation maps, and the gates of its attention."""
