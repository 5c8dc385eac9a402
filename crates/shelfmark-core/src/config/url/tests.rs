use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{Pooler, PostgresTarget, Secret, SslMode, Target};
use super::{Refusal, parse};
use crate::error::ErrorKind;

fn read(url: &str) -> Target {
    parse(url, Some("me")).unwrap_or_else(|refusal| panic!("{url}: {refusal}"))
}

fn read_postgres(url: &str) -> PostgresTarget {
    match read(url) {
        Target::Postgres(target) => target,
        other => panic!("{url} is {other}"),
    }
}

fn refused(url: &str) -> String {
    match parse(url, Some("me")) {
        Ok(target) => panic!("{url} is {target}"),
        Err(refusal) => refusal.to_string(),
    }
}

fn hosts(url: &str) -> Vec<(String, u16)> {
    read_postgres(url).hosts
}

fn host(name: &str, port: u16) -> (String, u16) {
    (name.to_owned(), port)
}

#[test]
fn every_way_to_write_memory_is_memory() {
    for url in [
        "memory:",
        "memory://",
        " memory:\n",
        "MEMORY:",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite://app.db?mode=memory",
    ] {
        assert_eq!(read(url), Target::Memory, "{url}");
    }
}

#[test]
fn a_file_is_relative_unless_its_path_begins_with_a_slash() {
    for (url, path) in [
        ("sqlite:app.db", "app.db"),
        ("sqlite://app.db", "app.db"),
        ("sqlite://data/app.db", "data/app.db"),
        ("sqlite:data/app.db", "data/app.db"),
        ("sqlite://./app.db", "./app.db"),
        ("sqlite://../app.db", "../app.db"),
        ("sqlite:///var/lib/app.db", "/var/lib/app.db"),
        ("sqlite:/var/lib/app.db", "/var/lib/app.db"),
        ("SQLite://app.db", "app.db"),
        ("sqlite://my%20films%3F.db", "my films?.db"),
        ("sqlite://my films.db", "my films.db"),
        ("sqlite://caf%C3%A9.db", "café.db"),
        ("sqlite://a@b.db", "a@b.db"),
        ("sqlite://app.db?mode=rwc", "app.db"),
    ] {
        let expected = Target::Sqlite {
            path: PathBuf::from(path),
        };
        assert_eq!(read(url), expected, "{url}");
    }
}

#[test]
fn every_part_of_a_server_is_read() {
    let expected = PostgresTarget {
        hosts: vec![host("db.example", 6543)],
        user: "app".to_owned(),
        password: Some(Secret::new("007e1")),
        database: "films".to_owned(),
        ssl_mode: SslMode::VerifyFull,
        ssl_root_cert: Some(PathBuf::from("/etc/ca.pem")),
        application_name: "catalog+1".to_owned(),
        connect_timeout: Duration::from_secs(3),
        options: Some("-c search_path=films".to_owned()),
        pooler: Pooler::None,
        direct: None,
    };
    for scheme in ["postgres", "postgresql", "PostgreSQL"] {
        let url = format!(
            "{scheme}://app:007e1@db.example:6543/films?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem\
             &application_name=catalog+1&connect_timeout=3&options=-c%20search_path%3Dfilms"
        );
        assert_eq!(read_postgres(&url), expected, "{url}");
    }
}

#[test]
fn what_a_server_leaves_out_is_filled_in_as_libpq_does() {
    assert_eq!(
        read_postgres("postgres://"),
        PostgresTarget::new("localhost", 5432, "me", "me")
    );
    assert_eq!(
        read_postgres("postgres://db/"),
        PostgresTarget::new("db", 5432, "me", "me")
    );
    assert_eq!(
        read_postgres("postgres://app@db"),
        PostgresTarget::new("db", 5432, "app", "app")
    );
    assert_eq!(
        read_postgres("postgres://app:@/films?"),
        PostgresTarget::new("localhost", 5432, "app", "films")
    );
    assert_eq!(hosts("postgres://:5433/films"), [host("localhost", 5433)]);
    assert_eq!(parse("postgres://db/films", None), Err(Refusal::NoUser));
}

#[test]
fn user_password_and_database_are_percent_decoded() {
    let target = read_postgres("postgres://a%40b:p%40ss%2Fw%3Ard%25+@db/my%2Ffilms");
    assert_eq!(target.user, "a@b");
    assert_eq!(target.password, Some(Secret::new("p@ss/w:rd%+")));
    assert_eq!(target.database, "my/films");
    // A colon and a space in the password mean nothing else there.
    let target = read_postgres("postgres://app:p:a ss@db/films");
    assert_eq!(target.password, Some(Secret::new("p:a ss")));
}

