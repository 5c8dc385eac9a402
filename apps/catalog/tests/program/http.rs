//! The API over HTTP.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::service::{Answer, Engine, Place, Service, SilentServer, ended_within, program, signal};

const JSON: &str = "application/json";

fn items(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

fn titles(answer: &Answer) -> Vec<String> {
    items(answer)
        .iter()
        .map(|show| show["title"].as_str().unwrap().to_owned())
        .collect()
}

/// Every page of a list, checked to hold no show twice.
fn walk(service: &Service, query: &str, limit: usize) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut after = String::new();
    for _ in 0..1_000 {
        let page = service.get(&format!("/shows?limit={limit}{query}{after}"))?;
        let found = items(&page);
        assert!(found.len() <= limit);
        all.extend(found);
        match &page.json()["next"] {
            Value::Null => {
                let ids: HashSet<&str> = all
                    .iter()
                    .map(|show| show["show_id"].as_str().unwrap())
                    .collect();
                assert_eq!(ids.len(), all.len(), "a show stands on two pages");
                return Ok(all);
            }
            next => after = format!("&after={}", next.as_str().unwrap()),
        }
    }
    panic!("the list does not end")
}

fn alien() -> Value {
    json!({
        "show_id": "new/1 é", "type": "Movie", "title": "Test of Ünicode", "date_added": "2024-02-29", "release_year": 1999,
        "rating": "R", "duration": "117 min", "description": "A test.", "directors": ["Ridley Scott", "Somebody New"],
        "actors": ["Sigourney Weaver"], "genres": ["Horror Movies"], "countries": ["Chile", "Peru"]
    })
}

const ALIEN: &str = "/shows/new%2F1%20%C3%A9";

