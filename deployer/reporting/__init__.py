"""What was measured, shown: one page of HTML, Markdown, JUnit, CSV, and tables for a terminal."""