#[test]
fn several_hosts_have_a_port_each() {
    assert_eq!(
        hosts("postgres://db1:5432,db2:5433/films"),
        [host("db1", 5432), host("db2", 5433)]
    );
    assert_eq!(
        hosts("postgres://db1,db2:5433,[::1]:5434/films"),
        [host("db1", 5432), host("db2", 5433), host("::1", 5434)]
    );
    assert_eq!(
        hosts("postgres://db1,db2/films"),
        [host("db1", 5432), host("db2", 5432)]
    );
    assert_eq!(
        hosts("postgres:///films?host=db1,db2&port=5433"),
        [host("db1", 5433), host("db2", 5433)]
    );
    assert_eq!(
        hosts("postgres:///films?host=db1,db2&port=5433,"),
        [host("db1", 5433), host("db2", 5432)]
    );
}

#[test]
fn an_ipv6_address_stands_in_brackets() {
    assert_eq!(hosts("postgres://[::1]/films"), [host("::1", 5432)]);
    assert_eq!(
        hosts("postgres://u:p@[2001:db8::7]:5433/films"),
        [host("2001:db8::7", 5433)]
    );
    assert_eq!(
        hosts("postgres://[fe80::1%25eth0]/films"),
        [host("fe80::1%eth0", 5432)]
    );
    // In a list of its own nothing else can be meant.
    assert_eq!(hosts("postgres:///films?host=::1"), [host("::1", 5432)]);
    assert_eq!(
        read("postgres://[::1]/films").to_string(),
        "postgres://[::1]:5432/films"
    );
}

#[test]
fn a_socket_is_named_by_its_folder() {
    let expected = [host("/var/run/postgresql", 5432)];
    for url in [
        "postgres:///films?host=/var/run/postgresql",
        "postgres:///films?host=%2Fvar%2Frun%2Fpostgresql",
        "postgres://%2Fvar%2Frun%2Fpostgresql/films",
        "postgres://app:secret@%2Fvar%2Frun%2Fpostgresql/films",
        "postgres://app:secret@localhost/films?host=/var/run/postgresql",
    ] {
        assert_eq!(hosts(url), expected, "{url}");
    }
    assert_eq!(
        hosts("postgres:///films?host=/run/pg&port=5433"),
        [host("/run/pg", 5433)]
    );
}

#[test]
fn parameters_can_say_all_that_stands_before_them() {
    let target = read_postgres("postgres://?host=db&user=app&password=s%26t&dbname=films&port=1");
    let mut expected = PostgresTarget::new("db", 1, "app", "films");
    expected.password = Some(Secret::new("s&t"));
    assert_eq!(target, expected);
}

#[test]
fn a_url_that_is_no_database_is_refused_with_the_remedy() {
    for (url, text) in [
        ("", "it is empty"),
        (" ", "it is empty"),
        (
            "\"postgres://db/films\"",
            "it begins with a quotation mark; leave the quotation marks out",
        ),
        (
            "postgres://db/fi\nlms",
            "it contains a line break or another control character",
        ),
        (
            "app.db",
            "it is not a URL; write sqlite:// before a file's path, or memory: or a postgres:// URL",
        ),
        (
            "mysql://root@db/films",
            "mysql is not a scheme of Shelfmark; the engines are PostgreSQL and SQLite",
        ),
        (
            "postgresql+asyncpg://db/films",
            "postgresql+asyncpg is not a scheme of Shelfmark; write postgresql:// without the driver",
        ),
        (
            "postgress://db/films",
            "it begins with none of memory:, sqlite: and postgres://; did you mean postgres:?",
        ),
        (
            ":memory:",
            "it begins with none of memory:, sqlite: and postgres://; did you mean memory:?",
        ),
        (
            "hunter2:films",
            "it begins with none of memory:, sqlite: and postgres://",
        ),
        ("postgres:films", "two slashes are missing after postgres:"),
        (
            "memory:films",
            "nothing may follow memory:, for each database in memory is private to its handle",
        ),
        (
            "sqlite://",
            "it names no file; write memory: for a database in memory",
        ),
        (
            "sqlite:",
            "it names no file; write memory: for a database in memory",
        ),
        (
            "sqlite://data/",
            "it names no file; write memory: for a database in memory",
        ),
        (
            "sqlite://app.db?mode=ro",
            "after the ? only mode=rwc and mode=memory are known; write %3F for a ? in a path",
        ),
        (
            "sqlite://a#b.db",
            "it contains a #, which must be written %23",
        ),
    ] {
        assert_eq!(refused(url), text, "{url}");
    }
}

