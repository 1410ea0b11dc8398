//! Places for requests that are worked on at the same time: so many in all, and for one caller a part of them, so that nobody has them all to themselves.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

/// One caller gets a part of all.
const PART: usize = 4;

pub struct Places {
    all: Semaphore,
    each: usize,
    taken: Mutex<HashMap<Box<str>, usize>>,
}

/// A place that is taken until this is dropped.
pub struct Place<'a> {
    places: &'a Places,
    caller: Option<Box<str>>,
    _one: SemaphorePermit<'a>,
}

impl Places {
    pub fn new(most: usize) -> Self {
        Self { all: Semaphore::new(most), each: most.div_ceil(PART), taken: Mutex::default() }
    }

    /// A place; none if all are taken, or all that a caller may have. Whoever is nobody in particular is not counted by itself.
    pub fn take(&self, caller: Option<&str>) -> Option<Place<'_>> {
        let one = self.all.try_acquire().ok()?;
        let caller: Option<Box<str>> = caller.map(Box::from);
        if let Some(caller) = &caller {
            let mut taken = self.counts();
            let count = taken.entry(caller.clone()).or_default();
            if *count >= self.each {
                return None;
            }
            *count += 1;
        }
        Some(Place { places: self, caller, _one: one })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Box<str>, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(caller) = &self.caller else { return };
        let mut taken = self.places.counts();
        if let Some(count) = taken.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(caller);
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
        assert!(places.counts().is_empty(), "and nothing is kept of who has gone");
        assert!(places.take(Some("10.0.0.1")).is_some());
    }
}