on_both_engines! {
    fn the_first_run_shows_the_sample(place) {
        let service = Service::start(place)?;
        let page = service.get("/shows")?;
        assert_eq!(page.kind, "application/json");
        assert_eq!(items(&page).len(), 50);
        assert!(page.json()["next"].is_string());
        let first = &items(&page)[0];
        let mut fields: Vec<&String> = first.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["date_added", "description", "duration", "rating", "release_year", "show_id", "title", "type"]);
        assert!(walk(&service, "", 200)?.len() >= 300);
        drop(service);
        // The second run finds it filled.
        let again = Service::start(place)?;
        assert!(walk(&again, "", 200)?.len() >= 300);
    }

    fn several_at_once_start_on_an_empty_database(place) {
        let services: Vec<Service> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| Service::start(place))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Result<_>>()
        })?;
        let counts: HashSet<usize> =
            services.iter().map(|service| walk(service, "", 200).map(|all| all.len())).collect::<Result<_>>()?;
        assert_eq!(counts.len(), 1, "{counts:?}");
        assert!(counts.iter().all(|count| *count >= 300), "{counts:?}");
    }

    fn every_sort_walks_all_shows_in_order_and_once(place) {
        let service = Service::start(place)?;
        let count = walk(&service, "", 200)?.len();
        for (sort, key, descending) in [("release_year", "release_year", false), ("-release_year", "release_year", true), ("title", "title", false), ("-title", "title", true)] {
            let all = walk(&service, &format!("&sort={sort}"), 37)?;
            assert_eq!(all.len(), count, "{sort}");
            if key == "release_year" {
                let years: Vec<i64> = all.iter().map(|show| show[key].as_i64().unwrap()).collect();
                assert!(years.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }), "{sort}: {years:?}");
            } else {
                let folded: Vec<String> = all.iter().map(|show| catalog::domain::fold(show[key].as_str().unwrap())).collect();
                assert!(folded.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }), "{sort}: {folded:?}");
            }
        }
    }

    fn filters_narrow_and_combine(place) {
        let service = Service::start(place)?;
        let all = walk(&service, "", 200)?;
        let count = |test: &dyn Fn(&Value) -> bool| all.iter().filter(|show| test(show)).count();
        assert_eq!(walk(&service, "&type=TV%20Show", 200)?.len(), count(&|show| show["type"] == "TV Show"));
        assert_eq!(walk(&service, "&rating=PG-13", 20)?.len(), count(&|show| show["rating"] == "PG-13"));
        let nineties = walk(&service, "&year_from=1990&year_to=1999", 50)?;
        assert_eq!(nineties.len(), count(&|show| (1990..=1999).contains(&show["release_year"].as_i64().unwrap())));
        assert!(!nineties.is_empty());
        let kurosawa = walk(&service, "&director=Akira%20Kurosawa", 50)?;
        assert!(kurosawa.len() >= 3);
        let both = walk(&service, "&director=Akira%20Kurosawa&country=Japan&year_to=1960&type=Movie", 50)?;
        assert!(!both.is_empty() && both.len() <= kurosawa.len());
        assert!(!walk(&service, "&genre=Documentaries", 50)?.is_empty());
        assert!(walk(&service, "&genre=No%20such%20genre", 50)?.is_empty());
    }

    fn a_title_is_found_without_case_and_accents(place) {
        let service = Service::start(place)?;
        service.post("/shows", JSON, &alien().to_string())?;
        assert_eq!(titles(&service.get("/shows?q=of%20unicode")?), ["Test of Ünicode"]);
        assert_eq!(titles(&service.get("/shows?q=%C3%9CNICODE")?), ["Test of Ünicode"]);
        assert!(titles(&service.get("/shows?q=%25")?).len() < 3, "a wildcard must be a letter");
    }

    fn a_search_answers_shows_with_the_people_that_match(place) {
        let service = Service::start(place)?;
        let found = service.get("/search?q=kuros&limit=2")?;
        assert_eq!(items(&found).len(), 2);
        assert_eq!(found.json()["more"], true);
        assert!(items(&found).iter().all(|show| show["people"] == json!(["Akira Kurosawa"])), "{found:?}");
        assert!(items(&service.get("/search?q=%22%20OR%20*")?).iter().all(|show| show["title"].is_string()));
        for (query, named) in [("q=a&limit=0", "limit"), ("q=a&limit=101", "limit"), ("limit=5", "q"), ("q=a&limt=5", "limt")] {
            assert!(service.get(&format!("/search?{query}"))?.problem(400).contains(named), "{query}");
        }
        let detail = service.get(&format!("/search?q={}", "a".repeat(500)))?.problem(400);
        assert!(detail.contains("`q`") && detail.contains("200 characters"), "{detail}");
    }

    fn an_unknown_parameter_sort_or_cursor_is_a_400_that_names_it(place) {
        let service = Service::start(place)?;
        for (query, named) in [
            ("titel=x", "titel"), ("sort=rating", "sort"), ("sort=-", "sort"), ("limit=0", "limit"), ("limit=201", "limit"),
            ("limit=x", "limit"), ("after=nonsense", "after"), ("year_from=abc", "year_from"), ("type=Play", "type"),
            ("year_from=2000&year_to=1990", "year_from"), ("rating=R&rating=PG", "rating"), ("sort=title,title", "sort"),
        ] {
            let detail = service.get(&format!("/shows?{query}"))?.problem(400);
            assert!(detail.contains(named), "{query}: {detail}");
        }
        let detail = service.get("/shows?titel=x")?.problem(400);
        assert!(detail.contains("year_from") && detail.contains("limit"), "lists what is accepted: {detail}");
    }

    fn an_unknown_parameter_is_a_400_on_every_address(place) {
        let service = Service::start(place)?;
        assert_eq!(service.get("/?q=metropolis")?.status, 200);
        for path in ["/assets/catalog.css", "/assets/catalog.js", "/shows", "/shows/s1", "/shows/recent?year=2000", "/genres",
            "/directors/1/shows", "/stats/years", "/healthz", "/readyz"] {
            assert_eq!(service.get(path)?.status, 200, "{path}");
            let joined = format!("{path}{}limt=5", if path.contains('?') { '&' } else { '?' });
            let detail = service.get(&joined)?.problem(400);
            assert!(detail.contains("limt"), "{joined}: {detail}");
        }
        assert!(service.post("/shows?limt=5", JSON, &alien().to_string())?.problem(400).contains("limt"));
        assert!(service.put("/shows/s1?limt=5", &alien())?.problem(400).contains("limt"));
        assert!(service.delete("/shows/s1?limt=5")?.problem(400).contains("limt"));
        assert_eq!(service.get("/shows/s1")?.status, 200);
        service.get("/nothing?limt=5")?.problem(404);
    }

    fn a_search_text_too_long_for_a_pattern_is_a_400(place) {
        let service = Service::start(place)?;
        assert!(items(&service.get(&format!("/shows?q={}", "a".repeat(200)))?).is_empty());
        for letters in [201, 20_000] {
            let detail = service.get(&format!("/shows?q={}", "a".repeat(letters)))?.problem(400);
            assert!(detail.contains("`q`") && detail.contains("200 characters"), "{detail}");
        }
    }

    fn a_title_too_long_for_an_index_or_a_cursor_is_refused(place) {
        let service = Service::start(place)?;
        let mut body = alien();
        body["title"] = json!("\u{d55c}".repeat(400));
        let detail = service.post("/shows", JSON, &body.to_string())?.problem(422);
        assert!(detail.contains("title") && detail.contains("1000 bytes"), "{detail}");
        // The longest that is accepted can end a page.
        body["title"] = json!("\u{d55c}".repeat(111));
        assert_eq!(service.post("/shows", JSON, &body.to_string())?.status, 201);
        assert!(walk(&service, "&sort=title", 1)?.len() > 300);
    }

    fn an_id_that_has_no_address_is_refused(place) {
        let service = Service::start(place)?;
        for id in ["recent", ".", "..", " recent\n"] {
            let mut body = alien();
            body["show_id"] = json!(id);
            let detail = service.post("/shows", JSON, &body.to_string())?.problem(422);
            assert!(detail.contains("show_id") && detail.contains("reserved"), "{id}: {detail}");
        }
    }

    fn texts_of_a_client_are_tidied_as_those_of_a_file(place) {
        let service = Service::start(place)?;
        let genres = items(&service.get("/genres")?).len();
        let mut body = alien();
        body["title"] = json!(" Test \u{200b} of\tÜnicode ");
        body["rating"] = json!(" R ");
        body["genres"] = json!([" Horror  Movies", "Horror Movies ", "horror movies"]);
        body["description"] = json!("One \r\n two");
        let show = service.post("/shows", JSON, &body.to_string())?.json();
        assert_eq!((&show["title"], &show["rating"], &show["description"]), (&json!("Test of Ünicode"), &json!("R"), &json!("One\ntwo")));
        assert_eq!(show["genres"].as_array().unwrap().len(), 1);
        assert_eq!(items(&service.get("/genres")?).len(), genres);
    }

    fn ties_are_broken_by_the_key_in_the_direction_of_the_order(place) {
        let service = Service::start(place)?;
        for sort in ["release_year", "-release_year", "title", "-title"] {
            let key = sort.trim_start_matches('-');
            let all = walk(&service, &format!("&sort={sort}"), 3)?;
            let id = |show: &Value| show["show_id"].as_str().unwrap().to_owned();
            let in_order = |two: &[Value]| match sort.starts_with('-') {
                true => id(&two[0]) > id(&two[1]),
                false => id(&two[0]) < id(&two[1]),
            };
            assert!(all.windows(2).all(|two| two[0][key] != two[1][key] || in_order(two)), "{sort}");
        }
        let some = walk(&service, "&sort=-release_year&year_from=1960&year_to=1999", 7)?;
        assert_eq!(some.len(), walk(&service, "&sort=title&year_from=1960&year_to=1999", 7)?.len());
        assert_eq!(some.len(), walk(&service, "&sort=release_year&year_from=1960&year_to=1999", 7)?.len());
    }

    fn a_cursor_of_another_list_is_refused(place) {
        let service = Service::start(place)?;
        let next = service.get("/shows?limit=5&sort=title")?.json()["next"].as_str().unwrap().to_owned();
        assert_eq!(items(&service.get(&format!("/shows?limit=5&sort=title&after={next}"))?).len(), 5);
        for other in ["sort=-title", "sort=title&type=Movie", "limit=5"] {
            let detail = service.get(&format!("/shows?{other}&after={next}"))?.problem(400);
            assert!(detail.contains("cursor"), "{detail}");
        }
        let damaged = format!("{}A", &next[..next.len() - 1]);
        if damaged != next {
            service.get(&format!("/shows?limit=5&sort=title&after={damaged}"))?.problem(400);
        }
    }

    fn one_show_comes_with_its_names(place) {
        let service = Service::start(place)?;
        let show = service.get("/shows/s1")?;
        assert_eq!(show.status, 200);
        let show = show.json();
        for (names, least) in [("directors", 1), ("actors", 2), ("genres", 1), ("countries", 1)] {
            let names = show[names].as_array().unwrap();
            assert!(names.len() >= least && names[0]["id"].is_i64() && names[0]["name"].is_string(), "{show}");
        }
        let detail = service.get("/shows/nothing")?.problem(404);
        assert_eq!(detail, "there is no show with the id `nothing`");
    }

    fn recent_shows_are_the_newest_first(place) {
        let service = Service::start(place)?;
        let recent = items(&service.get("/shows/recent?year=2015&limit=7")?);
        assert_eq!(recent.len(), 7);
        let years: Vec<i64> = recent.iter().map(|show| show["release_year"].as_i64().unwrap()).collect();
        assert!(years.is_sorted_by(|a, b| a >= b) && years.iter().all(|year| *year >= 2015));
        assert!(service.get("/shows/recent")?.problem(400).contains("year"));
        assert!(service.get("/shows/recent?year=soon")?.problem(400).contains("year"));
    }

    fn genres_directors_and_years_are_listed(place) {
        let service = Service::start(place)?;
        let genres = items(&service.get("/genres")?);
        assert!(genres.len() > 10 && genres.iter().all(|genre| genre["shows"].as_i64().unwrap() > 0));
        let years = items(&service.get("/stats/years")?);
        let sum: i64 = years.iter().map(|year| year["shows"].as_i64().unwrap()).sum();
        assert_eq!(sum as usize, walk(&service, "", 200)?.len());
        let director = service.get("/shows/s1")?.json()["directors"][0].clone();
        let shows = service.get(&format!("/directors/{}/shows", director["id"]))?;
        assert_eq!(shows.json()["director"], director);
        assert!(items(&shows).iter().any(|show| show["show_id"] == "s1"));
        service.get("/directors/999999/shows")?.problem(404);
        assert!(service.get("/directors/x/shows")?.problem(400).contains("id"));
    }

    fn a_show_is_added_replaced_and_removed(place) {
        let service = Service::start(place)?;
        let added = service.post("/shows", JSON, &alien().to_string())?;
        assert_eq!((added.status, added.location.as_deref()), (201, Some(ALIEN)));
        let read = service.get(ALIEN)?;
        let mut looked_at = added.json();
        looked_at["views"] = json!(1);
        assert_eq!(read.json(), looked_at);
        let directors: Vec<Value> = read.json()["directors"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
        assert_eq!(directors, ["Ridley Scott", "Somebody New"]);

        let detail = service.post("/shows", JSON, &alien().to_string())?.problem(409);
        assert_eq!(detail, "a show with the id `new/1 é` exists already");

        let mut changed = alien();
        changed["title"] = json!("Another title");
        changed["rating"] = Value::Null;
        changed["directors"] = json!(["Somebody New"]);
        let replaced = service.put(ALIEN, &changed)?;
        assert_eq!((replaced.status, &replaced.json()["title"], &replaced.json()["rating"]), (200, &json!("Another title"), &Value::Null));
        assert_eq!(replaced.json()["directors"].as_array().unwrap().len(), 1);
        service.put("/shows/other", &changed)?.problem(422);
        changed["show_id"] = json!("unknown");
        service.put("/shows/unknown", &changed)?.problem(404);

        assert_eq!(service.delete(ALIEN)?.status, 204);
        service.delete(ALIEN)?.problem(404);
        service.get(ALIEN)?.problem(404);
    }

    fn a_patch_changes_what_it_says_and_nothing_else(place) {
        let service = Service::start(place)?;
        service.post("/shows", JSON, &alien().to_string())?;
        let before = service.get(ALIEN)?.json();
        let after = service.patch(ALIEN, &json!({"rating": null, "duration": " 117  min "}))?.json();
        assert_eq!((&after["rating"], &after["duration"]), (&Value::Null, &json!("117 min")));
        for kept in ["title", "release_year", "description", "date_added", "directors", "genres"] {
            assert_eq!(before[kept], after[kept], "{kept}");
        }
        assert_eq!(service.patch(ALIEN, &json!({}))?.json(), after);
        service.patch(ALIEN, &json!({"title": "Another"}))?.problem(422);
        assert!(service.patch(ALIEN, &json!({"rating": " "}))?.problem(422).contains("rating"));
        service.patch("/shows/unknown", &json!({"rating": "R"}))?.problem(404);
    }

    fn a_wrong_body_is_refused_and_named(place) {
        let service = Service::start(place)?;
        let post = |change: &dyn Fn(&mut Value)| {
            let mut body = alien();
            change(&mut body);
            service.post("/shows", JSON, &body.to_string())
        };
        for (field, value) in [("title", json!(" ")), ("release_year", json!(1500)), ("title", json!("x".repeat(501))), ("genres", json!([""])), ("show_id", json!("a\u{0}b"))] {
            let detail = post(&|body| body[field] = value.clone())?.problem(422);
            assert!(detail.contains(field), "{field}: {detail}");
        }
        for (field, value) in [("release_year", json!("x")), ("type", json!("Play")), ("date_added", json!("tomorrow")), ("surprise", json!(1))] {
            let answer = post(&|body| body[field] = value.clone())?;
            let detail = answer.problem(422);
            assert!(detail.contains(field), "{field}: {detail}");
        }
        service.post("/shows", JSON, "{\"title\":")?.problem(400);
        service.post("/shows", "text/plain", "hello")?.problem(415);
        post(&|body| { body.as_object_mut().unwrap().remove("title"); })?.problem(422);
        assert!(service.get("/shows?q=unicode")?.json()["items"].as_array().unwrap().is_empty());
    }

    fn a_body_too_large_is_a_413(place) {
        let service = Service::start(place)?;
        let mut body = alien();
        body["description"] = json!("x".repeat(2_000_000));
        service.post("/shows", JSON, &body.to_string())?.problem(413);
        assert_eq!(service.get("/healthz")?.status, 200);
    }

    fn concurrent_posts_of_one_id_give_one_201_and_conflicts(place) {
        let service = Service::start(place)?;
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let posts: Vec<_> = (0..8).map(|_| scope.spawn(|| service.post("/shows", JSON, &alien().to_string()).unwrap().status)).collect();
            posts.into_iter().map(|post| post.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    }

    fn unknown_addresses_and_methods_are_problems(place) {
        let service = Service::start(place)?;
        service.get("/nothing")?.problem(404);
        service.delete("/shows")?.problem(405);
        assert_eq!(service.get("/healthz")?.status, 200);
        assert_eq!(service.get("/readyz")?.status, 200);
    }

    fn the_page_and_its_files_are_served(place) {
        let service = Service::start(place)?;
        let page = service.get("/")?;
        assert!(page.kind.starts_with("text/html") && page.text.contains("Film catalogue"));
        for file in ["/assets/catalog.css", "/assets/catalog.js"] {
            assert!(page.text.contains(file));
            assert_eq!(service.get(file)?.status, 200);
        }
    }

    fn sigterm_ends_the_service_cleanly(place) {
        let service = Service::start(place)?;
        assert_eq!(service.get("/healthz")?.status, 200);
        assert_eq!(service.terminate()?, Some(0));
    }
}

#[test]
fn a_database_that_is_away_is_a_503_and_comes_back_by_itself() -> Result<()> {
    let server = test_postgres::Server::start()?;
    let folder = tempfile::tempdir()?;
    let service = Service::spawn(program(
        &server.url(),
        folder.path(),
        &["serve", "--addr", "127.0.0.1:0"],
    ))?;
    assert_eq!(service.get("/readyz")?.status, 200);
    server.stop();
    for path in ["/shows", "/shows/s1", "/readyz"] {
        let answer = service.get(path)?;
        answer.problem(503);
        assert!(
            !answer.text.contains("127.0.0.1"),
            "no internals: {}",
            answer.text
        );
    }
    assert_eq!(service.get("/healthz")?.status, 200);
    server.restart()?;
    let until = Instant::now() + Duration::from_secs(30);
    while service.get("/shows")?.status != 200 {
        assert!(Instant::now() < until, "the service did not recover");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn a_taken_port_is_named_with_the_way_out() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let output = place.run(&["serve", "--addr", &address])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&address) && said.contains("--addr"), "{said}");
    Ok(())
}

#[test]
fn without_arguments_and_settings_it_serves_the_sample_from_a_file() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let mut command = place.program(&[]);
    command
        .env_remove("DATABASE_URL")
        // The address is the one thing that a test must choose.
        .env("CATALOG_ADDR", "127.0.0.1:0");
    let service = Service::spawn(command)?;
    assert!(walk(&service, "", 200)?.len() >= 300);
    assert!(service.get("/")?.text.contains("Film catalogue"));
    assert!(place.folder.path().join("data/catalog.db").exists());
    Ok(())
}

#[test]
fn a_signal_ends_a_service_that_still_waits_for_its_database() -> Result<()> {
    for name in ["TERM", "INT"] {
        let silent = SilentServer::start()?;
        let folder = tempfile::tempdir()?;
        let arguments = ["serve", "--addr", "127.0.0.1:0"];
        let mut child = program(&silent.url, folder.path(), &arguments).spawn()?;
        let _connection = silent.wait()?;
        signal(&child, name)?;
        assert_eq!(ended_within(&mut child, Duration::from_secs(3))?, Some(0));
    }
    Ok(())
}
