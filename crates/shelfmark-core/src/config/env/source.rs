//! Where variables come from, gathered once, so that tests need no process environment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use super::super::problems::Problems;

/// The variables of one start. A value that is not UTF-8 is kept as `None`, to be refused when it is asked for.
#[derive(Default)]
pub(super) struct Source {
    values: BTreeMap<String, Option<String>>,
    /// The file and the line of those that come from a file.
    places: BTreeMap<String, String>,
}

impl Source {
    /// The environment of the process.
    pub(super) fn process() -> Self {
        let named = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())));
        Source::of(named.collect())
    }

    fn of(values: BTreeMap<String, Option<String>>) -> Self {
        Source {
            values,
            places: BTreeMap::new(),
        }
    }

    /// No problems yet; those of a variable that comes from a file will name its line.
    pub(super) fn problems(&self) -> Problems {
        Problems::of_variables(self.places.clone())
    }

    /// The pairs alone; a name given again replaces the earlier value.
    pub(super) fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let pairs = pairs.into_iter();
        Source::of(pairs.map(|(name, value)| (name, Some(value))).collect())
    }

    /// Adds a variable that stands at `place` of a file, unless it is there, be it empty: an empty one switches the file's
    /// off.
    pub(super) fn add(&mut self, name: String, value: String, place: String) {
        if let Entry::Vacant(free) = self.values.entry(name) {
            self.places.insert(free.key().clone(), place);
            free.insert(Some(value));
        }
    }

    /// Whether a variable of that name is there, empty or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The names of the variables that are set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values
            .keys()
            .map(String::as_str)
            .filter(|name| self.is_set(name))
    }

    /// Whether the variable has a value, even one that cannot be read.
    pub(super) fn is_set(&self, name: &str) -> bool {
        match self.values.get(name) {
            None => false,
            Some(None) => true,
            Some(Some(value)) => !value.trim().is_empty(),
        }
    }

    /// The value of a variable to which nothing else is known; unreadable ones are as good as unset.
    pub(super) fn plain(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)?
            .as_deref()
            .filter(|value| !value.trim().is_empty() && !value.contains('\0'))
    }

    /// The value, exactly as it stands: a password may begin with a space. An empty or blank one counts as unset.
    pub(super) fn exact(&self, name: &str, problems: &mut Problems) -> Option<&str> {
        let Some(value) = self.values.get(name)? else {
            problems.push_plain(name, "its value is not UTF-8");
            return None;
        };
        if value.contains('\0') {
            problems.push_plain(name, "its value contains a NUL character");
            return None;
        }
        Some(value.as_str()).filter(|value| !value.trim().is_empty())
    }

    /// The value without the white space around it.
    pub(super) fn trimmed(&self, name: &str, problems: &mut Problems) -> Option<&str> {
        self.exact(name, problems).map(str::trim)
    }

    #[cfg(test)]
    pub(super) fn add_unreadable(&mut self, name: &str) {
        self.values.insert(name.to_owned(), None);
    }
}

impl fmt::Debug for Source {
    /// The names alone: among the values are passwords, and not only ours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