#[test]
fn a_reserved_character_is_refused_with_its_escape() {
    for (url, text) in [
        (
            "postgres://u:p#w@db/films",
            "it contains a #, which must be written %23",
        ),
        (
            "postgres://u:p@w@db/films",
            "it contains more than one @; one in the user, the password or a parameter must be written %40",
        ),
        (
            "postgres://u:p/w@db/films",
            "its @ stands after a / or a ?; in the user and the password these must be written %2F and %3F, and an @ \
             in a parameter must be written %40",
        ),
        (
            "postgres://u:p?w@db/films",
            "its @ stands after a / or a ?; in the user and the password these must be written %2F and %3F, and an @ \
             in a parameter must be written %40",
        ),
        (
            "postgres://u:100%@db/films",
            "it contains a % without two hexadecimal digits; a % itself must be written %25",
        ),
        (
            "postgres://u:%FF@db/films",
            "one of its %-escapes is not UTF-8",
        ),
        (
            "postgres://u:a%00@db/films",
            "it contains %00, which no name can hold",
        ),
        (
            "postgres://db/films/2024",
            "the name of its database contains a /, which must be written %2F",
        ),
    ] {
        assert_eq!(refused(url), text, "{url}");
    }
}

#[test]
fn a_wrong_host_or_port_is_refused_by_its_position() {
    let port = "the port of host 1 is not a number from 1 to 65535; if it is a password, the host is missing after it";
    for url in [
        "postgres://u:hunter2",
        "postgres://db:0/films",
        "postgres://db:65536/films",
        "postgres://db:+1/films",
        "postgres://db:-1/films",
    ] {
        assert_eq!(refused(url), port, "{url}");
    }
    for (url, text) in [
        ("postgres://a,/films", "host 2 of its list is empty"),
        ("postgres://,a/films", "host 1 of its list is empty"),
        (
            "postgres://a b/films",
            "host 1 contains a character that no name of a host has",
        ),
        (
            "postgres://::1/films",
            "host 1 is not a name with a port; an IPv6 address must stand in square brackets, and a : in the password \
             must come before the @",
        ),
        (
            "postgres://[::1]5432/films",
            "host 1 is not a name with a port; an IPv6 address must stand in square brackets, and a : in the password \
             must come before the @",
        ),
        (
            "postgres://a,[db]/films",
            "host 2 has square brackets, but no IPv6 address in them",
        ),
        (
            "postgres:///films?host=a,b,c&port=1,2",
            "there are 2 ports for 3 hosts; give one for each, or one for all",
        ),
    ] {
        assert_eq!(refused(url), text, "{url}");
    }
}

#[test]
fn an_unknown_parameter_is_refused_with_the_known_ones() {
    for (parameters, text) in [
        (
            "sslmod=require",
            "its parameter 1 is unknown; did you mean sslmode?",
        ),
        (
            "sslmode=require&hunter2=1",
            "its parameter 2 is unknown; known are application_name, connect_timeout, dbname, host, options, \
             password, port, sslmode, sslrootcert, user",
        ),
        (
            "channel_binding=require",
            "its parameter channel_binding is not supported; known are application_name, connect_timeout, dbname, \
             host, options, password, port, sslmode, sslrootcert, user",
        ),
        ("sslmode", "parameter 1 has no value; write name=value"),
        ("sslmode=", "its parameter sslmode is empty"),
        (
            "sslmode=allow",
            "its parameter sslmode is none of disable, prefer, require, verify-ca and verify-full",
        ),
        (
            "sslmode=require&sslmode=require",
            "its parameter sslmode is given twice",
        ),
        (
            "connect_timeout=0",
            "its parameter connect_timeout is not a number of whole seconds from 1 to 3600",
        ),
        (
            "connect_timeout=5s",
            "its parameter connect_timeout is not a number of whole seconds from 1 to 3600",
        ),
        (
            "connect_timeout=3601",
            "its parameter connect_timeout is not a number of whole seconds from 1 to 3600",
        ),
    ] {
        assert_eq!(refused(&format!("postgres://db/films?{parameters}")), text);
    }
}

