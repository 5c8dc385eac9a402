//! Whether every parameter of a statement has a value, and every value a parameter.

use proc_macro2::Span;
use syn::{Error, Result};

use super::Sql;
use crate::fields::Errors;
use crate::suggest::nearest;

impl Sql {
    /// Checks that every `:name` has a value and every value is used, on each engine.
    pub(crate) fn check_names(&self, given: &[(&str, Span)], owner: &Owner<'_>) -> Result<()> {
        let mut errors = Errors::default();
        // A name that was suggested is not complained about as unused.
        let mut meant: Vec<&str> = Vec::new();
        for variant in &self.variants {
            let mut unknown: Vec<&str> = Vec::new();
            for (name, start, _) in variant.template.params() {
                if given.iter().any(|(known, _)| *known == name) || unknown.contains(&name) {
                    continue;
                }
                unknown.push(name);
                let suggested = nearest(name, given.iter().map(|(known, _)| *known));
                meant.extend(suggested);
                errors.push(variant.text.error(start, owner.unknown(name, suggested)));
            }
        }
        for variant in &self.variants {
            let used = |name: &str| variant.template.params().any(|(found, ..)| found == name);
            for (name, span) in given {
                if !used(name) && !meant.contains(name) {
                    let place = match *name {
                        "filters" | "sort" | "page" => format!("`{{{name}}}`"),
                        _ => format!("`:{name}`"),
                    };
                    let message = format!(
                        "{} `{name}` is not used in the SQL{}; write {place} or remove it",
                        owner.value(),
                        variant.of_engine()
                    );
                    errors.push(Error::new(*span, message));
                }
            }
        }
        errors.finish(())
    }
}

/// Where the values of a statement come from, for the wording of errors.
pub(crate) enum Owner<'m> {
    /// The arguments of a method, by its name.
    Method(&'m str),
    /// The values given to `sql!`.
    Sql,
}

impl Owner<'_> {
    fn unknown(&self, name: &str, suggested: Option<&str>) -> String {
        let meant = suggested.map(|meant| format!("; did you mean `:{meant}`?"));
        match self {
            Owner::Method(method) => format!(
                "`:{name}` is not an argument of `{method}`{}",
                meant.unwrap_or_else(|| format!("; add `{name}: …` to its arguments"))
            ),
            Owner::Sql => format!(
                "`:{name}` has no value{}",
                meant.unwrap_or_else(|| format!("; add `{name} = …`"))
            ),
        }
    }

    fn value(&self) -> &'static str {
        match self {
            Owner::Method(_) => "argument",
            Owner::Sql => "the value",
        }
    }
}
