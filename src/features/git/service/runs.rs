//! Runs of agents that a repository keeps as markdown below `traces/` of the linked folder (`llmos_traces`): a pull brings in those that are new or
//! were changed there, and a pass looks at them.

use std::collections::HashSet;

use git2::Oid;
use llmos_traces::{Format, Trace};

use super::{super::repository::Bare, Work, blocking};
use crate::{
    error::AppResult,
    features::{
        traces::{
            self,
            model::{Taken, TraceSource},
            service::Arrival,
        },
        volumes::archive::Skipped,
    },
};

const FOLDER: &str = "traces";
/// What is in memory at once, but for a file that is larger by itself.
const PART_BYTES: u64 = 8 * 1024 * 1024;
const PART_FILES: usize = 200;

/// A file with where it is, for the report.
struct RunFile {
    path: String,
    id: Oid,
    size: u64,
}

/// Takes in what changed from `base` to `head`: how many traces are new here, and what could not be read. A trace is taken once, by its id, so that a pull
/// which begins again takes none twice.
pub(super) async fn take_runs(work: &Work, head: Oid, base: Option<Oid>) -> AppResult<(usize, Vec<Skipped>)> {
    let (path, folder) = (work.repository.clone(), work.link.folder.clone());
    let mut files = blocking(move || changed(&Bare::open(&path)?, &folder, head, base)).await?;
    let (mut taken, mut refused) = (Taken::default(), Vec::new());
    if files.is_empty() {
        return Ok((0, refused));
    }
    let arrival = Arrival::authorised(&work.ctx, work.access.team, TraceSource::Markdown).await?;
    while !files.is_empty() {
        let rest = files.split_off(part(&files));
        let (path, part) = (work.repository.clone(), std::mem::replace(&mut files, rest));
        let (found, problems) = blocking(move || read(&Bare::open(&path)?, part)).await?;
        refused.extend(problems);
        traces::service::take(&work.ctx, &arrival, found, &mut taken).await?;
    }
    if taken.accepted + taken.known > 0 {
        traces::service::pushed(&work.ctx, &arrival).await?;
    }
    Ok((taken.accepted, refused))
}

/// The markdown files that are other ones than at `base`, or all of them.
fn changed(bare: &Bare, folder: &str, head: Oid, base: Option<Oid>) -> AppResult<Vec<RunFile>> {
    let new = bare.below(head, folder, FOLDER)?;
    let known: HashSet<Oid> = match base {
        Some(base) if !new.files.is_empty() => bare.below(base, folder, FOLDER)?.files.values().map(|file| file.id).collect(),
        _ => HashSet::new(),
    };
    let is_markdown = |path: &str| path.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("md"));
    let changed = new.files.into_iter().filter(|(path, file)| is_markdown(path) && !known.contains(&file.id));
    Ok(changed.map(|(path, file)| RunFile { path, id: file.id, size: file.size }).collect())
}

/// How many of the first files are read together.
fn part(files: &[RunFile]) -> usize {
    let mut bytes = 0;
    let fit = files.iter().take(PART_FILES).take_while(|file| {
        bytes += file.size;
        bytes <= PART_BYTES
    });
    fit.count().max(1)
}

fn read(bare: &Bare, files: Vec<RunFile>) -> AppResult<(Vec<Trace>, Vec<Skipped>)> {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for RunFile { path, id, .. } in files {
        let bytes = bare.read(id)?;
        // Without frontmatter it is a text about the folder, such as a read-me.
        if !bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes).starts_with(b"---") {
            continue;
        }
        for trace in llmos_traces::parse(Format::Markdown, &bytes) {
            match trace {
                Ok(trace) => found.push(trace),
                Err(fault) => refused.push(Skipped { path: path.clone(), reason: fault.to_string() }),
            }
        }
    }
    Ok((found, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_a_size_that_fits_into_memory() {
        let files =
            |sizes: &[u64]| sizes.iter().map(|size| RunFile { path: String::new(), id: Oid::ZERO_SHA1, size: *size }).collect::<Vec<_>>();
        assert_eq!(part(&files(&[PART_BYTES * 2, 1])), 1);
        assert_eq!(part(&files(&[1, PART_BYTES - 1, 1])), 2);
        assert_eq!(part(&files(&vec![1; PART_FILES + 1])), PART_FILES);
    }
}
