//! `catalog import`, from the command line.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use shelfmark::Db;
use shelfmark::sql;

use crate::on_both_engines;
use crate::service::{Engine, Place, SilentServer, ended_within, program, signal};

const HEADER: &str = "show_id,type,title,director,cast,country,date_added,release_year,rating,duration,listed_in,description\n";

/// Everything that the issue of wild files knows of, in one file.
const WILD: &[u8] = b"\xef\xbb\xbfSHOW ID;Kind;Name;Directors;Casts;Country;date_added;Release Year;rating;duration;Genres;plot\r\n\
s1;Movie;Am\xc3\xa9lie;Jean-Pierre Jeunet;Audrey Tautou, Mathieu Kassovitz;France;September 25, 2021;2001;R;122 min;Comedies, Romantic Movies;\"A \"\"shy\"\" waitress;\r\nin Paris.\"\r\n\
s2;Film;Caf\xe9 de Flore;Jean-Marc Vall\xe9e;Vanessa Paradis;Canada, , France;25-Sep-21;2011;74 min;;Dramas;\r\n\
s3;TV Show;Dark;;Louis Hofmann,  Lisa Vicari , Louis Hofmann;Germany;2020-06-27;2017;TV-MA;3 Seasons;TV Dramas;\r\n\
s4;Movie;;;;;;2001;;;;\r\n\
s5;Movie;No year;;;;;soon;;;;\r\n\
s1;Movie;Am\xc3\xa9lie;Jean-Pierre Jeunet;Audrey Tautou;France;September 25, 2021;2001;R;123 min;Comedies;\r\n";

fn write(place: &Place, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = place.folder.path().join(name);
    fs::write(&path, bytes)?;
    Ok(path)
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// The shows and their links as text, the same for the same catalogue.
fn dump(place: &Place) -> Result<String> {
    block_on(async {
        let db = Db::open(&place.url).await?;
        type Row = (String, String, i32, Option<String>, Option<String>);
        let rows: Vec<Row> = db
            .fetch_all(sql!(
                "SELECT show_id, title, release_year, rating, duration FROM shows ORDER BY show_id"
            ))
            .await?;
        let links: Vec<(String, String, i32)> = db
            .fetch_all(sql!(
                "SELECT l.show_id, n.name, l.position FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
                 UNION ALL SELECT l.show_id, n.name, l.position FROM show_actors AS l JOIN actors AS n ON n.id = l.actor_id
                 UNION ALL SELECT l.show_id, n.name, l.position FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
                 UNION ALL SELECT l.show_id, n.name, l.position FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id"
            ))
            .await?;
        let mut links: Vec<String> = links.iter().map(|link| format!("{link:?}")).collect();
        links.sort();
        db.close().await?;
        Ok(format!("{rows:#?}\n{links:#?}"))
    })
}

/// How many shows there are, and how many of them lack the two genres that every generated show has.
fn whole(place: &Place) -> Result<(i64, i64)> {
    block_on(async {
        let db = Db::open(&place.url).await?;
        let counts = db
            .fetch_one(sql!(
                "SELECT (SELECT count(*) FROM shows), (SELECT count(*) FROM shows AS s WHERE
                 (SELECT count(*) FROM show_genres AS l WHERE l.show_id = s.show_id) <> 2)"
            ))
            .await?;
        db.close().await?;
        Ok(counts)
    })
}

fn generated(rows: usize) -> String {
    let mut text = HEADER.to_owned();
    for row in 0..rows {
        writeln!(text, "g{row},Movie,Title {row},Director {},\"Actor {}, Actor {}\",Chile,2020-01-02,{},PG,90 min,\"Dramas, Comedies\",About {row}", row % 97, row % 1009, row % 499, 1950 + row % 70).unwrap();
    }
    text
}

