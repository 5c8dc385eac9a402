-- By title, from A.
SELECT {s.*} FROM shows AS s
WHERE (:kind IS NULL OR s.type = :kind)
  AND (:rating IS NULL OR s.rating = :rating)
  AND (:year_from IS NULL OR s.release_year >= :year_from)
  AND (:year_to IS NULL OR s.release_year <= :year_to)
  AND (:words IS NULL OR s.show_id IN (
       SELECT t.show_id FROM search_title_words AS f
       CROSS JOIN search_titles AS t ON t.n = (f.rowid & 1099511627775)
       WHERE f.search_title_words MATCH '"' || replace(:words, ' ', '" "') || '"*'
       UNION ALL
       SELECT l.show_id FROM search_director_words AS f
       CROSS JOIN show_directors AS l ON l.director_id = f.rowid
       WHERE f.search_director_words MATCH '"' || replace(:words, ' ', '" "') || '"*'
       UNION ALL
       SELECT l.show_id FROM search_actor_words AS f
       CROSS JOIN show_actors AS l ON l.actor_id = f.rowid
       WHERE f.search_actor_words MATCH '"' || replace(:words, ' ', '" "') || '"*'))
  AND (:genre IS NULL OR EXISTS (
       SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
       WHERE l.show_id = s.show_id AND n.name = :genre))
  AND (:director IS NULL OR EXISTS (
       SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
       WHERE l.show_id = s.show_id AND n.name = :director))
  AND (:country IS NULL OR EXISTS (
       SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
       WHERE l.show_id = s.show_id AND n.name = :country))
  -- Where the index is entered; no text is before the empty one.
  AND s.title_folded >= coalesce(:last_title, '')
  AND (:last_title IS NULL OR s.title_folded > :last_title OR s.show_id > :last_id)
ORDER BY s.title_folded, s.show_id
LIMIT :limit
