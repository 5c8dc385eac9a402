{table}.show_id IN (
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
       WHERE f.search_actor_words MATCH '"' || replace(:words, ' ', '" "') || '"*')