#[test]
fn the_error_of_a_url_carries_an_example_and_no_part_of_the_url() {
    for (url, text) in [
        (
            "postgres://u:hunter2",
            "invalid configuration: database URL: the port of host 1 is not a number from 1 to 65535; if it is a \
             password, the host is missing after it; for example postgres://user:password@localhost:5432/app",
        ),
        (
            "postgres://u:hunter2@db/films?sslmode=of",
            "invalid configuration: database URL: its parameter sslmode is none of disable, prefer, require, \
             verify-ca and verify-full; for example postgres://user:password@localhost:5432/app?sslmode=require",
        ),
        (
            "sqlite://hunter2#1",
            "invalid configuration: database URL: it contains a #, which must be written %23; for example \
             sqlite://app.db",
        ),
        (
            "memory:hunter2",
            "invalid configuration: database URL: nothing may follow memory:, for each database in memory is private \
             to its handle; for example memory:",
        ),
    ] {
        let error = Target::parse(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn debug_and_display_hide_the_password() {
    let target = read("postgres://app:hunter2@db/films");
    assert_eq!(target.to_string(), "postgres://db:5432/films");
    assert!(format!("{target:#?}").contains("***"));
    assert!(!format!("{target:?}{target:#?}").contains("hunter2"));
}

/// A password whose letters stand nowhere in our texts, around characters that mean something in URLs.
fn password() -> impl Strategy<Value = String> {
    "QZX[0-9]{6}[@:/?#&=%,\\[\\] ]{0,2}QZX[0-9]{6}"
}

/// One slip: a character added, removed or replaced somewhere.
#[derive(Clone, Debug)]
enum Slip {
    Insert(prop::sample::Index, char),
    Remove(prop::sample::Index),
    Replace(prop::sample::Index, char),
    Cut(prop::sample::Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    let letter = prop::sample::select("@:/?#&=%,[] .\"'é\0\nx0".chars().collect::<Vec<_>>());
    prop_oneof![
        (any::<prop::sample::Index>(), letter.clone()).prop_map(|(at, c)| Slip::Insert(at, c)),
        any::<prop::sample::Index>().prop_map(Slip::Remove),
        (any::<prop::sample::Index>(), letter).prop_map(|(at, c)| Slip::Replace(at, c)),
        any::<prop::sample::Index>().prop_map(Slip::Cut),
    ]
}

fn apply(url: &str, slips: &[Slip]) -> String {
    let mut letters: Vec<char> = url.chars().collect();
    for slip in slips {
        if letters.is_empty() {
            break;
        }
        match slip {
            Slip::Insert(at, letter) => letters.insert(at.index(letters.len()), *letter),
            Slip::Remove(at) => {
                letters.remove(at.index(letters.len()));
            }
            Slip::Replace(at, letter) => {
                let at = at.index(letters.len());
                letters[at] = *letter;
            }
            Slip::Cut(at) => letters.truncate(at.index(letters.len())),
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_error_repeats_a_part_of_a_malformed_url(
        password in password(),
        form in 0_usize..6,
        slips in prop::collection::vec(slip(), 0..4),
    ) {
        let url = match form {
            0 => format!("postgres://app:{password}@db.example:5432/films?sslmode=require"),
            1 => format!("postgresql://app:{password}@db1,db2:5433/films"),
            2 => format!("postgres:///films?host=/run&user=app&password={password}"),
            3 => format!("postgres://db/films?{password}=1&sslmode={password}"),
            4 => format!("{password}://app@db/films"),
            _ => format!("postgres://app:{password}"),
        };
        let url = apply(&url, &slips);
        if let Err(error) = Target::parse(&url) {
            let shown = format!("{error} {error:?} {error:#?}");
            prop_assert!(!shown.contains("QZX"), "{}", shown);
        }
    }

    #[test]
    fn a_password_that_is_escaped_is_read_to_the_letter_and_never_shown(password in "\\PC{0,24}") {
        let sentinel = format!("QZX{password}");
        let escaped: String = sentinel.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = read_postgres(&format!("postgres://app:{escaped}@db/films"));
        prop_assert_eq!(target.password.as_ref().map(Secret::reveal), Some(sentinel.as_str()));
        let target = Target::Postgres(target);
        let shown = format!("{target} {target:?} {target:#?}");
        prop_assert!(!shown.contains("QZX"));
    }

    #[test]
    fn any_text_is_answered(
        scheme in "(memory:|sqlite:|sqlite://|postgres://|postgresql:|)",
        rest in "\\PC{0,40}|[@:/?#&=%,\\[\\]a1.]{0,24}",
    ) {
        let _ = parse(&format!("{scheme}{rest}"), None);
    }

    #[test]
    fn a_place_that_is_shown_is_read_again(
        hosts in prop::collection::vec(("[a-z][a-z0-9.-]{0,12}|::1", 1_u16..), 1..4),
        database in "[a-z]{1,12}",
    ) {
        let mut target = PostgresTarget::new("", 0, "me", database);
        target.hosts = hosts;
        let target = Target::Postgres(target);
        prop_assert_eq!(read(&target.to_string()), target);
    }
}
