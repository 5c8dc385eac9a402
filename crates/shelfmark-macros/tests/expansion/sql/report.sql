SELECT release_year, count(*) AS shows
FROM shows
WHERE release_year >= :since
GROUP BY release_year;
