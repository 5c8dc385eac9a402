SELECT f.rowid AS id
FROM search_actor_words AS f
WHERE f.search_actor_words MATCH '"' || replace(:words, ' ', '" "') || '"' || CASE WHEN :begun THEN '*' ELSE '' END
ORDER BY f.rowid
LIMIT :limit
