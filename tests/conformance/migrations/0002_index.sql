CREATE INDEX books_year ON books (year);
