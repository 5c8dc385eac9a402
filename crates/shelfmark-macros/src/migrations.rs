//! `migrations!`: the folder of migrations, read and embedded while compiling.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use shelfmark_core::Dialect;
use syn::{Error, LitStr};

/// The folder that is read unless another is named, beside Cargo.toml.
const DEFAULT_FOLDER: &str = "migrations";

/// How a file is called.
#[derive(Debug, PartialEq, Eq)]
struct FileName {
    version: i64,
    name: String,
    /// The engine it is for; `None` for all.
    dialect: Option<Dialect>,
}

/// The files of one version.
#[derive(Debug, Default, PartialEq, Eq)]
struct Files {
    name: String,
    sqlite: Option<String>,
    postgres: Option<String>,
    /// Whether one file serves all engines.
    common: bool,
}

pub(crate) fn migrations(tokens: TokenStream) -> syn::Result<TokenStream> {
    let given: Option<LitStr> = if tokens.is_empty() {
        None
    } else {
        let wanted = "name the folder, as it lies beside Cargo.toml: migrations!(\"migrations\")";
        Some(syn::parse2(tokens).map_err(|error| Error::new(error.span(), wanted))?)
    };
    let span = given.as_ref().map_or_else(Span::call_site, LitStr::span);
    let folder = given.map_or_else(|| DEFAULT_FOLDER.to_owned(), |literal| literal.value());
    let error = |message: String| Error::new(span, message);

    let names = file_names(&folder).map_err(error)?;
    let versions = versions(&folder, &names).map_err(error)?;
    let migrations = versions.iter().map(|(version, files)| {
        let name = &files.name;
        let (sqlite, postgres) = (
            embedded(&folder, files.sqlite.as_deref()),
            embedded(&folder, files.postgres.as_deref()),
        );
        quote!(::shelfmark::Migration::new(#version, #name, #sqlite, #postgres))
    });
    Ok(quote! {
        {
            const MIGRATIONS: &[::shelfmark::Migration] = &[#(#migrations),*];
            MIGRATIONS
        }
    })
}

/// The text of a file, which the compiler then watches.
fn embedded(folder: &str, file: Option<&str>) -> TokenStream {
    match file {
        None => quote!(::core::option::Option::None),
        Some(file) => {
            let path = format!("/{folder}/{file}");
            quote! {
                ::core::option::Option::Some(::core::include_str!(
                    ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path)
                ))
            }
        }
    }
}

/// The names of the folder's files, but for those whose name begins with a dot.
fn file_names(folder: &str) -> Result<Vec<String>, String> {
    let package = std::env::var("CARGO_MANIFEST_DIR")
        .map_err(|_| "the folder is found through cargo; build with it".to_owned())?;
    let unreadable = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => format!(
            "there is no folder `{folder}` beside Cargo.toml; create it, or name another: \
             migrations!(\"…\")"
        ),
        _ => format!("cannot read the folder `{folder}`: {cause}"),
    };
    let entries = std::fs::read_dir(Path::new(&package).join(folder)).map_err(unreadable)?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_str().ok_or_else(|| {
            format!(
                "the name of `{folder}/{}` is not UTF-8",
                name.to_string_lossy()
            )
        })?;
        if !name.starts_with('.') {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Takes `0001_create_shows.postgres.sql` apart.
fn parse(file: &str) -> Option<FileName> {
    let stem = file.strip_suffix(".sql")?;
    let (stem, dialect) = match stem.rsplit_once('.') {
        None => (stem, None),
        Some((stem, engine)) => {
            let dialect = Dialect::ALL
                .into_iter()
                .find(|dialect| dialect.word() == engine)?;
            (stem, Some(dialect))
        }
    };
    let (version, name) = stem.split_once('_')?;
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || name.is_empty() || name.contains('.') {
        return None;
    }
    Some(FileName {
        version: version.parse().ok()?,
        name: name.to_owned(),
        dialect,
    })
}

/// The files by their version, in order.
fn versions(folder: &str, names: &[String]) -> Result<BTreeMap<i64, Files>, String> {
    let mut versions: BTreeMap<i64, Files> = BTreeMap::new();
    for file in names {
        let Some(parsed) = parse(file) else {
            return Err(format!(
                "`{folder}/{file}` is not named as a migration: write `0001_create_shows.sql`, or \
                 for one engine `0001_create_shows.sqlite.sql` and `0001_create_shows.postgres.sql`"
            ));
        };
        let version = parsed.version;
        let files = versions.entry(version).or_insert_with(|| Files {
            name: parsed.name.clone(),
            ..Files::default()
        });
        if files.name != parsed.name {
            return Err(format!(
                "version {version} is taken twice, by `{}` and `{}`; give one of them the next \
                 number",
                files.name, parsed.name
            ));
        }
        let twice = files.common || (parsed.dialect.is_none() && files.sqlite.is_some());
        let slots: &mut [&mut Option<String>] = match parsed.dialect {
            None => &mut [&mut files.sqlite, &mut files.postgres],
            Some(Dialect::Sqlite) => &mut [&mut files.sqlite],
            Some(Dialect::Postgres) => &mut [&mut files.postgres],
        };
        let mut replaced = false;
        for slot in slots {
            replaced |= slot.replace(file.clone()).is_some();
        }
        if twice || replaced {
            return Err(format!(
                "version {version} has several files for one engine; keep either \
                 `…_{0}.sql` for all, or `…_{0}.sqlite.sql` and `…_{0}.postgres.sql`",
                parsed.name
            ));
        }
        files.common = parsed.dialect.is_none();
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Result<BTreeMap<i64, Files>, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        versions("migrations", &names)
    }

    #[test]
    fn a_file_serves_all_engines_or_the_one_it_names() {
        let versions = of(&[
            "0001_create_shows.sql",
            "0002_search.postgres.sql",
            "0002_search.sqlite.sql",
            "0010_only_here.postgres.sql",
        ])
        .unwrap();
        assert_eq!(versions.keys().copied().collect::<Vec<_>>(), [1, 2, 10]);
        assert_eq!(versions[&1].sqlite, versions[&1].postgres);
        assert_eq!(
            versions[&2].sqlite.as_deref(),
            Some("0002_search.sqlite.sql")
        );
        assert_eq!(versions[&10].sqlite, None);
        assert_eq!(versions[&10].name, "only_here");
    }

    #[test]
    fn names_that_are_no_migrations_are_refused() {
        for name in [
            "create_shows.sql",
            "0001.sql",
            "0001_.sql",
            "0001_a.mysql.sql",
            "0001_a.b.sqlite.sql",
            "0001_a.SQL",
            "0001_a.sql~",
            "README.md",
            "99999999999999999999_a.sql",
            "_a.sql",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
        assert!(
            of(&["notes.txt"])
                .unwrap_err()
                .contains("`migrations/notes.txt`")
        );
    }

    #[test]
    fn a_version_belongs_to_one_migration() {
        let error = of(&["0001_a.sql", "1_b.sql"]).unwrap_err();
        assert!(
            error.contains("version 1 is taken twice, by `a` and `b`"),
            "{error}"
        );
    }

    #[test]
    fn a_version_has_one_file_for_each_engine() {
        for names in [
            ["0001_a.sql", "0001_a.sqlite.sql"],
            ["0001_a.postgres.sql", "0001_a.sql"],
            ["0001_a.sql", "1_a.sql"],
            ["0001_a.sqlite.sql", "1_a.sqlite.sql"],
        ] {
            let error = of(&names).unwrap_err();
            assert!(
                error.contains("several files for one engine"),
                "{names:?}: {error}"
            );
        }
    }
}
