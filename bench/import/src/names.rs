//! The names of one table, with ids given in the order of their first use.

use crate::generate::words;

/// Names that may occur, and those that did.
#[derive(Debug)]
pub(crate) struct Names {
    candidates: Vec<String>,
    /// For each candidate its id, once it was used.
    ids: Vec<Option<u32>>,
    used: Vec<String>,
    /// The words of each that was used.
    words: Vec<String>,
}

impl Names {
    pub(crate) fn new(candidates: Vec<String>) -> Self {
        let ids = vec![None; candidates.len()];
        Names {
            candidates,
            ids,
            used: Vec::new(),
            words: Vec::new(),
        }
    }

    /// At most `count` different ones, the first candidates more often than the last, as people and countries are.
    pub(crate) fn pick(&mut self, count: usize, random: &mut fastrand::Rng) -> Vec<u32> {
        let mut picked = Vec::with_capacity(count);
        for _ in 0..count {
            let skewed = random.f64() * random.f64().max(0.25);
            let place = (skewed * self.candidates.len() as f64) as usize;
            let Some(id) = self.id(place) else { continue };
            if !picked.contains(&id) {
                picked.push(id);
            }
        }
        picked
    }

    fn id(&mut self, place: usize) -> Option<u32> {
        let slot = self.ids.get_mut(place)?;
        if slot.is_none() {
            let name = self.candidates.get(place)?;
            self.used.push(name.clone());
            self.words.push(words(name));
            *slot = u32::try_from(self.used.len()).ok();
        }
        *slot
    }

    /// The names that were used; the first has the id 1.
    pub(crate) fn used(&self) -> &[String] {
        &self.used
    }

    /// Those names with their words, by which they are found.
    pub(crate) fn with_words(&self) -> impl Iterator<Item = (&String, &String)> {
        self.used.iter().zip(&self.words)
    }

    /// The name of an id.
    pub(crate) fn name(&self, id: u32) -> &str {
        let place = (id as usize).checked_sub(1);
        place
            .and_then(|place| self.used.get(place))
            .map_or("", String::as_str)
    }
}
