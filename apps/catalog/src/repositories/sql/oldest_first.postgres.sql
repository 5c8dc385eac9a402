-- Oldest first.
SELECT {s.*} FROM shows AS s
WHERE (:kind IS NULL OR s.type = :kind)
  AND (:rating IS NULL OR s.rating = :rating)
  AND (:year_from IS NULL OR s.release_year >= :year_from)
  AND (:year_to IS NULL OR s.release_year <= :year_to)
  AND (:words IS NULL OR s.show_id IN (
       SELECT t.show_id FROM search_titles AS t
       WHERE t.lexemes @@ CAST('''' || replace(:words, ' ', ''' & ''') || ''':*' AS tsquery)
       UNION ALL
       -- Lists of ids, not joins: those enter the index of the links, whatever the planner thinks of a word.
       SELECT l.show_id FROM show_directors AS l
       WHERE l.director_id = ANY (ARRAY (
             SELECT p.id FROM directors AS p
             WHERE p.lexemes @@ CAST('''' || replace(:words, ' ', ''' & ''') || ''':*' AS tsquery)))
       UNION ALL
       SELECT l.show_id FROM show_actors AS l
       WHERE l.actor_id = ANY (ARRAY (
             SELECT p.id FROM actors AS p
             WHERE p.lexemes @@ CAST('''' || replace(:words, ' ', ''' & ''') || ''':*' AS tsquery)))))
  AND (:genre IS NULL OR EXISTS (
       SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
       WHERE l.show_id = s.show_id AND n.name = :genre))
  AND (:director IS NULL OR EXISTS (
       SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
       WHERE l.show_id = s.show_id AND n.name = :director))
  AND (:country IS NULL OR EXISTS (
       SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
       WHERE l.show_id = s.show_id AND n.name = :country))
  -- Where the index is entered; 0 is before every year.
  AND s.release_year >= coalesce(:last_year, :year_from, 0)
  AND (:last_year IS NULL OR s.release_year > :last_year OR s.show_id > :last_id)
ORDER BY s.release_year, s.show_id
LIMIT :limit
