//! What a change of a volume's lock would do: versions from the solver, texts from a three-way merge, and nothing written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use llmos_solver::{Installed, Lock, Reason, Release, Request, Root, Update};
use llmos_trust::{archive::Limits, statement::ReleaseStatement};
use semver::{Version, VersionReq};

use super::{
    super::{
        model::{Capabilities, ChangeLock, Dependency, LockPlan, LockStep, OnConflict, PlannedStep},
        store::{self, InstallationRow, ListingRow, ReleaseRow},
    },
    archive, naming,
    submission::compare,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::Action,
        artifacts::{
            self,
            model::{FileEntry, merge::Choice},
            service::Folder,
        },
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, ListingId, ReleaseId, VolumeId},
    server::{context::Ctx, error::internal},
};

/// Changes that can be taken back at once.
const CHANGES: i64 = 1_000;

/// One item that comes, changes or goes.
pub struct Act {
    pub listing: ListingRow,
    pub from: Option<(InstallationRow, ReleaseRow)>,
    pub to: Option<ReleaseRow>,
    pub needed_by: Vec<String>,
    /// Whether somebody asked for it.
    pub asked: bool,
    /// The installed artifact as it was committed last; none where it is no longer in the volume.
    pub here: Option<Folder>,
    /// The files that the volume gets, and where both sides changed the same lines.
    pub joined: Option<Joined>,
}

pub struct Joined {
    pub content: Vec<u8>,
    pub files: Vec<FileEntry>,
    pub edited: bool,
    pub conflicts: Vec<String>,
}

/// A change that can be done.
pub struct Planned {
    pub access: VolumeAccess,
    /// What was installed when it was planned.
    pub installed: Vec<InstallationRow>,
    pub acts: Vec<Act>,
    /// Installed for something else before, and asked for now.
    pub asks: Vec<ListingId>,
    pub act: &'static str,
}

/// A change, or why it cannot be: a first sentence, and all of the reasons.
pub enum Outcome {
    Planned(Box<Planned>),
    Refused(String, Vec<String>),
}

fn refused(sentence: impl Into<String>) -> AppResult<Outcome> {
    Ok(Outcome::Refused(sentence.into(), Vec::new()))
}

/// What would change, for a person to look at.
pub async fn plan(ctx: &Ctx, volume: VolumeId, input: ChangeLock) -> AppResult<LockPlan> {
    let planned = match make(ctx, volume, &input).await? {
        Outcome::Refused(refusal, reasons) => return Ok(LockPlan { refusal: Some(refusal), reasons, ..LockPlan::default() }),
        Outcome::Planned(planned) => planned,
    };
    let mut steps = Vec::with_capacity(planned.acts.len());
    for act in planned.acts {
        steps.push(shown(ctx, act).await?);
    }
    Ok(LockPlan { steps, ..LockPlan::default() })
}

async fn shown(ctx: &Ctx, act: Act) -> AppResult<PlannedStep> {
    let before = act.from.as_ref().map(|(_, row)| row);
    let (old, new) = match (before, &act.to) {
        (Some(old), Some(new)) => (archive::files_of(ctx, old).await?, archive::files_of(ctx, new).await?),
        // What comes for the first time is read on its page.
        _ => (Vec::new(), Vec::new()),
    };
    let had = before.map(ReleaseRow::capabilities).transpose()?.unwrap_or_default();
    let has = act.to.as_ref().map(ReleaseRow::capabilities).transpose()?.unwrap_or_default();
    Ok(PlannedStep {
        deprecation: act.to.as_ref().and_then(|_| act.listing.advice()),
        slug: act.listing.slug,
        name: act.listing.name,
        from: before.map(|row| row.version.clone()),
        to: act.to.as_ref().map(|row| row.version.clone()),
        needed_by: act.needed_by,
        changelog: act.to.as_ref().map(|row| row.changelog.clone()).unwrap_or_default(),
        new_capabilities: has.beyond(&had),
        changes: compare(old, new).await?,
        edited: act.joined.as_ref().is_some_and(|joined| joined.edited),
        conflicts: act.joined.map(|joined| joined.conflicts).unwrap_or_default(),
    })
}