on_both_engines! {
    fn a_wild_file_is_imported_and_bad_rows_are_kept(place) {
        let file = write(place, "wild.csv", WILD)?;
        let output = place.run(&["import", "wild.csv"])?;
        let text = said(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("4 shows imported: 3 new, 1 replaced"), "{text}");
        assert!(text.contains("2 rows could not be read: see wild.csv.rejects.csv"), "{text}");
        assert!(text.contains("were read as Windows-1252"), "{text}");
        let rejects = fs::read_to_string(file.with_file_name("wild.csv.rejects.csv"))?;
        let lines: Vec<&str> = rejects.lines().collect();
        assert!(lines[0].starts_with("line,reason,SHOW ID,Kind"), "{rejects}");
        assert!(lines[1].starts_with("6,") && lines[1].contains("title"), "{rejects}");
        assert!(lines[2].starts_with("7,") && lines[2].contains("soon"), "{rejects}");
        let stored = dump(place)?;
        assert!(stored.contains("Café de Flore") && stored.contains("\"74 min\"") && stored.contains("\"123 min\""), "{stored}");
        assert_eq!(stored.matches("Louis Hofmann").count(), 1);
    }

    fn importing_again_gives_the_same_catalogue(place) {
        write(place, "wild.csv", WILD)?;
        place.run(&["import", "wild.csv"])?;
        let first = dump(place)?;
        let output = place.run(&["import", "wild.csv"])?;
        assert!(said(&output).contains("4 shows imported: 0 new, 4 replaced"), "{}", said(&output));
        assert_eq!(dump(place)?, first);
    }

    fn strict_stops_at_the_first_bad_row_and_leaves_the_database_untouched(place) {
        let mut text = generated(1_500);
        text.push_str("bad,Movie,,,,,,2001,,,,\n");
        write(place, "bad.csv", text.as_bytes())?;
        let output = place.run(&["import", "--strict", "bad.csv"])?;
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("error: line 1502: title is empty; nothing was imported, because the import is strict"), "{}", said(&output));
        assert_eq!(whole(place)?.0, 0);
        assert!(!place.folder.path().join("bad.csv.rejects.csv").exists());
        write(place, "good.csv", generated(1_500).as_bytes())?;
        assert!(place.run(&["import", "--strict", "good.csv"])?.status.success());
        assert_eq!(whole(place)?, (1_500, 0));
    }

    fn a_file_of_another_layout_is_refused_with_the_missing_columns(place) {
        write(place, "other.csv", b"id,name,price\n1,a,2\n")?;
        let output = place.run(&["import", "other.csv"])?;
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains("type") && text.contains("release_year"), "{text}");
        let output = place.run(&["import", "nothing.csv"])?;
        assert!(said(&output).contains("cannot read nothing.csv"), "{}", said(&output));
        assert_eq!(place.run(&["import"])?.status.code(), Some(2));
    }

    fn interrupted_by_ctrl_c_it_holds_whole_shows_and_can_go_on(place) {
        end_in_the_middle(place, "INT", Some(130))?;
    }

    fn interrupted_while_its_source_is_silent_it_ends_at_once(place) {
        let made = Command::new("mkfifo").arg(place.folder.path().join("pipe.csv")).status()?;
        assert!(made.success());
        let mut child = place.program(&["import", "pipe.csv"]).spawn()?;
        wait_until(&mut child, "the schema", || whole(place).is_ok())?;
        // Nobody has opened the other end yet.
        signal(&child, "INT")?;
        assert_eq!(ended_within(&mut child, Duration::from_secs(5))?, Some(130));

        for strict in [false, true] {
            let arguments: &[&str] = if strict { &["import", "--strict", "pipe.csv"] } else { &["import", "pipe.csv"] };
            let mut child = place.program(arguments).spawn()?;
            let mut pipe = fs::OpenOptions::new().write(true).open(place.folder.path().join("pipe.csv"))?;
            pipe.write_all(generated(5_000).as_bytes())?;
            if !strict {
                wait_until(&mut child, "shows", || whole(place).is_ok_and(|(shows, _)| shows >= 1_000))?;
            }
            signal(&child, "INT")?;
            assert_eq!(ended_within(&mut child, Duration::from_secs(10))?, Some(130));
            assert_eq!(whole(place)?.1, 0);
        }
    }

    fn killed_it_holds_whole_shows_and_can_go_on(place) {
        end_in_the_middle(place, "KILL", None)?;
    }
}

