CREATE TABLE films (title text PRIMARY KEY NOT NULL, year integer NOT NULL);
