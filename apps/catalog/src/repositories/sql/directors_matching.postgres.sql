WITH wanted AS MATERIALIZED (
    SELECT CAST('''' || replace(:words, ' ', ''' & ''') || '''' || CASE WHEN :begun THEN ':*' ELSE '' END AS tsquery)
        AS lexemes
),
near AS MATERIALIZED (
    SELECT w.id
    FROM (SELECT * FROM directors ORDER BY id LIMIT 500) AS w
    WHERE w.lexemes @@ (SELECT lexemes FROM wanted)
),
walked AS MATERIALIZED (
    SELECT w.id
    FROM (SELECT * FROM directors ORDER BY id LIMIT 20000) AS w
    WHERE (SELECT count(*) >= 3 AND count(*) < :limit FROM near)
      AND w.lexemes @@ (SELECT lexemes FROM wanted)
    LIMIT :limit
),
found AS MATERIALIZED (
    SELECT p.id
    FROM directors AS p
    WHERE (SELECT count(*) < :limit FROM near)
      AND (SELECT count(*) < :limit FROM walked)
      AND p.lexemes @@ (SELECT lexemes FROM wanted)
)
SELECT id FROM near WHERE (SELECT count(*) >= :limit FROM near)
UNION ALL
SELECT id FROM walked WHERE (SELECT count(*) >= :limit FROM walked)
UNION ALL
SELECT id FROM found
ORDER BY id
LIMIT :limit
