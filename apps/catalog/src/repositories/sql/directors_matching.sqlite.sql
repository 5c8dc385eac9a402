SELECT f.rowid AS id
FROM search_director_words AS f
WHERE f.search_director_words MATCH '"' || replace(:words, ' ', '" "') || '"' || CASE WHEN :begun THEN '*' ELSE '' END
ORDER BY f.rowid
LIMIT :limit
