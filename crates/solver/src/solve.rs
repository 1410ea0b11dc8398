//! From a request to a plan: attempts, each a run of the search, until no more can stay as it is.

use std::cell::Cell;
use std::collections::BTreeMap;

use semver::VersionReq;

use crate::explain::explain;
use pubgrub::VersionSet;

use crate::problem::{Choice, Failure, Item, Place, Problem, Stop};
use crate::wish::Wish;
use crate::{Catalogue, Kind, Limits, Plan, Reason, Refusal, Request, Update};

/// The part of the work after which an answer does not come at once.
const QUICK: u64 = 50;

/// The plan for a request, or why there is none. See the crate's page for what it prefers.
///
/// The catalogue has to know every item that the roots and the lock lead to ([`missing`](crate::missing)). What is installed and no longer in the
/// marketplace can be put into it as the installed release alone.
pub fn solve(catalogue: &Catalogue, request: &Request) -> Result<Plan, Refusal> {
    solve_within(catalogue, request, &Limits::default())
}

/// [`solve`] with other limits.
pub fn solve_within(catalogue: &Catalogue, request: &Request, limits: &Limits) -> Result<Plan, Refusal> {
    let problem = Problem::new(catalogue, &request.installed, *limits);
    let stopped = |stop| Refusal::stopped(stop, limits);
    let solver = Solver::new(&problem, request).map_err(stopped)?;
    if let Some(refusal) = solver.pinned_and_gone() {
        return Err(refusal);
    }
    let wish = solver.wish(&solver.roots, &solver.pins);
    let choice = match solver.best(wish.clone()) {
        Ok(choice) => choice,
        Err(Failure::Stopped(stop)) => return Err(stopped(stop)),
        Err(Failure::Impossible(proof)) => return Err(explain(&solver, &wish, &proof)),
    };
    let order = problem.order(&choice).map_err(stopped)?.unwrap_or_else(|circle| circle.members);
    Plan::new(&problem, &choice, &order).map_err(stopped)
}

/// A range for an item, and why.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub item: Item,
    pub range: &'a VersionReq,
    pub reason: Reason,
}

/// A request by numbers.
pub(crate) struct Solver<'p, 'a> {
    pub problem: &'p Problem<'a>,
    pub roots: Vec<Wanted<'a>>,
    pub pins: Vec<Item>,
    /// What is installed, by name, where the catalogue has that release.
    installed: BTreeMap<Item, Place>,
    update: &'a Update,
    /// Work for the ways out of a refusal.
    spare: Cell<u64>,
}

impl<'p, 'a> Solver<'p, 'a> {
    fn new(problem: &'p Problem<'a>, request: &'a Request) -> Result<Self, Stop> {
        let wanted = |root: &'a crate::Root| Ok(Wanted { item: problem.item(&root.slug)?, range: &root.range, reason: root.reason });
        let roots: Result<Vec<_>, Stop> = request.roots.iter().map(wanted).collect();
        let (mut pins, mut installed) = (Vec::new(), BTreeMap::new());
        for (slug, at) in &request.installed {
            let item = problem.item(slug)?;
            if at.pinned {
                pins.push(item);
            }
            if let Some(place) = problem.facts(item).lock {
                installed.insert(item, place);
            }
        }
        Ok(Solver { problem, roots: roots?, pins, installed, update: &request.update, spare: Cell::new(problem.limits.work) })
    }

    fn pinned_and_gone(&self) -> Option<Refusal> {
        let gone = self.pins.iter().find(|pin| !self.installed.contains_key(pin))?;
        let slug = self.problem.slug(*gone);
        let version = &self.problem.lock[slug].version;
        let sentence =
            format!("{slug} is pinned at {version}, a release that the marketplace does not have any more. Unpin it, or remove it.");
        Some(Refusal::brief(Kind::Pinned, vec![slug.to_owned()], sentence))
    }

    fn may_change(&self, item: Item) -> bool {
        match self.update {
            Update::Nothing => false,
            Update::Only(slugs) => slugs.contains(self.problem.slug(item)),
            Update::All => true,
        }
    }

    /// What is to keep its version if it can: first what is a root, then the rest.
    fn kept(&self) -> [Vec<Item>; 2] {
        let (mut roots, mut others) = (Vec::new(), Vec::new());
        for item in self.by_name(self.installed.keys().copied().filter(|item| !self.may_change(*item))) {
            if self.roots.iter().any(|root| root.item == item) { roots.push(item) } else { others.push(item) }
        }
        [roots, others]
    }

    fn named(&self) -> Vec<Item> {
        let named = |item: &Item| matches!(self.update, Update::Only(_)) && self.may_change(*item);
        self.by_name(self.installed.keys().copied().filter(named))
    }

