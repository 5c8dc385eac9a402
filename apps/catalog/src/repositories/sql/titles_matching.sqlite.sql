-- A row of the index is numbered by year, then by n in the lower 40 bits.
SELECT t.show_id, t.release_year, t.n
FROM search_title_words AS f
CROSS JOIN search_titles AS t ON t.n = (f.rowid & 1099511627775)
WHERE f.search_title_words MATCH '"' || replace(:words, ' ', '" "') || '"' || CASE WHEN :begun THEN '*' ELSE '' END
ORDER BY f.rowid
LIMIT :limit