/// Plans a change of the lock of a volume that the caller may commit to.
pub async fn make(ctx: &Ctx, volume: VolumeId, input: &ChangeLock) -> AppResult<Outcome> {
    let access = volumes::service::authorise(ctx, volume, Action::Commit).await?;
    let installed = store::installations(ctx.db().read(), volume).await?;
    let wanted = match &input.roll_back {
        Some(change) => rolled_back(ctx, volume, &installed, change).await?,
        None => match solved(ctx, input, &installed).await? {
            Ok(wanted) => wanted,
            Err(refusal) => return Ok(Outcome::Refused(refusal.0, refusal.1)),
        },
    };
    let act = match input {
        ChangeLock { roll_back: Some(_), .. } => "roll-back",
        ChangeLock { uninstall, .. } if !uninstall.is_empty() => "uninstall",
        ChangeLock { install, .. } if !install.is_empty() => "install",
        _ => "update",
    };
    let mut acts = acts(ctx, &installed, wanted.steps).await?;
    for one in &mut acts {
        if let Some(new) = &one.to {
            if !one.listing.is_listed() && one.from.is_none() {
                return refused(format!("“{}” is not offered at the moment.", one.listing.slug));
            }
            one.joined = Some(join(ctx, one, new, input.conflicts).await?);
        }
    }
    let asks = wanted.asks.iter().filter(|id| !acts.iter().any(|act| act.listing.id == id.to_string())).copied().collect();
    Ok(Outcome::Planned(Box::new(Planned { access, installed, acts, asks, act })))
}

/// A step by names.
struct Wanted {
    steps: Vec<(LockStep, Vec<String>)>,
    asks: Vec<ListingId>,
}

/// The steps that take back everything since a change, and that change.
async fn rolled_back(ctx: &Ctx, volume: VolumeId, installed: &[InstallationRow], change: &str) -> AppResult<Wanted> {
    let changes = store::lock_changes(ctx.db().read(), volume, Some(change), CHANGES).await?;
    if changes.last().is_none_or(|oldest| oldest.id != change) {
        return Err(AppError::not_found("change"));
    }
    let mut target: BTreeMap<String, (Option<String>, bool)> =
        installed.iter().map(|row| (row.slug.clone(), (Some(row.version.clone()), row.asked != 0))).collect();
    let steps = changes.iter().map(store::LockChangeRow::steps).collect::<AppResult<Vec<_>>>()?;
    let names = naming::current_names(ctx, steps.into_iter().flatten().map(|step| step.slug)).await?;
    for change in &changes {
        for step in change.steps()? {
            let slug = names.get(&step.slug).cloned().unwrap_or(step.slug);
            // Asking for what is there is no change of its own: it is not taken back along.
            let asked = step.asked || installed.iter().any(|row| row.slug == slug && row.asked != 0);
            target.insert(slug, (step.from, asked));
        }
    }
    let mut steps = Vec::new();
    for (slug, (to, asked)) in target {
        let from = installed.iter().find(|row| row.slug == slug).map(|row| row.version.clone());
        if from != to {
            steps.push((LockStep { slug, from, to, asked }, Vec::new()));
        }
    }
    Ok(Wanted { steps, asks: Vec::new() })
}

type Refusal = (String, Vec<String>);

