"""Many runs as one question: methods x recipes x data x seeds, and what their scores support."""
