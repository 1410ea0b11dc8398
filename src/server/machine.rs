//! What the process knows of the machine that it runs on.

use std::{fs, path::Path, sync::LazyLock, time::Duration};

use tokio::sync::oneshot;

use super::clock;

/// Ticks of a processor's time in `/proc` are hundredths of a second on every Linux that there is.
const TICKS_PER_SECOND: u64 = 100;

/// When this process began, as near as it can tell, in UTC milliseconds.
static STARTED: LazyLock<i64> = LazyLock::new(clock::now_ms);

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What this process may still write.
    pub free: u64,
    pub size: u64,
}

/// The file system that `path` is on.
pub fn disk(path: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Disk { free: found.f_bavail.saturating_mul(found.f_frsize), size: found.f_blocks.saturating_mul(found.f_frsize) })
}

/// Makes a folder that only its owner looks into, and those above it; one that is there stays as it is.
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whatever this process makes from here on is its user's alone.
pub fn keep_private() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// How far who gives way does so, for as long as it runs: taking that back wants more rights.
const NICE: i32 = 10;

/// Gives way to whatever else runs on this machine. On Linux each thread has a priority of its own, which those that it starts take over.
pub fn give_way() {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for thread in threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok()) {
        // One may have ended meanwhile.
        let _ = rustix::process::setpriority_process(rustix::process::Pid::from_raw(thread), NICE);
    }
}

/// Runs `work` on a thread of its own, which gives way to the others of this process, with those that it starts itself; what is given back hears its end.
///
/// # Errors
/// The receiver's, when `work` panicked or there cannot be a thread.
pub fn giving_way<T: Send + 'static>(name: &str, work: impl Future<Output = T> + Send + 'static) -> oneshot::Receiver<T> {
    let (told, heard) = oneshot::channel();
    let span = tracing::Span::current();
    let begun = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Elsewhere that would be all of the process.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICE);
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => drop(told.send(span.in_scope(|| runtime.block_on(work)))),
            Err(error) => tracing::error!(%error, "work beside requests cannot begin"),
        }
    });
    if let Err(error) = begun {
        tracing::error!(%error, "work beside requests cannot begin");
    }
    heard
}

/// What names a DATA_DIR: made once, and kept there.
pub fn home(data_dir: &Path) -> std::io::Result<String> {
    let file = data_dir.join("node.id");
    match fs::read_to_string(&file) {
        Ok(home) if !home.trim().is_empty() => Ok(home.trim().to_owned()),
        _ => {
            let home = uuid::Uuid::now_v7().to_string();
            fs::write(&file, &home)?;
            Ok(home)
        }
    }
}

/// What the machine is called in its network; `node` where that cannot be found out.
pub fn name() -> String {
    let read = fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    read.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "node".to_owned())
}

/// What the process takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Bytes of memory.
    pub resident: u64,
    pub cpu: Duration,
    pub files: u64,
    pub started_ms: i64,
}

/// Remembers when the process began; called first of all.
pub fn begin() {
    LazyLock::force(&STARTED);
}

/// When the process began, in UTC milliseconds.
pub fn started_ms() -> i64 {
    *STARTED
}

/// This process, from `/proc`; none where there is no such folder.
pub fn process() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let files = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    let (cpu, pages) = stat_of(&stat)?;
    Some(Process { resident: pages.saturating_mul(rustix::param::page_size() as u64), cpu, files, started_ms: started_ms() })
}

/// Processor time and resident pages of a line of `/proc/self/stat`, which proc(5) describes: behind the name, which may have anything in it,
/// the 14th and 15th fields are ticks and the 24th is pages.
fn stat_of(stat: &str) -> Option<(Duration, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)?;
    Some((Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND), number(24)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Alone in its process: every thread of it gives way.
    #[cfg(target_os = "linux")]
    #[test]
    fn who_gives_way_does_so_with_every_thread() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            let _ = wait.recv();
            rustix::process::getpriority_process(None)
        });
        give_way();
        drop(go);
        assert_eq!(rustix::process::getpriority_process(None), Ok(NICE));
        assert_eq!(other.join().expect("it ends"), Ok(NICE));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_gives_way_with_the_threads_it_starts_and_nothing_else_does() {
        let priority = || rustix::process::getpriority_process(None).expect("a priority");
        let before = priority();
        let inside = giving_way("test", async move { (priority(), tokio::task::spawn_blocking(priority).await.expect("it ends")) });
        assert_eq!(inside.await, Ok((NICE, NICE)));
        assert_eq!((priority(), tokio::task::spawn_blocking(priority).await.expect("it ends")), (before, before));
    }

    #[test]
    fn a_line_of_proc_is_read_whatever_the_name_is() {
        let line = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 19 20 1234 22";
        assert_eq!(stat_of(line), Some((Duration::from_secs(2), 1234)));
        assert_eq!(stat_of("42 (llmos) S 1"), None);
    }
}
