"""The paper's other networks counted, beside what its tables and its text say."""
