//! The real corpus in and out: first import, unchanged import, export.

use std::{
    io::{Cursor, Write as _},
    path::Path,
    time::Instant,
};

use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{Figure, Result, server::Server};

pub async fn run(corpus: &Path) -> Result<Vec<Figure>> {
    let zip = zip_folder(corpus)?;
    let server = Server::start(None).await?;
    let volume = server.set_up().await?;

    let began = Instant::now();
    let report = server.import(&volume, zip.clone()).await?;
    let first = began.elapsed().as_secs_f64();
    let created = report["created"].as_i64().unwrap_or(0);
    let peak = server.memory("VmHWM")?;

    let began = Instant::now();
    let report = server.import(&volume, zip).await?;
    let again = began.elapsed().as_secs_f64();
    if report["unchanged"].as_i64() != Some(created) {
        return Err(format!("the second import changed something: {report}").into());
    }

    let began = Instant::now();
    let export = server.client.get(server.url(&format!("/api/v1/volumes/{volume}/export"))).send().await?.bytes().await?;
    let out = began.elapsed().as_secs_f64();
    println!("import: {created} artifacts, export {} bytes", export.len());
    Ok(vec![
        Figure::at_most(format!("import of {created} artifacts"), 5.0, first, "s"),
        Figure::at_most("import again, unchanged", 2.0, again, "s"),
        Figure::at_most("export", 2.0, out, "s"),
        Figure::at_most("peak memory over the import", 256.0, peak, "MB"),
    ])
}

/// A zip of everything below `folder`, in memory.
pub fn zip_folder(folder: &Path) -> Result<Vec<u8>> {
    fn add(writer: &mut ZipWriter<Cursor<Vec<u8>>>, folder: &Path, prefix: &str) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                add(writer, &entry.path(), &format!("{name}/"))?;
            } else {
                writer.start_file(name, SimpleFileOptions::default())?;
                writer.write_all(&std::fs::read(entry.path())?)?;
            }
        }
        Ok(())
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut writer, folder, "")?;
    Ok(writer.finish()?.into_inner())
}
