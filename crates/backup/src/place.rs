//! Where objects are: a folder of this machine, or a bucket of a service that speaks S3.

use std::{path::Path, sync::Arc, time::Duration};

use object_store::{
    ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path as Key,
    prefix::PrefixStore,
};

use crate::Fault;

/// A service that is away for longer is said to be away: whoever waits has other things to do.
const RETRIES: usize = 4;
const RETRY: Duration = Duration::from_secs(15);

/// What opens a bucket: names and values, as AWS' own programs have them in their environment.
pub type Credentials = [(String, String)];

/// Where an address leads.
enum Kind<'a> {
    Bucket(&'a str, &'a str),
    Folder(&'a Path),
}

fn kind(url: &str) -> Result<Kind<'_>, Fault> {
    if let Some(rest) = url.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(Fault::Refused(format!("“{url}” names no bucket: it is s3://bucket/prefix")));
        }
        return Ok(Kind::Bucket(bucket, prefix));
    }
    if url.contains("://") && !url.starts_with("file:///") {
        return Err(Fault::Refused(format!("“{url}” is neither a folder nor s3://bucket/prefix")));
    }
    Ok(Kind::Folder(Path::new(url.strip_prefix("file://").unwrap_or(url))))
}

/// Whether `url` is an address that [`place`] knows. Nothing is opened.
///
/// # Errors
/// It is none: one sentence says why.
pub fn check_place(url: &str) -> Result<(), Fault> {
    kind(url).map(drop)
}

/// Opens `url`: a folder, `file:///folder`, or `s3://bucket/prefix` with the credentials and the endpoint in the environment as AWS' own
/// programs name them (<https://docs.rs/object_store/latest/object_store/aws/struct.AmazonS3Builder.html#method.from_env>); those that are given
/// are stronger. With `create` a folder is made; without it, none is there is `None`. Nothing is asked of a service yet.
///
/// # Errors
/// The folder cannot be made, the address is none, or what the environment says makes no sense.
pub fn place(url: &str, credentials: &Credentials, create: bool) -> Result<Option<Arc<dyn ObjectStore>>, Fault> {
    let fault = |error| Fault::Store(url.to_owned(), error);
    let folder = match kind(url)? {
        Kind::Folder(folder) => folder,
        Kind::Bucket(bucket, prefix) => {
            let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY, ..RetryConfig::default() };
            let mut builder = AmazonS3Builder::from_env();
            for (name, value) in credentials {
                let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse().map_err(fault)?;
                builder = builder.with_config(key, value);
            }
            let bucket = builder.with_bucket_name(bucket).with_retry(retry).build().map_err(fault)?;
            return Ok(Some(Arc::new(PrefixStore::new(bucket, Key::from(prefix)))));
        }
    };
    if create {
        // What is in there is everything that the server has: for its owner alone.
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Fault::io(folder))?;
    } else if !folder.is_dir() {
        return Ok(None);
    }
    Ok(Some(Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(fault)?.with_fsync(true))))
}
