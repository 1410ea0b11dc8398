//! Which releases of which items go into a volume, and in plain words why none do.
//!
//! A [`Catalogue`] says what there is, a [`Request`] what a person wants and what is installed; [`solve`] answers with a [`Plan`], whose steps have
//! dependencies first, or with a [`Refusal`], whose sentences are made for people who do not know what a solver is. [`missing`] names what the catalogue
//! still lacks, so that it can be loaded level by level; [`dependents`], [`cascade`] and [`orphans`] are for uninstalling.
//!
//! One release of an item is in a volume at a time. What a plan prefers, in this order:
//!
//! 1. what is pinned stays, without exception; a withdrawn release is taken only where it is installed already; no circle of items;
//! 2. items that were put into the volume on purpose and are not to be updated keep their version: what moves cannot be made fewer;
//! 3. items named in [`Update::Only`] are as new as they can be;
//! 4. what came with others keeps its version, as in 2;
//! 5. items that are asked for are as new as they can be, the first of the request first;
//! 6. everything else is as new as it can be.
//!
//! So an item that is asked for comes in the newest release that fits what is installed; a range asks for more. The search is PubGrub (Weizenbaum 2018) of the
//! crate `pubgrub` over sets of releases that exist, so a range means what [`semver::VersionReq::matches`] says, prereleases included.
//!
//! Pure: no I/O, no threads, no clock and no randomness. The same catalogue and request give the same plan. Work is bounded by [`Limits`].

mod catalogue;
mod dependency;
mod explain;
mod plan;
mod problem;
mod refusal;
mod request;
mod set;
mod solve;
mod uninstall;
mod wish;
mod words;

pub use catalogue::{Catalogue, Release, missing};
pub use dependency::{Dependency, DependencyError, parse_dependency};
pub use plan::{Plan, Step};
pub use refusal::{Explanation, Kind, Refusal};
pub use request::{Installed, Limits, Lock, Reason, Request, Root, Update};
pub use solve::{solve, solve_within};
pub use uninstall::{cascade, dependents, orphans};
