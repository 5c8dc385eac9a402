WITH wanted AS MATERIALIZED (
    SELECT CAST('''' || replace(:words, ' ', ''' & ''') || '''' || CASE WHEN :begun THEN ':*' ELSE '' END AS tsquery)
        AS lexemes
),
near AS MATERIALIZED (
    SELECT w.show_id, w.release_year, w.n
    FROM (SELECT * FROM search_titles ORDER BY release_year DESC, n LIMIT 500) AS w
    WHERE w.lexemes @@ (SELECT lexemes FROM wanted)
),
walked AS MATERIALIZED (
    SELECT w.show_id, w.release_year, w.n
    FROM (SELECT * FROM search_titles ORDER BY release_year DESC, n LIMIT 20000) AS w
    WHERE (SELECT count(*) >= 3 AND count(*) < :limit FROM near)
      AND w.lexemes @@ (SELECT lexemes FROM wanted)
    LIMIT :limit
),
found AS MATERIALIZED (
    SELECT t.show_id, t.release_year, t.n
    FROM search_titles AS t
    WHERE (SELECT count(*) < :limit FROM near)
      AND (SELECT count(*) < :limit FROM walked)
      AND t.lexemes @@ (SELECT lexemes FROM wanted)
)
SELECT show_id, release_year, n FROM near WHERE (SELECT count(*) >= :limit FROM near)
UNION ALL
SELECT show_id, release_year, n FROM walked WHERE (SELECT count(*) >= :limit FROM walked)
UNION ALL
SELECT show_id, release_year, n FROM found
ORDER BY release_year DESC, n
LIMIT :limit