/// What the solver makes of a request.
async fn solved(ctx: &Ctx, input: &ChangeLock, installed: &[InstallationRow]) -> AppResult<Result<Wanted, Refusal>> {
    let mut lock = Lock::new();
    for row in installed {
        let version = Version::parse(&row.version).map_err(|error| internal("installed version", &error))?;
        lock.insert(row.slug.clone(), Installed { version, pinned: row.pinned != 0 });
    }
    let names = naming::current_names(ctx, input.uninstall.iter().chain(&input.update).cloned()).await?;
    let current = |slug: &String| names.get(slug).unwrap_or(slug).clone();
    let uninstall: BTreeSet<String> = input.uninstall.iter().map(current).collect();
    let wanted: BTreeSet<String> = input.update.iter().map(current).collect();
    if let Some(unknown) = uninstall.iter().chain(&wanted).find(|slug| !lock.contains_key(*slug)) {
        return Err(AppError::invalid(format!("“{unknown}” is not installed in this volume.")));
    }
    let mut asked: Vec<(String, VersionReq)> = Vec::with_capacity(input.install.len());
    for text in &input.install {
        let dependency =
            llmos_solver::parse_dependency(text.trim()).map_err(|error| AppError::field("install", format!("“{text}”: {error}")))?;
        asked.push((dependency.slug, dependency.range));
    }
    let names = naming::current_names(ctx, asked.iter().map(|(slug, _)| slug.clone())).await?;
    for (slug, _) in &mut asked {
        if let Some(name) = names.get(slug) {
            slug.clone_from(name);
        }
    }
    let slugs: Vec<String> = asked.iter().map(|(slug, _)| slug.clone()).collect();
    let asks = store::listings_by_slug(ctx.db().read(), &slugs).await?.iter().map(ListingRow::id).collect::<AppResult<Vec<ListingId>>>()?;
    let catalogue = catalogue(ctx, lock.keys().cloned().chain(asked.iter().map(|(slug, _)| slug.clone())).collect()).await?;
    let mut going = BTreeSet::new();
    for slug in &uninstall {
        let dependents: Vec<String> =
            llmos_solver::dependents(&catalogue, &lock, slug).into_iter().filter(|by| !uninstall.contains(by)).collect();
        if !dependents.is_empty() && !input.cascade {
            let needs = if dependents.len() == 1 { "needs" } else { "need" };
            return Ok(Err((
                format!(
                    "{} {needs} “{slug}”: uninstall {} as well, or keep it.",
                    dependents.join(", "),
                    if dependents.len() == 1 { "it" } else { "them" }
                ),
                dependents,
            )));
        }
        going.extend(llmos_solver::cascade(&catalogue, &lock, slug));
    }
    let mut roots: Vec<Root> =
        asked.iter().map(|(slug, range)| Root { slug: slug.clone(), range: range.clone(), reason: Reason::Asked }).collect();
    for row in installed.iter().filter(|row| row.asked != 0 && !going.contains(&row.slug)) {
        if !roots.iter().any(|root| root.slug == row.slug) {
            roots.push(Root { slug: row.slug.clone(), range: VersionReq::STAR, reason: Reason::Installed });
        }
    }
    for slug in &going {
        // What goes is pinned no more.
        if let Some(installed) = lock.get_mut(slug) {
            installed.pinned = false;
        }
    }
    let update = if input.update_all { Update::All } else { Update::Only(wanted) };
    let request = Request { roots, installed: lock, update };
    let solved = tokio::task::spawn_blocking(move || llmos_solver::solve(&catalogue, &request)).await;
    let plan = match solved.map_err(|error| internal("solver", &error))? {
        Ok(plan) => plan,
        Err(refusal) => {
            let mut reasons = Vec::new();
            if let Some(explanation) = &refusal.explanation {
                reasons_of(explanation, &mut reasons);
            }
            return Ok(Err((refusal.sentences.join(" "), reasons)));
        }
    };
    let was_asked = |slug: &str| installed.iter().any(|row| row.slug == slug && row.asked != 0);
    let steps = plan.steps.into_iter().map(|step| {
        let asked = was_asked(&step.slug) || asked.iter().any(|(slug, _)| *slug == step.slug);
        let text = |version: Option<Version>| version.map(|version| version.to_string());
        (LockStep { asked, slug: step.slug, from: text(step.from), to: text(step.to) }, step.needed_by)
    });
    Ok(Ok(Wanted { steps: steps.collect(), asks }))
}

/// The sentences of an argument, each after those that it rests on.
fn reasons_of(explanation: &llmos_solver::Explanation, reasons: &mut Vec<String>) {
    for because in &explanation.because {
        reasons_of(because, reasons);
    }
    reasons.push(explanation.sentence.clone());
}

