//! Files that both sides keep for the eyes of their user alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process;

/// Replaces what is in `file` by `text`, and makes the file (mode 0600) and its folder (0700) at
/// need. Fails when there is no room or no permission; `file` is as it was then.
///
/// Whatever happens meanwhile, a power cut included, MUST leave the old text or the new one, whole:
/// it is written to a draft beside `file`, synced, and renamed (rename(2)). MUST NOT be called for
/// the same file by two threads at once.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let draft = file.with_extension(process::id().to_string());
    let replaced = write_synced(&draft, text).and_then(|()| fs::rename(&draft, file));
    if replaced.is_err() {
        // A full disk needs the room.
        let _ = fs::remove_file(&draft);
        return replaced;
    }
    // Some file systems cannot; then the new name is as safe as they make it.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write_synced(draft: &Path, text: &str) -> io::Result<()> {
    // One that a crash has left, of a process with our number.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut draft = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    draft.write_all(text.as_bytes())?;
    draft.sync_all()
}
