//! Submitting a release: what is sent becomes a whole folder that is checked, archived and immutable.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use semver::{Version, VersionReq};

use super::{
    super::{
        model::{
            Capabilities, Dependency, Finding, ItemFile, PAGES, Publish, PublishDraft, ReleaseState, SubmissionDetail,
            version::{next_patch, order},
        },
        store::{self, ListingRow, NewListing, NewRelease, ReleaseRow},
    },
    access::{self, TEAM, USER},
    archive, checks, later, naming, signing,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope, model::check_shown},
        analytics::service::{UsageKind, record},
        artifacts::{
            self,
            model::{
                CATEGORIES, FileEntry, Kind,
                document::Document,
                frontmatter::{Frontmatter, Node, Problem, ProblemCode},
                slug::{is_valid_slug, slugify},
            },
        },
    },
    ids::{ListingId, ReleaseId},
    server::{context::Ctx, secrets},
};

const NAME_CHARS: usize = 200;
const DESCRIPTION_CHARS: usize = 1_024;
const CHANGELOG_CHARS: usize = 20_000;
const TAGS: usize = 20;
const DEPENDENCIES: usize = 200;
const CAPABILITIES: usize = 200;

/// A release, ready to be written.
struct Prepared {
    slug: String,
    kind: Kind,
    name: String,
    description: String,
    category: String,
    tags: Vec<String>,
    licence: String,
    repository: String,
    changelog: String,
    version: Version,
    dependencies: Vec<Dependency>,
    capabilities: Capabilities,
    main_path: String,
    content: Vec<u8>,
    files: Vec<FileEntry>,
}

/// What is published: from an artifact, or as it was sent.
pub(super) struct Source {
    pub kind: Kind,
    pub slug: String,
    pub main_path: String,
    pub content: Vec<u8>,
    pub files: Vec<FileEntry>,
}

async fn source(ctx: &Ctx, input: &Publish) -> AppResult<Source> {
    if let Some(id) = input.artifact_id {
        let folder = artifacts::service::committed_folder(ctx, id).await?;
        let main_path = main_path(folder.kind, &folder.slug);
        return Ok(Source { kind: folder.kind, slug: folder.slug, main_path, content: folder.content, files: folder.files });
    }
    let content =
        input.content.clone().ok_or_else(|| AppError::field("content", "Name an artifact, or send the text of the main file."))?;
    let kind = input.kind.ok_or_else(|| AppError::field("type", "Say what it is: skill, tool or agent."))?;
    let slug = slugify(input.slug.as_deref().or(input.name.as_deref()).unwrap_or_default());
    let mut files = Vec::with_capacity(input.files.len());
    for file in &input.files {
        let path = artifacts::service::clean_path(&file.path)
            .map_err(|problem| AppError::field("files", format!("“{}”: {problem}", file.path)))?;
        let bytes = BASE64_STANDARD
            .decode(&file.content)
            .map_err(|_| AppError::field("files", format!("The content of “{path}” is no base64.")))?;
        let size = bytes.len() as i64;
        files.push(FileEntry { path, sha: ctx.state.blobs.put(bytes).await?, size, executable: false });
    }
    files.sort();
    let main_path = main_path(kind, &slug);
    Ok(Source { kind, slug, main_path, content: content.into_bytes(), files })
}

/// The main file's name in a release: the same wherever it was published from.
pub(super) fn main_path(kind: Kind, slug: &str) -> String {
    match kind {
        Kind::Skill => "SKILL.md".to_owned(),
        Kind::Tool => "TOOL.md".to_owned(),
        Kind::Agent => format!("{slug}.md"),
    }
}

/// What of a listing is there already.
struct Before {
    listing: Option<ListingRow>,
    releases: Vec<ReleaseRow>,
    /// Versions that were public once and were deleted, the oldest first.
    deleted: Vec<String>,
}

impl Before {
    async fn of(ctx: &Ctx, slug: &str) -> AppResult<Self> {
        let listing = store::listing_named(ctx.db().read(), slug).await?;
        let releases = match &listing {
            Some(row) => store::releases_of(ctx.db().read(), row.id()?, false).await?,
            None => Vec::new(),
        };
        let deleted = match &listing {
            Some(row) => store::deleted_versions(ctx.db().read(), row.id()?).await?,
            None => Vec::new(),
        };
        Ok(Self { listing, releases, deleted })
    }