/// Waits for a condition while the program runs.
fn wait_until(child: &mut Child, what: &str, holds: impl Fn() -> bool) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        let ended = child.try_wait()?;
        anyhow::ensure!(
            Instant::now() < until && ended.is_none(),
            "{what}: not seen, {ended:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn end_in_the_middle(place: &Place, how: &str, code: Option<i32>) -> Result<()> {
    const ROWS: usize = 60_000;
    write(place, "long.csv", generated(ROWS).as_bytes())?;
    let mut child = place
        .program(&["import", "long.csv"])
        .stderr(Stdio::piped())
        .spawn()?;
    // Until the migration has run there is no table to count.
    wait_until(&mut child, "shows", || {
        whole(place).is_ok_and(|(shows, _)| shows >= 1_000)
    })?;
    signal(&child, how)?;
    let status = child.wait()?;
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text)?;
    assert_eq!(status.code(), code, "{text}");
    let (shows, torn) = whole(place)?;
    assert_eq!(torn, 0, "{shows} shows");
    assert!((1_000..ROWS as i64).contains(&shows), "{shows}");
    if code.is_some() {
        assert!(
            text.contains(&format!("interrupted: {shows} shows are stored and whole")),
            "{text}"
        );
    }
    assert!(
        place
            .run(&["import", "--quiet", "long.csv"])?
            .status
            .success()
    );
    assert_eq!(whole(place)?, (ROWS as i64, 0));
    Ok(())
}

#[test]
fn ctrl_c_ends_an_import_that_still_waits_for_its_database() -> Result<()> {
    let silent = SilentServer::start()?;
    let place = Place::new(Engine::Sqlite)?;
    write(&place, "good.csv", generated(3).as_bytes())?;
    let mut child = program(&silent.url, place.folder.path(), &["import", "good.csv"]).spawn()?;
    let _connection = silent.wait()?;
    signal(&child, "INT")?;
    let code = ended_within(&mut child, Duration::from_secs(3))?;
    assert_eq!(code, Some(130));
    Ok(())
}

/// The first Ctrl-C lets the batch finish that is being stored, which may have to wait for somebody else.
#[test]
fn a_second_ctrl_c_ends_an_import_at_once() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    write(&place, "long.csv", generated(60_000).as_bytes())?;
    let mut child = place
        .program(&["import", "long.csv"])
        .stderr(Stdio::piped())
        .spawn()?;
    wait_until(&mut child, "shows", || {
        whole(&place).is_ok_and(|(shows, _)| shows >= 1_000)
    })?;
    block_on(async {
        let db = Db::open(&place.url).await?;
        let locked = db.transaction(async |tx| {
            tx.execute(sql!("UPDATE shows SET title = 'held'")).await?;
            signal(&child, "INT")?;
            let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
            let first = said.find(|line| {
                line.as_ref()
                    .is_ok_and(|line| line.contains("press Ctrl-C again"))
            });
            assert!(first.is_some(), "the first Ctrl-C is answered");
            signal(&child, "INT").ok();
            assert_eq!(ended_within(&mut child, Duration::from_secs(2))?, Some(130));
            anyhow::Ok(())
        });
        locked.await?;
        db.close().await?;
        Ok(())
    })?;
    assert_eq!(whole(&place)?.1, 0);
    Ok(())
}

#[test]
fn the_default_database_is_a_file_in_data() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    write(&place, "good.csv", generated(3).as_bytes())?;
    let output = place
        .program(&["import", "good.csv"])
        .env_remove("DATABASE_URL")
        .output()?;
    assert!(output.status.success(), "{}", said(&output));
    assert!(place.folder.path().join("data/catalog.db").exists());
    Ok(())
}

#[test]
fn a_wrong_database_url_is_named_without_its_password() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    write(&place, "good.csv", generated(3).as_bytes())?;
    let url = "postgres://u:s3cr3t@127.0.0.1:1/none";
    let output = place
        .program(&["import", "good.csv"])
        .env("DATABASE_URL", url)
        .output()?;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("127.0.0.1:1") && !text.contains("s3cr3t"),
        "{text}"
    );
    let output = place
        .program(&["import", "good.csv"])
        .env("DATABASE_URL", "mysql://x")
        .output()?;
    assert!(said(&output).contains("DATABASE_URL"), "{}", said(&output));
    Ok(())
}