/// Everything that these names lead to, read level by level, however deep: the solver limits how many there are.
async fn catalogue(ctx: &Ctx, roots: Vec<String>) -> AppResult<llmos_solver::Catalogue> {
    let mut catalogue = llmos_solver::Catalogue::new();
    loop {
        let missing = match llmos_solver::missing(&catalogue, roots.iter().map(String::as_str)) {
            Ok(missing) => missing,
            Err(refusal) => return Err(AppError::too_large(refusal.to_string())),
        };
        if missing.is_empty() {
            return Ok(catalogue);
        }
        let mut releases: HashMap<String, Vec<Release>> = HashMap::new();
        let mut found: Vec<(store::VersionRow, Vec<Dependency>)> = Vec::new();
        for row in store::versions_of(ctx.db().read(), &missing).await? {
            let dependencies = serde_json::from_str(&row.dependencies)?;
            found.push((row, dependencies));
        }
        let names = naming::current_names(ctx, found.iter().flat_map(|(_, needs)| needs).map(|of| of.slug.clone())).await?;
        for (row, dependencies) in found {
            let Ok(version) = Version::parse(&row.version) else { continue };
            let dependencies = under_current_names(dependencies, &names);
            let withdrawn = (row.state == "withdrawn").then_some(row.withdrawn_reason);
            releases.entry(row.slug).or_default().push(Release { version, dependencies, withdrawn });
        }
        for slug in missing {
            match releases.remove(&slug) {
                Some(releases) => catalogue.put(slug, releases),
                None => catalogue.put_absent(slug),
            }
        }
    }
}

/// What a release needs, by the names that things have now. Something that is named twice has to satisfy both.
fn under_current_names(dependencies: Vec<Dependency>, names: &HashMap<String, String>) -> Vec<llmos_solver::Dependency> {
    let mut needs: Vec<llmos_solver::Dependency> = Vec::with_capacity(dependencies.len());
    for of in dependencies {
        let slug = names.get(&of.slug).unwrap_or(&of.slug);
        let Ok(need) = llmos_solver::parse_dependency(&format!("{slug}@{}", of.range)) else { continue };
        match needs.iter_mut().find(|known| known.slug == need.slug) {
            Some(known) => known.range.comparators.extend(need.range.comparators),
            None => needs.push(need),
        }
    }
    needs
}

