//! Places for what goes on at the same time, such as requests and connections: so many in all, and for one caller a part of them, so that nobody has them all to themselves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One caller gets a part of all.
const PART: usize = 4;

pub struct Places {
    most: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<Box<str>, usize>,
}

/// A place that is taken until this is dropped.
pub struct Place {
    places: Arc<Places>,
    caller: Option<Box<str>>,
}

impl Places {
    pub fn new(most: usize) -> Arc<Self> {
        Self::of(most, most.div_ceil(PART))
    }

    /// The same with so many for each caller.
    pub fn of(most: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { most, each, taken: Mutex::default() })
    }

    /// A place; none if all are taken, or all that a caller may have. Whoever is nobody in particular is not counted by itself.
    pub fn take(self: &Arc<Self>, caller: Option<&str>) -> Option<Place> {
        let caller: Option<Box<str>> = caller.map(Box::from);
        let mut taken = self.taken();
        if taken.all >= self.most {
            return None;
        }
        if let Some(caller) = &caller {
            let count = taken.by.entry(caller.clone()).or_default();
            if *count >= self.each {
                return None;
            }
            *count += 1;
        }
        taken.all += 1;
        Some(Place { places: self.clone(), caller })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        let Some(caller) = &self.caller else { return };
        if let Some(count) = taken.by.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                taken.by.remove(caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_leaves_places_for_others() {
        let places = Places::new(8);
        let mine: Vec<_> = (0..8).filter_map(|_| places.take(Some("10.0.0.1"))).collect();
        assert_eq!(mine.len(), 2);
        let others: Vec<_> = (0..8).filter_map(|_| places.take(None)).collect();
        assert_eq!(others.len(), 6, "all there are");
        assert!(places.take(Some("10.0.0.2")).is_none());
        drop(mine);
        assert!(places.taken().by.is_empty(), "and nothing is kept of who has gone");
        assert!(places.take(Some("10.0.0.1")).is_some());
    }
}