    fn by_name(&self, items: impl Iterator<Item = Item>) -> Vec<Item> {
        let mut items: Vec<Item> = items.collect();
        items.sort_by_key(|item| self.problem.slug(*item));
        items
    }

    /// What the search is to look for, given ranges and pins.
    pub fn wish(&self, roots: &[Wanted<'a>], pins: &[Item]) -> Wish<'a> {
        let [kept_roots, kept_others] = self.kept();
        let because = |reason| roots.iter().filter(move |root| root.reason == reason).map(|root| root.item);
        let installed = self.by_name(because(Reason::Installed));
        let order = pins.iter().copied().chain(kept_roots.iter().copied()).chain(self.named()).chain(kept_others.iter().copied());
        let mut wish = Wish {
            roots: roots.iter().map(|root| (root.item, root.range)).collect(),
            present: pins.to_vec(),
            only: pins.iter().filter_map(|pin| Some((*pin, *self.installed.get(pin)?))).collect(),
            prefer: kept_roots.iter().chain(&kept_others).map(|item| (*item, self.installed[item])).collect(),
            no_older: BTreeMap::new(),
            within: BTreeMap::new(),
            rank: BTreeMap::new(),
        };
        for item in order.chain(because(Reason::Asked)).chain(installed) {
            let next = wish.rank.len() as u32;
            wish.rank.entry(item).or_insert(next);
        }
        wish
    }

    /// The choice that comes first in the order of the crate's page.
    fn best(&self, mut wish: Wish<'a>) -> Result<Choice, Failure> {
        let mut choice = self.first(&mut wish)?;
        let [roots, others] = self.kept();
        self.keep(&mut wish, &mut choice, &roots);
        for item in self.named() {
            if let Some(place) = choice.get(&item) {
                wish.no_older.insert(item, *place);
            }
        }
        self.keep(&mut wish, &mut choice, &others);
        Ok(choice)
    }

    /// Any best choice. Most come at once; the others are helped by narrowing, but a proof made from that would lack its beginning.
    fn first(&self, wish: &mut Wish<'a>) -> Result<Choice, Failure> {
        let quick = self.problem.limits.work / QUICK;
        match self.problem.within(quick, || self.problem.attempt(wish)).0 {
            Err(Failure::Stopped(Stop::Work)) => (),
            done => return done,
        }
        let whole = wish.clone();
        wish.narrow(self.problem)?;
        match self.problem.attempt(wish) {
            Err(Failure::Impossible(_)) => self.problem.attempt(&whole),
            done => done,
        }
    }

    /// Lets stay what need not move, one item after another, so that no fewer could move. What is left of the work bounds it.
    fn keep(&self, wish: &mut Wish<'a>, choice: &mut Choice, items: &[Item]) {
        let stays = |choice: &Choice, item: &Item| choice.get(item).is_none_or(|place| *place == self.installed[item]);
        let (staying, moving): (Vec<Item>, Vec<Item>) = items.iter().partition(|item| stays(choice, item));
        wish.only.extend(staying.iter().map(|item| (*item, self.installed[item])));
        if moving.is_empty() {
            return;
        }
        // What is to be no older may go altogether, so nothing follows from it.
        let no_older = std::mem::take(&mut wish.no_older);
        let narrowed = wish.narrow(self.problem);
        wish.no_older = no_older;
        if narrowed.is_err() {
            return;
        }
        for item in moving {
            if !wish.usable(self.problem, item).contains(&self.installed[&item]) {
                continue;
            }
            let mut stricter = wish.clone();
            stricter.only.insert(item, self.installed[&item]);
            if !stays(choice, &item) {
                match self.problem.attempt(&stricter) {
                    Ok(better) => *choice = better,
                    Err(Failure::Impossible(_)) => continue,
                    Err(Failure::Stopped(_)) => return,
                }
            }
            *wish = stricter;
        }
        // What has to move makes way for what is to be as new as it can be.
        for item in items.iter().filter(|item| !stays(choice, item)) {
            let last = wish.rank.values().max().map_or(0, |last| last + 1);
            wish.rank.insert(*item, last);
            wish.prefer.remove(item);
        }
        wish.no_older.retain(|item, _| choice.contains_key(item));
        if let Ok(better) = self.problem.attempt(wish) {
            *choice = better;
        }
    }

    /// Whether there is a choice for other ranges or pins, and which; in a quarter of the work, and all times together in no more than for a plan.
    pub fn would_work(&self, roots: &[Wanted<'a>], pins: &[Item]) -> Result<Choice, Failure> {
        let most = self.spare.get().min(self.problem.limits.work / 4);
        let (choice, taken) = self.problem.within(most, || self.problem.attempt(&self.wish(roots, pins)));
        self.spare.set(self.spare.get() - taken);
        choice
    }
}