/// The rows that steps speak of.
async fn acts(ctx: &Ctx, installed: &[InstallationRow], steps: Vec<(LockStep, Vec<String>)>) -> AppResult<Vec<Act>> {
    let slugs: Vec<String> = steps.iter().map(|(step, _)| step.slug.clone()).collect();
    let mut listings: HashMap<String, ListingRow> =
        store::listings_by_slug(ctx.db().read(), &slugs).await?.into_iter().map(|row| (row.slug.clone(), row)).collect();
    let concerned: Vec<&InstallationRow> = installed.iter().filter(|row| slugs.contains(&row.slug)).collect();
    let ids = concerned.iter().map(|row| row.release()).collect::<AppResult<Vec<ReleaseId>>>()?;
    let mut old: HashMap<String, ReleaseRow> =
        store::releases_by_id(ctx.db().read(), &ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let versions: Vec<(&str, &str)> =
        steps.iter().filter_map(|(step, _)| Some((listings.get(&step.slug)?.id.as_str(), step.to.as_deref()?))).collect();
    let mut new: HashMap<String, ReleaseRow> =
        store::releases_at(ctx.db().read(), &versions).await?.into_iter().map(|row| (row.listing_id.clone(), row)).collect();
    let artifacts = concerned.iter().map(|row| row.artifact()).collect::<AppResult<Vec<ArtifactId>>>()?;
    let mut folders = artifacts::service::committed_folders(ctx, &artifacts).await?;
    let mut acts = Vec::with_capacity(steps.len());
    for (step, needed_by) in steps {
        let listing = listings.remove(&step.slug).ok_or_else(|| AppError::not_found("item"))?;
        let from = concerned.iter().find(|row| row.slug == step.slug);
        let here = match from {
            // What was moved to another volume is no longer of this lock.
            Some(row) => folders.remove(&row.artifact()?).filter(|folder| folder.volume.to_string() == row.volume_id),
            None => None,
        };
        let from = from.and_then(|row| old.remove(&row.release_id).map(|release| ((*row).clone(), release)));
        let to = match &step.to {
            Some(version) => {
                let row = new.remove(&listing.id);
                Some(row.ok_or_else(|| AppError::conflict(format!("{} {version} is no longer there.", step.slug)))?)
            }
            None => None,
        };
        acts.push(Act { listing, from, to, needed_by, asked: step.asked, here, joined: None });
    }
    Ok(acts)
}

/// What the volume gets: the release, or where somebody has changed the installed one here, both sides' changes.
async fn join(ctx: &Ctx, act: &Act, new: &ReleaseRow, conflicts: OnConflict) -> AppResult<Joined> {
    let content = archive::content_of(ctx, new).await?;
    let theirs = new.files()?;
    let (Some((_, old)), Some(here)) = (&act.from, &act.here) else {
        return Ok(Joined { content, files: theirs, edited: false, conflicts: Vec::new() });
    };
    let base = archive::content_of(ctx, old).await?;
    let base_files = old.files()?;
    if here.content == base && same_files(&here.files, &base_files) {
        return Ok(Joined { content, files: theirs, edited: false, conflicts: Vec::new() });
    }
    let (ours, main, ours_files) = (here.content.clone(), new.main_path.clone(), here.files.clone());
    let joined = tokio::task::spawn_blocking(move || {
        let side = if conflicts == OnConflict::Theirs { Choice::Theirs } else { Choice::Ours };
        let (content, clean) = artifacts::service::join_texts(&base, &ours, &content, side);
        let (files, mut touched) = artifacts::service::join_files(&base_files, &ours_files, &theirs, side);
        if !clean {
            touched.insert(0, main);
        }
        Joined { content, files, edited: true, conflicts: touched }
    });
    joined.await.map_err(|error| internal("merge", &error))
}

fn same_files(a: &[FileEntry], b: &[FileEntry]) -> bool {
    let key = |file: &FileEntry| (file.path.clone(), file.sha.clone());
    let (mut a, mut b): (Vec<_>, Vec<_>) = (a.iter().map(key).collect(), b.iter().map(key).collect());
    a.sort();
    b.sort();
    a == b
}

/// Checks from the bytes on this disk that a release is what its publisher signed and the registry logged.
///
/// # Errors
/// A conflict that names the item and the step that failed.
pub async fn verify(ctx: &Ctx, listing: &ListingRow, row: &ReleaseRow) -> AppResult<()> {
    let distrust =
        |why: String| AppError::conflict(format!("{} {} cannot be trusted, and nothing was installed. {why}", listing.slug, row.version));
    let damaged = |error: AppError, what: &str| match error.code {
        ErrorCode::Internal | ErrorCode::NotFound => distrust(format!("{what} on this server: tell whoever runs it.")),
        _ => error,
    };
    let files = archive::files_of(ctx, row).await.map_err(|error| damaged(error, "Its files are damaged or missing"))?;
    let bundle = super::signing::bundle(ctx, row).await;
    let bundle = bundle.map_err(|error| damaged(error, "Its signatures, or its place in the log, are damaged or missing"))?;
    let trust = llmos_trust::TrustRoot { origin: ctx.state.registry.origin.clone(), keys: vec![ctx.state.registry.public()] };
    let (slug, version) = (listing.slug.clone(), row.version.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let packed = llmos_trust::archive::pack(&files, &Limits::default()).map_err(|error| error.to_string())?;
        let expected = llmos_trust::Expected { slug: &slug, version: &version, publisher_key: None };
        bundle.verify(&packed, &trust, &expected).map_err(|refusal| refusal.to_string())
    });
    let verified = checked.await.map_err(|error| internal("verification", &error))?.map_err(distrust)?;
    match differs(&verified.release.statement, row)? {
        Some(what) => Err(distrust(format!("Its {what} on this server are not what was signed: tell whoever runs it."))),
        None => Ok(()),
    }
}

/// What of a row that plans are made from is not as it was signed.
fn differs(signed: &ReleaseStatement, row: &ReleaseRow) -> AppResult<Option<&'static str>> {
    let dependencies = row.dependencies()?.into_iter().map(|of| (of.slug, of.range));
    let capabilities: Capabilities = serde_json::from_value(signed.capabilities.clone()).unwrap_or_default();
    Ok(if signed.digest.to_string() != row.digest {
        Some("digest and files")
    } else if !dependencies.eq(signed.dependencies.iter().map(|of| (of.slug.clone(), of.range.clone()))) {
        Some("dependencies")
    } else if capabilities != row.capabilities()? {
        Some("capabilities")
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_under_an_old_and_a_new_name_satisfies_both() {
        let need = |slug: &str, range: &str| Dependency { slug: slug.into(), range: range.into() };
        let names = HashMap::from([("lamps".to_owned(), "lamp-care".to_owned())]);
        let needs = under_current_names(vec![need("lamps", "^1"), need("ropes", "*"), need("lamp-care", "<1.5")], &names);
        let words: Vec<String> = needs.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["lamp-care@^1, <1.5", "ropes"]);
    }
}
