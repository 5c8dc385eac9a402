//! No password leaves, whatever the variables hold.

use proptest::prelude::*;

use super::super::settings;
use super::file::{folder, read_file};
use super::*;

#[test]
fn debug_of_the_source_shows_names_alone() {
    assert_eq!(
        format!("{:?}", source(&[("DB_PASSWORD", "hunter2")])),
        "{\"DB_PASSWORD\"}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_output_shows_a_password(
        before in "[ -~]{0,6}",
        after in "\\PC{0,6}",
        name in prop::sample::select(vec!["DATABASE_URL", "DB_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"]),
        template in prop::sample::select(vec![
            "postgres://u:{}@db/films", "postgres://u:{}@db:x/films", "postgres://u:{}", "postgres://db?{}=1", "{}",
        ]),
        host in prop::sample::select(vec!["db", "a b", "u:{}@db", "{}://"]),
        port in prop::sample::select(vec!["5432", "{}@x", "x"]),
    ) {
        let secret = format!("{before}QZXWVU{after}");
        let value = if name == "DATABASE_URL" { template.replace("{}", &secret) } else { secret.clone() };
        let host = host.replace("{}", &secret);
        let port = port.replace("{}", &secret);
        let vars = [
            (name, value.as_str()),
            ("DB_HOST", &host), ("DB_PORT", &port), ("DB_NAME", "d"), ("DB_USER", "u"),
            ("POSTGRES_HOSTNAME", &host), ("PGHOST", &host), ("DATABASE_POOL_MAX", "ten"),
        ];
        let error = config(&vars).unwrap_err();
        prop_assert!(!format!("{error} {error:?} {error:#?}").contains("QZXWVU"), "{}", error);
        if name == "DB_PASSWORD" {
            let vars = [("DB_HOST", "h"), ("DB_NAME", "d"), ("DB_USER", "u"), (name, value.as_str())];
            let config = config(&vars).unwrap();
            let shown = format!("{config:?} {config:#?} {}", config.target);
            prop_assert!(!shown.contains("QZXWVU"));
        }
    }

    #[test]
    fn no_file_shows_a_password_or_ends_the_program(
        lines in prop::collection::vec(
            "(DB_PASSWORD|DATABASE_URL|export DB_HOST|X Y)? ?=?[\"'$\\\\ {#]{0,3}QZXWVU[\"'$\\\\ }#=]{0,3}", 0..5,
        ),
    ) {
        if let Err(text) = read_file(&folder(lines.join("\n")), &[]) {
            prop_assert!(!text.contains("QZXWVU"), "{}", text);
        }
    }

    #[test]
    fn any_value_of_a_setting_is_answered(index in any::<prop::sample::Index>(), value in "\\PC{0,20}|[-0-9.msh]{0,30}") {
        let name = settings::NAMES[index.index(settings::NAMES.len())];
        let _ = config(&[("DATABASE_URL", "memory:"), (name, &value)]);
    }
}
