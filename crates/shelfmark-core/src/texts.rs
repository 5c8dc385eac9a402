//! The texts of a statement whose text depends on what a call brings: one for each combination that occurs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::dialect::Dialect;
use crate::error::Result;

/// How many texts one statement keeps on each engine.
const KEPT: usize = 256;

/// The texts of one statement, each under the shape of the calls it is for.
///
/// At most 256 are kept for each engine; what comes after that is made at every call anew.
pub struct Texts {
    sqlite: Shapes,
    postgres: Shapes,
}

/// Locked while a text is looked up or put in, never while one is made.
type Shapes = Mutex<BTreeMap<Box<[u32]>, Arc<str>>>;

impl Texts {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Texts {
            sqlite: Mutex::new(BTreeMap::new()),
            postgres: Mutex::new(BTreeMap::new()),
        }
    }

    /// The text of `shape`, which `make` makes when it is not there.
    ///
    /// # Errors
    /// What `make` answers.
    pub fn get(
        &self,
        dialect: Dialect,
        shape: &[u32],
        make: impl FnOnce() -> Result<String>,
    ) -> Result<Arc<str>> {
        let shapes = match dialect {
            Dialect::Sqlite => &self.sqlite,
            Dialect::Postgres => &self.postgres,
        };
        let kept = || shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = kept().get(shape) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = make()?.into();
        let mut kept = kept();
        if kept.len() < KEPT {
            kept.insert(shape.into(), Arc::clone(&text));
        }
        Ok(text)
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(texts: &Texts, shape: u32, made: &mut u32) -> Result<Arc<str>> {
        texts.get(Dialect::Sqlite, &[shape], || {
            *made += 1;
            Ok(format!("SELECT {shape}"))
        })
    }

    #[test]
    fn a_text_is_made_once_for_each_shape_and_engine() -> Result<()> {
        let (texts, mut made) = (Texts::new(), 0);
        for shape in [1, 2, 1, 2, 1] {
            assert_eq!(
                *number(&texts, shape, &mut made)?,
                *format!("SELECT {shape}")
            );
        }
        assert_eq!(made, 2);
        let other = texts.get(Dialect::Postgres, &[1], || Ok("SELECT 'other'".into()))?;
        assert_eq!(&*other, "SELECT 'other'");
        Ok(())
    }

    #[test]
    fn the_number_of_kept_texts_is_bounded() -> Result<()> {
        let (texts, mut made) = (Texts::new(), 0);
        for shape in 0..1_000 {
            number(&texts, shape, &mut made)?;
        }
        assert_eq!(made, 1_000);
        number(&texts, 255, &mut made)?;
        assert_eq!(made, 1_000, "the first ones are kept");
        number(&texts, 256, &mut made)?;
        assert_eq!(made, 1_001, "a later one is made again");
        Ok(())
    }
}