    /// The newest that is out, or on its way there.
    fn newest(&self) -> Option<&ReleaseRow> {
        self.releases.iter().find(|row| !matches!(row.state(), ReleaseState::Changes | ReleaseState::Rejected))
    }

    fn newest_version(&self) -> Option<Version> {
        let newest = self.newest().map(|row| &row.version);
        newest.into_iter().chain(self.deleted.last()).filter_map(|version| Version::parse(version).ok()).max()
    }
}

fn invalid(field: &'static str, message: impl Into<String>) -> AppError {
    AppError::field(field, message)
}

/// Reads the frontmatter for what was left out, and checks everything.
fn prepare(input: &Publish, source: Source, before: &Before) -> AppResult<Prepared> {
    let text = Document::decode(&source.content).text;
    let front = Frontmatter::parse(&text);
    // What cannot be read may name what it depends on: nobody finds out later that it was left out.
    let unread = |problem: &&Problem| matches!(problem.code, ProblemCode::TooLarge | ProblemCode::Unclosed);
    if let Some(problem) = front.problems.iter().find(unread).filter(|_| input.dependencies.is_none()) {
        return Err(invalid("content", format!("Line {} of the main file: {} Mend it first.", problem.line, problem.message)));
    }
    let front_text = |key: &str| front.get(key).and_then(Node::text).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let last = before.newest();
    let given = |value: &Option<String>| value.as_deref().map(str::trim).map(str::to_owned);

    let slug = match &before.listing {
        Some(row) => row.slug.clone(),
        None => given(&input.slug).unwrap_or(source.slug),
    };
    if PAGES.contains(&slug.as_str()) {
        return Err(invalid("slug", format!("“{slug}” is a page of the marketplace: choose another name.")));
    }
    if !is_valid_slug(&slug) {
        return Err(invalid(
            "slug",
            "A name in the marketplace has lower-case letters, digits and hyphens, such as “dcf-valuation”, 64 at most.",
        ));
    }
    let name = given(&input.name)
        .or_else(|| front_text("title"))
        .or_else(|| front_text("name"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| slug.clone());
    if name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(invalid("name", format!("A name has 1 to {NAME_CHARS} characters on one line.")));
    }
    check_shown("name", &name)?;
    let description = given(&input.description).or_else(|| front_text("description")).unwrap_or_default();
    if description.is_empty() || description.chars().count() > DESCRIPTION_CHARS {
        return Err(invalid("description", format!("Say in 1 to {DESCRIPTION_CHARS} characters what it does and when to use it.")));
    }
    let category =
        given(&input.category).or_else(|| front_text("category")).or_else(|| last.map(|row| row.category.clone())).unwrap_or_default();
    if !CATEGORIES.iter().any(|(id, _)| *id == category) {
        let known: Vec<&str> = CATEGORIES.iter().map(|(id, _)| *id).collect();
        return Err(invalid("category", format!("Choose a category: {}.", known.join(", "))));
    }
    let tags = input.tags.clone().unwrap_or_else(|| front.tags.clone());
    let tags: Vec<String> = tags.iter().map(|tag| slugify(tag)).filter(|tag| !tag.is_empty()).collect();
    if tags.len() > TAGS {
        return Err(invalid("tags", format!("There are at most {TAGS} tags.")));
    }
    let licence =
        given(&input.license).or_else(|| front.license.clone()).or_else(|| last.map(|row| row.licence.clone())).unwrap_or_default();
    let repository = given(&input.repository)
        .or_else(|| front_text("repository"))
        .or_else(|| last.map(|row| row.repository.clone()))
        .unwrap_or_default();
    let is_address = repository.starts_with("https://") && repository.len() <= 400 && !repository.contains(char::is_whitespace);
    if !repository.is_empty() && !is_address {
        return Err(invalid("repository", "The address of a repository begins with https://."));
    }
    let changelog = given(&input.changelog).unwrap_or_default();
    if changelog.chars().count() > CHANGELOG_CHARS {
        return Err(invalid("changelog", format!("A changelog has at most {CHANGELOG_CHARS} characters.")));
    }
    let version = version(input, before)?;
    let dependencies = dependencies(input.dependencies.clone().unwrap_or_else(|| front.dependencies.clone()), &slug)?;
    let capabilities = match &input.capabilities {
        Some(capabilities) => capabilities.clone(),
        None => last.map(ReleaseRow::capabilities).transpose()?.unwrap_or_default(),
    };
    if capabilities
        .groups()
        .iter()
        .any(|(_, _, values)| values.len() > CAPABILITIES || values.iter().any(|value| value.trim().is_empty() || value.len() > 200))
    {
        return Err(invalid("capabilities", format!("Each group has at most {CAPABILITIES} entries of 1 to 200 characters.")));
    }
    Ok(Prepared {
        slug,
        kind: source.kind,
        name,
        description,
        category,
        tags,
        licence,
        repository,
        changelog,
        version,
        dependencies,
        capabilities,
        main_path: source.main_path,
        content: source.content,
        files: source.files,
    })
}

