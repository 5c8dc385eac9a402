{table}.show_id IN (
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
             WHERE p.lexemes @@ CAST('''' || replace(:words, ' ', ''' & ''') || ''':*' AS tsquery))))