fn version(input: &Publish, before: &Before) -> AppResult<Version> {
    let newest = before.newest_version();
    let Some(text) = input.version.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(next_patch(newest.as_ref()));
    };
    let version =
        Version::parse(text).map_err(|error| invalid("version", format!("“{text}” is no semantic version such as 1.4.0 ({error}).")))?;
    if !version.build.is_empty() {
        return Err(invalid("version", "A version here has no build metadata (what follows a +)."));
    }
    let standing = |row: &&ReleaseRow| !matches!(row.state(), ReleaseState::Changes | ReleaseState::Rejected);
    if before.releases.iter().filter(standing).any(|row| row.version == version.to_string()) {
        return Err(AppError::conflict(format!("Version {version} is there already, and a release never changes: publish the next one.")));
    }
    // Older lines may go on: 1.4.1 after 2.0.0. What was never reached is not gone back to.
    let line = |row: &ReleaseRow| Version::parse(&row.version).ok().filter(|other| other.major == version.major && other.pre.is_empty());
    let newest_of_line = before.releases.iter().filter(standing).filter_map(line).max();
    match newest_of_line {
        Some(newest) if version < newest => Err(invalid(
            "version",
            format!("Versions go forward: {newest} is there already, so the next is at least {}.", next_patch(Some(&newest))),
        )),
        None if newest.as_ref().is_some_and(|newest| newest.pre.is_empty() && version < *newest) => Err(invalid(
            "version",
            format!("Versions go forward: the newest is {}.", newest.map(|newest| newest.to_string()).unwrap_or_default()),
        )),
        _ => Ok(version),
    }
}

fn dependencies(texts: Vec<String>, own: &str) -> AppResult<Vec<Dependency>> {
    if texts.len() > DEPENDENCIES {
        return Err(invalid("dependencies", format!("A release has at most {DEPENDENCIES} dependencies.")));
    }
    let mut dependencies: Vec<Dependency> = Vec::new();
    for text in texts {
        let dependency =
            llmos_solver::parse_dependency(text.trim()).map_err(|error| invalid("dependencies", format!("“{text}”: {error}")))?;
        if dependency.slug == own {
            return Err(invalid("dependencies", "It cannot depend on itself."));
        }
        if dependencies.iter().any(|known| known.slug == dependency.slug) {
            return Err(invalid("dependencies", format!("“{}” is named twice.", dependency.slug)));
        }
        let range = if dependency.range == VersionReq::STAR { "*".to_owned() } else { dependency.range.to_string() };
        dependencies.push(Dependency { slug: dependency.slug, range });
    }
    dependencies.sort_by(|a, b| a.slug.cmp(&b.slug));
    Ok(dependencies)
}

/// What a form to publish an artifact begins with.
pub async fn draft(ctx: &Ctx, artifact: crate::ids::ArtifactId) -> AppResult<PublishDraft> {
    let input = Publish { artifact_id: Some(artifact), ..Publish::default() };
    let source = source(ctx, &input).await?;
    // One's own listing of that name; another's says so when it is submitted.
    let mut before = Before::of(ctx, &source.slug).await?;
    if let Some(row) = &before.listing
        && !access::is_publisher(ctx, row).await?
    {
        before = Before { listing: None, releases: Vec::new(), deleted: Vec::new() };
    }
    let text = Document::decode(&source.content).text;
    let front = Frontmatter::parse(&text);
    let front_text = |key: &str| front.get(key).and_then(Node::text);
    let last = before.newest();
    let files = archive::files(ctx, &source.main_path, source.content.clone(), &source.files).await?;
    let capabilities = last.map(ReleaseRow::capabilities).transpose()?.unwrap_or_default();
    let licence = front.license.clone().or_else(|| last.map(|row| row.licence.clone())).unwrap_or_default();
    let name = front_text("title").or_else(|| front_text("name")).unwrap_or_else(|| source.slug.clone());
    let (report, seen) = checks::look(
        ctx,
        checks::Looked { slug: &source.slug, name: &name, licence: &licence, capabilities: &capabilities, owner: None },
        files,
    )
    .await?;
    let shown = source.files.iter().map(|file| ItemFile { path: file.path.clone(), size: file.size });
    let main = ItemFile { path: source.main_path.clone(), size: source.content.len() as i64 };
    Ok(PublishDraft {
        publish: Publish {
            artifact_id: Some(artifact),
            slug: Some(before.listing.as_ref().map_or(source.slug, |row| row.slug.clone())),
            kind: Some(source.kind),
            name: Some(name),
            description: Some(front_text("description").unwrap_or_default()),
            category: Some(front_text("category").or_else(|| last.map(|row| row.category.clone())).unwrap_or_default()),
            tags: Some(front.tags.clone()),
            license: Some(licence),
            version: Some(next_patch(before.newest_version().as_ref()).to_string()),
            repository: Some(front_text("repository").or_else(|| last.map(|row| row.repository.clone())).unwrap_or_default()),
            dependencies: Some(front.dependencies.clone()),
            capabilities: Some(capabilities),
            ..Publish::default()
        },
        seen,
        report: report.findings,
        listed: before.listing.is_some(),
        before: before.newest_version().map(|version| version.to_string()),
        files: std::iter::once(main).chain(shown).collect(),
    })
}

/// Submits a release. It is checked at once; then it waits for a moderator, unless everything lets it pass.
///
/// # Errors
/// One sentence for each field that is wrong; a conflict for a name or a version that is taken.
pub async fn publish(ctx: &Ctx, input: Publish) -> AppResult<SubmissionDetail> {
    ctx.actor_with(Scope::Publish)?;
    let source = source(ctx, &input).await?;
    publish_source(ctx, input, source).await
}

/// The same of what is read already, whose blobs are stored.
pub(super) async fn publish_source(ctx: &Ctx, input: Publish, source: Source) -> AppResult<SubmissionDetail> {
    let actor = ctx.actor_with(Scope::Publish)?.id();
    let wanted = input.slug.as_deref().map(str::trim).filter(|slug| !slug.is_empty()).unwrap_or(&source.slug);
    let before = Before::of(ctx, wanted).await?;
    if let Some(row) = &before.listing {
        access::require_publisher(ctx, row).await?;
        if row.kind() != source.kind && before.newest().is_some() {
            return Err(AppError::conflict(format!("“{}” is {}: publish another kind under another name.", row.slug, a(row.kind()))));
        }
    } else if let Some(team) = input.team {
        accounts::service::authorise_team(ctx, team, Action::Publish).await?;
    }
    let prepared = prepare(&input, source, &before)?;
    let owner = match (&before.listing, input.team) {
        (Some(row), _) => (if row.owner_kind == TEAM { TEAM } else { USER }, row.owner_id.clone()),
        (None, Some(team)) => (TEAM, team.to_string()),
        (None, None) => (USER, actor.to_string()),
    };
    if before.listing.is_none() {
        naming::check_name(ctx, "slug", &prepared.slug, (owner.0, &owner.1)).await?;
    }
    let files = archive::files(ctx, &prepared.main_path, prepared.content.clone(), &prepared.files).await?;
    let (files, archived) = archive::pack(files).await?;
    let digests = llmos_trust::statement::FileDigest::of(&files);
    let looked = checks::Looked {
        slug: &prepared.slug,
        name: &prepared.name,
        licence: &prepared.licence,
        capabilities: &prepared.capabilities,
        owner: Some((owner.0, &owner.1)),
    };
    let (report, _) = checks::look(ctx, looked, files).await?;
    if let Some(row) = &before.listing {
        let former = store::former_names(ctx.db().read(), row.id()?).await?;
        if prepared.dependencies.iter().any(|of| former.iter().any(|(slug, _)| *slug == of.slug)) {
            return Err(invalid("dependencies", "It cannot depend on itself, under the name that it had before either."));
        }
    }

    let now = ctx.now();
    let id = ReleaseId::generate();
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    // With the catalogue's number: nobody deletes one of them in between.
    let needed: Vec<String> = prepared.dependencies.iter().map(|of| of.slug.clone()).collect();
    let offered = store::offered(&mut tx, &needed).await?;
    if let Some(slug) = needed.iter().find(|slug| !offered.contains(*slug)) {
        return Err(invalid("dependencies", format!("There is no “{slug}” in this marketplace.")));
    }
    let listing = match &before.listing {
        Some(row) => super::owners::unchanged(&mut tx, row).await?.id()?,
        None => {
            naming::check_allowance(&mut tx, actor).await?;
            let listing = ListingId::generate();
            let new = NewListing {
                id: listing,
                slug: &prepared.slug,
                kind: prepared.kind,
                owner: owner.clone(),
                name: &prepared.name,
                by: actor,
                seq,
                now,
            };
            if !store::insert_listing(&mut tx, &new).await? {
                return Err(AppError::conflict(format!("The name “{}” is taken: choose another one.", prepared.slug)));
            }
            listing
        }
    };
    let held = report.findings.iter().any(|finding| finding.blocks);
    let new = NewRelease {
        id,
        listing,
        version: prepared.version.to_string(),
        version_order: order(&prepared.version),
        state: ReleaseState::Review,
        kind: prepared.kind,
        name: prepared.name,
        description: prepared.description,
        category: prepared.category,
        tags: prepared.tags,
        licence: prepared.licence,
        repository: prepared.repository,
        changelog: prepared.changelog,
        main_path: prepared.main_path,
        content_sha: secrets::sha256(&prepared.content),
        files: prepared.files,
        dependencies: prepared.dependencies,
        capabilities: prepared.capabilities,
        digest: llmos_trust::Digest::of(&archived).to_string(),
        size: archived.len() as i64,
        report: report.findings,
        rules: report.rules,
        held,
        artifact: input.artifact_id.map(|id| id.to_string()),
        by: actor,
        now,
    };
    artifacts::service::keep_contents(&mut tx, &[(new.content_sha.clone(), prepared.content)]).await?;
    // Two at once with the same version: the index knows who was first.
    if store::version_stands(&mut tx, listing, &new.version_order).await? {
        return Err(AppError::conflict(format!(
            "Version {} is there already, and a release never changes: publish the next one.",
            new.version
        )));
    }
    store::insert_release(&mut tx, &new).await?;
    later::enqueue_check(&mut tx, id, now).await?;
    store::insert_decision(&mut tx, id, "submitted", "", actor, now).await?;
    let listing = store::listing_in(&mut tx, listing).await?.ok_or_else(|| AppError::not_found("item"))?;
    if let Some(signed) = &input.signature {
        let row = store::release(&mut *tx, id).await?.ok_or_else(|| AppError::not_found("release"))?;
        signing::attach(ctx, &mut tx, (&listing, &row), digests, signed).await?;
    }
    record(ctx, &mut tx, listing.event(UsageKind::ReleaseSubmitted)?).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    super::submission(ctx, id, None).await
}

fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Skill => "a skill",
        Kind::Tool => "a tool",
        Kind::Agent => "an agent",
    }
}

/// What the checks said, with the version of their rules.
pub struct Report {
    pub findings: Vec<Finding>,
    pub rules: String,
}
